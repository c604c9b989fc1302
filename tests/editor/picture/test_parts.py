"""Which texts of an ad are its own words, and which are lettering on a thing that keeps it."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from adcreative.editor.picture.erasing import inpaint_strokes
from adcreative.editor.picture.fonts import typefaces
from adcreative.editor.picture.parts import take_apart
from adcreative.encoders.picture_words.reader import load_reader
from adcreative.encoders.picture_words.words import read_words


@pytest.mark.parametrize(("has_badge", "left"), [(True, []), (False, ["30 % OFF"])])
def test_words_on_a_badge_stay_with_it(has_badge: bool, left: list[str]) -> None:
    drawn = Image.new("RGB", (720, 720), (243, 233, 220))
    draw, face = ImageDraw.Draw(drawn), typefaces()[0]
    draw.text((60, 320), "Roasted on Monday", font=face.at(52), fill=(43, 26, 16))
    draw.text((60, 420), "Beans from twelve small farms", font=face.at(26), fill=(91, 70, 54))
    if has_badge:
        draw.ellipse((470, 40, 690, 260), fill=(192, 57, 43))
    draw.text((500, 130), "30 % OFF", font=face.at(34), fill=(255, 255, 255) if has_badge else (43, 26, 16))
    image_u8 = np.asarray(drawn)
    parts = take_apart(image_u8, read_words(image_u8, load_reader()).blocks, (), inpaint_strokes)
    assert parts is not None
    told = [piece.block.text for piece in parts.pieces]
    assert [text for text in told if "OFF" in text] == left
    assert "Roasted on Monday" in told
