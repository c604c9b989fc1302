"""One picture as what differs from another of the same size: a map of colours, then the pixels that it leaves wrong.

An edit changes faces, words and, by global adjustments (exposure, warmth, contrast, saturation), every pixel; an adjusted
pixel depends on its own colour only. So the base's colours are mapped to the colours they most often have in the picture, and
what the map does not give is stored as one region in which untouched pixels have a colour that none of the others has. Tables
and regions are lossless WebP, whose format fixes every decoded byte.

Shapes: image_u8 [H, W, 3] uint8. Knows no files.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image

from adcreative.errors import ArtifactError

MAP_PIXELS = 2_500_000  # of a picture that a colour map is tried for
TABLE_WIDTH = 512
STEPS = 4096  # of the coefficients of a colour map, which are whole numbers
_SETTINGS = {"lossless": True, "quality": 100, "method": 4, "exact": True}


@dataclass(frozen=True)
class ColourMap:
    """Which colour each colour of the base becomes.

    coefficients: 12 whole numbers, rows of an affine map [3, 4] in units of 1/STEPS. residual: lossless WebP of what the
    table adds to that (modulo 256) for the base's distinct colours in ascending order.
    """

    coefficients: tuple[int, ...]
    residual: bytes


@dataclass(frozen=True)
class Patch:
    """Pixels that are given outright: a box (x0, y0, x1, y1), its lossless WebP, and the colour in it for "as before"."""

    box_xyxy_px: tuple[int, int, int, int]
    region: bytes
    key: tuple[int, int, int]


def encode_webp(image_u8: np.ndarray) -> bytes:
    """Return a picture as lossless WebP."""
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(image_u8)).save(buffer, "WEBP", **_SETTINGS)
    return buffer.getvalue()


def decode_webp(content: bytes, size: tuple[int, int]) -> np.ndarray:
    """Return [H, W, 3] of a WebP picture of exactly this size (W, H).

    Raises:
        ArtifactError: it is damaged or has another size.
    """
    try:
        with Image.open(io.BytesIO(content), formats=["WEBP"]) as image:
            if image.size != size:
                raise ArtifactError(f"a picture of the archive has {image.size} px instead of {size}; the archive is damaged")
            return np.array(image.convert("RGB"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        if isinstance(error, ArtifactError):
            raise
        raise ArtifactError(f"a picture of the archive cannot be read ({error}); the archive is damaged") from error


def _codes(image_u8: np.ndarray) -> np.ndarray:
    """Return colours as whole numbers [H, W], red first."""
    wide = image_u8.astype(np.uint32)
    return (wide[..., 0] << 16) | (wide[..., 1] << 8) | wide[..., 2]


def _colours(codes: np.ndarray) -> np.ndarray:
    return np.stack([codes >> 16, (codes >> 8) & 255, codes & 255], axis=-1).astype(np.uint8)


def fit_map(base_u8: np.ndarray, image_u8: np.ndarray) -> ColourMap:
    """Return the map that gives the most pixels of a picture from those of a base of the same shape."""
    pairs, counts = np.unique((_codes(base_u8).astype(np.uint64) << 24) | _codes(image_u8), return_counts=True)
    sources, targets = pairs >> 24, pairs & 0xFFFFFF
    order = np.lexsort((counts, sources))
    is_most_frequent = np.append(sources[order][1:] != sources[order][:-1], True)
    chosen = order[is_most_frequent]
    colours, wanted = _colours(sources[chosen]), _colours(targets[chosen])
    design = np.column_stack([colours, np.ones(len(colours))]).astype(np.float64)
    weights = np.sqrt(counts[chosen])[:, None]
    fitted = np.linalg.lstsq(design * weights, wanted * weights, rcond=None)[0].T
    coefficients = tuple(int(one) for one in np.clip(np.rint(fitted * STEPS), -(2**31), 2**31 - 1).ravel())
    residual = wanted - _predict(colours, coefficients)  # modulo 256
    height = -(-len(residual) // TABLE_WIDTH)
    table = np.zeros((height * TABLE_WIDTH, 3), np.uint8)
    table[: len(residual)] = residual
    return ColourMap(coefficients, encode_webp(table.reshape(height, TABLE_WIDTH, 3)))


def apply_map(base_u8: np.ndarray, colour_map: ColourMap) -> np.ndarray:
    """Return the base [H, W, 3] with its colours mapped.

    Raises:
        ArtifactError: the table does not fit the base.
    """
    codes, places = np.unique(_codes(base_u8), return_inverse=True)
    height = -(-len(codes) // TABLE_WIDTH)
    table = decode_webp(colour_map.residual, (TABLE_WIDTH, height)).reshape(-1, 3)[: len(codes)]
    mapped = _predict(_colours(codes), colour_map.coefficients) + table
    return mapped[places.reshape(base_u8.shape[:2])]


def _predict(colours: np.ndarray, coefficients: tuple[int, ...]) -> np.ndarray:
    """Return the affine map of colours [N, 3] in whole numbers, so that every machine agrees."""
    matrix = np.array(coefficients, dtype=np.int64).reshape(3, 4)
    values = colours.astype(np.int64) @ matrix[:, :3].T + matrix[:, 3] + STEPS // 2
    return np.clip(values >> 12, 0, 255).astype(np.uint8)


def make_patch(before_u8: np.ndarray, after_u8: np.ndarray) -> Patch | None:
    """Return what turns one picture into another of the same shape; None when they are equal, or no colour is free as key."""
    changed = (before_u8 != after_u8).any(axis=2)
    if not changed.any():
        return None
    rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
    y0, y1, x0, x1 = int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
    inside = changed[y0:y1, x0:x1]
    region = after_u8[y0:y1, x0:x1].copy()
    used = set(np.unique(_codes(region[inside])).tolist())
    free = next(code for code in range(2**24) if code not in used)
    key = _colours(np.array(free))
    region[~inside] = key
    return Patch((x0, y0, x1, y1), encode_webp(region), (int(key[0]), int(key[1]), int(key[2])))


def apply_patch(before_u8: np.ndarray, patch: Patch) -> np.ndarray:
    """Return a picture with the patch's pixels put in.

    Raises:
        ArtifactError: the patch does not fit.
    """
    x0, y0, x1, y1 = patch.box_xyxy_px
    height, width = before_u8.shape[:2]
    if not (0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height):
        raise ArtifactError(f"a region {patch.box_xyxy_px} of the archive lies outside its picture; the archive is damaged")
    region = decode_webp(patch.region, (x1 - x0, y1 - y0))
    is_given = (region != np.array(patch.key, np.uint8)).any(axis=2)
    after = before_u8.copy()
    after[y0:y1, x0:x1][is_given] = region[is_given]
    return after
