"""Product feeds in XML: Google Merchant Center (RSS or Atom), and similar feeds of Heureka and Yandex. One product per row.

The columns are the names of a product's elements without prefix ("title" for "g:title"), in order of first appearance. The
first of repeated elements counts; highlights become lines of one cell, product details and parameters JSON pairs. Undeclared
prefixes and an unescaped "&" are accepted, since hand-written feeds have them. Entities declared in the document are refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from xml.parsers import expat

from adcreative.catalog.formats.csv import detect_encoding
from adcreative.catalog.formats.raw_rows import RawRow
from adcreative.errors import CatalogError

_PRODUCTS = ("item", "entry", "product", "shopitem", "offer")
_PAIRS = ("product_detail", "param")  # elements with a name and a value
_PAIR_NAMES = ("attribute_name", "param_name", "name")
_PAIR_VALUES = ("attribute_value", "val", "value")
_LINES = ("product_highlight",)
_DETAILS = "product details"  # the column for the pairs
_BARE_AMPERSAND = re.compile(r"&(?!#\d{1,7};|#x[\da-fA-F]{1,6};|\w{1,31};)")
_NAMED = re.compile(r"&(?!amp;|lt;|gt;|quot;|apos;|#)(\w+;)")  # "&nbsp;" is an HTML entity, not an XML entity
_MAX_BYTES = 200_000_000


class ProductXmlSource:
    """An XML feed, read whole: the columns are collected over all products."""

    warnings: tuple[str, ...] = ()

    def __init__(self, path: Path) -> None:
        if path.stat().st_size > _MAX_BYTES:
            raise CatalogError(f"{path.name} has more than {_MAX_BYTES // 10**6} MB. Cut it into several feeds.")
        encoding, _ = detect_encoding(path)
        text = path.read_text(encoding=encoding, errors="replace").lstrip("\ufeff \r\n\t")
        found = _Reader()
        text = _NAMED.sub(r"&amp;\1", _BARE_AMPERSAND.sub("&amp;", re.sub(r"^<\?xml[^>]*\?>", "", text)))
        try:
            found.read(text)
        except expat.ExpatError as error:
            raise CatalogError(f"{path.name} is not whole XML ({error}). Export the feed again.") from error
        self._products = found.products
        if not self._products:
            raise CatalogError(f"{path.name} has no product: no <item>, <entry>, <product>, <SHOPITEM> or <offer>.")
        self.header: tuple[str, ...] = tuple(dict.fromkeys(name for product in self._products for name in product))

    def read_rows(self) -> Iterator[RawRow]:
        for number, product in enumerate(self._products, start=1):
            yield RawRow(row=number, cells=[product.get(column, "") for column in self.header])


class _Reader:
    """Collects {column: cell} for each product; elements nested deeper than a product's children are skipped, except pairs."""

    def __init__(self) -> None:
        self.products: list[dict[str, str]] = []
        self._open: list[str] = []  # names of the open elements, outermost first
        self._place = -1  # index of the product in `_open`
        self._cells: dict[str, list[str]] = {}
        self._pairs: list[dict[str, str]] = []
        self._pair: dict[str, str] = {}
        self._text: list[str] = []

    def read(self, text: str) -> None:
        parser = expat.ParserCreate("utf-8")
        parser.buffer_text = True
        parser.StartElementHandler, parser.EndElementHandler = self._start, self._end
        parser.CharacterDataHandler = self._text.append
        parser.EntityDeclHandler = _refuse_entity
        parser.Parse(text.encode("utf-8"), True)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._open.append(name)
        self._text.clear()
        if self._place < 0 and _plain(name) in _PRODUCTS:
            self._place = len(self._open) - 1
            self._cells, self._pairs = {}, []
            if "id" in attributes:
                self._cells["id"] = [attributes["id"]]
        elif self._depth() == 1 and _plain(name) in _PAIRS:
            self._pair = {"name": attributes["name"]} if "name" in attributes else {}

    def _end(self, name: str) -> None:
        text = "".join(self._text).strip()
        depth, plain = self._depth(), _plain(name)
        parent = _plain(self._open[self._place + 1]) if depth > 1 else ""
        self._text.clear()
        self._open.pop()
        if self._place < 0:
            return
        if depth == 0:
            self._finish()
        elif depth == 1 and plain in _PAIRS:
            pair = self._pair | ({"value": text} if text and "value" not in self._pair else {})
            self._pairs += [pair] if {"name", "value"} <= set(pair) else []
        elif depth == 1 and text:
            self._cells.setdefault(name.rsplit(":", 1)[-1], []).append(text)
        elif parent in _PAIRS and text:
            key = "name" if plain in _PAIR_NAMES else "value" if plain in _PAIR_VALUES else ""
            self._pair |= {key: text} if key else {}

    def _depth(self) -> int:
        """Return the depth of the innermost open element inside a product: 0 for the product itself, negative outside."""
        return len(self._open) - 1 - self._place if self._place >= 0 else -1

    def _finish(self) -> None:
        product = {name: "\n".join(told if name in _LINES else told[:1]) for name, told in self._cells.items()}
        if self._pairs:
            product[_DETAILS] = json.dumps(self._pairs, ensure_ascii=False)
        if product:
            self.products.append(product)
        self._place = -1


def _plain(name: str) -> str:
    return name.rsplit(":", 1)[-1].casefold()


def _refuse_entity(name: str, *_: object) -> None:
    raise CatalogError(f"the feed declares the entity {name[:40]!r}, which product feeds need not. Export it again.")
