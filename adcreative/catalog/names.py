"""Names, ids and keys as text, whatever kind of cell they stood in: 007 and 7 are two ads, 7.0 of a workbook is 7."""

from __future__ import annotations

import re
from typing import Any

from adcreative.catalog.rows import clean_text
from adcreative.errors import CatalogError

_NOTHING = frozenset(("nan", "none", "null", "<na>", "#n/a"))  # how programs write that there is no name
_ROUNDED = re.compile(r"\d(?:[.,]\d+)?E\+\d\d")  # how a spreadsheet writes an id of more digits than it keeps
_EXACT = 10**15  # a float holds whole numbers below it digit by digit


def as_text(value: Any) -> str:
    """Return a cell as text: 7 and 7.0 are "7", whole numbers keep all digits, what is missing is ""."""
    if value is None or value != value:
        return ""
    if not isinstance(value, int) and hasattr(value, "is_integer") and value.is_integer():
        return str(int(value))
    return str(value)


def read_name(value: Any) -> str:
    """Return a name or id as catalogues hold it, "" where a cell names nothing. Raises CatalogError for bytes."""
    if isinstance(value, bytes):
        raise CatalogError(f"a name holds bytes that are no text ({value[:20]!r}); save the table with names as UTF-8 text")
    name = clean_text(as_text(value))
    return "" if name.casefold() in _NOTHING else name


def is_rounded(value: Any) -> bool:
    """True for an id that a spreadsheet has rounded, so that it may be that of several ads: "1.20210E+17"."""
    if isinstance(value, float):
        return abs(value) >= _EXACT
    return isinstance(value, str) and _ROUNDED.fullmatch(value.strip()) is not None
