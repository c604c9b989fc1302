"""Numbers and dates as ad platforms write them: "1.234,56", "1,234.56", "12 %", "< 10%", "--", "1. Nov. 2026".

A file writes all its numbers alike, so the decimal sign and the order of day and month are found from many cells at once.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

BLANK = frozenset(
    ("", "-", "--", "---", "\u2013", "\u2014", "n/a", "na", "null", "none", "nan", "#n/a", "#div/0!", "#value!", "#ref!",
     "#name?", "#null!", "#num!", "(not set)", "not set", "\u2026")
)  # fmt: skip
_GROUPED = re.compile(r"\d{1,3}(?:[.,'\u2019\s]\d{3})+")
_SPACES = re.compile(r"[\s\u00a0\u202f]")
_DAY_FIRST_LANGUAGES = frozenset(("de", "fr", "es", "it", "pt-BR", "nl", "pl", "id", "tr"))
_DATE = re.compile(r"(\d{1,4})\s*[./\-\u5e74\ub144]\s*(\d{1,2})\s*[./\-\u6708\uc6d4]\s*(\d{1,4})\s*[\u65e5\uc77c.]?")
_MONTHS = (
    ("jan", "ene", "gen", "janv", "sty", "oca", "st"), ("feb", "fev", "fevr", "lut", "sub"),
    ("mar", "marz", "maart", "mrt", "mars"), ("apr", "abr", "avr", "kwi", "nis"), ("may", "mai", "mei", "mag", "maj", "mayis"),
    ("jun", "juin", "giu", "cze", "haz"), ("jul", "juil", "lug", "lip", "tem"), ("aug", "ago", "aout", "agu", "sie", "agus"),
    ("sep", "sept", "set", "wrz", "eyl"), ("oct", "okt", "ott", "out", "paz", "eki"), ("nov", "lis", "kas"),
    ("dec", "dez", "dic", "des", "gru", "ara"),
)  # fmt: skip
_WORDY = re.compile(r"(?:([^\W\d]+)\.?\s+(\d{1,2})(?:st|nd|rd|th)?,?\s+(\d{4}))|(?:(\d{1,2})\.?\s+(?:de\s+)?([^\W\d]+)\.?,?\s+(?:de\s+)?(\d{4}))")  # fmt: skip  # noqa: E501


def is_blank(value: Any) -> bool:
    """True for a cell that says nothing: empty, a dash, "n/a", an Excel error, NaN."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return True
    return isinstance(value, str) and value.strip().casefold() in BLANK


def read_count(value: Any) -> Any:
    """Return a whole number written in any language ("1.234", "1 234", "1,234.0"), None when blank, else the value itself."""
    if is_blank(value):
        return None
    if not isinstance(value, str):
        return value
    text = value.strip()
    if _GROUPED.fullmatch(text):
        return int(re.sub(r"\D", "", text))
    whole = re.fullmatch(r"([\d.,'\u2019\s]*\d)[.,]0+", text)
    digits = whole.group(1) if whole else text
    if re.fullmatch(r"[0-9]{1,15}", digits) or (whole and _GROUPED.fullmatch(digits)):
        return int(re.sub(r"\D", "", digits))
    return value


def read_amount(value: Any, *, decimal_comma: bool) -> Any:
    """Return an amount of money or a percentage as float ("RM 1,234.50", "1.234,50 €", "3,56 %"), None when blank.

    A single separator before exactly three digits groups thousands unless it is the language's decimal sign. What is no number
    is returned as it was.
    """
    if is_blank(value):
        return None
    if not isinstance(value, str):
        return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value
    text = re.sub(r"[^\d.,\-]", "", _SPACES.sub("", value)).strip(".,")
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


def finite(value: Any) -> float | None:
    """Return a number as float when it is one and finite, else None."""
    if isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e300 and value == value:
        return float(value)
    return None


def find_decimal_comma(cells: Iterable[Any], *, default: bool) -> bool:
    """Return whether the numbers in `cells` write "," for the decimal sign; `default` when none of them tells.

    "1.234,56" and "0,5" speak for the comma, "1,234.56" and "0.5" for the point; "1,234" says nothing.
    """
    votes = 0
    for cell in cells:
        if not isinstance(cell, str):
            continue
        text = re.sub(r"[^\d.,]", "", cell)
        marks = [mark for mark in text if mark in ".,"]
        if not marks or (len(marks) > 1 and len(set(marks)) == 1):
            continue
        if len(set(marks)) == 2 or not re.search(r"^[1-9]\d{0,2}[.,]\d{3}$", text):
            votes += 1 if marks[-1] == "," else -1
    return votes > 0 if votes else default


def find_day_first(cells: Iterable[Any], language: str) -> bool:
    """Return whether dates in `cells` put the day before the month, as "23/11/2026" proves; else by the language's habit."""
    votes = 0
    for cell in cells:
        found = _DATE.fullmatch(str(cell).split(" ")[0].strip()) if isinstance(cell, str) else None
        if found and len(found.group(1)) <= 2:
            votes += (int(found.group(1)) > 12) - (int(found.group(2)) > 12)
    return votes > 0 if votes else language in _DAY_FIRST_LANGUAGES


def read_date(value: Any, language: str, *, day_first: bool | None = None) -> str:
    """Return a date as YYYY-MM-DD, or the text itself when it is written in no way we know."""
    if isinstance(value, (datetime, date)):
        return value.isoformat()[:10]
    text = str(value).strip()
    day_first = language in _DAY_FIRST_LANGUAGES if day_first is None else day_first
    numbers = _DATE.match(text)
    if numbers:
        first, second, third = (int(group) for group in numbers.groups())
        if len(numbers.group(1)) == 4:
            return _iso(first, second, third) or text
        if len(numbers.group(3)) == 4:
            dotted = "." in text[:3]
            month, day = (second, first) if day_first or dotted else (first, second)
            return _iso(third, month, day) or _iso(third, day, month) or text
        return text
    wordy = _WORDY.match(text)
    if wordy:
        name, day_text, year = (wordy[1], wordy[2], wordy[3]) if wordy[1] else (wordy[5], wordy[4], wordy[6])
        month = _read_month(name)
        return (_iso(int(year), month, int(day_text)) if month else "") or text
    if re.fullmatch(r"20\d{6}", text):
        return _iso(int(text[:4]), int(text[4:6]), int(text[6:])) or text
    return text


def _read_month(name: str) -> int:
    import unicodedata

    plain = "".join(c for c in unicodedata.normalize("NFD", name.casefold()) if not unicodedata.combining(c))
    for length in (5, 4, 3):
        for number, starts in enumerate(_MONTHS, start=1):
            if plain[:length] in starts and len(plain[:length]) == length:
                return number
    return 0


def _iso(year: int, month: int, day: int) -> str:
    try:
        return date(year, month, day).isoformat()
    except ValueError:
        return ""
