"""Make the pool of people whom the simulated market casts: face codes of adults who do not exist.

    python -m data.make.face_pool FACES --sheet sheet.png           look, note the bad ones
    python -m data.make.face_pool FACES --reject 3 17 40            write pool.safetensors

Each candidate is a mix of the codes of two training faces whose captions name adults (none that names a child), so that it
is nobody's face; the mesh must see it, nearly frontal. What a measure cannot see, an eye does: rejected by number.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.numpy import save_file

from adcreative.encoders.faces import load_face_analyzer
from adcreative.encoders.weights import embedded_dir
from data.make.captions import read_caption_words
from data.make.face_folder import read_faces, split_faces
from stylegan.faces.attributes import ATTRIBUTES
from stylegan.images import decode_image
from stylegan.latents.codec import FaceCodec
from stylegan.networks.checkpoints import load_face_model

ADULT_WORDS = {"adult", "man", "woman", "beard", "goatee", "mustache", "sideburns", "stubble", "makeup", "eyeliner", "lipstick"}
CHILD_WORDS = {"baby", "child", "toddler", "teenager", "young", "month"}
SPREAD = 1.1  # the mean of two codes is closer to the mean face than a code; this factor compensates
MAX_YAW_DEGREES = 15.0
SHEET_COLUMNS = 10


def adult_paths(face_paths: list[Path], words: Mapping[str, frozenset[str]]) -> list[Path]:
    """Return the faces whose captions name an adult and no child."""
    kept = []
    for path in face_paths:
        said = words.get(path.name, frozenset())
        if said & ADULT_WORDS and not said & CHILD_WORDS:
            kept.append(path)
    return kept


def mix_codes(codes: np.ndarray, num: int, *, rng: np.random.Generator) -> np.ndarray:
    """Return `num` mixes of two different codes each, [num, C]; shares of the first between 0.6 and 0.85."""
    pairs = np.stack([rng.choice(len(codes), size=2, replace=False) for _ in range(num)])
    share = rng.uniform(0.6, 0.85, size=(num, 1))
    mixes = share * codes[pairs[:, 0]] + (1 - share) * codes[pairs[:, 1]]
    mean = codes.mean(axis=0)
    return (mean + SPREAD * (mixes - mean)).astype(np.float32)


def is_usable(attributes: np.ndarray) -> np.ndarray:
    """Return the mask of rows [N, len(ATTRIBUTES)] with a nearly frontal face and open eyes."""
    yaw, eyes = attributes[:, ATTRIBUTES.index("head_yaw")], attributes[:, ATTRIBUTES.index("eyes_open")]
    return np.isfinite(attributes).all(axis=1) & (np.abs(yaw) < MAX_YAW_DEGREES) & (eyes > 0.15)


def save_sheet(images: list[np.ndarray], path: Path) -> None:
    """Write a contact sheet, ten faces per row, in order."""
    side = images[0].shape[0]
    rows = -(-len(images) // SHEET_COLUMNS)
    sheet = np.zeros((rows * side, SHEET_COLUMNS * side, 3), dtype=np.uint8)
    for number, image_u8 in enumerate(images):
        row, column = divmod(number, SHEET_COLUMNS)
        sheet[row * side : (row + 1) * side, column * side : (column + 1) * side] = image_u8
    Image.fromarray(sheet).save(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("faces", type=Path, help="folder of aligned faces with metadata.csv (file_name, captions)")
    parser.add_argument("--num", type=int, default=160)
    parser.add_argument("--sheet", type=Path, help="write the candidates as a picture and stop")
    parser.add_argument("--reject", type=int, nargs="*", default=[], help="numbers on the sheet, from 0, row by row")
    parser.add_argument("--out", type=Path, default=Path("data/weights/faces/pool.safetensors"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    codec, analyzer = FaceCodec(load_face_model(embedded_dir("faces"))), load_face_analyzer()
    train_paths, _ = split_faces(list(arguments.faces.glob("*.jpg")))
    codes = codec.encode(
        [*decode_image(read_faces(adult_paths(train_paths, read_caption_words(arguments.faces)), size=codec.size))]
    )
    candidates = mix_codes(codes, 2 * arguments.num, rng=np.random.default_rng(0))
    candidates = candidates[is_usable(analyzer.measure_aligned(codec.render(candidates)))][: arguments.num]
    if arguments.sheet:
        save_sheet(codec.render(candidates), arguments.sheet)
        print(f"{len(candidates)} candidates from {len(codes)} adult faces: {arguments.sheet}")
        return
    kept = np.delete(candidates, arguments.reject, axis=0)
    save_file({"codes": kept}, arguments.out)
    print(f"{len(kept)} people: {arguments.out}")


if __name__ == "__main__":
    main()
