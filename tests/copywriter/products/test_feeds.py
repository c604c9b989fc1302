"""Feeds of Google Merchant Center, Shopify and Amazon, plain tables in several languages: which column is what."""

from __future__ import annotations

import pytest

from adcreative.copywriter.products.feeds import plain_text, read_product, roles_of
from adcreative.copywriter.products.product import Product

GOOGLE = {
    "id": "A1",
    "title": "Oak Desk Lamp",
    "description": "Own text",
    "link": "https://x",
    "image_link": "https://x/i",
    "price": "49 USD",
    "brand": "Pell",
    "google_product_category": "594",
    "product_type": "Home > Lighting > Desk Lamps",
    "color": "Natural",
    "material": "Oak",
    "gtin": "123",
    "gender": "unisex",
    "age_group": "adult",
    "shipping_weight": "2 kg",
}
SHOPIFY = {
    "Handle": "lamp",
    "Title": "Oak Desk Lamp",
    "Body (HTML)": "<p>Own <b>text</b></p>",
    "Vendor": "Pell",
    "Type": "Desk Lamps",
    "Tags": "lamp, oak",
    "Published": "true",
    "Option1 Name": "Color",
    "Option1 Value": "Natural",
    "Option2 Name": "Title",
    "Option2 Value": "Default Title",
    "Variant Price": "49",
    "Image Src": "https://x",
    "Material (product.metafields.shopify.material)": "Oak",
}
AMAZON = {
    "sku": "A1",
    "item_name": "Oak Desk Lamp",
    "brand_name": "Pell",
    "product_type": "DESK_LAMP",
    "color_name": "Natural",
    "material_type": "Oak",
    "bullet_point1": "Own text",
    "standard_price": "49",
    "main_image_url": "https://x",
    "generic_keywords": "lamp; oak",
}
GERMAN = {"Artikelnummer": "A1", "Titel": "Tischlampe", "Marke": "Pell", "Farbe": "Natur", "Material": "Eiche", "Preis": "49"}


def product_of(feed: dict[str, str]) -> Product:
    return read_product(dict(zip(roles_of(list(feed)), feed.values(), strict=True)))


def pairs_of(feed: dict[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple((one.name, one.value) for one in product_of(feed).attributes)


@pytest.mark.parametrize("feed", [GOOGLE, SHOPIFY, AMAZON])
def test_a_feed_is_read_as_it_is(feed: dict[str, str]) -> None:
    found = product_of(feed)
    assert (found.title, found.brand) == ("Oak Desk Lamp", "Pell")
    told = {one.value for one in found.attributes}
    assert told >= {"Natural", "Oak"}
    assert not told & {"Own text", "49", "49 USD", "Default Title", "594", "123", "true"}
    assert not any("http" in value for value in told)


def test_titles_are_found_in_more_languages_and_questions_to_the_shop_are_passed_over() -> None:
    assert roles_of(["titolo", "descrizione", "Allow customer reviews?", "In stock?"]) == ("title", "text", "", "")
    assert [roles_of([name]) for name in ("produktnavn", "Название товара", "Artikelname")] == [("title",)] * 3


def test_columns_in_another_language_are_known() -> None:
    found = product_of(GERMAN)
    assert (found.title, found.brand) == ("Tischlampe", "Pell")
    assert set(pairs_of(GERMAN)) == {("farbe", "Natur"), ("material", "Eiche")}


@pytest.mark.parametrize(
    ("cell", "attributes"),
    [
        (
            '{"Color": "Grey", "Washable": true, "Sizes": ["S", "M"]}',
            (("Color", "Grey"), ("Washable", "yes"), ("Sizes", "S, M")),
        ),
        ('[{"name": "Color", "value": "Grey"}, {"name": "Fit", "value": "Loose"}]', (("Color", "Grey"), ("Fit", "Loose"))),
        ('{"Color": null, "Link": "https://x", "Deep": {"a": 1}}', ()),
        ("{broken", ()),
        ("[" * 5000, ()),
    ],
)
def test_attributes_as_json(cell: str, attributes: tuple[tuple[str, str], ...]) -> None:
    assert pairs_of({"title": "mat", "attributes": cell}) == attributes


def test_one_value_in_two_places_counts_once() -> None:
    assert pairs_of({"title": "mat", "color": "Grey", "attributes": '{"Color": "grey", "colour": "GREY"}'}) == (
        ("color", "Grey"),
    )


def test_html_is_read_as_text() -> None:
    assert plain_text("<p>Soft &amp; warm</p><ul><li>Oak</li><li>Ash</li></ul>") == "Soft & warm. Oak. Ash"
    assert plain_text("3 < 4 and 5 &lt; 6") == "3 < 4 and 5 < 6"
    assert plain_text("<" * 20_000) == "<" * 20_000


SHOPIFY_OF_TODAY = {
    "Handle": "bar",
    "Title": "KEN - Mid Rise Bar",
    "Vendor": "velo.nl",
    "Product Category": "Sport > Bicycle Handlebars",
    "Type": "TILL",
    "Option1 Name": "Title",
    "Option1 Value": "Default Title",
    "Variant Weight Unit": "kg",
    "Färg (product.metafields.shopify.color-pattern)": "black; dark-grey",
    "Material (product.metafields.shopify.material)": "metall",
    "Storlek (product.metafields.shopify.size)": "rosa-2",
    "Included / Algeria": "true",
    "Price / Algeria": "12",
}
SCRAPED = {
    "uniq_id": "c9998518a33b331174a5fe0bebc49049",
    "product_name": "Back Cover",
    "isOutOfStock": "False",
    "itemType": "VARIANT",
    "product_category_tree": '["Mobiles >> Cases >> Acme Covers"]',
    "PrimaryColor": " Red",
    "checksum": "9f86d081884c7d659a2feaa0c55ad015",
    "thread count": "300",
    "salesUnit": "EACH",
    "imageSize": "290-392",
}


def test_shopifys_handles_are_told_in_english_and_its_markets_are_not() -> None:
    found = product_of(SHOPIFY_OF_TODAY)
    assert pairs_of(SHOPIFY_OF_TODAY) == (("color pattern", "black, dark grey"),)
    assert (found.brand, found.category) == ("", "Bicycle Handlebars")  # an address is no maker, TILL no category


def test_what_a_shop_keeps_for_itself_is_no_attribute() -> None:
    found = product_of(SCRAPED)
    assert pairs_of(SCRAPED) == (("primary color", "Red"), ("thread count", "300"))
    assert (found.title, found.category) == ("Back Cover", "Acme Covers")
