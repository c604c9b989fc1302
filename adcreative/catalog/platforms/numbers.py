"""Numbers as ad platforms write them: "1.234,56", "1,234.56", "12 %", "< 10%", "--".

A file writes all its numbers alike, so the decimal sign is found from many cells at once.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Any

BLANK = frozenset(
    ("", "-", "--", "---", "\u2013", "\u2014", "n/a", "na", "null", "none", "nan", "#n/a", "#div/0!", "#value!", "#ref!",
     "#name?", "#null!", "#num!", "(not set)", "not set", "\u2026")
)  # fmt: skip
_GROUPED = re.compile(r"\d{1,3}(?:[.,'\u2019\s]\d{3})+")
_SPACES = re.compile(r"[\s\u00a0\u202f]")


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
