from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from adcreative.market.backdrops import MOTIFS, draw_motif
from adcreative.market.brands import PALETTES, Brand
from adcreative.market.layouts import PLACEMENTS, TEMPLATES
from adcreative.market.lines import AdWords
from adcreative.market.pen import PRODUCTS, Pen, draw_product, wrap
from adcreative.market.rendering import FRAMES, AdDesign, render_ad

WORDS = AdWords(
    headline="How weekend explorers wake up by the sea", primary_text="", description="Pick the dates.", cta="Book now"
)
CASES = [(placement, template) for placement, kind in PLACEMENTS.items() for template in kind.templates]


def design(placement: str, template: str, style_seed: int = 1, *, with_product: bool = True) -> AdDesign:
    brand = Brand(name="Solora", category="travel", palette=PALETTES[0], mark=1)
    return AdDesign(
        brand=brand, placement=placement, template=template, with_product=with_product, style_seed=style_seed, scale=0.4
    )


@pytest.mark.parametrize(("placement", "template"), CASES)
def test_same_design_same_pixels_of_the_placements_size(placement: str, template: str):
    face = np.full((32, 32, 3), 200, np.uint8)
    plan = design(placement, template)
    image_u8 = render_ad(plan, WORDS, [face])
    kind = PLACEMENTS[placement]
    assert image_u8.shape == (round(kind.height * 0.4), round(kind.width * 0.4), 3)
    assert image_u8.dtype == np.uint8
    np.testing.assert_array_equal(image_u8, render_ad(plan, WORDS, [face]))
    assert (image_u8 != render_ad(design(placement, template, 2), WORDS, [face])).any()


@pytest.mark.parametrize("num_faces", range(4))
@pytest.mark.parametrize("with_product", [True, False])
@pytest.mark.parametrize(("placement", "template"), CASES)
def test_parts_lie_inside_and_words_never_cover_a_face(placement: str, template: str, num_faces: int, with_product: bool):
    kind = PLACEMENTS[placement]
    layout = TEMPLATES[template](kind.width, kind.height, num_faces, with_product=with_product)
    left, top, right, bottom = layout.words
    assert 0 <= left < right <= kind.width
    assert 0 <= top < bottom <= kind.height
    assert right - left > 0.25 * kind.width
    assert len(layout.portraits) == num_faces
    for x, y, side in layout.portraits:
        assert 0 <= x < x + side <= kind.width
        assert 0 <= y < y + side <= kind.height
        assert side > 0.16 * min(kind.width, kind.height)
        assert x + side <= left or x >= right or y + side <= top or y >= bottom
        assert layout.brand[1] + 0.05 * min(kind.width, kind.height) <= y or x >= right or x + side <= left
    if num_faces == 0:
        assert layout.product is not None


@pytest.mark.parametrize(("placement", "template"), CASES)
def test_a_long_headline_shrinks_instead_of_leaving_its_column(placement: str, template: str):
    face = np.zeros((32, 32, 3), np.uint8)
    plan = design(placement, template, with_product=False)
    many = AdWords(headline="wide words " * 25, primary_text="", description="More words. " * 20, cta="Book now")
    few = AdWords(headline="", primary_text="", description="", cta="")
    changed = (render_ad(plan, many, [face]) != render_ad(plan, few, [face])).any(axis=2)
    width, height = plan.size
    left, top, right, bottom = TEMPLATES[template](width, height, 1, with_product=False).words
    ys, xs = np.nonzero(changed)
    assert xs.min() >= left - 2
    assert xs.max() <= right + 2
    assert ys.min() >= top - 2
    assert ys.max() <= bottom + 0.12 * height


def test_the_portrait_is_in_the_picture():
    faces = [np.full((32, 32, 3), level, np.uint8) for level in (0, 255)]
    dark, light = (render_ad(design("feed square", "side"), WORDS, [face]) for face in faces)
    assert 0.08 < (dark != light).any(axis=2).mean() < 0.25


@pytest.mark.parametrize("name", PRODUCTS)
def test_every_product_draws_inside_its_square(name: str):
    ground = Image.new("RGB", (200, 200), (120, 130, 140))
    pen = Pen(200, 200, ground)
    draw_product(name, pen, PALETTES[1], 50.0, 50.0, 100.0)
    changed = (np.asarray(pen.finish()) != np.asarray(ground)).any(axis=2)
    assert changed.sum() > 1500
    assert not changed[:45].any()
    assert not changed[:, :45].any()
    assert not changed[155:].any()
    assert not changed[:, 155:].any()


@pytest.mark.parametrize("name", MOTIFS)
def test_every_motif_draws_quietly(name: str):
    palette = PALETTES[2]
    ground = Image.new("RGB", (120, 120), palette.pale)
    pen = Pen(120, 120, ground)
    draw_motif(name, pen, palette.pale, palette.main, np.random.default_rng(0))
    change = np.abs(np.asarray(pen.finish()).astype(int) - np.asarray(ground).astype(int))
    assert 1 < change.mean() < 60


def test_every_frame_shape_occurs():
    face = np.full((32, 32, 3), 0, np.uint8)
    shapes = {render_ad(design("story", "hero", seed), WORDS, [face]).tobytes() for seed in range(12)}
    assert len(shapes) == 12
    assert len(FRAMES) == 4


def test_wrapping_keeps_all_words_and_the_width():
    lines = wrap("one two three four five six seven", 20, 120)
    assert " ".join(lines) == "one two three four five six seven"
    assert len(lines) > 1
    assert wrap("", 20, 100) == []
    assert wrap("incomprehensibilities", 20, 10) == ["incomprehensibilities"]
