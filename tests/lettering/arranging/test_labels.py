"""Texts that stay with a thing: on a label, a card, a badge; and a button on a photograph."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from adcreative.lettering.arranging.labels import find_things, is_found_whole, is_on_texture, is_tilted
from adcreative.lettering.reading.blocks import BlockLine, Box, TextBlock, hangs_below

GROUND, CARD = (16, 14, 30), (30, 26, 50)  # as near as two tones of a dark screen


def text(role: str, box: Box, plate: Box | None = None) -> TextBlock:
    line = BlockLine(text=role, box=box, confidence=1.0)
    return TextBlock(lines=(line,), colour=(250, 250, 250), ground=CARD, residual=0.0, role=role, plate=plate)


def ad(card: Box) -> np.ndarray:
    """An ad 400 x 600 with a card in it, a little lighter than its ground."""
    image_u8 = np.full((400, 600, 3), GROUND, np.uint8)
    x0, y0, x1, y1 = card
    image_u8[y0:y1, x0:x1] = CARD
    return image_u8


@pytest.mark.parametrize("card", [(380, 100, 520, 220), (320, 60, 600, 340)])  # a label, and a screen that reaches a rim
def test_all_texts_of_a_card_stay_on_it(card: Box) -> None:
    image_u8, head = ad(card), text("headline", (40, 60, 260, 100))
    inside = [text("subline", (card[0] + 20, 120, card[0] + 110, 134)), text("subline", (card[0] + 20, 150, card[0] + 80, 160))]
    (thing,) = find_things(image_u8, [head, *inside])
    assert list(thing.texts) == inside
    assert np.abs(np.subtract(thing.box, card)).max() <= 3


def test_a_card_with_a_picture_on_it_is_a_thing_too() -> None:
    image_u8 = ad((200, 60, 420, 340))
    image_u8[75:290, 215:405] = np.random.default_rng(0).integers(60, 250, (215, 190, 3))
    body = text("subline", (260, 305, 350, 320))
    (thing,) = find_things(image_u8, [text("headline", (40, 60, 160, 100)), body])
    assert thing.texts == (body,)
    assert np.abs(np.subtract(thing.box, (200, 60, 420, 340))).max() <= 3


@pytest.mark.parametrize(
    "other", [text("headline", (350, 200, 500, 240)), text("button", (350, 200, 400, 210), (340, 190, 420, 220))]
)
def test_a_panel_with_what_an_ad_is_built_of_is_no_thing(other: TextBlock) -> None:
    assert find_things(ad((320, 60, 600, 340)), [text("subline", (340, 120, 430, 134)), other]) == []


def test_a_panel_at_three_rims_is_no_card() -> None:
    assert find_things(ad((390, 0, 600, 400)), [text("subline", (410, 120, 500, 134))]) == []


def test_what_stands_on_a_round_price_stays_on_it() -> None:
    price = text("price", (420, 150, 480, 180), (400, 100, 500, 200))
    small = text("subline", (430, 120, 470, 132))
    (thing,) = find_things(ad((0, 0, 1, 1)), [small, price])
    assert thing.box == (400, 100, 500, 200)
    assert set(thing.texts) == {small, price}
    assert find_things(ad((0, 0, 1, 1)), [text("price", (320, 150, 480, 180), (300, 140, 500, 200))]) == []


def test_a_badge_is_found_under_a_tilted_text_whose_box_is_wider() -> None:
    rows, columns = np.mgrid[:400, :600]
    image_u8 = np.random.default_rng(0).integers(60, 200, (40, 60, 3)).repeat(10, axis=0).repeat(10, axis=1).astype(np.uint8)
    image_u8[np.hypot(columns - 450, rows - 150) < 70] = (255, 214, 10)
    level = text("price", (372, 110, 528, 190))
    tilted = replace(level, lines=(replace(level.lines[0], angle_deg=-7.0),))
    assert not is_tilted(level)
    assert is_tilted(tilted)
    (thing,) = find_things(image_u8, [tilted])
    assert np.abs(np.subtract(thing.box, (380, 80, 520, 220))).max() <= 4


def test_a_photograph_is_told_from_a_gradient_around_a_button() -> None:
    gradient = np.broadcast_to(np.linspace(40, 120, 600)[None, :, None], (400, 600, 3)).astype(np.uint8)
    noise = np.random.default_rng(0).normal(0.0, 40.0, (40, 60, 3)).repeat(10, axis=0).repeat(10, axis=1)
    assert not is_on_texture(gradient, (200, 150, 400, 210))
    assert is_on_texture((gradient + noise).clip(0, 255).astype(np.uint8), (200, 150, 400, 210))


@pytest.mark.parametrize(
    ("word", "is_below"), [("którą", True), ("façade", True), ("Țara", True), ("kota", False), ("ÉTÉ", False)]
)
def test_marks_below_letters_reach_below_the_baseline(word: str, is_below: bool) -> None:
    assert hangs_below(word) == is_below


def test_a_text_of_which_a_part_was_found_is_told_by_its_width() -> None:
    assert is_found_whole(text("headline", (40, 60, 260, 100)))
    assert not is_found_whole(text("headline", (200, 60, 260, 100)))
