"""Faces, things and text are found where they were drawn, and a plain ground is free."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from adcreative.editor.space import whole_picture as protection
from adcreative.editor.space.whole_picture import FACE_MARGIN, protect, salient_mask, text_mask


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
