"""Ads come out whole, the same each time, and what cannot be one is said."""

from __future__ import annotations

import gc
import weakref
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from adcreative.compose.crops import crop, plain_edge
from adcreative.compose.layout import load_layout
from adcreative.compose.parts import Box, Palette, Photo
from adcreative.compose.recipe import Recipe
from adcreative.compose.render import compose_ad, layout_names
from adcreative.compose.scene import Line, Picture, encode
from adcreative.compose.shapes import SHAPES, shape_named
from adcreative.errors import ConfigError
from tests.compose.drawn import TEXTS, parts, scenery, thing

STEPS = "1. Pour\n2. Stir\n3. Wait an hour"
PAIRS = {**TEXTS, "headline": "Still cold feet?", "proof": "Ten winters | Two\nFull leather | Split"}


@pytest.mark.parametrize("name", layout_names())
def test_each_layout_gives_an_ad_in_each_shape(name):
    for shape in SHAPES.values():
        photo = scenery(0.3) if load_layout(name).words_on_photo else thing()
        texts = PAIRS | {"proof": STEPS} if "steps" in load_layout(name).needs else PAIRS
        ad = compose_ad(Recipe(name, texts, cutout=True), parts(*[photo] * 4), shape)
        assert {problem.code for problem in ad.problems} <= {"ad_subject_cut", "ad_words_on_subject"}, shape.name
        shown = {each.role for each in ad.placed if not each.dropped}
        assert shown & {"headline", "offer"}
        assert all(each.size >= shape.min_type for each in ad.placed if not each.dropped and each.role != "logo")


def test_there_are_twenty_layouts_of_many_families():
    assert len(layout_names()) >= 20
    assert len({load_layout(name).family for name in layout_names()}) >= 15


def test_the_same_recipe_gives_the_same_bytes():
    recipe = Recipe("split", TEXTS, palette=1)
    again = Recipe.from_json(recipe.to_json())
    one, other = (compose_ad(each, parts(), shape_named("4:5")) for each in (recipe, again))
    assert np.array_equal(np.asarray(one.image), np.asarray(other.image))
    assert one.svg == other.svg


def test_svg_holds_text_as_text_where_the_picture_has_it():
    ad = compose_ad(Recipe("type_only", TEXTS), parts(), shape_named("1:1"))
    spans = [node for node in ElementTree.fromstring(ad.svg).iter() if node.tag.endswith("tspan")]
    headline = next(each for each in ad.placed if each.role == "headline")
    assert [span.text for span in spans][: len(headline.text.splitlines())] != []
    assert headline.text.splitlines()[0] in [span.text for span in spans]
    x = float(next(span.get("x") for span in spans if span.text == headline.text.splitlines()[0]))
    assert abs(x - headline.box.x0) < 0.02


def test_a_small_shape_drops_what_matters_least_and_keeps_the_headline():
    ad = compose_ad(Recipe("type_only", TEXTS), parts(), shape_named("728x90"))
    assert "legal" in ad.dropped
    assert "headline" not in ad.dropped


def test_right_to_left_mirrors_the_layout():
    texts = {"headline": "حذاء جديد للشتاء", "button": "تسوق الآن"}
    there = compose_ad(Recipe("split_side", TEXTS), parts(), shape_named("1:1"))
    mirrored = compose_ad(Recipe("split_side", texts), parts(language="ar"), shape_named("1:1"))
    x0, x1 = (next(each.box for each in ad.placed if each.role == "headline") for ad in (there, mirrored))
    assert x0.x0 > 540
    assert x1.x1 < 560
    assert not mirrored.problems


@pytest.mark.parametrize(
    ("texts", "code"),
    [
        ({"headline": "word " * 80}, "ad_too_long"),
        ({"headline": "Donaudampfschifffahrtsgesellschaftskapitänspatentinhaberverein"}, "ad_no_room"),
        ({"headline": "Warm \U0001fabf boots \ue000"}, "ad_no_letters"),
        ({"subline": "No headline"}, "ad_missing_part"),
    ],
)
def test_what_cannot_be_an_ad_is_said(texts, code):
    ad = compose_ad(Recipe("split", texts), parts(), shape_named("160x600"))
    assert code in {problem.code for problem in ad.problems}


def test_no_photo_is_said_by_layouts_that_need_one():
    assert "needs a photo" in str(compose_ad(Recipe("split", TEXTS, photo=None), parts(), shape_named("1:1")).problems[0])
    assert not compose_ad(Recipe("type_only", TEXTS, photo=None), parts(), shape_named("1:1")).problems


def test_a_display_picture_is_lighter_than_its_limit():
    noise = np.random.default_rng(0).integers(0, 255, (600, 160, 3)).astype(np.uint8)
    data, suffix = encode(Image.fromarray(noise), 150_000)
    assert len(data) <= 150_000
    assert suffix == ".jpg"


def test_recipes_refuse_unknown_roles():
    with pytest.raises(ConfigError, match="no role slogan"):
        Recipe("split", {"slogan": "x"})


def test_without_its_photo_a_panel_takes_the_whole_picture():
    ad = compose_ad(Recipe("steps", TEXTS | {"proof": STEPS}, photo=None), parts(), shape_named("1:1"))
    assert np.asarray(ad.image)[-4, 4].tolist() == np.asarray(ad.image)[4, 4].tolist() == [0xEE, 0xF2, 0xF0]


def test_facts_are_numbered_only_where_they_are_steps():
    assert [p.code for p in compose_ad(Recipe("steps", TEXTS), parts(), shape_named("1:1")).problems] == ["ad_missing_part"]
    ad = compose_ad(Recipe("steps", TEXTS | {"proof": STEPS}), parts(), shape_named("1:1"))
    assert [each.text for each in ad.placed if each.role == "proof"] == ["Pour", "Stir", "Wait an hour"]


@pytest.mark.parametrize("name", ["split", "full_bleed", "seasonal_frame", "card_over_photo", "note_like"])
def test_small_print_stands_in_every_shape_with_room(name):
    for shape in ("1:1", "4:5", "1.91:1"):
        photo = scenery(0.3) if load_layout(name).words_on_photo else thing()
        legal = next(
            one for one in compose_ad(Recipe(name, TEXTS), parts(photo), shape_named(shape)).placed if one.role == "legal"
        )
        assert not legal.dropped
        assert legal.box.y1 <= shape_named(shape).height


def test_a_thing_on_plain_ground_is_shown_whole():
    assert not compose_ad(Recipe("split", TEXTS), parts(replace(thing(), cutout=None)), shape_named("1.91:1")).problems


def picture_of(name: str, photo: Photo, shape: str) -> Picture:
    """Return the photo as it stands in an ad without problems, in its own layout."""
    ad = compose_ad(Recipe(name, TEXTS), parts(photo), shape_named(shape), strict=True)
    assert not ad.problems
    return next(item for item in ad.scene.items if isinstance(item, Picture) and item.role == "photo")


@pytest.mark.parametrize(("name", "shape"), [("split", "1:1"), ("minimal", "1.91:1"), ("editorial", "4:5")])
def test_a_photo_s_box_gives_way_so_that_nothing_of_the_thing_is_cut(name, shape):
    busy = np.random.default_rng(0).integers(0, 255, (480, 640, 3)).astype(np.uint8)
    thing_shown = Box(0.1, 0.1, 0.9, 0.9)
    box = picture_of(name, Photo(Image.fromarray(busy), (thing_shown,)), shape).box
    widest, narrowest = 640 / 480 / (0.97 * 0.8), 640 / 480 * 0.97 * 0.8
    assert narrowest - 0.01 <= box.width / box.height <= widest + 0.01


def test_what_fills_its_photo_is_cut_and_does_not_float():
    full = Photo(scenery(0.3, 640, 480).pixels, (Box(0.02, 0.02, 0.98, 0.98),))
    box = picture_of("minimal", full, "1:1").box
    assert abs(box.width / box.height - 640 / 480) > 0.1


def test_what_the_rim_cuts_is_never_seen_to_end_inside_the_box():
    sheet = np.full((300, 300, 3), 255, np.uint8)
    sheet[:150, 120:180] = (200, 30, 30)  # a cable that comes in from above
    cut = crop(Photo(Image.fromarray(sheet), (Box(0.4, 0.0, 0.6, 0.5),)), 300, 600)
    assert np.asarray(cut.pixels)[0, 150].tolist() == [200, 30, 30]


def test_a_headline_with_one_very_short_line_is_set_smaller():
    ad = compose_ad(
        Recipe("type_only", {"headline": "Jouw cappuccino kan zonder koe"}, photo=None), parts(), shape_named("4:5")
    )
    lengths = [len(line) for line in next(one for one in ad.placed if one.role == "headline").text.split("\n")]
    assert min(lengths) >= 0.4 * max(lengths)


def test_a_thing_never_stands_on_its_own_colour():
    red = Palette("#ffffff", "#1b2430", "#c2472b", "#ffffff", "#c2472b")
    recipe = Recipe("product_on_colour", TEXTS, cutout=True)
    on_accent = compose_ad(recipe, parts(thing(), palettes=(red,)), shape_named("1:1"), strict=True)
    assert [problem.code for problem in on_accent.problems] == ["ad_subject_drowns"]
    free = replace(thing(), words_may_lie=False)
    panel = compose_ad(Recipe("split", TEXTS, cutout=True), parts(free, palettes=(red,)), shape_named("1:1"))
    assert np.asarray(panel.image)[20, 20].tolist() == [255, 255, 255]


def test_a_brand_of_three_words_stands_in_one_line():
    ad = compose_ad(Recipe("split", TEXTS), replace(parts(brand="Ridge & Rain"), logo=None), shape_named("1:1"))
    assert [one.text for one in ad.placed if one.role == "brand"] == ["Ridge & Rain"]


@pytest.mark.parametrize(("headline", "has_mark"), [("“They kept me dry all winter”", True), ("Dry all winter", False)])
def test_a_quotation_mark_stands_over_a_quotation_only(headline, has_mark):
    ad = compose_ad(Recipe("quote_with_face", {"headline": headline}), parts(thing()), shape_named("1:1"))
    assert not ad.problems
    assert any(isinstance(item, Line) for item in ad.scene.items) is has_mark
    photo = next(item for item in ad.scene.items if isinstance(item, Picture) and item.role == "photo")
    assert photo.box.width > 0.8 * 1080


def test_a_layout_that_cuts_the_photo_in_one_shape_gives_way_there():
    tall = Photo(scenery(0.3, 400, 533).pixels, (Box(0.1, 0.18, 0.99, 0.82),))
    recipe = Recipe("full_bleed_top", TEXTS)
    assert not compose_ad(recipe, parts(tall), shape_named("4:5"), strict=True).problems
    assert "ad_subject_cut" in {p.code for p in compose_ad(recipe, parts(tall), shape_named("1.91:1"), strict=True).problems}
    wide = compose_ad(recipe, parts(tall), shape_named("1.91:1"))
    assert not wide.problems
    assert any(isinstance(item, Picture) and item.role == "photo" for item in wide.scene.items)


def test_words_that_each_cover_little_may_not_cover_much_together():
    photo = Photo(scenery(0.3, 640, 640).pixels, (Box(0.0, 0.5, 1.0, 1.0),))
    texts = {
        "headline": "Soft, kind",
        "offer": "20% off this week",
        "subline": "In eight colours and four cuts",
        "button": "Shop now",
    }
    ad = compose_ad(Recipe("full_bleed", texts, density="full"), parts(photo), shape_named("1:1"), strict=True)
    codes = {problem.code for problem in ad.problems}
    assert "ad_words_on_subject" in codes


def test_words_never_lie_on_a_slab_over_the_photo():
    loud = Photo(Image.fromarray((np.indices((640, 640)).sum(0) // 40 % 2 * 255).astype(np.uint8)).convert("RGB"))
    ad = compose_ad(Recipe("full_bleed", TEXTS), parts(loud), shape_named("1:1"), strict=True)
    assert [problem.code for problem in ad.problems] == ["ad_words_on_subject"]
    assert not compose_ad(Recipe("full_bleed", TEXTS), parts(scenery(0.3)), shape_named("1:1"), strict=True).problems


def test_words_lie_on_no_leg_that_the_box_of_the_thing_leaves_out():
    still = np.zeros((96, 96), np.float32)
    legs = still.copy()
    legs[40:, 14:24] = legs[40:, 40:50] = legs[40:, 66:76] = 1.0
    photo = replace(scenery(0.3), quiet=still)
    recipe, shape = Recipe("full_bleed", TEXTS), shape_named("1:1")
    assert not compose_ad(recipe, parts(photo), shape, strict=True).problems
    standing = compose_ad(recipe, parts(replace(photo, quiet=legs)), shape, strict=True)
    assert [problem.code for problem in standing.problems] == ["ad_words_on_subject"]


def test_what_was_found_in_a_photo_goes_with_it():
    photo = thing()
    plain_edge(photo)
    gone = weakref.ref(photo)
    del photo
    gc.collect()
    assert gone() is None


def test_a_price_tag_may_not_cover_what_is_sold():
    low = Photo(scenery(0.3, 640, 640).pixels, (Box(0.4, 0.3, 0.8, 0.7),))
    ad = compose_ad(Recipe("price_tag", TEXTS), parts(low), shape_named("1:1"), strict=True)
    assert [problem.code for problem in ad.problems] == ["ad_words_on_subject"]


def test_a_small_photo_is_set_in_and_never_blown_up() -> None:
    small = Photo(Image.fromarray(np.random.default_rng(3).integers(0, 255, (170, 200, 3), np.uint8)))
    for name, is_blurred in (("split", True), ("minimal", False)):
        ad = compose_ad(Recipe(name, {"headline": "Sleep deeper"}), parts(small), shape_named("1:1"), strict=True)
        assert ("ad_photo_blurred" in {problem.code for problem in ad.problems}) == is_blurred
        if not is_blurred:
            picture = next(item for item in ad.scene.items if isinstance(item, Picture) and item.role == "photo")
            assert picture.box.width <= 4.5 * 200


@pytest.mark.parametrize("layout", ["type_only", "editorial", "note_like", "seasonal_frame", "question"])
@pytest.mark.parametrize(("offer", "is_large"), [("2x1", True), ("30% OFF", True), ("On every pizza that you fetch", False)])
def test_an_offer_that_is_a_figure_is_nearly_as_large_as_the_headline(layout: str, offer: str, is_large: bool) -> None:
    texts = {"headline": "Every day on pizzas?", "subline": "To take away, in the whole of the town", "offer": offer}
    ad = compose_ad(Recipe(layout, texts, 0), parts(), shape_named("1:1"))
    sizes = {one.role: one.size for one in ad.placed if not one.dropped}
    assert (sizes["offer"] > 0.8 * sizes["headline"]) == is_large
