"""Rate and distortion of a trained image codec on pictures it was not trained on, beside JPEG, WebP and AVIF, and its seconds.

python -m tests.bench.codec MODEL          a folder that `python -m adcreative.papers.learned_codec.run` wrote (RUN/weights)
python -m tests.bench.codec --tiny         a network of random weights on one drawn picture, no figure means anything

Ads are of a simulated market that no codec here is trained on (sides up to 960 px); photographs are those of scikit-image and
scikit-learn. A rate is that of the files and streams themselves, all bytes of a group over all its pixels; its distortion the
PSNR of the mean squared error of the group's pictures. BD-rates draw curves by pchip.
"""

from __future__ import annotations

import argparse
import importlib.util
import io
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from scipy.interpolate import PchipInterpolator

from adcreative.papers.learned_codec.model import CodecModel, ImageCodec, freeze, load_codec
from adcreative.papers.learned_codec.stream import decode, encode
from adcreative.papers.learned_codec.transforms import CodecConfig

QUALITIES = {"JPEG": (10, 20, 35, 50, 65, 80, 90), "WEBP": (2, 5, 20, 35, 50, 65, 80, 90), "AVIF": (10, 20, 35, 50, 65, 80)}
PHOTOGRAPHS = {
    "skimage": ("data/astronaut.png", "data/chelsea.png", "data/coffee.png"),
    "sklearn": ("datasets/images/china.jpg", "datasets/images/flower.jpg"),
}
HELD_OUT_MARKET, SEED = 0, 77
Curve = tuple[np.ndarray, np.ndarray]


def held_out_photographs() -> list[np.ndarray]:
    """Return colour photographs that wheels ship, image_u8 [H, W, 3]."""
    paths = [
        Path(str(importlib.util.find_spec(package).origin)).parent / member  # type: ignore[union-attr]
        for package, members in PHOTOGRAPHS.items()
        for member in members
    ]
    return [np.asarray(Image.open(path).convert("RGB")) for path in paths]


def held_out_ads(num: int) -> list[np.ndarray]:
    """Return ads of a simulated market, image_u8 [H, W, 3]."""
    from adcreative.verbs.loading import load_market

    creatives = load_market(HELD_OUT_MARKET).iter_creatives(num, SEED, results=False, scale=0.5)
    return [creative.image_u8 for creative in creatives if creative.image_u8 is not None]


def bd_rate(rates: np.ndarray, qualities: np.ndarray, other_rates: np.ndarray, other_qualities: np.ndarray) -> float:
    """Return Bjontegaard's delta rate (VCEG-M33, by pchip), the mean change of rate at equal quality; -0.1: 10 % less.

    Args:
        rates, qualities: [K] of the first curve, K at least 4; bits (or bytes), and such as PSNR in dB.
    Raises:
        ValueError: a curve has too few points, or equal qualities. The result is NaN where curves share no quality.
    """
    curves = []
    for rate, quality in ((rates, qualities), (other_rates, other_qualities)):
        order = np.argsort(quality)
        if len(order) < 4:
            raise ValueError(f"a curve needs 4 points, got {len(order)}; measure more rates")
        curves.append(PchipInterpolator(quality[order], np.log(rate[order])))
    low, high = max(curve.x[0] for curve in curves), min(curve.x[-1] for curve in curves)
    if not low < high:
        return float("nan")
    first, other = (curve.integrate(low, high) / (high - low) for curve in curves)
    return float(np.expm1(other - first))


def file_curve(pictures: list[np.ndarray], file_format: str) -> Curve:
    """Return bits a pixel and PSNR in dB of a format at its qualities, each [K]."""

    def read_back(image_u8: np.ndarray, quality: int) -> tuple[int, np.ndarray]:
        buffer = io.BytesIO()
        Image.fromarray(image_u8).save(buffer, file_format, quality=quality)
        return len(buffer.getvalue()), np.asarray(Image.open(buffer).convert("RGB"))

    return _curve(pictures, len(QUALITIES[file_format]), lambda image_u8, i: read_back(image_u8, QUALITIES[file_format][i]))


def codec_curve(pictures: list[np.ndarray], model: CodecModel) -> Curve:
    """Return bits a pixel and PSNR in dB of the codec's streams at its rates, each [K]."""

    def read_back(image_u8: np.ndarray, rate: int) -> tuple[int, np.ndarray]:
        coded = encode(model, image_u8, rate)
        return len(coded.content), coded.image_u8

    return _curve(pictures, len(model.config.lambdas), read_back)


def _curve(pictures: list[np.ndarray], num_points: int, code: Callable[[np.ndarray, int], tuple[int, np.ndarray]]) -> Curve:
    num_pixels = sum(image_u8.shape[0] * image_u8.shape[1] for image_u8 in pictures)
    bpp, psnr = [], []
    for i in range(num_points):
        coded = [code(image_u8, i) for image_u8 in pictures]
        errors = [
            np.square(back.astype(np.float64) - image_u8).mean() for (_, back), image_u8 in zip(coded, pictures, strict=True)
        ]
        bpp.append(8 * sum(length for length, _ in coded) / num_pixels)
        psnr.append(10 * np.log10(255**2 / np.mean(errors)))
    return np.array(bpp), np.array(psnr)


def compare(pictures: list[np.ndarray], model: CodecModel) -> dict[str, object]:
    """Return the curves of the codec and of the formats, and the codec's delta rate over each."""
    own = codec_curve(pictures, model)
    curves = {"codec": own} | {name: file_curve(pictures, name) for name in QUALITIES}
    found: dict[str, object] = {
        f"{name}, bits a pixel: dB": {f"{rate:.3f}": round(float(db), 2) for rate, db in zip(*curve, strict=True)}
        for name, curve in curves.items()
    }
    return found | {f"over {name}": round(bd_rate(*curves[name], *own), 4) for name in QUALITIES}


def seconds(image_u8: np.ndarray, model: CodecModel) -> dict[str, float]:
    """Return processor seconds a megapixel for encoding and decoding at the highest rate."""
    megapixels = image_u8.shape[0] * image_u8.shape[1] / 1e6
    started = time.process_time()
    content = encode(model, image_u8, len(model.config.lambdas) - 1).content
    between = time.process_time()
    decode(model, content)
    return {
        "encode s/Mpx": round((between - started) / megapixels, 1),
        "decode s/Mpx": round((time.process_time() - between) / megapixels, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, nargs="?", help="folder of a trained codec")
    parser.add_argument("--ads", type=int, default=12, help="how many ads")
    parser.add_argument("--tiny", action="store_true", help="random weights, one drawn picture")
    options = parser.parse_args()
    if options.tiny == (options.model is not None):
        parser.error("name a model folder, or say --tiny")
    torch.set_num_threads(1)
    if options.tiny:
        small = CodecConfig(widths=(8, 12, 16), slices=(4, 12), hyper_channels=8, context_channels=16)
        model = freeze(ImageCodec(small))
        groups = {"drawn": [np.random.default_rng(0).integers(0, 255, (8, 8, 3)).astype(np.uint8).repeat(8, 0).repeat(8, 1)]}
    else:
        model = load_codec(options.model)
        groups = {"ads": held_out_ads(options.ads), "photographs": held_out_photographs()}
    found: dict[str, object] = {name: compare(pictures, model) for name, pictures in groups.items()}
    print(json.dumps(found | seconds(next(iter(groups.values()))[0], model), indent=1))


if __name__ == "__main__":
    main()
