"""XML feeds of products: names without prefixes, pairs and highlights, feeds that shops wrote by hand, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from adcreative.catalog.sources import open_product_feed
from adcreative.errors import CatalogError

MERCHANT = """<?xml version="1.0"?>
<rss version="2.0"><channel><title>Shop & Co</title>
<item><g:id>1</g:id><g:title>Oak lamp</g:title><link>https://x/?a=1&b=2</link><g:brand>Pell &amp; Son</g:brand>
<g:shipping><g:price>9 EUR</g:price></g:shipping><g:product_highlight>Dims</g:product_highlight>
<g:product_highlight>Folds</g:product_highlight>
<g:product_detail><g:section_name>Size</g:section_name><g:attribute_name>Height</g:attribute_name>
<g:attribute_value>40 cm</g:attribute_value></g:product_detail></item>
<item><g:id>2</g:id><title><![CDATA[Ash <i>lamp</i>]]></title></item></channel></rss>"""
YANDEX = '<shop><offers><offer id="7"><name>Vase</name><param name="Color">Blue</param></offer></offers></shop>'


def _rows(path: Path, text: str) -> list[dict[str, str]]:
    path.write_text(text, encoding="utf-8")
    source = open_product_feed(path)
    return [dict(zip(source.header, row.cells, strict=True)) for row in source.read_rows()]


def test_a_merchant_feed_has_a_row_for_each_item(tmp_path: Path) -> None:
    first, second = _rows(tmp_path / "feed.xml", MERCHANT)
    assert (first["id"], first["title"], first["brand"]) == ("1", "Oak lamp", "Pell & Son")
    assert first["product_highlight"] == "Dims\nFolds"
    assert json.loads(first["product details"]) == [{"name": "Height", "value": "40 cm"}]
    assert "9 EUR" not in first.values()  # of the shipping, and not of the lamp
    assert (second["id"], second["title"], second["brand"]) == ("2", "Ash <i>lamp</i>", "")


def test_parameters_with_their_name_as_an_attribute_are_pairs(tmp_path: Path) -> None:
    (row,) = _rows(tmp_path / "feed.xml", YANDEX)
    assert (row["id"], row["name"], json.loads(row["product details"])) == ("7", "Vase", [{"name": "Color", "value": "Blue"}])


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("<rss><channel><item><title>Lamp</title></channel></rss>", "not whole XML"),
        ("<rss><channel><title>Shop</title></channel></rss>", "has no product"),
        ('<!DOCTYPE r [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><r><item><title>&b;</title></item></r>', "declares the entity"),
    ],
)
def test_what_is_no_feed_is_refused_in_one_sentence(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(CatalogError, match=problem):
        _rows(tmp_path / "feed.xml", text)
