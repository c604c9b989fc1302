"""Letters are told from what a photograph has of their colour."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw
from scipy import ndimage

from adcreative.lettering.reading.ink import cut_below, measure_ink, measure_letters, measure_stroke
from tests.lettering.reading.drawn_ads import letters

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


def test_letters_are_told_from_a_thing_of_nearly_their_colour_that_touches_them() -> None:
    picture, coverage = night_sky()
    rows, columns = np.ogrid[:180, :400]
    cup = ((rows - 70) ** 2 + (columns - 240) ** 2 <= 26**2)[:, :, None] & (coverage < 0.5)[:, :, None]
    picture = np.where(cup, np.array([228, 224, 220], np.uint8), picture)
    ink = measure_letters(picture, BOX, pad=14.0)
    x0, y0, x1, y1 = ink.window
    off = np.abs(ink.coverage - coverage[y0:y1, x0:x1])
    inside = cup[y0:y1, x0:x1, 0]
    assert (off[inside] > 0.5).mean() < 0.35  # beside the letters it is taken for their soft edges
    assert (off[~inside] > 0.5).mean() < 0.01


def test_translucent_letters_are_seen_wholly() -> None:
    picture, coverage = night_sky()
    ramp = np.linspace(0.55, 1.0, 400)[None, :, None]
    faded = (picture * 0.0 + 60.0) * (1.0 - coverage[:, :, None] * ramp) + 250.0 * coverage[:, :, None] * ramp
    faded += np.random.default_rng(0).normal(0.0, 4.0, faded.shape)
    ink = measure_letters(faded.round().clip(0, 255).astype(np.uint8), BOX, pad=14.0)
    x0, y0, x1, y1 = ink.window
    core = coverage[y0:y1, x0:x1] > 0.95
    assert (ink.coverage[core] > 0.3).mean() > 0.97


def test_the_dot_of_a_letter_below_is_no_ink_of_the_line_above_it() -> None:
    picture = Image.new("RGB", (400, 180), (240, 240, 235))
    draw = ImageDraw.Draw(picture)
    draw.text((30, 40), "a deep sea", font=letters(48), fill=(20, 20, 30), anchor="ls")
    draw.text((30, 92), "in view", font=letters(48), fill=(20, 20, 30), anchor="ls")
    pixels = np.asarray(picture)
    dot = int(np.flatnonzero((pixels[:, 28:42].mean(axis=2) < 120).any(axis=1) & (np.arange(180) > 52))[0])
    both = measure_letters(pixels, (28, 0, 300, dot + 4), pad=6.0)
    alone = cut_below(both, dot)
    assert both.box is not None
    assert alone.box is not None
    assert both.box[3] > dot
    assert alone.box == (*both.box[:3], alone.box[3])
    assert 45 < alone.box[3] < dot  # the descender of the p is its own
    assert cut_below(both, alone.box[3] - 4) is both  # no empty row parts them there


def test_strokes_are_as_wide_as_they_were_drawn() -> None:
    picture = np.full((80, 200, 3), 240, np.uint8)
    for left in range(20, 170, 30):
        picture[20:60, left : left + 6] = 20
    assert measure_stroke(measure_ink(picture, (12.0, 12.0, 186.0, 68.0))) == pytest.approx(6.0, rel=0.2)
    assert measure_stroke(measure_ink(np.full((80, 200, 3), 240, np.uint8), (12.0, 12.0, 186.0, 68.0))) == 0.0
