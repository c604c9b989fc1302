"""Holes in drawn grounds: outlines go on behind letters, what is no drawn ground is left, all other pixels stay."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from adcreative.lettering.erasing.tones import continue_tones, share_drawn

SIDE = 240


def ground(kind: str) -> np.ndarray:
    """A slope with two rings, a bar or a disc in a fainter tone on it, drawn large and averaged down."""
    y, x = np.mgrid[0 : 4 * SIDE, 0 : 4 * SIDE] / 4.0
    far = np.hypot(y - 150.0, x - 200.0)
    shape = {
        "rings": (np.abs(far - 60.0) < 8.0) | (np.abs(far - 110.0) < 8.0),
        "bar": np.abs(x - 0.4 * y - 70.0) < 14.0,
        "disc": far < 75.0,
    }[kind]
    picture = np.array([190.0, 60.0, 90.0]) + 0.04 * (x + y)[:, :, None] - shape[:, :, None] * np.array([14.0, 10.0, 12.0])
    return picture.reshape(SIDE, 4, SIDE, 4, 3).mean(axis=(1, 3)).round().astype(np.uint8)


def compressed(picture: np.ndarray) -> np.ndarray:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=92, subsampling=0)
    return np.asarray(Image.open(buffer).convert("RGB"))


def letters() -> np.ndarray:
    image = Image.new("L", (SIDE, SIDE), 0)
    ImageDraw.Draw(image).text((24, 90), "Summer", font=ImageFont.load_default(50), fill=255, stroke_width=1)
    return np.asarray(image) > 0


@pytest.mark.parametrize("kind", ["rings", "bar", "disc"])
def test_outlines_go_on_behind_letters(kind: str) -> None:
    written = np.where(letters()[:, :, None], np.uint8(255), ground(kind))
    hole = ndimage.binary_dilation(letters(), iterations=2)
    filled, done = continue_tones(compressed(written), hole, np.zeros_like(hole))
    assert done[hole].mean() > 0.97
    off = np.abs(ndimage.gaussian_filter(filled.astype(float) - ground(kind), (1.5, 1.5, 0.0))).max(axis=2)
    assert np.percentile(off[hole & done], 90.0) < 4.0  # the tones are 14 apart
    assert (filled[~done] == compressed(written)[~done]).all()
    assert not done[~ndimage.binary_dilation(hole, iterations=9)].any()


def test_a_photograph_is_left_to_other_ways() -> None:
    from skimage import data

    picture = np.asarray(data.astronaut())[:SIDE, 100 : 100 + SIDE].copy()
    filled, done = continue_tones(picture, letters(), np.zeros((SIDE, SIDE), bool))
    assert done[letters()].mean() < 0.3
    assert (filled[~done] == picture[~done]).all()


@pytest.mark.parametrize("kind", ["rings", "bar", "disc"])
def test_a_drawn_ground_is_told_from_a_photograph(kind: str) -> None:
    from skimage import data

    hole, nothing = letters(), np.zeros((SIDE, SIDE), bool)
    assert share_drawn(compressed(ground(kind)), hole, nothing) > 0.7
    for name, top, left in (("coffee", 40, 120), ("astronaut", 0, 130), ("brick", 60, 60), ("gravel", 60, 60)):
        photograph = np.asarray(getattr(data, name)())[top : top + SIDE, left : left + SIDE]
        photograph = photograph if photograph.ndim == 3 else photograph[:, :, None].repeat(3, axis=2)
        assert share_drawn(photograph.copy(), hole, nothing) < 0.5, name
    assert share_drawn(ground(kind), nothing, nothing) == 0.0
