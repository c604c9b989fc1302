"""What the second look at faces refuses (`stylegan.faces.second_look`), against the detector and the mesh alone.

    python -m tests.bench.face_looks [--letters 1200] [--icons 400] [--faces FACES --photos PHOTOS] [--ads ADS --sheet OUT]

Counts false faces in letters and flat drawings; faces that are found at five sizes, pasted on photographs; and, of a folder of
ads, which faces are refused: the sheet shows each with its file, score and side, the refused ones framed in red.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from stylegan.faces.analysis import FaceAnalyzer, FaceInPicture
from tests.stylegan.faces.drawn import draw_icons, draw_letters

SIZES_PX = (48, 64, 96, 128, 256)
PICTURE_PX, MAX_A_PICTURE = 640, 36
SUFFIXES = (".jpg", ".jpeg", ".png", ".gif", ".webp")
TILE_PX, TILES_A_ROW, LABEL_PX = 96, 12, 24


class FirstLook(FaceAnalyzer):
    """Detector and mesh alone, as before there was a second look."""

    def _is_face(self, image_u8: np.ndarray, face: FaceInPicture) -> bool:
        return True


def count_drawn(draw: Callable[..., Iterator[tuple[str, np.ndarray]]], num: int, seed: int) -> tuple[int, int, list[str]]:
    """Return false faces before and after in `num` pictures without any, and the names of the pictures that keep one."""
    first, second, before, kept = FirstLook(), FaceAnalyzer(), 0, []
    for name, image_u8 in draw(num, seed=seed):
        if taken := first.find(image_u8):
            before += len(taken)
            kept += [name] * len(second.find(image_u8))
    return before, len(kept), kept


def count_pasted(faces: Path, photos: Path, side_px: int, seed: int) -> tuple[int, int, int]:
    """Return how many faces were pasted at a size, and how many are found before and after."""
    rng, first, second = np.random.default_rng(seed), FirstLook(), FaceAnalyzer()
    files, grounds, cell = _pictures(faces), _pictures(photos), int(1.35 * side_px) + 4
    across = PICTURE_PX // cell
    num = min(across * across, MAX_A_PICTURE)
    before = after = 0
    for start in range(0, len(files), num):
        picture = Image.open(grounds[rng.integers(len(grounds))]).convert("RGB").resize((PICTURE_PX, PICTURE_PX))
        places = [(cell * (int(at) % across) + 2, cell * (int(at) // across) + 2) for at in rng.permutation(across * across)]
        boxes = []
        for (left, top), file in zip(places, files[start : start + num], strict=False):
            picture.paste(Image.open(file).convert("RGB").resize((side_px, side_px), Image.Resampling.LANCZOS), (left, top))
            boxes.append((left, top))
        pixels = np.asarray(picture)
        before += _count_found(first.find(pixels), boxes, side_px)
        after += _count_found(second.find(pixels), boxes, side_px)
    return len(files), before, after


def _count_found(faces: list[FaceInPicture], boxes: list[tuple[int, int]], side_px: int) -> int:
    """Return in how many boxes the middle of a face lies."""
    middles = [((x0 + x1) / 2, (y0 + y1) / 2) for x0, y0, x1, y1 in (face.box_xyxy_px for face in faces)]
    return sum(any(0 <= x - left <= side_px and 0 <= y - top <= side_px for x, y in middles) for left, top in boxes)


def sheet_of(ads: Path) -> tuple[Image.Image, int, int]:
    """Return a sheet of all faces that the detector and the mesh find in a folder, how many, and how many are refused."""
    first, second, tiles = FirstLook(), FaceAnalyzer(), []
    for file in _pictures(ads):
        with Image.open(file) as opened:
            image_u8 = np.asarray(opened.convert("RGB"))
        kept = {face.box_xyxy_px for face in second.find(image_u8)}
        tiles += [
            (file, face, face.alignment.crop(image_u8, TILE_PX), face.box_xyxy_px in kept) for face in first.find(image_u8)
        ]
    rows = -(-len(tiles) // TILES_A_ROW)
    sheet = Image.new("RGB", (TILES_A_ROW * (TILE_PX + 4), rows * (TILE_PX + LABEL_PX + 4)), "white")
    draw = ImageDraw.Draw(sheet)
    for number, (file, face, crop, is_kept) in enumerate(tiles):
        x, y = number % TILES_A_ROW * (TILE_PX + 4), number // TILES_A_ROW * (TILE_PX + LABEL_PX + 4)
        sheet.paste(Image.fromarray(crop), (x, y))
        if not is_kept:
            draw.rectangle((x, y, x + TILE_PX - 1, y + TILE_PX - 1), outline="red", width=4)
        draw.text(
            (x, y + TILE_PX), f"{file.stem[:14]}\n{face.detection.score:.2f} {face.alignment.side_px:.0f} px", fill="black"
        )
    return sheet, len(tiles), sum(not is_kept for *_, is_kept in tiles)


def _pictures(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--letters", type=int, default=1200)
    parser.add_argument("--icons", type=int, default=400)
    parser.add_argument("--faces", type=Path, help="folder of aligned faces")
    parser.add_argument("--photos", type=Path, help="folder of photographs without people")
    parser.add_argument("--ads", type=Path, help="folder of ads")
    parser.add_argument("--sheet", type=Path, default=Path("faces.png"))
    parser.add_argument("--seed", type=int, default=11)
    asked = parser.parse_args()
    for name, draw, num in (("letters", draw_letters, asked.letters), ("icons", draw_icons, asked.icons)):
        before, after, kept = count_drawn(draw, num, asked.seed)
        print(f"{num} pictures of {name}: {before} false faces before, {after} after {sorted(set(kept)) or ''}")
    if asked.faces is not None and asked.photos is not None:
        for side_px in SIZES_PX:
            num, before, after = count_pasted(asked.faces, asked.photos, side_px, asked.seed)
            print(f"{num} faces of {side_px} px: {before} found before, {after} after ({after / before - 1:+.2%})")
    if asked.ads is not None:
        sheet, num, refused = sheet_of(asked.ads)
        sheet.save(asked.sheet)
        print(f"{num} faces in the ads before, {refused} of them refused: {asked.sheet}")


if __name__ == "__main__":
    main()
