"""Spots of a pattern come back behind letters; where there is no pattern nothing is drawn."""

from __future__ import annotations

import numpy as np
import pytest

from adcreative.lettering.erasing.patterns import repeat_spots

SIDE, STEP = 300, 26


def dotted(lean: float = 0.0, missing: float = 0.0) -> np.ndarray:
    """A ground with round spots on a lattice; a share of them may be missing."""
    picture = np.full((SIDE, SIDE, 3), (30, 60, 90), np.float64)
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    rng = np.random.default_rng(4)
    for i in range(-8, 20):
        for j in range(-8, 20):
            if rng.random() >= missing:
                far = np.hypot(y - 13 - i * STEP - lean * j * STEP, x - 13 - j * STEP)
                picture += np.clip(4.0 - far, 0.0, 1.0)[:, :, None] * np.array([20.0, 40.0, 30.0])
    return picture.round().astype(np.uint8)


@pytest.mark.parametrize("lean", [0.0, 0.25])
def test_spots_behind_letters_come_back(lean: float) -> None:
    picture, hole = dotted(lean), np.zeros((SIDE, SIDE), bool)
    hole[120:170, 40:220] = True
    wiped = np.where(hole[:, :, None], np.array([30, 60, 90], np.uint8), picture)
    filled = repeat_spots(wiped, hole, np.zeros_like(hole))
    assert np.abs(filled.astype(int) - picture).max() <= 12  # of 40
    assert np.abs(wiped.astype(int) - picture).max() == 40
    assert (filled[~hole] == picture[~hole]).all()


def test_spots_without_a_lattice_are_not_repeated() -> None:
    picture, hole = dotted(missing=0.5), np.zeros((SIDE, SIDE), bool)
    hole[120:170, 40:220] = True
    wiped = np.where(hole[:, :, None], np.array([30, 60, 90], np.uint8), picture)
    assert (repeat_spots(wiped, hole, np.zeros_like(hole)) == wiped).all()
