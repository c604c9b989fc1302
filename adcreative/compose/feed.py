"""Conversion of a product feed's rows (columns of Google Merchant) to briefs, one at a time."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from adcreative.compose.brief import Brief, BriefPhoto, Messages
from adcreative.errors import CreativeError

COLUMNS = (
    "id",
    "title",
    "brand",
    "price",
    "sale_price",
    "description",
    "image",
    "image_link",
    "facts",
    "headline",
    "button",
    "consent_id",
)
MAX_HEADLINE, MAX_SUBLINE = 60, 110
_SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "INR": "₹", "KRW": "₩"}


@dataclass(frozen=True)
class FeedRow:
    """A row of a feed: its number from 1, and its cells by column."""

    number: int
    cells: Mapping[str, str]

    @property
    def name(self) -> str:
        """Name of the row's folder: its number and its id, or else its title."""
        said = self.cells.get("id") or self.cells.get("title", "")
        stem = re.sub(r"[^\w-]+", "-", said).strip("-").casefold()[:40].strip("-")
        return f"{self.number:04d}-{stem or 'row'}"


def with_known_columns(rows: Iterator[Mapping[str, object]]) -> Iterator[FeedRow]:
    """Yield rows with columns in Google Merchant's names: "Sale Price" and "g:sale_price" become sale_price."""
    for number, row in enumerate(rows, start=1):
        cells = {}
        for column, value in row.items():
            name = re.sub(r"[\s-]+", "_", str(column).strip().casefold()).removeprefix("g:")
            if name in COLUMNS and value is not None and str(value).strip() not in ("", "nan"):
                cells[name] = str(value).strip()
        yield FeedRow(number, cells)


def brief_of(row: FeedRow, folder: Path, brand: Brief) -> Brief:
    """Return the brief of a row.

    Args:
        folder: folder of the pictures. brand: logo, colours, fonts and messages shared by all ads.
    Raises:
        CreativeError: the row has no title or no picture, or the picture is a URL or missing.
    """
    cells = row.cells
    title = cells.get("title", "")
    if not (title or cells.get("headline")):
        raise CreativeError("It has no title.", "Fill in the column title.")
    price, old_price = _prices(cells.get("price", ""), cells.get("sale_price", ""))
    own = brand.messages
    facts = tuple(part.strip() for part in re.split(r"[;|\n]", cells.get("facts", "")) if part.strip())
    messages = replace(
        own,
        headline=own.headline or cells.get("headline") or shorten(title, MAX_HEADLINE),
        subline=own.subline or first_sentence(cells.get("description", "")),
        price=price or own.price,
        old_price=old_price,
        button=cells.get("button") or own.button,
        facts=facts or own.facts,
    )
    photo = BriefPhoto(file=_find_picture(cells, folder), shows=title, consent_id=cells.get("consent_id", ""))
    who = brand.brand if brand.brand.name else replace(brand.brand, name=cells.get("brand", ""))
    return replace(brand, brand=who, photos=(photo,), messages=messages)


def _find_picture(cells: Mapping[str, str], folder: Path) -> Path:
    named = cells.get("image") or cells.get("image_link", "")
    if not named:
        raise CreativeError("It names no picture.", "Fill in the column image with a file.")
    if "://" in named:
        raise CreativeError(f'"{named[:80]}" is an address; nothing is fetched.', "Download it, and name the file in image.")
    path = folder / named
    if not path.is_file():
        raise CreativeError(f'There is no picture "{named[:80]}".', f"Put it into {folder.name or folder}.")
    return path


def _prices(price: str, sale_price: str) -> tuple[str, str]:
    """Return price and old price in the format of an ad: "29.00 USD" becomes "$29"."""
    now, before = _written(sale_price or price), _written(price) if sale_price else ""
    return now, "" if before == now else before


def _written(price: str) -> str:
    found = re.fullmatch(r"\s*([\d.,]+)\s*([A-Z]{3})\s*|\s*([A-Z]{3})\s*([\d.,]+)\s*", price)
    if not found:
        return " ".join(price.split())
    number, currency = found[1] or found[4], found[2] or found[3]
    number = re.sub(r"[.,]00$", "", number)
    symbol = _SYMBOLS.get(currency)
    return f"{number} {currency}" if symbol is None else f"{number} €" if symbol == "€" else f"{symbol}{number}"


def shorten(text: str, most: int) -> str:
    """Return a self-contained beginning of a text: up to a mark, else up to a space, at most `most` characters."""
    text = " ".join(text.split())
    if len(text) <= most:
        return text
    parts = re.split(r"\s[-–|/]\s|[,(;:|]\s?", text)
    if 8 <= len(parts[0].strip()) <= most:
        return parts[0].strip()
    whole = text[: most + 1].rsplit(" ", 1)[0]
    return re.sub(r"(\s+\S{1,3}){1,2}$", "", whole).rstrip(" ,;:-–(&")  # no "for" or "of" at its end


def first_sentence(text: str) -> str:
    """Return the first sentence of a description if short enough for an ad, else ""."""
    sentence = re.split(r"(?<=[.!?。])\s", " ".join(text.split()))[0]
    return sentence if 0 < len(sentence) <= MAX_SUBLINE else ""


def shared_brief() -> Brief:
    """Return an empty brief, shared by the rows of a feed without a brief."""
    return Brief(messages=Messages())
