"""Whether a hole that was filled in a picture shows: its texture is weaker there than around it, or it was filled with pieces
of letters. Knows pixels and masks."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from adcreative.lettering.erasing.holes import window_of
from adcreative.lettering.reading.blocks import TextBlock

TILES = 4  # along a hole's height: so high are the pieces that are looked at
LEAST_TEXTURE = 4.0  # mean step of light, 0..255: what is calmer than this is filled without a trace
EVEN, WEAK = 0.5, 0.55  # of the middle texture around: what its calmest tenth has at least, where a hole can show; and a piece
# of a hole, from which it shows
WEAK_PART = 0.25  # of a hole's pieces, beyond what is so weak around it

INK_OFF, MOST_INK, RARE_INK = 30.0, 0.015, 0.015  # distance of colours, 0..255, of a text's ink; of its hole; of what is around
# it, where more is so and nothing is told


def leaves_ink(filled_u8: np.ndarray, mask: np.ndarray, block: TextBlock) -> bool:
    """Return whether the hole, mask [H, W], from which a text was taken was filled with pieces of its letters."""
    x0, y0, x1, y1 = block.box
    rim = max(4, (y1 - y0) // (2 * len(block.lines)))
    window = (slice(max(0, y0 - rim), y1 + rim), slice(max(0, x0 - rim), x1 + rim))
    hole = mask[window]
    ink = np.linalg.norm(filled_u8[window].astype(np.float32) - np.array(block.colour, np.float32), axis=2) <= INK_OFF
    around = ink & ~hole
    is_rare = float(around.sum()) <= RARE_INK * float((~hole).sum())
    return is_rare and bool(hole.any()) and float(ink[hole].mean()) > MOST_INK


def is_smeared(filled_u8: np.ndarray, mask: np.ndarray) -> bool:
    """Return whether a filled hole, mask [H, W], shows in a picture [H, W, 3] as a smear in an even texture, such as gravel."""
    window = window_of(mask)
    if window is None:
        return False
    side = max(4, (window[0].stop - window[0].start) // TILES)
    around = window_of(mask, 3 * side)
    assert around is not None
    grey, hole = filled_u8[around].astype(np.float32).mean(axis=2), mask[around]
    steps = ndimage.uniform_filter(ndimage.morphological_gradient(grey, size=(3, 3)), side, mode="nearest")
    inside = ndimage.binary_erosion(hole, iterations=side // 2)
    outside = ~ndimage.binary_dilation(hole, iterations=side // 2 + 1)
    if not inside.any() or not outside.any():
        return False
    low, usual = np.percentile(steps[outside], (10.0, 50.0))
    weak = steps < WEAK * usual
    return bool(usual > LEAST_TEXTURE and low > EVEN * usual and weak[inside].mean() - weak[outside].mean() > WEAK_PART)
