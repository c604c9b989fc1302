"""How letters are set is found to a fraction of a pixel: size, place, tracking, weight, softness; so is their compression."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from adcreative.lettering.erasing.compression import Compression, find_compression
from adcreative.lettering.reading.ink import measure_ink
from adcreative.lettering.setting.fonts import Typeface, typefaces
from adcreative.lettering.setting.glyphs import Lettering, paste_coverage
from adcreative.lettering.setting.registration import SeenLine, _snapped_sizes, first_lettering, fit_colour, fit_lettering

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


def test_snapped_sizes_are_those_of_letters_that_are_all_drawn() -> None:
    """Most sizes are left out by a width that is known without drawing; none that fits may be among them."""
    rng, faces, texts = (
        np.random.default_rng(11),
        typefaces(),
        ("Größter Genuß", "f", "JETZT", "“Slow”", "-50%", "Wait, it’s ours"),
    )
    for number in range(12):
        face, text = faces[number * 3 % len(faces)], texts[number % len(texts)]
        first = Lettering.plain(face, float(rng.uniform(12, 80)))
        wanted = max(2, int(first.ink_box(text)[2] * rng.uniform(0.93, 1.07)))
        empty = np.zeros((1, 1, 3), np.float32)
        line = SeenLine(text=text, coverage=empty[:, :, 0], pixels=empty, ground=empty, left=0, top=0, box=(0, 0, wanted, 10))
        low, high = 0.88 * first.size_px, 1.12 * first.size_px
        misses = []
        for size in np.arange(np.ceil(2 * low) / 2, high + 0.25, 0.5):
            x0, _, x1, _ = replace(first, size_px=float(size)).ink_box(text)
            if abs(x1 - x0 - wanted) <= 2.0 + 0.012 * wanted:
                misses.append((abs(x1 - x0 - wanted) + (size != round(size)), float(size)))
        assert list(_snapped_sizes(line, first)) == [size for _, size in sorted(misses)[:5]]


def test_soft_letters_are_the_sharp_ones_blurred() -> None:
    made = Lettering(typeface=PLAIN, size_px=36.0, blur_px=0.8, is_snapped=False)
    soft, sharp = np.zeros((90, 460), np.float32), np.zeros((90, 460), np.float32)
    paste_coverage(soft, *made.draw(TEXT, 24.3, 58.6))
    paste_coverage(sharp, *replace(made, blur_px=0.0).draw(TEXT, 24.3, 58.6))
    np.testing.assert_allclose(soft, ndimage.gaussian_filter(sharp, 0.8, mode="constant", truncate=3.0), atol=1e-6)


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
