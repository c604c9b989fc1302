"""Attributes are said in words that mean something, once, or left out."""

from __future__ import annotations

import pytest

from adcreative.copywriter.products import Product, build_describer
from adcreative.copywriter.products.meanings import meaning_of, read_meanings

SAID = (
    ("Material", "Polymer Clay", "made", "made of polymer clay"),
    ("Colour", "Ecru", "comes", "in ecru"),
    ("Color (metafield)", "Blackish Green", "comes", "in blackish green"),
    ("Gender", "Female", "for", "women"),
    ("Room", "Outdoor", "for", "outdoor use"),
    ("Closure Type", "Zipper", "has", "a zipper closure"),
    ("Strap Type", "Adjustable", "has", "an adjustable strap"),
    ("Pattern Type", "Plants", "has", "a plant pattern"),
    ("Pattern Type", "Textured Pattern", "has", "a textured pattern"),
    ("Shaft Material", "Iron", "has", "an iron shaft"),
    ("Size", "17*16*2 in", "measures", "17×16×2 inches"),
    ("battery life", "20 hours", "has", "a battery life of 20 hours"),
    ("keeps hot", "3 hours", "verb", "keeps hot for 3 hours"),
    ("lid", "bamboo screw lid", "has", "a bamboo screw lid"),
    ("dishwasher safe", "no", "is", "not dishwasher safe"),
    ("laptop pocket", "yes", "has", "a laptop pocket"),
    ("Features", "Anti-pilling", "is", "anti-pilling"),
    ("Care Instructions", "Hand wash,do not dry clean", "care", "Hand wash, do not dry clean"),
)
UNSAID = (
    ("Colour", "Green-rim"), ("Farbe", "Grün"), ("Yards", "2 yards"), ("Room", "Dining Room"),
    ("Style", "Fashionable"), ("Element", "Animal"), ("Power Supply", "None"), ("Size", "one-size"), ("Size", "30pcs/box"),
    ("Color", "Multicolor"), ("Pattern Type", "Plain"), ("Gender", "Unisex"), ("Features", "Date"), ("CPU Brand", "Intel"),
    ("Care Instructions", "Care Instructions Not Provided"), ("Lined For Added Warmth", "No"), ("Closure Type", "No-closure"),
)  # fmt: skip


@pytest.mark.parametrize(("name", "value", "kind", "words"), SAID)
def test_what_means_something_is_said_in_its_own_kind_of_words(name: str, value: str, kind: str, words: str) -> None:
    found = meaning_of(name, value)
    assert found is not None
    assert (found.kind, found.one) == (kind, words)


@pytest.mark.parametrize(("name", "value"), UNSAID)
def test_what_is_a_shops_filter_is_left_out(name: str, value: str) -> None:
    assert meaning_of(name, value) is None


def test_nothing_is_said_twice() -> None:
    told = read_meanings([("Material", "Polyester"), ("Composition", "100% Polyester"), ("Color", "Grey"), ("Colour", "Grey")])
    assert [one.one for one in told] == ["made of 100% polyester", "in grey"]
    partly = read_meanings([("Material", "Felt"), ("Composition", "5% Elastane")])
    assert [one.one for one in partly] == ["made of felt"]
    cushion = Product("outdoor chair cushions", "Idee", "", (("Color", "Grey"), ("color", "Grey")))
    assert build_describer("template").describe(cushion, seed=0).text.count("grey") == 1


def test_a_description_is_one_to_three_sentences_and_two_words_of_the_name_do_not_come_back() -> None:
    clip = Product("stainless steel food clip", "Rooma", "", (("Material", "Stainless Steel"), ("Colour", "Silver")))
    texts = {build_describer("template").describe(clip, seed=seed).text for seed in range(6)}
    assert all(text.count("tainless steel") == 1 for text in texts)
    assert all(text.count(".") == 1 for text in texts)


@pytest.mark.parametrize(
    ("language", "words"),
    [("de", "Wolldecke von Pell, aus Schurwolle, in Grün. Gewicht: 2 kg."),
     ("fr", "Wolldecke de Pell, en schurwolle, coloris grün. Gewicht: 2 kg."),
     ("pl", "Wolldecke – Pell. Materiał: Schurwolle. Farbe: Grün. Gewicht: 2 kg."),
     ("xx", "Wolldecke – Pell. Farbe: Grün. Gewicht: 2 kg.")],
)  # fmt: skip
def test_other_languages_join_the_records_words(language: str, words: str) -> None:
    record = (("Material", "Schurwolle"), ("Farbe", "Grün"), ("Gewicht", "2 kg"))
    assert build_describer("template").describe(Product("Wolldecke", "Pell", "", record, (), language), seed=0).text == words


@pytest.mark.parametrize(
    ("name", "value"),
    [("Meses", "3-6M or 6-12M"), ("Rok za isporuku", "1 do 3 dana"), ("Größe", "S or M"), ("Farbe", "Black"),
     ("Maße", "S - 30 cm or M - 43 cm"), ("Farbe", "Nr. 12"), ("Material", "Holz. Bitte beachten: Farbe kann abweichen"),
     ("Telefon", "0638662200"), ("waschbar", "yes"), ("Gewicht", "220")],
)  # fmt: skip
def test_in_other_languages_a_value_that_is_not_what_its_name_says_is_left_out(name: str, value: str) -> None:
    for language in ("de", "cs"):
        product = Product("Wolldecke", "Pell", "", ((name, value), ("Höhe", "20 cm"), ("Breite", "30 cm")), (), language)
        text = build_describer("template").describe(product, seed=0).text
        assert text.endswith("Pell. Höhe: 20 cm. Breite: 30 cm.")


def test_one_attribute_makes_no_description_where_no_words_join_it() -> None:
    product = Product("Кока кола", "Pell", "", (("Размер", "250 ml"),), (), "bg")
    assert build_describer("template").describe(product, seed=0).text == "Кока кола – Pell."


def test_what_a_product_is_not_is_said_only_where_a_buyer_must_know_it() -> None:
    assert meaning_of("Sheer", "No") is None
    assert meaning_of("Batteries required", "No") is None
    assert meaning_of("Batteries required", "Yes") is None
    told = meaning_of("Dishwasher safe", "No")
    assert told is not None
    assert told.one == "not dishwasher safe"


def test_a_bare_code_of_a_plastic_is_no_material_unless_the_title_has_it() -> None:
    def text(title: str) -> str:
        return build_describer("template").describe(Product(title, "Pell", "", (("Material", "PP"),)), seed=0).text

    assert "PP" not in text("polyester tablecloth")
    assert "PP" in text("PP food box")


def test_a_size_in_inches_a_name_with_an_x_and_what_the_name_says() -> None:
    assert meaning_of("Size", "26 inch").one == "in a size of 26 inches"  # type: ignore[union-attr]
    shoe = build_describer("template").describe(Product("Swift Run X Shoes", "Pell", "", (("Color", "White"),)), seed=0).text
    assert "Swift Run X Shoes" in shoe
    bag = Product("zipper closure tote bag", "Pell", "", (("Closure", "Zipper"), ("Color", "Brown")))
    assert build_describer("template").describe(bag, seed=0).text.casefold().count("zipper") == 1


def test_what_the_title_contradicts_is_not_said_and_a_liquid_has_no_colour() -> None:
    attributes = (("color", "Brown"), ("material", "Polyester"))
    told = _describe("Oak Wood Stand For Books, Grey Stand", "Stands", attributes)
    assert "brown" not in told
    assert "polyester" not in told
    assert "brown" in _describe("Stand For Books, Brown Stand", "Stands", attributes)
    assert "brown" not in _describe("Facial Serum For Face, Hydrating", "Serums", (("color", "Brown"), ("size", "30ml")))


@pytest.mark.parametrize("value", ["Style 1", "XiuYu Jade Pagoda", "Pink+Blue", "Basic Set Warm White"])
def test_what_is_no_colour_is_not_said(value: str) -> None:
    assert meaning_of("color", value) is None


def _describe(title: str, category: str, attributes: tuple[tuple[str, str], ...]) -> str:
    return build_describer("template").describe(Product(title, "Halden", category, attributes), seed=0).text


def test_care_is_told_in_whole_sentences_and_once() -> None:
    text = "Wash in warm water (40°C) with similar colors. Use no bleach. For details contact us. Do not bleach or chlor"
    told = {one.kind: one.one for one in read_meanings([("care instructions", text), ("features", "Machine Washable")])}
    assert told == {"care": "Wash in warm water with similar colors. Use no bleach"}
    assert meaning_of("washing temperature", "The washing temperature is below 30 degrees Celsius").one == "Wash below 30 °C"
    assert meaning_of("colour", "BLACK").one == "in black"


def test_a_material_of_what_is_no_part_is_left_out() -> None:
    assert meaning_of("wooden material", "pine wood") is None
    assert meaning_of("handle material", "pine wood") is not None


@pytest.mark.parametrize(
    ("name", "value"), [("weight", "1 liter"), ("weight", "1 kg or 500 g"), ("height", "3 kg"), ("color", "Nuts")]
)
def test_a_measure_has_a_unit_of_its_kind_and_a_colour_is_no_thing(name: str, value: str) -> None:
    assert meaning_of(name, value) is None


def test_a_company_keeps_its_full_stop_before_a_comma() -> None:
    watch = Product("The Minimalist", "Vintage Watch Co.", "", (("Color", "Silver"),))
    texts = {build_describer("template").describe(watch, seed=seed).text for seed in range(6)}
    assert texts == {"The Minimalist from Vintage Watch Co., in silver."}


def test_a_blend_has_an_article_a_v_neck_is_one_and_a_list_of_fits_is_left_out() -> None:
    assert meaning_of("material", "Polyester / spandex blend").one == "made of a polyester / spandex blend"  # type: ignore[union-attr]
    assert meaning_of("neckline", "V-neck").one == "a V-neck"  # type: ignore[union-attr]
    assert meaning_of("fit", "Relaxed A-line, midi length") is None
    assert meaning_of("Valvesonic", "No") is None
