"""How letters are set is found to a fraction of a pixel: size, place, tracking, weight, softness; so is their compression."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from adcreative.editor.picture.compression import Compression, find_compression
from adcreative.editor.picture.fonts import Typeface, typefaces
from adcreative.editor.picture.lettering import Lettering, paste_coverage
from adcreative.editor.picture.registration import SeenLine, first_lettering, fit_colour, fit_lettering
from adcreative.encoders.picture_words.ink import measure_ink

PLAIN = Typeface("Aileron", "Regular", None)
TEXT = "Sleep better tonight"
GROUND, INK = (236, 228, 214), (36, 32, 60)


def set_line(lettering: Lettering, x: float, y: float, text: str = TEXT) -> np.ndarray:
    """Return a picture [90, 460, 3] with a line set in it."""
    coverage = np.zeros((90, 460), np.float32)
    paste_coverage(coverage, *lettering.draw(text, x, y))
    mixed = np.array(GROUND) * (1.0 - coverage[:, :, None]) + np.array(INK) * coverage[:, :, None]
    return mixed.round().astype(np.uint8)


def see(picture: np.ndarray, text: str = TEXT) -> SeenLine:
    ink = measure_ink(picture, (15.0, 15.0, 445.0, 80.0), pad=5.0)
    assert ink.box is not None
    left, top, right, bottom = ink.window
    pixels = picture[top:bottom, left:right].astype(np.float32)
    return SeenLine(text=text, coverage=ink.coverage, pixels=pixels, ground=ink.ground, left=left, top=top, box=ink.box)


def test_snapped_letters_give_back_their_whole_size_and_pixel() -> None:
    line = see(set_line(Lettering.plain(PLAIN, 37.0), 30.0, 60.0))
    first = first_lettering(PLAIN, line)
    assert first is not None
    fit = fit_lettering([line], first)
    assert fit.lettering.is_snapped
    assert fit.lettering.size_px == 37.0
    assert fit.places == ((30.0, 60.0),)
    assert fit.likeness > 0.97
    assert fit_colour([line], fit) == pytest.approx(INK, abs=3)


@pytest.mark.parametrize(("size_px", "tracking"), [(34.3, 0.0), (31.7, 0.03), (36.6, -0.02)])
def test_smooth_letters_give_back_size_tracking_and_place(size_px: float, tracking: float) -> None:
    face = next(one for one in typefaces() if one.name == "DejaVu Sans Regular")
    made = Lettering(typeface=face, size_px=size_px, tracking=tracking, is_snapped=False)
    line = see(set_line(made, 24.4, 58.7))
    first = first_lettering(face, line)
    assert first is not None
    fit = fit_lettering([line], first)
    assert not fit.lettering.is_snapped
    assert fit.lettering.size_px == pytest.approx(size_px, rel=0.01)
    assert fit.lettering.tracking == pytest.approx(tracking, abs=0.004)
    assert fit.places[0] == pytest.approx((24.4, 58.7), abs=0.3)
    assert fit.likeness > 0.9


def test_bolder_and_softer_letters_are_seen_to_be_so() -> None:
    plain = Lettering(typeface=PLAIN, size_px=36.0, is_snapped=False)
    first = replace(plain, is_snapped=True)
    bold = fit_lettering([see(set_line(replace(plain, stroke=0.024), 24.0, 58.0))], first)
    assert bold.lettering.stroke == pytest.approx(0.024)
    soft = fit_lettering([see(set_line(replace(plain, blur_px=0.8), 24.0, 58.0))], first)
    assert soft.lettering.blur_px == pytest.approx(0.8, abs=0.25)
    sharp = fit_lettering([see(set_line(plain, 24.0, 58.0))], first)
    assert (sharp.lettering.stroke, sharp.lettering.blur_px) == (0.0, 0.0)


@pytest.mark.parametrize(("quality", "subsampling"), [(92, 0), (75, 2), (0, 0)])
def test_the_compression_of_old_letters_is_found(quality: int, subsampling: int) -> None:
    clean = set_line(Lettering.plain(PLAIN, 36.0), 30.0, 60.0)
    seen = clean
    if quality:
        buffer = io.BytesIO()
        Image.fromarray(clean).save(buffer, "JPEG", quality=quality, subsampling=subsampling)
        seen = np.asarray(Image.open(buffer).convert("RGB"))
    assert find_compression(seen, clean, [(20, 20, 420, 80)]) == Compression(quality, subsampling)


def test_compression_changes_pixels_in_its_boxes_alone() -> None:
    clean = set_line(Lettering.plain(PLAIN, 36.0), 30.0, 60.0)
    after = Compression(75, 2).apply(clean, [(31, 25, 200, 70)])
    inside = np.zeros(clean.shape[:2], bool)
    inside[25:70, 31:200] = True
    assert (after[~inside] == clean[~inside]).all()
    assert (after[inside] != clean[inside]).any()


def test_snapped_letters_are_drawn_once_and_moved_by_whole_pixels() -> None:
    lettering = Lettering.plain(PLAIN, 24.0)
    drawn, left, top = lettering.draw("Olive oil", 0.0, 0.0)
    moved, moved_left, moved_top = lettering.draw("Olive oil", 7.4, -3.6)
    assert (moved_left - left, moved_top - top) == (7, -4)
    assert np.array_equal(moved, drawn)
    assert np.array_equal(lettering._draw_at("Olive oil", 7.0, -4.0)[0], drawn)
    with pytest.raises(ValueError, match="read-only"):
        moved[0, 0] = 1.0
