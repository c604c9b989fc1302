"""Inks that letters in front of a photograph may have: colours that many of a text's pixels share to a few levels.

Letters are drawn in one colour, things of a photograph are not: their shades spread. What lies farthest from the ground, by
which letters are told elsewhere, is there as often a thing (dark hair behind white letters). Knows pixels.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from adcreative.lettering.reading.blocks import Box

LEVELS_SHIFT, EVEN = 4, 6  # bits of a channel that are dropped when colours are counted; 0..255 by which an even ink may vary
MORE_PAD = 0.6  # of a line's height around it, in which letters of a known ink are looked for: the reader's box may miss one
NUM_LOOKED_AT, NUM_INKS = 8, 3
LEAST_SHARE, LEAST_APART = 0.04, 40.0  # of a text's pixels that have an ink; distance of two inks

Colour = tuple[int, int, int]


def find_inks(image_u8: np.ndarray, boxes: Sequence[Box]) -> list[Colour]:
    """Return colours (RGB 0..255) that many pixels in the boxes of a text's lines share, the most frequent first."""
    cuts = [image_u8[max(0, y0) : y1, max(0, x0) : x1].reshape(-1, 3) for x0, y0, x1, y1 in boxes]
    pixels = np.concatenate([*cuts, np.zeros((0, 3), np.uint8)]).astype(int)
    if not len(pixels):
        return []
    codes = (pixels >> LEVELS_SHIFT) @ np.array([1, 1 << 8, 1 << 16])
    names, counts = np.unique(codes, return_counts=True)
    found = []
    for name in names[np.argsort(-counts)[:NUM_LOOKED_AT]]:
        colour = np.median(pixels[codes == name], axis=0)
        share = float((np.abs(pixels - colour).max(axis=1) <= EVEN).mean())
        found.append((share, colour))
    inks: list[np.ndarray] = []
    for share, colour in sorted(found, key=lambda one: -one[0]):
        if share >= LEAST_SHARE and all(np.linalg.norm(colour - other) >= LEAST_APART for other in inks):
            inks.append(colour)
    return [(round(float(red)), round(float(green)), round(float(blue))) for red, green, blue in inks[:NUM_INKS]]
