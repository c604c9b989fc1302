"""Convert names, ids and keys to text, whatever the cell type: 007 and 7 are two ads, 7.0 of a workbook is 7."""

from __future__ import annotations

import re
from typing import SupportsInt

from adcreative.errors import CatalogError

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_LINE_BREAK = re.compile("[ \t]*[\t\r\n\u2028\u2029]+[ \t]*")

_NOTHING = frozenset(("nan", "none", "null", "<na>", "#n/a"))  # notations of programs for a missing name
# Notations of programs for an id with more digits than they keep.
_ROUNDED = re.compile(r"\d(?:[.,]\d+[eE]\+?|[eE]\+)\d\d|[1-9]\d{15,}\.0+")
_EXACT = 10**15  # a float holds whole numbers below it exactly


def as_text(value: object) -> str:
    """Return a cell as text: 7 and 7.0 are "7", whole numbers keep all digits, missing values are ""."""
    if isinstance(value, str):
        return str(value)
    if value is None or value != value:
        return ""
    is_whole = not isinstance(value, int) and hasattr(value, "is_integer") and value.is_integer()
    if is_whole and isinstance(value, SupportsInt):
        return str(int(value))
    return str(value)


def read_name(value: object) -> str:
    """Return the name or id in a cell, "" for a cell without a name. Raises CatalogError for bytes."""
    if isinstance(value, bytes):
        raise CatalogError(f"a name holds bytes that are no text ({value[:20]!r}); save the table with names as UTF-8 text")
    name = clean_text(as_text(value))
    return "" if name.casefold() in _NOTHING else name


def is_rounded(value: object) -> bool:
    """Return whether a spreadsheet rounded an id, so that several ads may share it: "1.20210E+17"."""
    if isinstance(value, float):
        return abs(value) >= _EXACT or isinstance(value, ShortFloat)
    return isinstance(value, str) and _ROUNDED.fullmatch(value.strip()) is not None


class ShortFloat(float):
    """A whole number too large to be exact in the 4-byte float that stored it."""


def clean_text(text: str, *, keep_lines: bool = False) -> str:
    """Return `text` without control characters and outer white space; emoji and right-to-left text stay unchanged.

    Line breaks and tabs become one space unless `keep_lines`. A lone surrogate, which no file can hold, becomes U+FFFD.
    """
    if not text.isprintable():  # fast path for most cells
        text = text.encode("utf-8", "surrogatepass").decode("utf-8", "replace") if _has_surrogate(text) else text
        text = text.replace("\r\n", "\n").replace("\r", "\n") if keep_lines else _LINE_BREAK.sub(" ", text)
        text = _CONTROL.sub("", text)
    return text.strip()


def _has_surrogate(text: str) -> bool:
    return any("\ud800" <= letter <= "\udfff" for letter in text)
