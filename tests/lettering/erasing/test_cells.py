"""Holes in grounds of straight and round outlines: bars, rings and rays go on exactly, what contradicts is left."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from adcreative.lettering.erasing.cells import OutlinedGround, coherent_misses
from adcreative.lettering.erasing.erasing import FITTED, fill_hole
from adcreative.lettering.erasing.tones import share_drawn

SIDE = 300


def ground(kind: str) -> np.ndarray:
    """A slope with a fainter drawing on it, drawn large and averaged down."""
    y, x = np.mgrid[0 : 4 * SIDE, 0 : 4 * SIDE] / 4.0
    far = np.hypot(y - 130.0, x - 170.0)
    shape = {
        "bars": (x % 60.0 > 25.0) & (y > 95.0),
        "rings": (far % 50.0) > 36.0,
        "rays": np.floor(np.arctan2(y - 20.0, x - 150.0) * 18 / np.pi) % 2 == 0,
        "plain": np.zeros_like(x, bool),
    }[kind]
    picture = np.array([190.0, 60.0, 90.0]) + 0.04 * (x + y)[:, :, None] - shape[:, :, None] * np.array([14.0, 10.0, 12.0])
    return picture.reshape(SIDE, 4, SIDE, 4, 3).mean(axis=(1, 3)).round().astype(np.uint8)


def compressed(picture: np.ndarray) -> np.ndarray:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=92, subsampling=0)
    return np.asarray(Image.open(buffer).convert("RGB"))


def letters() -> np.ndarray:
    image = Image.new("L", (SIDE, SIDE), 0)
    draw = ImageDraw.Draw(image)
    for row, text in enumerate(("Summer is", "here again")):
        draw.text((30, 100 + 56 * row), text, font=ImageFont.load_default(48), fill=255, stroke_width=1)
    return np.asarray(image) > 0


def outline(picture: np.ndarray, hole: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return OutlinedGround(picture, hole, np.zeros_like(hole)).fill(picture, hole, is_sure=True)


@pytest.mark.parametrize("kind", ["bars", "rings", "rays", "plain"])
def test_outlines_go_on_behind_letters_without_a_kink(kind: str) -> None:
    written = compressed(np.where(letters()[:, :, None], np.uint8(255), ground(kind)))
    hole = ndimage.binary_dilation(letters(), iterations=3)
    filled, done = outline(written, hole)
    assert done[hole].mean() > 0.9
    off = np.abs(ndimage.gaussian_filter(filled.astype(float) - ground(kind), (1.5, 1.5, 0.0))).max(axis=2)
    assert np.percentile(off[hole & done], 99.0) < 3.0  # the tones are 14 apart
    assert (filled[~done] == written[~done]).all()
    assert not done[~ndimage.binary_dilation(hole, iterations=9)].any()


def test_an_outline_that_may_have_ended_is_left_and_only_guessed() -> None:
    """A bar's side is seen below the letters only: how high it goes cannot be known."""
    picture = ground("plain")
    picture[150:, 140:170] -= 14
    hole = np.zeros((SIDE, SIDE), bool)
    hole[80:190, 60:250] = True
    _, sure = outline(picture, hole)
    _, guessed = OutlinedGround(picture, hole, np.zeros_like(hole)).fill(picture, hole, is_sure=False)
    assert not sure[100:170, 140].any()
    assert guessed[hole].all()


def test_a_thing_is_told_from_the_noise_of_compression() -> None:
    rng, near = np.random.default_rng(0), np.ones((40, 40), bool)
    noise = rng.normal(0.0, 3.0, (40, 40, 3))
    thing = noise + 8.0 * (np.mgrid[0:40, 0:40][1] > 20)[:, :, None]
    assert np.percentile(coherent_misses(noise, near), 99) < 3.0
    assert (coherent_misses(thing, near)[:, 24:] > 3.0).mean() > 0.95


def test_a_photograph_is_left_to_other_ways() -> None:
    from skimage import data

    picture = np.asarray(data.astronaut())[:SIDE, 100 : 100 + SIDE].copy()
    filled, done = outline(picture, letters())
    assert done[letters()].mean() < 0.3
    assert (filled[~done] == picture[~done]).all()


def test_an_empty_hole_changes_nothing() -> None:
    filled, done = outline(ground("rings"), np.zeros((SIDE, SIDE), bool))
    assert (filled == ground("rings")).all()
    assert not done.any()


def test_rays_that_meet_behind_letters_go_on_and_a_ground_that_is_drawn_in_part_by_chance_does_not() -> None:
    y, x = np.mgrid[0 : 4 * SIDE, 0 : 4 * SIDE] / 4.0
    rays = np.floor(np.arctan2(y - 128.0, x - 150.0) * 18 / np.pi) % 2 == 0
    sun = np.hypot(y - 128.0, x - 150.0) < 60.0
    drawn = np.array([190.0, 60.0, 90.0]) - rays[:, :, None] * 12.0 + sun[:, :, None] * np.array([10.0, 20.0, 0.0])
    picture = drawn.reshape(SIDE, 4, SIDE, 4, 3).mean(axis=(1, 3)).round().astype(np.uint8)
    hole = ndimage.binary_dilation(letters(), iterations=2)
    unknown: list[np.ndarray] = []

    def leave(image_u8: np.ndarray, mask: np.ndarray, keep_out: np.ndarray) -> np.ndarray:
        unknown.append(mask)
        return image_u8

    nothing = np.zeros_like(hole)
    assert share_drawn(compressed(picture), hole, nothing) < FITTED.surely_drawn
    filled, done = fill_hole(compressed(picture), hole, nothing, leave)
    assert done[hole].mean() > 0.6
    assert np.percentile(np.abs(filled.astype(float) - picture).max(axis=2)[hole & done], 90.0) < 6.0

    calm = np.random.default_rng(2).integers(0, 255, (SIDE, SIDE, 3)).astype(np.uint8)
    calm[:150, :210] = ground("plain")[:150, :210]  # as a sky over a town
    assert FITTED.least_drawn <= share_drawn(calm, hole, nothing) < FITTED.surely_drawn
    unknown.clear()
    _, done = fill_hole(calm, hole, nothing, leave)
    assert not done.any()
    assert (unknown[0] == hole).all()
