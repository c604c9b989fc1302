"""The plain form: what is told of a record, and what is too unsure to tell."""

from __future__ import annotations

import pytest

from adcreative.copywriter.products.plain import clean_title, plain_form, text_lines, tidy_value
from adcreative.copywriter.products.product import Attribute, Product
from adcreative.copywriter.products.prose import unsupported
from adcreative.errors import CopywriterError


@pytest.mark.parametrize(
    ("raw", "title"),
    [
        ("Oak Desk Lamp - FREE SHIPPING", "Oak Desk Lamp"),
        ("[SALE] Linen shirt | Pell", "Linen shirt"),
        ("\U0001f525 NEW! Ceramic mug 350 ml \u20ac12.90", "Ceramic mug 350 ml"),
        ("CERAMIC MUG WITH LID", "Ceramic Mug With Lid"),
        ("KEN - Mid Rise Bar", "KEN: Mid Rise Bar"),
        ("adidas track top", "adidas track top"),
        ("iPhone 15 case", "iPhone 15 case"),
        ("Tisch &amp;amp; Stuhl &Amp; Bank", "Tisch & Stuhl & Bank"),
        ("Tote Bag (SKU-48213)", "Tote Bag"),
        ("Panela de Pressão de Pedra-Sabão - 5 Litros", "Panela de Pressão de Pedra-Sabão, 5 Litros"),
        ('Nordstjerna, 26"', 'Nordstjerna, 26"'),
        (
            "Throw pillow covers, pack of two, rustic woven textured pillow cases for sofa, couch, bed, living room and more",
            "Throw pillow covers",
        ),
    ],
)
def test_a_title_loses_its_noise_and_nothing_else(raw: str, title: str) -> None:
    brand = "adidas" if raw.startswith("adidas") else "Pell"
    assert clean_title(raw, brand)[0] == title


@pytest.mark.parametrize(
    "raw",
    [
        "SALE - 50% OFF",
        "x" * 120,
        "31 pieces of black, white, blue, confetti latex balloons, wedding decoration, birthday party decoration",
    ],
)
def test_a_title_that_names_nothing_or_everything_is_refused(raw: str) -> None:
    with pytest.raises(CopywriterError, match=r"names no product|pile of search words"):
        clean_title(raw)


@pytest.mark.parametrize(
    "value",
    [
        "yes",
        "N/A",
        "https://x.com",
        "A1B2-4711",
        "20481234",
        "a, b, c, d",
        "Soft. Warm.",
        "x" * 80,
        "default",
        "one two three four five six seven eight nine",
    ],
)
def test_codes_flags_lists_and_sentences_are_no_facts(value: str) -> None:
    assert tidy_value(value) == ""


def test_four_facts_at_most_in_order_of_kind_and_none_twice() -> None:
    told = {"weight": "32 kg", "Seats": "six", "colour": "natural", "width": "180 cm", "material": "oak", "depth": "90 cm"}
    pairs = [*told.items(), ("material type", "oak, steel")]
    product = Product("Solid oak table", attributes=tuple(Attribute(*pair) for pair in pairs))
    found = plain_form(product, is_english=True)
    assert found.text(400) == "Solid oak table. Oak, steel. Natural. 180 × 90 cm. 32 kg."
    assert found.text(30) == "Solid oak table. Oak, steel."
    assert [said for _, said in found.facts] == ["Oak, steel", "Natural", "180 × 90 cm", "32 kg", "Seats: Six"]


def test_a_fact_that_repeats_the_title_is_none_and_a_style_is_no_name() -> None:
    attributes = (Attribute("Nom Latin:", "Kentia", is_shown=True), Attribute("Estilo", "Blanco", is_shown=True))
    with pytest.raises(CopywriterError, match="names nothing beside its title"):
        plain_form(Product("Kentia", attributes=attributes), is_english=False)
    told = plain_form(Product("Palm", attributes=attributes), is_english=False)
    assert told.text(99) == "Palm. Nom Latin: Kentia."


def test_lines_of_the_shops_text_are_read_and_its_business_is_not() -> None:
    text = "<p>Lovely.</p><ul><li><b>Material:</b> oak</li><li>Shipping: 3 days</li><li>See https://x.com: now</li></ul>"
    assert [(one.name, one.value) for one in text_lines(text)] == [("Material", "oak"), ("Shipping", "3 days")]
    assert plain_form(Product("Lamp", text=text), is_english=True).text(99) == "Lamp. Oak."


@pytest.mark.parametrize(
    ("text", "claim"),
    [
        ("The oak table is 180 cm wide.", ""),
        ("The oak table is 200 cm wide.", "200"),
        ("The walnut table is 180 cm wide.", "walnut"),
        ("The waterproof oak table.", "waterproof"),
        ("The best oak table.", "best"),
        ("The oak table by Pell.", ""),
        ("The oak table by Ikea.", "ikea"),
        ("The oak table has a drawer in sage green.", "green"),
    ],
)
def test_prose_says_nothing_that_the_record_does_not(text: str, claim: str) -> None:
    found = unsupported(text, "Oak table. Pell. width: 180 cm", ["width"], others=["sage green"])
    assert bool(found) == bool(claim)
    assert claim in " ".join(found)
