"""Which texts of an ad are its own words, and which are lettering on a thing that keeps it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageDraw
from scipy import ndimage

from adcreative.lettering.arranging.cutting import find_baseline
from adcreative.lettering.arranging.parts import take_apart
from adcreative.lettering.erasing.erasing import inpaint_strokes
from adcreative.lettering.erasing.layers import Layer
from adcreative.lettering.reading.blocks import BlockLine, Box, TextBlock
from adcreative.lettering.reading.reader import load_reader
from adcreative.lettering.reading.words import read_words
from adcreative.lettering.setting.fonts import typefaces


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


def soft_photograph() -> np.ndarray:
    noise = ndimage.gaussian_filter(np.random.default_rng(3).normal(size=(480, 480, 3)), (9.0, 9.0, 0.0))
    return (90 + 900 * noise).clip(0, 255).astype(np.uint8)


def block(role: str, text: str, box: Box, residual: float = 0.0, plate: Box | None = None) -> TextBlock:
    line, ground = BlockLine(text=text, box=box, confidence=1.0), (90, 90, 90) if plate is None else (20, 70, 140)
    return TextBlock(lines=(line,), colour=(255, 255, 255), ground=ground, residual=residual, role=role, plate=plate)


def lines_of(logo: float = 0.0, button: tuple[int, int] = (30, 300)) -> list[TextBlock]:
    """Blocks of a drawn ad; logo: residual of the ground under it; button: where it stands."""
    x, y = button
    return [
        block("brand", "SOMNIA", (60, 30, 140, 50), logo),
        block("headline", "Sleep better", (30, 120, 310, 160), 20.0),
        block("button", "Order now", (x + 40, y + 16, x + 120, y + 32), plate=(x, y, x + 160, y + 48)),
    ]


def draw_blocks(blocks: list[TextBlock]) -> np.ndarray:
    drawn = Image.fromarray(soft_photograph())
    draw = ImageDraw.Draw(drawn)
    for one in blocks:
        if one.plate is not None:
            draw.rectangle(one.plate, fill=one.ground)
        x0, y0, _, y1 = one.box
        draw.text((x0, (y0 + y1) / 2), one.text, font=typefaces()[0].at(1.3 * (y1 - y0)), fill=one.colour, anchor="lm")
    return np.asarray(drawn)


def test_words_stay_together_where_a_button_cannot_come_along() -> None:
    for place in ((30, 200), (300, 400)):  # below the words, and apart from them: a plain shape comes along
        blocks = lines_of(button=place)
        assert take_apart(draw_blocks(blocks), blocks, (), inpaint_strokes) is not None
    shaded = draw_blocks(blocks).copy()
    x0, y0, x1, y1 = blocks[-1].plate or (0, 0, 0, 0)
    shaded[y0:y1, x0:x1] //= np.linspace(1, 6, x1 - x0)[None, :, None].astype(np.uint8)
    assert take_apart(shaded, blocks, (), inpaint_strokes) is None


def test_a_logo_on_a_photograph_stays_there_and_is_seen_whole_with_its_mark() -> None:
    blocks = lines_of(logo=20.0, button=(30, 200))
    parts = take_apart(draw_blocks(blocks), blocks, (), inpaint_strokes)
    assert parts is not None
    assert [piece.block.role for piece in parts.pieces] == ["headline", "button"]
    (x0, y0, x1, y1) = parts.faces[0]
    assert x0 <= 60 - 40  # a mark beside the letters
    assert x1 >= 140
    assert y0 <= 30 < 50 <= y1


@pytest.mark.parametrize("has_mark", [True, False])
def test_a_logo_whose_mark_cannot_be_taken_off_stays_with_it(has_mark: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adcreative.lettering.arranging.parts.lift_shape", lambda *a, **k: None)
    blocks = lines_of(button=(30, 200))
    blocks[0] = replace(blocks[0], ground=(40, 90, 60))
    image_u8 = draw_blocks(blocks).copy()
    image_u8[:60] = (40, 90, 60)
    drawn = Image.fromarray(image_u8)
    draw = ImageDraw.Draw(drawn)
    draw.text((60, 40), "SOMNIA", font=typefaces()[0].at(26), fill=(255, 255, 255), anchor="lm")
    if has_mark:
        draw.rectangle((30, 30, 50, 50), fill=(255, 200, 60))
    parts = take_apart(np.asarray(drawn), blocks, (), inpaint_strokes)
    assert parts is not None
    moved = [piece.block.role for piece in (*parts.pieces, parts.corner) if piece is not None]
    assert ("brand" in moved) != has_mark
    assert bool(parts.faces) == has_mark


def test_the_baseline_of_a_line_whose_words_all_hang_is_where_most_letters_stand() -> None:
    drawn = Image.new("L", (400, 120))
    face = typefaces()[0].at(60)
    ImageDraw.Draw(drawn).text((10, 90), "Python para", font=face, fill=255, anchor="ls")
    alpha = np.asarray(drawn, np.float32) / 255
    rows, columns = np.flatnonzero((alpha > 0.5).any(axis=1)), np.flatnonzero((alpha > 0.5).any(axis=0))
    box = (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 10)  # a box that is too high
    layer = Layer(part=np.repeat(alpha[:, :, None], 3, axis=2), alpha=alpha, left=0, top=0)
    line = BlockLine(text="Python para", box=box, confidence=1.0)
    assert abs(find_baseline(layer, line, [(10, 200), (215, 390)]) - 90) <= 2
