"""A hole in an even texture shows where it was filled with less of it; on calm or uneven grounds nothing is told."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from adcreative.editor.picture.smears import is_smeared, leaves_ink
from adcreative.encoders.picture_words.blocks import BlockLine, TextBlock


def gravel(mean: float = 120.0, deviation: float = 40.0) -> np.ndarray:
    noise = ndimage.gaussian_filter(np.random.default_rng(1).normal(size=(240, 400)), 1.5)
    return np.repeat((mean + deviation * noise / noise.std()).clip(0, 255).astype(np.uint8)[:, :, None], 3, axis=2)


def hole() -> np.ndarray:
    mask = np.zeros((240, 400), bool)
    mask[90:150, 120:280] = True
    return mask


def test_a_soft_part_of_a_hole_in_gravel_shows() -> None:
    assert not is_smeared(gravel(), hole())
    smeared = gravel()
    smeared[92:148, 190:278] = ndimage.gaussian_filter(smeared.astype(float), (9.0, 9.0, 0.0))[92:148, 190:278]
    assert is_smeared(smeared, hole())


def test_a_hole_on_calm_or_uneven_ground_is_not_judged() -> None:
    assert not is_smeared(gravel(deviation=1.0), hole())
    uneven = gravel()
    uneven[:, :200] = 120
    assert not is_smeared(uneven, hole())
    assert not is_smeared(gravel(), np.zeros((240, 400), bool))


def test_a_hole_that_was_filled_with_pieces_of_its_letters_shows_unless_the_ground_has_their_colour() -> None:
    line = BlockLine(text="Ride on", box=(120, 90, 280, 150), confidence=1.0)
    block = TextBlock(lines=(line,), colour=(255, 212, 0), ground=(120, 120, 120), residual=40.0)
    filled = gravel()
    assert not leaves_ink(filled, hole(), block)
    filled[100:112, 150:200] = block.colour
    assert leaves_ink(filled, hole(), block)
    filled[60:88] = block.colour
    assert not leaves_ink(filled, hole(), block)
