"""Looks change what they name, cut nothing protected, and do nothing at zero; faces, things and text are found where drawn."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from adcreative.editor.space import whole_picture as protection
from adcreative.editor.space.genome import ADJUSTMENTS
from adcreative.editor.space.whole_picture import (
    FACE_MARGIN,
    MAX_CROP,
    SAFE_MARGIN,
    PictureAdjuster,
    Protection,
    protect,
    salient_mask,
    text_mask,
    tightest_crop,
    warm,
)
from adcreative.features.batch import LOOK_STATS
from adcreative.features.extraction import look_stats


def picture(height: int = 60, width: int = 80) -> np.ndarray:
    """Return greens and blues, which no lock holds."""
    image_u8 = np.random.default_rng(0).integers(60, 190, (height, width, 3), dtype=np.uint8)
    image_u8[..., 0] = image_u8[..., 1:].min(axis=2) - 50
    return image_u8


def free(height: int = 60, width: int = 80) -> Protection:
    return Protection(np.zeros((height, width), dtype=bool))


def look(**strengths: float) -> np.ndarray:
    return np.array([strengths.get(name, 0.0) for name in ADJUSTMENTS])


def stat(image_u8: np.ndarray, name: str) -> float:
    return float(look_stats(image_u8)[LOOK_STATS.index(name)])


def test_no_look_is_the_picture_itself() -> None:
    image_u8 = picture()
    assert PictureAdjuster(image_u8, free()).apply(image_u8, look()) is image_u8


@pytest.mark.parametrize("name", ["exposure", "warmth", "contrast", "saturation"])
def test_each_look_moves_what_it_names_both_ways(name: str) -> None:
    measured = {"exposure": "brightness"}.get(name, name)
    image_u8 = picture()
    editor = PictureAdjuster(image_u8, free())
    down, up = (stat(editor.apply(image_u8, look(**{name: s})), measured) for s in (-1.0, 1.0))
    assert down < stat(image_u8, measured) - 0.01 < up - 0.02
    assert editor.apply(image_u8, look(**{name: 1.0})).shape == image_u8.shape


LOCKED = {
    "white": (255, 255, 255),
    "paper": (250, 248, 243),
    "grey": (128, 130, 126),
    "black": (8, 6, 10),
    "light skin": (236, 188, 160),
    "dark skin": (120, 74, 54),
    "brand": (0, 120, 220),
}


@pytest.mark.parametrize("strength", [-1.0, 1.0])
@pytest.mark.parametrize("name", ["exposure", "warmth", "contrast", "saturation"])
def test_white_neutrals_skin_and_the_brand_stay_and_the_rest_moves(name: str, strength: float) -> None:
    image_u8 = picture(80, 80)
    for row, colour in enumerate(LOCKED.values()):
        image_u8[10 * row : 10 * row + 10, :40] = colour
    editor = PictureAdjuster(image_u8, free(80, 80), drawn=[LOCKED["brand"]])
    moved = np.abs(editor.apply(image_u8, look(**{name: strength})).astype(int) - image_u8).max(axis=2)
    assert moved[: 10 * len(LOCKED), :40].max() <= 1  # levels of 255
    assert moved[:, 40:].mean() > 4


def test_warmth_keeps_the_luma_of_grey() -> None:
    grey = np.full((4, 4, 3), 128, np.uint8)
    for strength in (-1.0, 1.0):
        assert stat(warm(grey, strength), "brightness") == pytest.approx(128 / 255, abs=0.7 / 255)


def test_a_crop_keeps_size_and_shape_and_what_is_protected() -> None:
    image_u8, mask = picture(), np.zeros((60, 80), dtype=bool)
    mask[10:20, 12:20] = True
    editor = PictureAdjuster(image_u8, Protection(mask))
    assert editor.high[ADJUSTMENTS.index("crop")] == 1.0
    for strength in (0.2, 0.5, 1.0):
        x0, y0, x1, y1 = editor.crop_box(strength, 60, 80)
        assert x0 <= 12 - SAFE_MARGIN * 80
        assert y0 <= 10 - SAFE_MARGIN * 60
        assert x1 >= 20 + SAFE_MARGIN * 80
        assert (x1 - x0) / 80 == pytest.approx(1 - MAX_CROP * strength, abs=2 / 80)
        assert (x1 - x0) / (y1 - y0) == pytest.approx(80 / 60, abs=0.06)
    assert editor.apply(image_u8, look(crop=1.0)).shape == image_u8.shape


def test_what_reaches_the_edge_forbids_the_crop() -> None:
    mask = np.zeros((60, 80), dtype=bool)
    mask[5, 0], mask[5, 79] = True, True
    editor = PictureAdjuster(picture(), Protection(mask))
    assert editor.low.tolist() == [-1, -1, -1, -1, 0]
    assert editor.high.tolist() == [1, 1, 1, 1, 0]


def test_the_tightest_crop_is_central_when_it_may_be() -> None:
    assert tightest_crop((50, 50, 50, 50), 100, 100) == (7, 7, 93, 93)  # floor and ceiling of 7.5 and 92.5
    assert tightest_crop((0, 40, 10, 60), 100, 100)[0] == 0
    assert tightest_crop((90, 40, 100, 60), 100, 100)[2] == 100


def test_half_the_reach_is_half_of_every_range_and_stays_a_small_change() -> None:
    """The bound that the docs state for the default: any look within it moves a pixel by 26 of 255 on average, at most."""
    image_u8 = picture()
    whole, half = PictureAdjuster(image_u8, free()), PictureAdjuster(image_u8, free(), 0.5)
    assert half.low.tolist() == (0.5 * whole.low).tolist()
    assert half.high.tolist() == (0.5 * whole.high).tolist()
    tones = np.array([1.0, 1.0, 1.0, 1.0, 0.0])  # a crop moves pixels to other places
    moved = [
        np.abs(half.apply(image_u8, side * tones * np.abs(half.low)).astype(int) - image_u8).mean() for side in (-1.0, 1.0)
    ]
    assert 3.0 < max(moved) <= 26.0


def ad(*, text: bool = False, thing: bool = False) -> np.ndarray:
    image = Image.new("RGB", (400, 300), (205, 214, 222))
    draw = ImageDraw.Draw(image)
    if text:
        draw.text((40, 30), "Dry feet all day", font=ImageFont.load_default(36), fill=(20, 20, 30))
    if thing:
        draw.ellipse((280, 180, 340, 240), fill=(180, 30, 30))
    return np.asarray(image)


def test_a_plain_ground_is_free() -> None:
    assert not protect(ad()).mask.any()
    x0, y0, x1, y1 = protect(ad()).frame()
    assert (x0, y0) == (x1, y1) == (200, 150)


def test_text_is_found_whole_and_little_else() -> None:
    mask = text_mask(ad(text=True))
    ink = (ad(text=True) != ad()).any(axis=2)
    assert mask[ink].mean() > 0.97
    assert mask.mean() < 3 * ink[38:75, 40:330].size / ink.size
    assert not mask[150:].any()


def test_a_thing_stands_out() -> None:
    mask = salient_mask(ad(thing=True))
    thing = (ad(thing=True) != ad()).any(axis=2)
    assert protect(ad(thing=True)).mask[thing].mean() > 0.8
    assert mask[:, :200].mean() < 0.05


def test_a_thing_as_bright_as_its_ground_is_found_by_its_colour() -> None:
    image_u8 = np.full((48, 48, 3), 100, np.uint8)
    image_u8[20:28, 20:28] = (200, 60, 40)  # a luma of 99
    assert protect(image_u8).mask[20:28, 20:28].all()
    assert protect(image_u8).mask.mean() < 0.3


def test_text_is_protected_where_nothing_stands_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protection, "salient_mask", lambda image_u8: np.zeros(image_u8.shape[:2], dtype=bool))
    ink = (ad(text=True) != ad()).any(axis=2)
    assert protect(ad(text=True)).mask[ink].mean() > 0.97


def test_faces_keep_a_margin_and_the_frame_holds_everything() -> None:
    extra = np.zeros((300, 400), dtype=bool)
    extra[290, 5] = True
    found = protect(ad(), [(100, 100, 140, 150)], extra)
    margin = int(40 * FACE_MARGIN)
    assert found.mask[125, 100 - margin : 140 + margin].all()
    assert found.frame() == (5, 70, 140 + margin, 291)
    assert protect(ad(), [(-10, -10, 20, 20)]).mask[0, 0]  # a face cut off by the edge
