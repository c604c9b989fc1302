"""Parse one cell as a day, in all common notations: "28.11.26", "11/28/2026", "28-Nov-26", "1. Nov. 2026", 46354.

Knows single cells: the order of day and month is inferred from the whole column (see `dates`).
"""

from __future__ import annotations

import contextlib
import re
import unicodedata
from calendar import month_name
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from adcreative.catalog.platforms.numbers import is_blank
from adcreative.config import did_you_mean
from adcreative.errors import ConfigError

ORDERS = ("dmy", "mdy", "ymd")
_MAX_CHARS, _MAX_LINE_CHARS = 64, 500  # maximum length of a cell with a day, and of a line above a header
_FIRST_YEAR, _LAST_YEAR = 1900, 2199
_SERIAL_START, _FIRST_SERIAL, _LAST_SERIAL = date(1899, 12, 30), 36_526, 73_050  # a spreadsheet's days: 2000 to 2099

_YEAR_FIRST = re.compile(r"(\d{4}|\d\d(?=\s*[年년]))\s*[./\-年년]\s*(\d{1,2})\s*[./\-月월]\s*(\d{1,2})(?!\d)")
_DIGITS = re.compile(r"(\d{1,2})\s*([./\-])\s*(\d{1,2})\s*\2\s*(?:(\d{4})(?!\d)|(\d{2})(?![\d:/\-]|\.\d))")
_COMPACT = re.compile(r"((?:19|20)\d\d)(\d\d)(\d\d)(?:\.0+)?")
SERIAL = re.compile(r"(\d{5})(?:\.\d+)?")
_WEEK = re.compile(r"(\d{4})-?W(\d\d)", re.IGNORECASE)
# Text allowed after a day: a sign for "day", the weekday, the time of day; any other text means two days, or none.
_BEHIND = re.compile(
    r"\s*[.日일]?\s*,?\s*(?:\([^\W\d]{1,15}\.?\)|[^\W\d]{2}\.?)?"
    r"(?:[T\s,]*\d{1,2}\s*[:.h]\s*\d\d(?:[:.]\d\d(?:[.,]\d+)?)?\s*(?:[ap]\.?\s?m\.?)?\s*[A-Z]{0,5}\s*"
    r"(?:[+\-]\d\d:?(?:\d\d)?)?)?",
    re.IGNORECASE,
)
_WORDY = re.compile(
    r"(?:[^\W\d]+\.?,?\s+)??(?:([^\W\d]+)\.?\s+(\d{1,2})(?:st|nd|rd|th)?,?\s+'?"
    r"|(\d{1,2})(?:st|nd|rd|th)?(?:\.?\s+|\.?[\-/])(?:de\s+)?([^\W\d]+)\.?,?(?:\s+|[\-/])(?:de\s+)?'?)(\d{4}|\d{2})(?![\d:])"
)
_MONTHS = (
    ("jan", "ene", "gen", "janv", "sty", "oca", "st"),
    ("feb", "fev", "fevr", "lut", "sub"),
    ("mar", "marz", "maart", "mrt", "mars", "mrz"),
    ("apr", "abr", "avr", "kwi", "nis"),
    ("may", "mai", "mei", "mag", "maj", "mayis"),
    ("jun", "juin", "giu", "cze", "haz"),
    ("jul", "juil", "lug", "lip", "tem"),
    ("aug", "ago", "aout", "agu", "sie", "agus", "agt", "ags"),
    ("sep", "sept", "set", "wrz", "eyl"),
    ("oct", "okt", "ott", "out", "paz", "eki"),
    ("nov", "lis", "kas"),
    ("dec", "dez", "dic", "des", "gru", "ara"),
)


class Digits(NamedTuple):
    """A day as three numbers of unknown order; is_short: every number has at most two digits."""

    first: int
    second: int
    third: int
    is_short: bool
    is_dotted: bool


@dataclass(frozen=True, kw_only=True)
class DateReading:
    """How to read the days of one file: order is "dmy", "mdy" or "ymd", or "" if all days are unambiguous.

    is_dated: the column holds days; else its text is unchanged. note: a sentence for the user, "" if there was no choice.
    years: first and last year for two-digit years.
    """

    order: str = ""
    is_dated: bool = True
    note: str = ""
    years: tuple[int, int] = (2000, 2099)

    def read(self, cell: object) -> str | None:
        """Return the day as YYYY-MM-DD, "" for a blank cell, None if the cell is not a day under this order.

        If the column holds no days, return the cell's text.
        """
        if is_blank(cell):
            return ""
        if not self.is_dated:
            return str(cell).strip()
        found = parse_day(cell)
        if isinstance(found, Digits):
            found = as_day(found, self.order, self.years)
        return None if found is None else found.isoformat()


UNORDERED = DateReading()  # unambiguous days, such as 2026-11-01 and 1 Nov 2026
AS_WRITTEN = DateReading(is_dated=False)  # for callers that need no days


def check_order(given: str) -> None:
    """Refuse an unknown order of days; "" means no order. Raises ConfigError."""
    if given and given not in ORDERS:
        raise ConfigError(f'--dates must be dmy, mdy or ymd, got "{given[:40]}". {did_you_mean(given, ORDERS)}')


def find_range(lines: Iterable[str], reading: DateReading) -> tuple[str, str]:
    """Return the first and last day in lines above a header, such as "November 1, 2026 - November 24, 2026"."""
    for parts in split_ranges(lines):
        days = [reading.read(part) for part in parts]
        if all(day and re.fullmatch(r"\d{4}-\d\d-\d\d", day) for day in days):
            return str(days[0]), str(days[1])
    return "", ""


def split_span(cell: object) -> Sequence[object]:
    """Return the unparsed first and last day of "1 Mar 2026 - 7 Mar 2026" or "2026-W14"; any other cell itself, twice."""
    if isinstance(cell, str):
        text = cell.strip()[:_MAX_CHARS]
        if found := _WEEK.fullmatch(text):
            with contextlib.suppress(ValueError):  # the year has no such week
                return [date.fromisocalendar(int(found[1]), int(found[2]), day) for day in (1, 7)]
        for parts in _split_range(text):
            if all(parse_day(part) is not None for part in parts):
                return parts
    return cell, cell


def split_ranges(lines: Iterable[str]) -> Iterator[list[str]]:
    """Yield possible pairs of days, separated by a dash or a word, in lines above a header."""
    for line in (whole[:_MAX_LINE_CHARS] for whole in lines):
        for text in (line, *re.findall(r"\(([^()]*)\)", line)):
            yield from _split_range(text)


def _split_range(text: str) -> list[list[str]]:
    """Return every split of `text` into two dates with a dash or a word in between."""
    ways = []
    for pattern in (
        r"\s+[-\u2013\u2014~]\s+|\uff5e|\u301c|～",
        r"\s+(?:to|bis|au|al|a|tot|do|hingga)\s+",
        r"(?<=\d{4})\s*[-\u2013]\s*(?=\D)",
    ):
        parts = [part.strip(" \"'\t,;") for part in re.split(pattern, text)]
        if len(parts) == 2:
            ways.append(parts)
    return ways


def parse_day(cell: object) -> date | Digits | None:
    """Return the day in a cell, its three numbers if their order is open, None if the cell is not a day."""
    if isinstance(cell, datetime):
        return cell.date()
    if isinstance(cell, date):
        return cell
    return None if isinstance(cell, bool) else _parse(str(cell).strip()[:_MAX_CHARS])


@lru_cache(maxsize=8192)
def _parse(text: str) -> date | Digits | None:
    if (start := _YEAR_FIRST.match(text) or _DIGITS.match(text) or _WORDY.match(text)) and not _BEHIND.fullmatch(
        text, start.end()
    ):
        return None
    if found := _YEAR_FIRST.match(text) or _COMPACT.fullmatch(text):
        whole = [int(part) for part in found.groups()]
        return _day(whole[0] + 2000 * (whole[0] < 100), whole[1], whole[2])
    if found := _DIGITS.match(text):
        first, mark, second, year, short = found.groups()
        return Digits(int(first), int(second), int(year or short), year is None, mark == ".")
    if found := SERIAL.fullmatch(text):
        number = int(found[1])
        return _SERIAL_START + timedelta(days=number) if _FIRST_SERIAL <= number <= _LAST_SERIAL else None
    if found := _WORDY.match(text):
        name, day, named_year = found[1] or found[4], int(found[2] or found[3]), int(found[5])
        return _day(named_year + 2000 * (named_year < 100), _read_month(name), day)
    return None


@lru_cache(maxsize=65_536)
def as_day(found: Digits, order: str, years: tuple[int, int]) -> date | None:
    """Return the date of three numbers under an order, None if the date is invalid."""
    first, second, third = found[:3]
    if not order:
        return None
    if order == "ymd":
        year, month, day = first, second, third
    else:
        year, month, day = third, *((second, first) if order == "dmy" else (first, second))
    if found.is_short:
        return _day(2000 + year, month, day) if years[0] <= 2000 + year <= years[1] else None
    return None if order == "ymd" else _day(year, month, day)


def _day(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day) if _FIRST_YEAR <= year <= _LAST_YEAR else None
    except ValueError:
        return None


def _read_month(name: str) -> int:
    plain = "".join(c for c in unicodedata.normalize("NFD", name.casefold()) if not unicodedata.combining(c))
    for length in (5, 4, 3):
        for number, starts in enumerate(_MONTHS, start=1):
            if plain[:length] in starts and len(plain[:length]) == length:
                return number
    return 0


def say_day(day: date | None) -> str:
    """Return a day as "3 May 2026"; "" for none."""
    return f"{day.day} {month_name[day.month]} {day.year}" if day else ""
