"""Photos, cut-outs, palettes and logos, on pictures drawn here whose truth is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from adcreative.compose.assets import prepare_photo
from adcreative.compose.colour import contrast, from_oklch, parse_colour, to_oklch
from adcreative.compose.cutouts import MAX_PALE, Segmenter, cut_from_ground, cut_out, load_segmenter, pale_share
from adcreative.compose.logo import free_logo, read_logo
from adcreative.compose.palettes import BUTTON_CONTRAST, derive_palettes, find_accents
from adcreative.errors import ConfigError

COLOURS = st.integers(0, 0xFFFFFF).map(lambda value: f"#{value:06x}")


def draw_ball(ground: str = "white", ball: str = "#c03020") -> Image.Image:
    image = Image.new("RGB", (320, 240), ground)
    ImageDraw.Draw(image).ellipse((110, 60, 230, 180), fill=ball)
    return image


def iou(alpha: np.ndarray, truth: np.ndarray) -> float:
    seen = alpha > 0.5
    return float((seen & truth).sum() / (seen | truth).sum())


@settings(max_examples=60, deadline=None)
@given(st.lists(COLOURS, max_size=3), st.booleans())
def test_every_palette_can_be_read_and_its_button_stands_out(colours: list[str], are_given: bool) -> None:
    for palette in derive_palettes(colours, are_given=are_given):
        assert contrast(palette.ground, palette.ink) >= 4.5
        assert contrast(palette.accent, palette.on_accent) >= 4.5
        assert contrast(palette.accent, palette.ground) >= BUTTON_CONTRAST - 0.05


def test_colours_of_the_brand_stay_and_oklch_goes_both_ways() -> None:
    assert {palette.accent for palette in derive_palettes(["#00aa66"], are_given=True)[:2]} == {"#00aa66"}
    assert from_oklch(*to_oklch("#3d7a12")) == "#3d7a12"
    assert parse_colour("0a6") == parse_colour("#00aa66") == "#00aa66"
    with pytest.raises(ConfigError, match='"reddish" is no colour; write one such as'):
        parse_colour("reddish")


def test_grounds_and_accents_are_given_colours_where_two_are_given() -> None:
    red, yellow = "#be1819", "#febd5c"
    palettes = derive_palettes([red, yellow], are_given=True)
    assert {palette.ground for palette in palettes} == {"#ffffff", "#101214", red, yellow}
    assert {palette.accent for palette in palettes[:4]} == {red, yellow}
    (dark,) = (palette for palette in derive_palettes(["#ed1c24"], are_given=True) if palette.ground == "#101214")
    assert dark.accent == "#ed1c24"  # readable as it is
    (dark,) = (palette for palette in derive_palettes(["#881b29"], are_given=True) if palette.ground == "#101214")
    assert dark.accent == "#ffffff"  # made lighter, a dark red would be coral
    assert next(palette.soft for palette in palettes if palette.ground == yellow) == "#ffffff"  # darker, it would be mustard


def test_a_thing_on_plain_ground_is_cut_out_by_colour_and_its_accent_found() -> None:
    image = draw_ball()
    truth = np.asarray(image)[..., 1] < 128
    rgba, edge = cut_out(np.asarray(image), None, has_person=False)
    assert rgba is not None
    assert edge.edge > 0.95
    assert iou(rgba[..., 3] / 255, truth) > 0.95  # the outermost pixel is left out
    prepared = prepare_photo(np.asarray(image), segment=None)
    (box,) = prepared.photo.focus
    assert np.allclose(box, (110 / 320, 60 / 240, 231 / 320, 181 / 240), atol=0.02)
    colours, source = find_accents(None, [prepared.photo])
    assert source == "photo"
    assert abs(to_oklch(colours[0])[2] - to_oklch("#c03020")[2]) < 0.15


def test_the_network_cuts_a_thing_off_a_ground_that_is_not_plain() -> None:
    noise = np.random.default_rng(1).normal(0, 22, (240, 320, 1))
    image_u8 = np.clip(np.asarray(draw_ball("#7a8a70", "#d02818")) + noise, 0, 255).astype(np.uint8)
    truth = np.asarray(draw_ball())[..., 1] < 128
    rgba, _ = cut_out(image_u8, load_segmenter()(image_u8), has_person=False)
    assert rgba is not None
    assert iou(rgba[..., 3] / 255, truth) > 0.9


def test_a_picture_without_a_thing_stays_a_photo() -> None:
    noise = np.random.default_rng(1).integers(0, 255, (240, 320, 3)).astype(np.uint8)
    assert prepare_photo(noise, segment=load_segmenter()).photo.cutout is None


def test_no_face_of_a_group_is_cut() -> None:
    pixels = np.random.default_rng(1).integers(0, 255, (400, 600, 3), np.uint8)
    faces = [(60.0, 100.0, 160.0, 220.0), (400.0, 90.0, 480.0, 180.0), (300.0, 300.0, 320.0, 325.0)]  # the last in the distance
    first, *others = prepare_photo(pixels, segment=None, find_faces=lambda image_u8: faces).photo.focus
    assert first.x0 < 0.1
    assert 0.8 < first.x1 < 0.9
    assert first.y1 < 0.65
    assert len(others) == 3


def test_the_hair_above_a_face_belongs_to_it() -> None:
    pixels = np.random.default_rng(1).integers(0, 255, (400, 600, 3), np.uint8)
    (head,) = prepare_photo(pixels, segment=None, find_faces=lambda image_u8: [(200.0, 160.0, 280.0, 260.0)]).photo.focus
    assert head.y0 * 400 == pytest.approx(120)
    assert head.y1 * 400 == pytest.approx(275)


def test_a_white_box_goes_from_a_logo_and_counters_with_it() -> None:
    logo = Image.new("RGBA", (200, 100), "white")
    draw = ImageDraw.Draw(logo)
    draw.ellipse((20, 20, 80, 80), outline="#103080", width=10)
    draw.rectangle((110, 20, 120, 80), fill="#103080")
    freed = np.asarray(free_logo(logo))
    assert freed.shape[:2] == (61, 101)
    assert freed[30, 30, 3] == 0  # the counter
    assert tuple(freed[30, 95]) == (16, 48, 128, 255)
    badge = Image.new("RGBA", (200, 100), "white")
    ImageDraw.Draw(badge).rectangle((20, 20, 180, 80), fill="#103080")
    ImageDraw.Draw(badge).rectangle((80, 40, 120, 60), fill="white")
    assert tuple(np.asarray(free_logo(badge))[30, 80]) == (255, 255, 255, 255)  # white letters of a badge stay


def test_logos_are_drawn_from_svg_and_broken_ones_refused(tmp_path: Path) -> None:
    file = tmp_path / "logo.svg"
    drawn = '<ellipse cx="20" cy="10" rx="20" ry="10" fill="#0a6"/>'
    file.write_text(f'<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20">{drawn}</svg>')
    assert read_logo(file).size == (1024, 512)
    for content in ("<svg><rect", "no picture", "<svg xmlns='http://www.w3.org/2000/svg'></svg>"):
        file.write_text(content)
        with pytest.raises(ConfigError, match=r"broken SVG|is empty"):
            read_logo(file)
    for left_out, what in (("<text y='9'>Marlow</text>", "words as text"), ("<image href='a.png'/>", "a picture")):
        file.write_text(f'<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20">{drawn}{left_out}</svg>')
        with pytest.raises(ConfigError, match=f"holds {what}; export it as outlines"):
            read_logo(file)
    with pytest.raises(ConfigError, match=r"there is no file .*--cutout-model"):
        load_segmenter(tmp_path / "none.onnx")
    with pytest.raises(ConfigError, match="is no ONNX network"):
        Segmenter(file)


def test_a_shadow_or_a_white_thing_on_white_is_not_cut_out() -> None:
    image = Image.new("RGB", (300, 300), "white")
    ImageDraw.Draw(image).ellipse((60, 180, 260, 250), fill="#dcdcdc")  # a shadow
    ImageDraw.Draw(image).ellipse((80, 40, 220, 220), fill="#c2472b")
    shaded = np.asarray(image)
    alpha = cut_from_ground(shaded, np.array([255, 255, 255]))
    assert pale_share(shaded, alpha, np.array([255, 255, 255])) > MAX_PALE
    assert prepare_photo(shaded, segment=None).photo.cutout is None
