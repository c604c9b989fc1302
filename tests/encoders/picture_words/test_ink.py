"""Letters are told from what a photograph has of their colour."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage

from adcreative.encoders.picture_words.ink import measure_ink, measure_letters
from tests.encoders.picture_words.drawn_ads import letters

BOX = (60, 60, 330, 116)


def night_sky() -> tuple[np.ndarray, np.ndarray]:
    """Return letters on uneven ground with spots of their colour [H, W, 3], and the letters' coverage [H, W] 0..1."""
    rng = np.random.default_rng(3)
    clouds = ndimage.gaussian_filter(rng.normal(size=(180, 400)), 9.0)
    ground = np.repeat((60.0 + 40.0 * clouds / np.abs(clouds).max())[:, :, None], 3, axis=2)
    for y, x, radius in ((40, 200, 6), (140, 350, 9), (80, 345, 8), (64, 150, 1), (30, 90, 5)):
        rows, columns = np.ogrid[:180, :400]
        ground[(rows - y) ** 2 + (columns - x) ** 2 <= radius**2] = 250.0
    mask = Image.new("L", (400, 180), 0)
    ImageDraw.Draw(mask).text((64, 60), "Look further", font=letters(44), fill=255, stroke_width=1)
    coverage = np.asarray(mask, np.float32) / 255.0
    mixed = ground * (1.0 - coverage[:, :, None]) + 250.0 * coverage[:, :, None]
    return mixed.round().clip(0, 255).astype(np.uint8), coverage


def test_letters_are_told_from_spots_of_their_colour_around_them() -> None:
    picture, coverage = night_sky()
    ink = measure_letters(picture, BOX, pad=14.0)
    rows, columns = np.flatnonzero((coverage > 0.5).any(axis=1)), np.flatnonzero((coverage > 0.5).any(axis=0))
    assert ink.box is not None
    assert np.abs(np.subtract(ink.box, (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1))).max() <= 1
    x0, y0, x1, y1 = ink.window
    assert np.abs(ink.coverage - coverage[y0:y1, x0:x1]).mean() < 0.02
    wide = measure_ink(picture, (60.0, 60.0, 330.0, 116.0), pad=14.0)
    assert wide.box is not None
    assert wide.box != ink.box  # a spot stands beside the box
