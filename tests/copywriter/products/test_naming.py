"""Titles of feeds become names; what else they say is kept where it can be said."""

from __future__ import annotations

import pytest

from adcreative.copywriter.engines.ad_phrases import with_article
from adcreative.copywriter.products.naming import read_title, sentence_case

TITLES = (
    ("1pc Foldable Mini Umbrella, Portable Pocket Umbrella With UV Coating, For School,Office,Travel", "Rainly", "Umbrellas",
     "foldable mini umbrella"),
    ("Hema Hema Decorative Linen Throw Pillow Covers, Pack Of 4 Rustic Covers For Sofa, 18x18 Inch", "Hema", "Cushion Cover",
     "decorative linen throw pillow covers"),
    ("Rooma 20 In. Pro Wall Brush", "Rooma", "Swimming Pools", "Pro Wall Brush"),
    ("Craft Style 3000pcs Pink Polymer Clay Bracelet / Bangle DIY Making Kit", "Craftly", "Bracelet Making Kits",
     "clay bracelet DIY making kit"),
    ("Nordi Women's Handbag WHITE H009L01SP21140-2", "Nordi", "Top Handle Bags", "Women's Handbag"),
    ("CX 700 HD Shoes", "Adira", "Shoes", "CX 700 HD Shoes"),
    ("Stuhl aus Eiche mit Armlehne, Höhe 80 cm, massiv", "Holz & Co", "Stühle", "Stuhl aus Eiche"),
    ("desk lamp", "Pell", "", "desk lamp"),
    ("For Galaxy S24 Case, Heavy Duty, Shockproof, Slim, With Stand And A Ring", "Capsy", "Phone Case", "galaxy S24 case"),
)  # fmt: skip


@pytest.mark.parametrize(("title", "brand", "category", "name"), TITLES)
def test_a_title_becomes_a_name_of_a_few_words(title: str, brand: str, category: str, name: str) -> None:
    found = read_title(title, brand, category, "white", is_english="Stuhl" not in title).name
    assert found == name
    assert len(found.split()) <= 6


def test_what_a_title_has_and_is_for_is_kept_in_words_that_are_known() -> None:
    title = "Pocket Umbrella With UV Coating, Automatic Umbrella For School,Office,Household,Travel"
    found = read_title(title, "", "Umbrellas", "", is_english=True)
    assert found.has == ("UV coating",)
    assert found.uses == ("school", "office", "household", "travel")
    assert read_title("Big Bag With Big Bag Charms, For Xyzzy, Red Black Blue", "", "Bags", "", is_english=True).has == ()
    assert read_title("Big Bag With Big Bag Charms, For Xyzzy, Red Black Blue", "", "Bags", "", is_english=True).uses == ()


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Oak Solid Round Wide Tall Stool", "Oak Solid Round Wide Tall Stool"),
        ("Plain Oak Solid Round Wide Tall Stool", "Plain Oak Solid Round Wide Tall Stool"),
        ("Very Plain Oak Solid Round Wide Tall Stool", "solid round wide tall stool"),
    ],
)
def test_six_words_stay_and_of_more_the_last_five(title: str, name: str) -> None:
    assert read_title(title, "", "Stools", "", is_english=True).name == name


def test_common_words_are_lowered_and_names_stay() -> None:
    assert sentence_case("Dark Green PU Leather") == "dark green PU leather"
    assert sentence_case("Terrex Running Shoes") == "Terrex running shoes"
    assert sentence_case("Pongee", keep_names=False) == "pongee"
    assert sentence_case("Bluetooth 5.3", keep_names=False) == "Bluetooth 5.3"


@pytest.mark.parametrize(
    ("phrase", "said"),
    [("LED lamp", "an LED lamp"), ("UV coating", "a UV coating"), ("US plug", "a US plug"), ("hour glass", "an hour glass"),
     ("useful box", "a useful box"), ("ten mats", "ten mats"), ("oak desk", "an oak desk")],
)  # fmt: skip
def test_articles_go_by_sound(phrase: str, said: str) -> None:
    assert with_article(phrase) == said
