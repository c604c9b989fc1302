"""A wider button takes nothing of its old ground with it."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage

from adcreative.lettering.erasing.erasing import inpaint_strokes
from adcreative.lettering.erasing.layers import Layer, lift_shape
from adcreative.lettering.reading.blocks import BlockLine, TextBlock
from adcreative.lettering.setting.plates import can_be_bared, plate_alignment, resize_plate

DARK, LIGHT, TEAL, EDGE_X = (168, 34, 84), (198, 42, 94), (16, 160, 150), 240
PLATE, MORE_PX = (40, 60, 220, 116), 80


def _compressed() -> np.ndarray:
    drawn = Image.new("RGB", (1200, 720), DARK)
    pen = ImageDraw.Draw(drawn)
    pen.rectangle((3 * EDGE_X, 0, 1200, 720), fill=LIGHT)
    pen.rounded_rectangle([3 * edge for edge in PLATE], radius=84, fill=TEAL)
    buffer = io.BytesIO()
    drawn.resize((400, 240), Image.Resampling.LANCZOS).save(buffer, "JPEG", quality=92, subsampling=0)
    return np.asarray(Image.open(buffer).convert("RGB"))


def _lift(image_u8: np.ndarray) -> tuple[Layer, np.ndarray, np.ndarray] | None:
    return lift_shape(image_u8, PLATE, inpaint_strokes, np.zeros(image_u8.shape[:2], bool), colour=TEAL)


def test_a_remembered_lift_is_not_painted_on() -> None:
    lifted = _lift(_compressed())
    assert lifted is not None
    clean = lifted[1].copy()
    line = BlockLine(text="Go", box=(110, 75, 150, 100), confidence=1.0)
    block = TextBlock(lines=(line,), colour=(255, 255, 255), ground=TEAL, residual=0.0, plate=PLATE)
    first, again = (resize_plate(_compressed(), block, more, lambda _: lifted, alignment="left") for more in (MORE_PX, 40))
    assert first is not None
    assert again is not None
    assert np.array_equal(lifted[1], clean)
    assert (again[0][:, PLATE[2] + 50 :] == clean[:, PLATE[2] + 50 :]).all()


def test_a_button_grows_away_from_the_edge_that_it_shares_with_other_texts() -> None:
    label = TextBlock(
        lines=(BlockLine(text="Go", box=(110, 75, 150, 100), confidence=1.0),),
        colour=(255, 255, 255),
        ground=TEAL,
        residual=0.0,
        plate=PLATE,
    )

    def text(x0: int, x1: int) -> TextBlock:
        return replace(label, lines=(replace(label.lines[0], box=(x0, 10, x1, 40)),), plate=None)

    found = [plate_alignment(label, [text(*edges)], 400) for edges in ((20, 220), (40, 220), (40, 300), (90, 300))]
    assert found == ["right", "left", "left", "left"]
    assert plate_alignment(label, [text(20, 220)], 260) == "centre"
    grown = resize_plate(_compressed(), label, 20, _lift, alignment="right")
    assert grown is not None
    assert grown[1].plate == (PLATE[0] - 20, *PLATE[1:])
    assert np.abs(grown[0][88, 24:200].astype(int) - TEAL).max() < 30


def test_the_ringing_beside_an_end_does_not_move_with_it() -> None:
    image_u8 = _compressed()
    line = BlockLine(text="Go", box=(110, 75, 150, 100), confidence=1.0)
    block = TextBlock(lines=(line,), colour=(255, 255, 255), ground=TEAL, residual=0.0, plate=PLATE)
    found = resize_plate(image_u8, block, MORE_PX, _lift, alignment="left")
    assert found is not None
    picture, wider, _ = found
    assert wider.plate == (PLATE[0], PLATE[1], PLATE[2] + MORE_PX, PLATE[3])
    middle_x, middle_y, radius = wider.plate[2] - 28, (PLATE[1] + PLATE[3]) / 2, 28
    y, x = np.mgrid[: picture.shape[0], : picture.shape[1]] + 0.5
    away = np.hypot(x - middle_x, y - middle_y) - radius
    beside = (x > middle_x) & (away > 3) & (away < 12)
    off = np.abs(picture[beside].astype(int) - LIGHT).max(axis=1)
    assert (off > 10).mean() <= 0.02
    inside = (x > middle_x) & (away < -2)
    assert np.abs(picture[inside].astype(int) - TEAL).max() <= 30


def test_a_photograph_behind_a_button_is_not_laid_bare() -> None:
    rng = np.random.default_rng(1)
    y, x = np.mgrid[0:240, 0:400]
    sky = np.stack([0.2 * x + 0.1 * y + 60.0] * 3, axis=2)
    noise = rng.normal(0.0, 2.0, sky.shape)
    gravel = ndimage.gaussian_filter(rng.normal(0.0, 1.0, sky.shape), (4.0, 4.0, 0.0)) * 400.0 + 120.0
    towers = sky + np.where((x > 150) & (x < 260), 40.0, 0.0)[:, :, None]  # drawn: its edges go on behind the button
    for ground, is_bare in ((sky, True), (sky + noise, True), (towers, True), (gravel, False)):
        picture = ground.round().clip(0, 255).astype(np.uint8)
        picture[PLATE[1] : PLATE[3], PLATE[0] : PLATE[2]] = TEAL
        assert can_be_bared(picture, PLATE) == is_bare
    assert not can_be_bared(picture, (0, 0, 400, 240))  # nothing is seen around it


def test_a_wider_button_leaves_a_photograph_around_it_as_it_is() -> None:
    rng = np.random.default_rng(3)
    coarse = rng.integers(0, 255, (24, 40, 3)).astype(np.uint8)
    photograph = np.asarray(Image.fromarray(coarse).resize((400, 240), Image.Resampling.BICUBIC)).copy()
    photograph[110:130, 180:260] = TEAL  # what shines in the button's colour beside its lower edge
    drawn = Image.fromarray(photograph)
    ImageDraw.Draw(drawn).rounded_rectangle((40, 60, 219, 115), radius=28, fill=TEAL)
    image_u8 = np.asarray(drawn)
    line = BlockLine(text="Go", box=(110, 75, 150, 100), confidence=1.0)
    block = TextBlock(lines=(line,), colour=(255, 255, 255), ground=TEAL, residual=0.0, plate=PLATE)
    wider = resize_plate(image_u8, block, 60, _lift, alignment="left")
    assert wider is not None
    assert wider[1].plate == (40, 60, 280, 116)
    expected = Image.fromarray(image_u8)
    ImageDraw.Draw(expected).rounded_rectangle((40, 60, 279, 115), radius=28, fill=TEAL)
    off = np.abs(wider[0].astype(int) - np.asarray(expected).astype(int)).max(axis=2) > 60  # Pillow's own corners are ragged
    assert off.sum() < 40
    assert np.array_equal(wider[0][:, :190], image_u8[:, :190])
    assert np.array_equal(wider[0][118:], image_u8[118:])
