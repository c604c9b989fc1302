"""Candidate inks of letters in front of a photograph: colours shared, within a few levels, by many of a text's pixels.

Letters are drawn in one colour, whereas shades of objects in a photograph spread. The colour farthest from the ground, which
identifies letters elsewhere, is often an object here (dark hair behind white letters). Knows pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from adcreative.lettering.reading.blocks import Box


@dataclass(frozen=True)
class Fitted:
    """Constants of this module, chosen by hand, checked by `python -m tests.bench.set_text`."""

    levels_shift: int = 4  # bits dropped per channel for counting colours
    even: int = 6  # 0..255: maximum variation of a uniform ink
    # of a line's height: margin in which letters of a known ink are searched: the reader's box may miss one
    more_pad: float = 0.6
    num_looked_at: int = 8  # most frequent colours examined
    num_inks: int = 3  # maximum candidates
    least_share: float = 0.04  # minimum share of a text's pixels with an ink's colour
    least_apart: float = 40.0  # minimum distance of two inks, 0..255 a channel


FITTED = Fitted()


Colour = tuple[int, int, int]


def find_inks(image_u8: np.ndarray, boxes: Sequence[Box]) -> list[Colour]:
    """Return colours (RGB 0..255) shared by many pixels in the boxes of a text's lines, the most frequent first."""
    cuts = [image_u8[max(0, y0) : y1, max(0, x0) : x1].reshape(-1, 3) for x0, y0, x1, y1 in boxes]
    pixels = np.concatenate([*cuts, np.zeros((0, 3), np.uint8)]).astype(int)
    if not len(pixels):
        return []
    codes = (pixels >> FITTED.levels_shift) @ np.array([1, 1 << 8, 1 << 16])
    names, counts = np.unique(codes, return_counts=True)
    found = []
    for name in names[np.argsort(-counts)[: FITTED.num_looked_at]]:
        colour = np.median(pixels[codes == name], axis=0)
        share = float((np.abs(pixels - colour).max(axis=1) <= FITTED.even).mean())
        found.append((share, colour))
    inks: list[np.ndarray] = []
    for share, colour in sorted(found, key=lambda one: -one[0]):
        if share >= FITTED.least_share and all(np.linalg.norm(colour - other) >= FITTED.least_apart for other in inks):
            inks.append(colour)
    return [(round(float(red)), round(float(green)), round(float(blue))) for red, green, blue in inks[: FITTED.num_inks]]
