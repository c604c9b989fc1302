"""The checker finds what is wrong with pixels whatever the layouter says, and finds nothing in sound ads."""

from __future__ import annotations

from dataclasses import replace

import pytest

from adcreative.compose.checks import faults
from adcreative.compose.parts import Box
from adcreative.compose.recipe import Recipe
from adcreative.compose.render import Composed, compose_ad
from adcreative.compose.scene import Fill, Scene, Words
from adcreative.compose.shapes import Shape, shape_named
from tests.compose.drawn import TEXTS, parts, scenery

SHAPE = Shape("small story", 540, 960, "story", 15, Box(0.06, 0.14, 0.94, 0.65))


def broken(change, shape=SHAPE, layout="type_only") -> set[str]:
    """Return the codes of faults of an ad whose headline was changed."""
    ad = compose_ad(Recipe(layout, TEXTS), parts(), shape)
    items = []
    for item in ad.scene.items:
        items += change(item) if isinstance(item, Words) and item.role == "headline" else [item]
    return {fault.code for fault in faults(Composed(Scene(shape.width, shape.height, tuple(items)), ad.placed, (), ()), shape)}


def moved(item: Words, x: float, y: float) -> list[Words]:
    box = Box(item.box.x0 + x, item.box.y0 + y, item.box.x1 + x, item.box.y1 + y)
    return [replace(item, lines=tuple((text, a + x, b + y) for text, a, b in item.lines), box=box)]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda item: moved(item, 0, 150), "ad_overlap"),
        (lambda item: moved(item, 250, 0), "ad_words_cut"),
        (lambda item: moved(item, 0, -125), "ad_outside_safe"),
        (lambda item: [replace(item, colour="#d8d8d8")], "ad_contrast"),
        (lambda item: [replace(item, size=9.0)], "ad_small_type"),
        (lambda item: [replace(item, lines=(("Warm \ue000 boots", *item.lines[0][1:]),))], "ad_no_letters"),
        (lambda item: [item, Fill(item.box, "#ffffff")], "ad_words_cut"),
        (lambda item: moved(item, 3000, 0), "ad_no_ink"),
        (lambda item: [replace(item, lines=(*item.lines[:1], (*item.lines[0][:2], item.lines[0][2] + 9)))], "ad_lines_touch"),
    ],
)
def test_each_fault_is_found_in_the_pixels(change, code):
    assert code in broken(change)


@pytest.mark.parametrize(
    ("layout", "level"), [("full_bleed", 0.15), ("full_bleed", 0.9), ("card_over_photo", 0.5), ("split", 0.5)]
)
def test_sound_ads_have_none(layout, level):
    for name in ("1.91:1", "300x250", "160x600", "728x90"):
        assert not faults(compose_ad(Recipe(layout, TEXTS), parts(scenery(level)), shape_named(name)), shape_named(name))


@pytest.mark.parametrize(("language", "words"), [("pl", "Śpij głębiej"), ("fr", "Dormez mieux"), ("pt", "O único colchão")])
@pytest.mark.parametrize("typefaces", range(4))
def test_accents_and_dots_of_the_first_line_stay_in_the_safe_zone(language, words, typefaces):
    for layout in ("type_only", "product_grid"):
        recipe = Recipe(layout, {"headline": words}, 0, typefaces=typefaces)
        ad = compose_ad(recipe, parts(*[scenery(0.5)] * 4, language=language), shape_named("9:16"), strict=True)
        assert not faults(ad, shape_named("9:16"))


@pytest.mark.parametrize(
    ("language", "words"), [("vi", "GIAO HÀNG SIÊU TỐC CÙNG KẾT NỐI TIÊU DÙNG"), ("pt", "DEZENAS DE OFERTAS A PREÇO É HOJE")]
)
@pytest.mark.parametrize("typefaces", range(6))
def test_marks_of_capitals_do_not_touch_the_line_above(language: str, words: str, typefaces: int) -> None:
    recipe = Recipe("type_only", {"headline": words}, None, typefaces=typefaces)
    ad = compose_ad(recipe, parts(language=language), shape_named("1:1"), strict=True)
    assert max(len(item.lines) for item in ad.scene.items if isinstance(item, Words)) > 2
    assert not faults(ad, shape_named("1:1"))
