"""Whether a hole that was filled in a picture shows: its texture is weaker there than around it. Knows pixels and masks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from adcreative.lettering.erasing.holes import window_of


@dataclass(frozen=True)
class Fitted:
    """Numbers of this file, chosen by hand, checked by `pytest tests/lettering/erasing/test_smears.py`."""

    tiles: int = 4  # along a hole's height: so high are the pieces that are looked at
    least_texture: float = 4.0  # mean step of light, 0..255: what is calmer than this is filled without a trace
    even: float = 0.5  # of the middle texture around: what its calmest tenth has at least, where a hole can show
    weak: float = 0.55  # of the middle texture around: a piece of a hole that has less shows
    weak_part: float = 0.25  # of a hole's pieces, beyond what is so weak around it
    percentiles: tuple[float, float] = (10.0, 50.0)  # of the texture around: its calmest tenth, and its middle


FITTED = Fitted()


def is_smeared(filled_u8: np.ndarray, mask: np.ndarray) -> bool:
    """Return whether a filled hole, mask [H, W], shows in a picture [H, W, 3] as a smear in an even texture, such as gravel."""
    window = window_of(mask)
    if window is None:
        return False
    side = max(4, (window[0].stop - window[0].start) // FITTED.tiles)
    around = window_of(mask, 3 * side)
    assert around is not None
    grey, hole = filled_u8[around].astype(np.float32).mean(axis=2), mask[around]
    steps = ndimage.uniform_filter(ndimage.morphological_gradient(grey, size=(3, 3)), side, mode="nearest")
    inside = ndimage.binary_erosion(hole, iterations=side // 2)
    outside = ~ndimage.binary_dilation(hole, iterations=side // 2 + 1)
    if not inside.any() or not outside.any():
        return False
    low, usual = np.percentile(steps[outside], FITTED.percentiles)
    weak = steps < FITTED.weak * usual
    return bool(
        usual > FITTED.least_texture
        and low > FITTED.even * usual
        and weak[inside].mean() - weak[outside].mean() > FITTED.weak_part
    )
