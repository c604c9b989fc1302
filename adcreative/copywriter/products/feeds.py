"""Read a product from a row of a shop's feed: Google Merchant, Shopify, Amazon or a plain table, in several languages.

Columns are recognised by name (rules/feeds.yaml). A cell of attributes may be JSON; HTML is read as text; Shopify's options and
Amazon's numbered columns become attributes; the shop's own text is kept unchanged, and prices, pictures, stock and links are
skipped. Knows cells, not files.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from adcreative.copywriter.brief import is_known_word
from adcreative.copywriter.products.product import Attribute, Product, kind_of, unit_spellings
from adcreative.copywriter.rules import rule_pack, word_set

_TAG = re.compile(r"<[^<>]{0,500}>")
_BLOCK = re.compile(r"(?i)</?(?:p|br|li|ul|ol|div|tr|td|h\d)\b[^<>]{0,500}>")
_ABSENT = ("nan", "n/a", "na", "none", "null", "-", "--", "{}", "[]")
_OPTION = re.compile(r"option(\d+) (name|value)$")
_NUMBERED = re.compile(r"attribute (\d+) (name|value)")  # WooCommerce: Attribute 1 name, Attribute 1 value(s)
_METAFIELD = re.compile(r"\(product\.metafields\.shopify\.([\w-]+)\)$")
_OF_A_MARKET = re.compile(
    r"\s*(?:included|price|compare at price) / ", re.IGNORECASE
)  # Shopify: whether and for how much, where
_MORE_TEXT = "more text "  # prefix of the role of a further text column
_HANDLES = "shopify "  # prefix of the role of a Shopify metafield column
_CAMEL_CASE = re.compile(r"(?<=[a-z])(?=[A-Z])")
_SHOP_ADDRESS = re.compile(r"\S+\.(?:com|net|shop|store|[a-z]{2})")
_KEY = re.compile(r"(?=\S*\d)[\da-fA-F-]{16,}|(?=\S*\d\S*\d)(?=\S*[A-Za-z])[A-Za-z\d_-]{16,}")  # a key of a record, not a value
_UNIT_OF = " unit of measure"
_TRAIL_END = re.compile(r"\s*[/>|»]+\s*")
_MOST_VALUE_CHARS, _MOST_TEXT_CHARS = 160, 20_000


def column_role(column: str) -> str:
    """Return the role of a column by its name ("title", "brand", ...), "" for a skipped column, else its plain name."""
    plain = plain_column(column)
    role = _roles().get(plain)
    if role is not None:
        return role
    found = _METAFIELD.search(column.strip())
    if found:
        return _HANDLES + found.group(1).replace("-", " ").replace("_", " ")
    of_shop = _NUMBERED.fullmatch(plain)
    if of_shop:
        return f"option{of_shop.group(1)} {of_shop.group(2)}"
    bare = _without_number(plain)
    if _roles().get(bare) == "text":
        return "text"
    if _OF_A_MARKET.match(column) or column.rstrip().endswith("?"):
        return ""  # WooCommerce's "Allow customer reviews?" is a setting of the shop
    is_skipped = {plain.replace(" ", "_"), bare.replace(" ", "_")} & word_set("feeds", "skip")
    return "" if is_skipped or set(bare.split()) & word_set("feeds", "skip_words") else plain


def _without_number(plain: str) -> str:
    """Return a column's name without Amazon's number of repeated columns: special_features1."""
    return re.sub(r"\s?\d+$", "", plain)


def plain_column(column: str) -> str:
    """Return a column's name in lower case, without brackets and marks; "isOutOfStock" is split into words.

    Shopify's "Google Shopping / Gender" is gender, Google's "g:color" color.
    """
    bare = _CAMEL_CASE.sub(" ", re.sub(r"\(.*?\)|\[.*?\]", " ", column).strip().removeprefix("g:"))
    return " ".join(re.sub(r"[_\-.:/]+", " ", bare).split()).casefold().removeprefix("google shopping ")


@cache
def _roles() -> dict[str, str]:
    return {name: role for role, names in rule_pack("feeds")["roles"].items() for name in names}


def roles_of(columns: Sequence[str]) -> tuple[str, ...]:
    """Return the role of each column; of several columns with one role, the column named first in the rules gets it."""
    found = [column_role(column) for column in columns]
    for role, names in rule_pack("feeds")["roles"].items():
        places = [place for place, one in enumerate(found) if one == role]
        order = [_rank(plain_column(columns[place]), names) for place in places]
        for _, place in sorted(zip(order, places, strict=True))[1:]:
            found[place] = (
                ""
                if role in ("id", "category", "title", "brand")
                else f"{_MORE_TEXT}{place}"
                if role == "text"
                else plain_column(columns[place])
            )
    return tuple(found)


def _rank(plain: str, names: Sequence[str]) -> int:
    """Return the rank of a column name in the rules, numbered or not; other names of the role come last."""
    return next((names.index(one) for one in (plain, _without_number(plain)) if one in names), len(names))


def cell_text(cell: object) -> str:
    """Return a cell as text, including JSON numbers, booleans, lists of words and objects."""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, list) and all(isinstance(one, str | int | float) for one in cell):
        return ", ".join(str(one) for one in cell)
    return json.dumps(cell, ensure_ascii=False) if isinstance(cell, dict | list) else "" if cell is None else str(cell).strip()


def cells_of(header: Sequence[str], cells: Sequence[Any]) -> dict[str, str]:
    """Return {role: text} of a row; of several cells with one role the first non-blank cell counts."""
    found = dict.fromkeys((role for role in header if role), "")
    for role, cell in zip(header, cells, strict=False):
        if role and not found[role]:
            found[role] = cell_text(cell)
    return found


def merge_variants(rows: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    """Return {role: cell} rows with Shopify's variants (rows with a product's handle but no title) merged into the product.

    An option with several values has all of them: "Black, Sand". A variant stays as an empty row.
    """
    merged: list[dict[str, str]] = []
    first: dict[str, str] = {}
    for row in rows:
        if row.get("title") or not row.get("id") or row["id"] != first.get("id"):
            first = dict(row)
            merged.append(first)
            continue
        merged.append({})
        for name in row:
            match = _OPTION.match(name)
            if match and match.group(2) == "value" and row[name]:
                told = [one for one in first.get(name, "").split(", ") if one]
                first[name] = ", ".join(dict.fromkeys([*told, row[name]]))
    return merged


def read_product(cells: Mapping[str, str]) -> Product:
    """Return the product of a row given as {role: cell}; see `roles_of`."""
    own = {role: cell for role, cell in cells.items() if _is_text(role, cell)}
    clean = {role: plain_text(cell) for role, cell in cells.items() if role and role != "attributes" and role not in own}
    attributes = [*_attributes(clean), *_json_attributes(cells.get("attributes", ""))]
    brand = clean.get("brand", "")
    return Product(
        title=clean.get("title", ""),
        key=clean.get("id", ""),
        brand="" if _SHOP_ADDRESS.fullmatch(brand) else brand,
        category=_last_step(clean.get("category", "")),
        attributes=_once(attributes),
        language=clean.get("language", ""),
        text="\n".join(filter(_is_told, own.values()))[:_MOST_TEXT_CHARS],
    )


def _is_text(role: str, cell: str) -> bool:
    """Return whether a cell is the shop's own text: in a text column, or of several lines in an unknown column."""
    is_known = not role or role in _roles().values() or role in _known_names()
    is_known = is_known and not (role == "attributes" and cell.strip()[:1] not in ("{", "["))
    return role == "text" or role.startswith(_MORE_TEXT) or (not is_known and "\n" in cell.strip())


@cache
def _known_names() -> frozenset[str]:
    return frozenset(alias.casefold() for name, found in rule_pack("feeds")["names"].items() for alias in (name, *found))


def _last_step(trail: str) -> str:
    """Return the last category of a trail (text, or a JSON list of one text); "" for a number or a code in capitals."""
    trail = trail.strip('[]"') if trail.startswith('["') else trail
    steps = [step for step in _TRAIL_END.split(trail) if step and not step.endswith("...")]
    last = steps[-1] if steps else ""
    if last.casefold() in ("simple", "variable", "variation", "grouped", "external", "uncategorized"):
        return ""
    return "" if last.isdigit() or (last.isupper() and " " not in last and "_" not in last) else last


def plain_text(cell: str) -> str:
    """Return a cell as plain text: HTML tags removed, entities decoded, white space collapsed."""
    if _TAG.search(cell):
        cell = _TAG.sub(" ", _BLOCK.sub(". ", cell)).strip(" .")
    text = html.unescape(cell).replace("\xa0", " ") if "&" in cell else cell
    return re.sub(r"\s+([.,;])", r"\1", re.sub(r"(?:\.\s*){2,}", ". ", " ".join(text.split())))


def _attributes(cells: Mapping[str, str]) -> Iterator[Attribute]:
    """Yield the attributes in separate columns, and Shopify's options."""
    options = {name: value for name, value in cells.items() if _OPTION.match(name)}
    for name, value in options.items():
        number, part = _OPTION.match(name).groups()  # type: ignore[union-attr]
        told = options.get(f"option{number} name", "")
        if part == "value" and told and told.casefold() != "title" and _is_told(value):
            yield Attribute(told, value, is_shown=True)
    roles = set(rule_pack("feeds")["roles"])
    for name, value in cells.items():
        if name in roles or name in options or name.endswith(_UNIT_OF) or not _is_told(value):
            continue
        if value[:1] in ("{", "["):
            yield from _json_attributes(value)
            continue
        if name.startswith(_HANDLES):
            kind = name.removeprefix(_HANDLES)
            is_of_category = kind.endswith(" material") and kind not in _known_names()  # "plant support material" of a pot
            told = "" if is_of_category else _told_handles(name, value)
            if told:
                yield Attribute(name.removeprefix(_HANDLES), told)
            continue
        if _KEY.fullmatch(value):
            continue
        unit = cells.get(f"{name}{_UNIT_OF}", "").casefold()
        told = f"{value} {unit_spellings().get(unit, unit)}" if unit and value[-1].isdigit() else value
        yield Attribute(re.sub(r"\s?\d$", "", name), told)


def _json_attributes(cell: str) -> Iterator[Attribute]:
    """Yield the attributes of a JSON cell: an object, or a list of objects with name and value; nothing for other text."""
    try:
        found = json.loads(cell) if cell.strip()[:1] in ("{", "[") else {}
    except (ValueError, RecursionError):
        return
    yield from _pairs(found)


def _pairs(found: object) -> Iterator[Attribute]:
    if isinstance(found, list):
        for one in found:
            yield from _pairs(one)
    elif isinstance(found, dict):
        named = {str(key).casefold(): value for key, value in found.items()}
        name = next((named[key] for key in ("name", "key", "attribute", "label") if isinstance(named.get(key), str)), None)
        if name is not None and "value" in named:
            yield from _pair(name, named["value"])
            return
        for key, value in found.items():
            yield from _pair(str(key), value)


def _pair(name: str, value: object) -> Iterator[Attribute]:
    if isinstance(value, list):
        value = ", ".join(str(one) for one in value if isinstance(one, str | int | float))
    if isinstance(value, bool):
        value = "yes" if value else "no"
    if isinstance(value, str | int | float) and _is_told(plain_text(str(value))):
        yield Attribute(plain_text(name), plain_text(str(value))[:_MOST_VALUE_CHARS], is_shown=True)


def _told_handles(name: str, value: str) -> str:
    """Return Shopify's handles as text: "black; dark-grey" is "black, dark grey".

    A handle has lost accents and capitals and may end in a number ("rosa-2"), so only English handles are used.
    """
    handles = [re.sub(r"-\d+$", "", handle.strip()).replace("-", " ") for handle in value.split(";")]
    is_told = all(word.isalpha() and is_known_word(word) for handle in handles for word in handle.split())
    return ", ".join(handles) if is_told and value.strip() else ""


def _is_told(value: str) -> bool:
    return bool(value) and value.casefold() not in _ABSENT and not value.startswith(("http://", "https://"))


def _once(attributes: Sequence[Attribute]) -> tuple[Attribute, ...]:
    """Return the attributes, only the first of each kind ("color" as a column and in the JSON)."""
    kept: dict[str, Attribute] = {}
    for one in attributes:
        kept.setdefault(kind_of(one.name), one)
    return tuple(kept.values())
