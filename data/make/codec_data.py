"""Pictures that the image codec is trained and measured on: rendered ads, faces of nobody, photographs that wheels ship.

    python -m data.make.codec_data runs/codec/pictures --ads 400

Training: ads of simulated markets other than the demo's, faces drawn from the shipped pool, and scikit-image's textures and
scans. Held out: ads of the demo's market (`held_out_ads`) and the colour photographs of scikit-image and scikit-learn
(`held_out_photographs`). Only pictures that we render, or that come under an open licence, take part.
"""

from __future__ import annotations

import argparse
import importlib.util
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from adcreative.artifacts import open_atomically

TRAINING_MARKETS = (5, 6)
HELD_OUT_MARKET = 0
SCALES = (0.3, 0.5, 0.75, 1.0)
TEXTURES = ("brick.png", "grass.png", "gravel.png", "moon.png", "ihc.png", "retina.jpg", "coins.png", "page.png", "text.png")
PHOTOGRAPHS = (
    ("skimage", "data/astronaut.png"), ("skimage", "data/chelsea.png"), ("skimage", "data/coffee.png"),
    ("sklearn", "datasets/images/china.jpg"), ("sklearn", "datasets/images/flower.jpg"),
)  # fmt: skip


def _package_dir(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise SystemExit(f"{name} is not installed; pip install -e .[dev]")
    return Path(spec.origin).parent


def held_out_photographs() -> dict[str, np.ndarray]:
    """Return colour photographs that no codec here was trained on: name to image_u8 [H, W, 3]."""
    found = {}
    for package, member in PHOTOGRAPHS:
        with Image.open(_package_dir(package) / member) as picture:
            found[Path(member).stem] = np.asarray(picture.convert("RGB"))
    return found


def held_out_ads(num: int, *, seed: int = 77, scale: float = 0.5) -> list[np.ndarray]:
    """Return ads, image_u8 [H, W, 3], of a market that no codec here was trained on."""
    from adcreative.verbs.loading import load_market

    creatives = load_market(HELD_OUT_MARKET).iter_creatives(num, seed, results=False, scale=scale)
    return [creative.image_u8 for creative in creatives if creative.image_u8 is not None]


def training_pictures(num_ads: int, num_faces: int, *, seed: int) -> Iterator[tuple[str, np.ndarray]]:
    """Render and read what the codec is trained on: name, image_u8 [H, W, 3]."""
    from adcreative.verbs.loading import load_market

    textures = _package_dir("skimage") / "data"
    for name in TEXTURES:
        with Image.open(textures / name) as picture:
            yield Path(name).stem, np.asarray(picture.convert("RGB"))
    share = num_ads // (len(TRAINING_MARKETS) * len(SCALES)) + 1
    for market in TRAINING_MARKETS:
        for i, scale in enumerate(SCALES):
            creatives = load_market(market).iter_creatives(share, seed + i, results=False, scale=scale)
            for number, creative in enumerate(creatives):
                if creative.image_u8 is not None:
                    yield f"ad-{market}-{scale}-{number}", creative.image_u8
    yield from _faces(num_faces, np.random.default_rng(seed))


def _faces(num: int, rng: np.random.Generator) -> Iterator[tuple[str, np.ndarray]]:
    from adcreative.encoders.weights import embedded_dir
    from adcreative.market.people import Casting, load_face_pool
    from stylegan.latents.codec import FaceCodec
    from stylegan.networks.checkpoints import load_face_model

    casting = Casting(load_face_pool(embedded_dir("faces")))
    codec = FaceCodec(load_face_model(embedded_dir("faces")))
    for number in range(num):
        yield f"face-{number}", next(iter(codec.render(casting.draw_person(rng)[None])))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="folder to write pictures into, as PNG")
    parser.add_argument("--ads", type=int, default=400, help="how many rendered ads")
    parser.add_argument("--faces", type=int, default=60, help="how many faces")
    parser.add_argument("--seed", type=int, default=11, help="draws ads and faces")
    options = parser.parse_args()
    count = 0
    for name, image_u8 in training_pictures(options.ads, options.faces, seed=options.seed):
        with open_atomically(options.out / f"{name}.png") as file:
            Image.fromarray(image_u8).save(file, "PNG", compress_level=1)
        count += 1
    print(f"{count} pictures in {options.out}")


if __name__ == "__main__":
    main()
