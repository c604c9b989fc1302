"""Exports of ad platforms as they are: which column is which, which rows are no ads, and how their numbers are written.

A layout is matched to a header once; `convert` then turns the cells of one row into our columns, or says why the row is left
out. The click rate is never read: it follows from clicks and impressions, and a given one that disagrees is counted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from adcreative.catalog.platforms.columns import BY_LANGUAGE, DECIMAL_COMMA, EXTRA_COLUMNS, fold_column, read_currency
from adcreative.creative import COLUMNS

TOTAL_ROW, NO_NAME = "total row", "no ad name"
_BLANK = frozenset(("", "-", "--", "\u2014", "n/a", "null", "none"))
_TOTAL_WORDS = "total|totals|gesamt|gesamtsumme|insgesamt|summe|ergebnis|total général|totaux|totales|合計|総計|小計|合算"
_TOTAL = re.compile(
    rf"\s*(?:(?:{_TOTAL_WORDS})\s*(?:[:：].*)?|(?:results from|ergebnisse von|résultats de|resultados de)\s+[\d.,\s]+.*)",
    re.IGNORECASE,
)
_GROUPED = re.compile(r"\d{1,3}(?:[.,'\u2019\s]\d{3})+")
_DATES: Mapping[str, tuple[str, ...]] = {
    "en": ("%Y-%m-%d", "%m/%d/%Y", "%b %d, %Y", "%B %d, %Y"), "de": ("%Y-%m-%d", "%d.%m.%Y"),
    "fr": ("%Y-%m-%d", "%d/%m/%Y"), "es": ("%Y-%m-%d", "%d/%m/%Y"), "ja": ("%Y-%m-%d", "%Y/%m/%d", "%Y年%m月%d日"),
}  # fmt: skip
_GOOGLE_ONLY = frozenset(("impr.", "impr", "ad group", "cost", "avg. cpc", "currency code", "anzeigengruppe", "kosten",
                          "groupe d'annonces", "cout", "grupo de anuncios", "coste", "costo",
                          "広告グループ", "費用"))  # fmt: skip
_META_ONLY = frozenset(("clicks_link", "clicks_all", "date_start"))
IGNORE = "ignore"


@dataclass(frozen=True, kw_only=True)
class PlatformLayout:
    """How to read one export: names has one entry a column ("" is not read); date_range covers rows without dates."""

    platform: str
    language: str
    names: tuple[str, ...]
    currency: str
    clicks_column: str
    date_range: tuple[str, str] = ("", "")

    def convert(self, cells: Sequence[Any]) -> dict[str, Any] | str:
        """Return our columns (and campaign, ad_set, ad_id, is_ctr_off) of one row, or the reason why it is no ad."""
        raw = {name: cell for name, cell in zip(self.names, cells, strict=True) if name}
        values = {
            name: "" if str(cell).strip().casefold() in _BLANK else cell for name, cell in raw.items() if cell is not None
        }
        identity = [values.get(name, "") for name in ("ad_name", "ad_id", "headline", "file_name")]
        named = [text for text in identity if text and not _TOTAL.fullmatch(str(text))]
        if not named:
            first = next((str(cell) for cell in cells if cell is not None and str(cell).strip().casefold() not in _BLANK), "")
            is_total = bool(_TOTAL.fullmatch(first)) or (self.platform == "meta" and "ad_name" in self.names)
            return TOTAL_ROW if is_total or any(_TOTAL.fullmatch(str(text)) for text in identity if text) else NO_NAME
        for name in ("impressions", "clicks"):
            values[name] = read_count(values.get(name))
        values["spend"] = read_amount(values.get("spend"), decimal_comma=self.language in DECIMAL_COMMA)
        values["currency"] = values.get("currency") or self.currency
        values["platform"] = values.get("platform") or self.platform
        day = values.pop("day", "")
        for name, default in zip(("date_start", "date_end"), self.date_range, strict=True):
            values[name] = self._read_date(values.get(name) or day) or default
        values["audience"] = values.get("audience") or values.get("ad_set", "")
        values["is_ctr_off"] = self._is_ctr_off(values)
        return values

    def _read_date(self, value: Any) -> str:
        return read_date(str(value).strip(), self.language) if value else ""

    def _is_ctr_off(self, values: Mapping[str, Any]) -> bool:
        """True when the export's own click rate is neither the percentage nor the share that the counts give."""
        given = read_amount(values.get("ctr"), decimal_comma=self.language in DECIMAL_COMMA)
        impressions, clicks = values["impressions"], values["clicks"]
        if not isinstance(given, float) or not isinstance(impressions, int) or not isinstance(clicks, int) or not impressions:
            return False
        percent = 100 * clicks / impressions
        return min(abs(given - percent), abs(100 * given - percent)) > 0.006 + 0.01 * percent


def match_layout(
    header: Sequence[str], mapping: Mapping[str, str] | None = None, preamble: Sequence[str] = ()
) -> PlatformLayout | None:
    """Return the layout of a platform export, or None when impressions, clicks or any name of an ad are not found.

    Args:
        header: the column names as they stand in the file.
        mapping: column name -> our name, from the user's file; goes before what we know ("ignore": do not read).
        preamble: lines that stood above the header; one may hold the dates.
    """
    given = {fold_column(name): column for name, column in (mapping or {}).items()}
    folded = [fold_column(name) for name in header]
    language = max(BY_LANGUAGE, key=lambda name: sum(column in BY_LANGUAGE[name] for column in folded))
    known = {**{s: found for spellings in BY_LANGUAGE.values() for s, found in spellings.items()}, **BY_LANGUAGE[language]}
    ranked: dict[str, tuple[int, int]] = {}  # column -> (rank, position) of its best spelling
    for position, spelling in enumerate(folded):
        column, rank = (given[spelling], -1) if spelling in given else known.get(spelling, ("", 0))
        if column and column != IGNORE and (column not in ranked or (rank, position) < ranked[column]):
            ranked[column] = (rank, position)
    places = {column: position for column, (_, position) in ranked.items()}
    is_meta = bool(_META_ONLY & places.keys()) and not _GOOGLE_ONLY & set(folded)
    clicks_column = ""
    for name, rate in (
        ("clicks", "ctr"),
        ("clicks_link", "ctr_link"),
        ("clicks_all", "ctr_all"),
    ):  # link before all: the usual meaning
        if name in places and not clicks_column:
            clicks_column = header[places[name]].strip()
            places["clicks"] = places[name]
            if rate in places:
                places["ctr"] = places[rate]
            else:
                places.pop("ctr", None)
    if not {"impressions", "clicks"} <= places.keys() or not {"ad_name", "ad_id", "headline", "file_name"} & places.keys():
        return None
    names = [""] * len(header)
    for column, position in places.items():
        if column in COLUMNS or column in ("campaign", "ad_set", "ad_id", "day", "ctr"):
            names[position] = column
    spend = header[places["spend"]] if "spend" in places else ""
    currency = read_currency(spend) or next((code for name in header if (code := read_currency(name))), "")
    platform = "meta" if is_meta else "google" if _GOOGLE_ONLY & set(folded) else ""
    return PlatformLayout(
        platform=platform, language=language, names=tuple(names), currency=currency, clicks_column=clicks_column,
        date_range=_read_range(preamble, language),
    )  # fmt: skip


def read_count(value: Any) -> Any:
    """Return a whole number written in any language ("1.234", "1 234", "1,234.0"), None when blank, else the value itself."""
    if value is None or value == "" or not isinstance(value, str):
        return None if value == "" else value
    text = value.strip()
    if _GROUPED.fullmatch(text):
        return int(re.sub(r"\D", "", text))
    whole = re.fullmatch(r"([\d.,'\u2019\s]*\d)[.,]0{1,2}", text)
    digits = whole.group(1) if whole else text
    if re.fullmatch(r"\d{1,15}", digits) or (whole and _GROUPED.fullmatch(digits)):
        return int(re.sub(r"\D", "", digits))
    return value


def read_amount(value: Any, *, decimal_comma: bool) -> Any:
    """Return an amount of money or a percentage as float ("RM 1,234.50", "1.234,50 €", "3,56 %"), None when blank.

    A single separator before exactly three digits groups thousands unless it is the language's decimal sign. What is no number
    is returned as it was.
    """
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        return float(value) if isinstance(value, (int, float)) else value
    text = re.sub(r"[^\d.,\-]", "", value).strip(".,")
    marks = [mark for mark in text if mark in ".,"]
    if not re.search(r"\d", text):
        return value
    if len(set(marks)) == 2:
        decimal = marks[-1]
    elif len(marks) > 1:
        decimal = ""
    elif marks:
        is_group = re.fullmatch(r"-?\d{1,3}[.,]\d{3}", text) is not None and marks[0] != ("," if decimal_comma else ".")
        decimal = "" if is_group else marks[0]
    else:
        decimal = ""
    plain = "".join("." if letter == decimal else letter for letter in text if letter not in ".," or letter == decimal)
    try:
        return float(plain)
    except ValueError:
        return value


def read_date(text: str, language: str) -> str:
    """Return a date as YYYY-MM-DD, or the text itself when it is written in no way we know."""
    for pattern in _DATES[language]:
        try:
            return datetime.strptime(text, pattern).date().isoformat()
        except ValueError:
            continue
    return text


def _read_range(preamble: Sequence[str], language: str) -> tuple[str, str]:
    """Return the first and last day that a line above the header names, such as "November 1, 2026 - November 24, 2026"."""
    for line in preamble:
        parts = [part.strip(" \"'\t,;") for part in re.split(r"\s+[-\u2013\u2014~]\s+|\uff5e|～", line)]
        dates = [read_date(part, language) for part in parts]
        if len(dates) == 2 and all(re.fullmatch(r"\d{4}-\d\d-\d\d", date) for date in dates):
            return dates[0], dates[1]
    return "", ""


TARGETS = (*COLUMNS, *(name for name in EXTRA_COLUMNS if name in ("campaign", "ad_set", "ad_id", "day", "ctr")), IGNORE)
