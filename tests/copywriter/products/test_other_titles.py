"""Titles in other languages: the first part is the name, the others are told as they are."""

from __future__ import annotations

import pytest

from adcreative.copywriter.products import build_describer
from adcreative.copywriter.products.naming import read_title
from adcreative.copywriter.products.product import Product, feed_language, in_feed, read_product_facts
from adcreative.copywriter.products.title_words import properties_in_title, size_in_title, told_in_title, two_colours

DUTCH = (
    "Deurmat - geribbeld, duurzaam, antislip - 90x150 cm", "Eetkamerstoel - Polypropyleen Zitting - Beukenhouten Poten - Zwart",
    "Opblaasbaar zwembad met dak en waterglijbaan - 157x157 cm", "Trampoline - 183 cm Diameter - Regenboogkleurig",
)  # fmt: skip


@pytest.mark.parametrize(
    ("title", "name", "rest"),
    [
        ("Velox V3 2207 V3 Fırçasız FPV Drone Motoru (1750KV)", "Velox V3 2207 V3 Fırçasız FPV Drone Motoru", ("1750KV",)),
        ("Sapin - Nordmann", "Sapin - Nordmann", ()),
        ("FIETSKAR - 2-zits - schokbrekers - 5-punts gordels", "Fietskar", ("2-zits", "schokbrekers", "5-punts gordels")),
        ("MOESTUINBAK - grenen-planken-met-doek - 80 cm", "Moestuinbak", ("grenen planken met doek", "80 cm")),
        ("Zaino donna - pelle - BLU4", "Zaino donna", ("pelle",)),
        ("Maglia uomo - cotone - 2XL", "Maglia uomo", ("cotone", "2XL")),
        ("HOUTKACHEL - 8,7 kW - Zwart", "Houtkachel", ("8,7 kW", "Zwart")),
        ("Romance, nuit d'été et crème glacée", "Romance, nuit d'été et crème glacée", ()),
        ("Set de Alimentación para Bebé de Silicona", "Set de Alimentación para Bebé de Silicona", ()),
    ],
)  # fmt: skip
def test_the_first_part_is_the_name(title: str, name: str, rest: tuple[str, ...]) -> None:
    found = read_title(title, "", "", "", is_english=False)
    assert (found.name, found.rest) == (name, rest)


def test_a_record_with_nothing_else_tells_the_parts_of_its_title() -> None:
    describer = build_describer("template")
    product = Product("Deurmat - geribbeld - antislip", "Huis", attributes=(("kleur", "geribbeld"),), language="nl")
    assert describer.describe(product, seed=0).text == "Deurmat van Huis, in geribbeld."
    options = Product("Chupón ligero", "Bebé", attributes=(("cor", "Rojo or Verde"),), language="es")
    assert describer.describe(options, seed=0).text == "Chupón ligero de Bebé, en color rojo o verde."
    codes = Product("Nabíječka - 4.5x3.0 PIN - pro Dell", "Pell", language="nl")
    assert describer.describe(codes, seed=0).text == "Nabíječka van Pell: pro Dell."
    for title, brand, text in (
        ("Cafetière", "Auzou", "Cafetière d’Auzou."), ("Cafetière", "Les ateliers", "Cafetière (Les ateliers)."),
        ("Le retour", "Auzou", "Le retour (Auzou)."), ("Romance, nuit d'été", "Auzou", "Romance, nuit d'été (Auzou)."),
    ):  # fmt: skip
        assert describer.describe(Product(title, brand, language="fr"), seed=0).text == text


def test_a_feed_tells_the_language_of_rows_that_say_too_little() -> None:
    products = [Product(title) for title in DUTCH]
    assert feed_language(products) == "nl"
    assert in_feed(products[-1], "nl").language == "nl"
    assert in_feed(Product("Oak Desk Lamp"), "nl").language == ""
    assert in_feed(Product("Lampe", language="fr"), "nl").language == "fr"
    assert feed_language([Product("Oak Desk Lamp"), Product("Soft Wool Throw Blanket For The Sofa")]) == ""
    assert not read_product_facts(in_feed(products[-1], "nl")).is_english


def test_an_english_title_tells_colour_material_properties_and_size() -> None:
    assert told_in_title("Plush Buddy, 100% Polyester, Red") == {"material": "100% Polyester", "colour": "Red"}
    assert told_in_title("Phone Case, Red, Black, Rose Gold") == {}
    assert properties_in_title("Wall Sticker, Removable Waterproof Decal") == ["removable", "waterproof"]
    assert properties_in_title("Chair Includes Removable Cover") == []  # that of a part
    assert size_in_title("Sticker, 22.0cm*30.0cm") == "22 × 30 cm"
    assert size_in_title("Tape 72 X 100") == size_in_title("Sheet 10 cm x 3 in") == ""
    assert two_colours("Blue & White Slim Shirt", "blue") == "blue and white"
    assert two_colours("Blue & White Slim Shirt", "red") == ""
    assert two_colours("25 Black, Blue & Red Gel Pen Refills", "blue") == ""


def test_materials_known_by_their_letters_keep_them() -> None:
    chair = Product("Chaise Lune", "Pell", attributes=(("matière", "Acier et PVC"), ("couleur", "VERT")), language="fr")
    assert build_describer("template").describe(chair, seed=0).text == "Chaise Lune de Pell, en acier et PVC, coloris vert."
