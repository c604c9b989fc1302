"""Holes are filled with patches: stripes and bricks go on behind letters, no thing is copied, all else stays bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from adcreative.lettering.erasing.patches import _Level, fill_from_patches


def holes(height: int = 120, width: int = 200) -> np.ndarray:
    """Return a mask [H, W] like a row of thick letters."""
    mask = np.zeros((height, width), bool)
    for left in range(50, 150, 20):
        mask[40:80, left : left + 9] = True
        mask[56:64, left : left + 17] = True
    return mask


def error(ground: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Fill the mask of a picture whose letters are dark, check that the rest stays, and return the errors in the mask."""
    picture = ground.copy()
    picture[mask] = 20
    filled = fill_from_patches(picture, mask, np.zeros_like(mask))
    assert filled is not None
    assert (filled[~mask] == picture[~mask]).all()
    return np.abs(filled.astype(int) - ground).max(axis=2)[mask]


@pytest.mark.parametrize("slope", [0.0, 0.6, 1.4])
def test_stripes_go_on_behind_letters(slope: float) -> None:
    y, x = np.mgrid[0:120, 0:200]
    ground = np.where(((x + slope * y) // 24) % 2 == 0, 214, 232)[:, :, None].repeat(3, axis=2).astype(np.uint8)
    wrong = error(ground, holes())
    assert np.mean(wrong > 6) < 0.12
    assert np.median(wrong) <= 1


def test_a_gradient_stays_one() -> None:
    ramp = np.linspace(120, 220, 200)[None, :, None] * np.ones((120, 1, 3))
    assert error(ramp.round().astype(np.uint8), holes()).max() <= 3


def test_a_thing_beside_the_letters_is_not_copied() -> None:
    ground = np.full((120, 200, 3), 220, np.uint8)
    ground[:, 100:] = 205
    ground[90:112, 20:180] = (200, 30, 40)
    filled = fill_from_patches(ground, holes(), np.zeros((120, 200), bool))
    assert filled is not None
    assert not ((filled[:, :, 1] < 100) & holes()).any()


def test_what_must_not_be_copied_is_not() -> None:
    ground = np.full((120, 200, 3), 220, np.uint8)
    ground[:, 100:] = 205
    ground[84:118:4, ::3] = 120  # fine print all over the ground below
    print_ = np.zeros((120, 200), bool)
    print_[82:120] = True
    filled = fill_from_patches(ground, holes(), print_)
    assert filled is not None
    assert filled[holes()].min() >= 200


def test_a_hole_that_would_take_minutes_is_left_to_others() -> None:
    picture, mask = np.zeros((900, 900, 3), np.uint8), np.zeros((900, 900), bool)
    mask[100:800, 100:800] = True
    assert fill_from_patches(picture, mask, np.zeros_like(mask)) is None
    assert fill_from_patches(picture, np.zeros_like(mask), np.zeros_like(mask)) is picture


def test_bricks_go_on_under_uneven_light_with_their_grain() -> None:
    rng = np.random.default_rng(2)
    y, x = np.mgrid[0:120, 0:200]
    is_joint = (y % 30 < 3) | ((x + 20 * (y // 30 % 2)) % 40 < 3)
    light = 1.0 + 0.3 * np.sin(x / 60.0) + 0.002 * y
    wall = np.where(is_joint, 170.0, 110.0) * light + ndimage.gaussian_filter(rng.normal(size=y.shape), 0.8) * 8.0
    ground = np.repeat(wall[:, :, None], 3, axis=2).round().clip(0, 255).astype(np.uint8)
    wrong = error(ground, holes())
    assert np.mean(wrong) < 9.0
    assert np.mean(wrong > 30) < 0.05
    picture = ground.copy()
    picture[holes()] = 20
    filled = fill_from_patches(picture, holes(), np.zeros((120, 200), bool))
    assert filled is not None
    inner = holes() & ~ndimage.binary_dilation(is_joint, iterations=3)
    grains = [
        float((one[:, :, 0] - ndimage.gaussian_filter(one[:, :, 0].astype(float), 1.5))[inner].std())
        for one in (filled, ground)
    ]
    assert 0.6 < grains[0] / grains[1] < 1.4


def test_light_that_is_nowhere_the_same_goes_on_without_bands() -> None:
    y, x = np.mgrid[0:120, 0:200]
    light = 90.0 + 110.0 * np.exp(-((x - 110.0) ** 2 + (y - 55.0) ** 2) / (2 * 32.0**2))
    wrong = error(np.repeat(light[:, :, None], 3, axis=2).round().astype(np.uint8), holes())
    assert wrong.max() <= 12
    assert wrong.mean() < 2.0


def test_a_hole_at_the_pictures_rim_is_filled() -> None:
    ground = np.full((80, 120, 3), 150, np.uint8)
    mask = np.zeros((80, 120), bool)
    mask[:20, :30], mask[60:, 100:], mask[:, 60:64] = True, True, True
    filled = fill_from_patches(np.where(mask[:, :, None], 20, ground).astype(np.uint8), mask, np.zeros_like(mask))
    assert filled is not None
    assert np.abs(filled.astype(int) - ground).max() <= 2


def test_patches_given_up_early_are_the_ones_that_a_whole_look_would_give_up() -> None:
    rng = np.random.default_rng(2)
    ground = ndimage.gaussian_filter(rng.uniform(0, 255, (60, 90, 3)), (2.0, 2.0, 0.0)).astype(np.float32)
    level = _Level(ground, holes(60, 90), np.zeros((60, 90), bool))
    level.fill(ground, None, 1, 1, np.random.default_rng(0))
    num = len(level._targets)
    old, tried = (rng.choice(level.examples, num) for _ in range(2))
    tried[::7] = 0  # the frame is no example
    costs = level._costs(old)
    sources, least = level._better(old, costs, tried)
    allowed = np.isin(tried, level.examples)
    wanted = np.where(allowed & (level._costs(np.where(allowed, tried, old)) < costs), tried, old)
    assert np.array_equal(sources, wanted)
    assert np.array_equal(least, level._costs(wanted))
    assert 0.1 < (sources != old).mean() < 0.9
