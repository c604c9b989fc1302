"""Holes are filled from examples: stripes go on behind letters, no other thing is copied, all else stays bit for bit."""

from __future__ import annotations

import numpy as np
import pytest

from adcreative.editor.picture.examples import _Filling, fill_from_examples


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
    filled = fill_from_examples(picture, mask, np.zeros_like(mask), 9.0)
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


def test_a_thing_beside_the_letters_is_no_example() -> None:
    ground = np.full((120, 200, 3), 220, np.uint8)
    ground[:, 100:] = 205
    ground[90:112, 20:180] = (200, 30, 40)
    filled = fill_from_examples(ground, holes(), np.zeros((120, 200), bool), 9.0)
    assert filled is not None
    assert not ((filled[:, :, 1] < 100) & holes()).any()


def test_what_must_not_be_copied_is_not() -> None:
    ground = np.full((120, 200, 3), 220, np.uint8)
    ground[:, 100:] = 205
    ground[84:118:4, ::3] = 120  # fine print all over the ground below
    print_ = np.zeros((120, 200), bool)
    print_[82:120] = True
    filled = fill_from_examples(ground, holes(), print_, 9.0)
    assert filled is not None
    assert filled[holes()].min() >= 200


def test_a_hole_that_would_take_minutes_is_left_to_others() -> None:
    picture, mask = np.zeros((900, 900, 3), np.uint8), np.zeros((900, 900), bool)
    mask[100:800, 100:800] = True
    assert fill_from_examples(picture, mask, np.zeros_like(mask), 5.0) is None
    assert fill_from_examples(picture, np.zeros_like(mask), np.zeros_like(mask), 5.0) is picture


def test_differences_are_squared_ones_on_the_known_pixels_alone() -> None:
    rng = np.random.default_rng(0)
    picture, known = rng.normal(0, 30, (24, 30, 3)).astype(np.float32), rng.random((7, 7)) > 0.4
    patch = picture[5:12, 8:15] + rng.normal(0, 2, (7, 7, 3)).astype(np.float32)
    filling = _Filling(picture, np.zeros((24, 30), bool), np.ones((24, 30), bool), 7)
    found = filling._differences((slice(2, 22), slice(3, 29)), patch, known)
    windows = np.lib.stride_tricks.sliding_window_view(picture[2:22, 3:29], (7, 7), axis=(0, 1))  # [rows, columns, 3, 7, 7]
    expected = (np.square(windows - patch.transpose(2, 0, 1)) * known).sum(axis=(2, 3, 4))
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1.0)
    assert np.unravel_index(found.argmin(), found.shape) == (3, 5)
