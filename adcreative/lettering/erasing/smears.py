"""Detects a visible filled hole in a picture by its weaker texture. Knows pixels and masks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from adcreative.lettering.erasing.holes import window_of


@dataclass(frozen=True)
class Fitted:
    """Constants of this module, chosen by hand, checked by `pytest tests/lettering/erasing/test_smears.py`."""

    tiles: int = 4  # per hole height: the hole is examined in tiles of this height
    least_texture: float = 4.0  # mean step of light, 0..255: smoother surroundings hide a filled hole
    even: float = 0.5  # minimum ratio of 10th percentile to median of the surrounding texture, for which a hole can show
    weak: float = 0.55  # of the median of the surrounding texture: a tile with less texture shows
    weak_part: float = 0.25  # maximum share of such tiles in a hole, beyond their share in the surroundings
    percentiles: tuple[float, float] = (10.0, 50.0)  # of the surrounding texture: its smooth tenth, and its median


FITTED = Fitted()


def is_smeared(filled_u8: np.ndarray, mask: np.ndarray) -> bool:
    """Return whether a filled hole, mask [H, W], shows in a picture [H, W, 3] as a smear in a uniform texture, as in gravel."""
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
