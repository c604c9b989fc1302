"""One cell as a number, as people write it: "1.234,56 €", "1,234.56", "1 234", "(12.50)", "3,56 %", "< 10%".

Knows cells, not files: whether a point or a comma is the decimal sign is told by the whole file (see `number_votes`). Under one
of the two a cell is a number or it is none; nothing is taken out of a text to make one.
"""

from __future__ import annotations

import math
import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

BLANK = frozenset(
    ("", "-", "--", "---", "\u2013", "\u2014", "n/a", "na", "null", "none", "nan", "#n/a", "#div/0!", "#value!", "#ref!",
     "#name?", "#null!", "#num!", "(not set)", "not set", "\u2026")
)  # fmt: skip
POINT, COMMA = ".", ","
_MAX_CHARS = 512
_UNIT = r"[^\d\s.,'()+\-<>]{1,4}\.?"  # a currency or "%": "R$", "US$", "Rs.", "zł"
_CELL = re.compile(
    rf"[<>\u2264\u2265~]?\s*(?P<open>\()?\s*(?P<sign>[+\-]?)\s*(?P<unit>{_UNIT})?\s*(?P<inner>[+\-]?)\s*"
    rf"(?P<core>[.,]?\d(?:[\d.,' ]*\d)?)[.,]?(?P<power>[eE][+\-]?\d{{1,3}})?"
    rf"\s*(?P<behind>{_UNIT})?\s*(?P<close>\))?(?P<after>-*)"
)
_MULTIPLES = frozenset(
    ("k", "m", "b", "g", "t", "mn", "mm", "bn", "tn", "mio", "mio.", "mrd", "mrd.", "tsd", "tsd.", "mil", "mln", "mld", "tys",
     "tys.", "jt", "rb", "lakh", "cr", "cr.", "bin", "万", "億", "亿", "千", "百万", "만", "천", "억")
)  # fmt: skip
# Digits in threes behind one and the same mark, the first group without a leading zero; with a point for decimals also in twos
# before the last three, as in India.
_SHAPES = {
    POINT: r"(?:[0-9]+|[1-9]\d{0,2}(?:(?P<mark>[,' ])\d{3})(?:(?P=mark)\d{3})*|[1-9]\d?(?:,\d\d)+,\d{3})(?:\.\d*)?|\.\d+",
    COMMA: r"(?:[0-9]+|[1-9]\d{0,2}(?:(?P<mark>[.' ])\d{3})(?:(?P=mark)\d{3})*)(?:,\d*)?|,\d+",
}
_READ = {decimal: re.compile(shape) for decimal, shape in _SHAPES.items()}


class Meanings(NamedTuple):
    """What a text means with a decimal point and with a decimal comma; None where it is no number so."""

    point: float | None
    comma: float | None


NONE = Meanings(None, None)


@dataclass(frozen=True, kw_only=True)
class NumberReading:
    """How the numbers of one file are read: decimal is "." or ",". note: a sentence for the user, or ""."""

    decimal: str = POINT
    note: str = ""

    def amount(self, cell: Any) -> Any:
        """Return a money amount, a rate or a number of conversions as float, None when blank, else the cell itself.

        A percentage comes without its sign ("3,56 %" is 3.56), what stands in brackets below zero.
        """
        if is_blank(cell):
            return None
        if not isinstance(cell, str):
            return float(cell) if isinstance(cell, (int, float)) and not isinstance(cell, bool) else cell
        found = self._of(read_marks(cell))
        return cell if found is None else found

    def count(self, cell: Any) -> Any:
        """Return a whole number ("1.234", "1 234", "7.0"), None when blank, else the cell itself."""
        if is_blank(cell):
            return None
        if not isinstance(cell, str):
            is_whole = isinstance(cell, float) and math.isfinite(cell) and cell.is_integer()
            return int(cell) if is_whole else cell
        found = self._of(read_marks(cell, is_count=True))
        return cell if found is None else int(found) if math.isfinite(found) else found

    def _of(self, found: Meanings) -> float | None:
        return found.point if self.decimal == POINT else found.comma


PLAIN = NumberReading()  # a point before decimals


def is_blank(value: Any) -> bool:
    """True for a cell that says nothing: empty, a dash, "n/a", an Excel error, NaN."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return True
    return isinstance(value, str) and value.strip().casefold() in BLANK


def finite(value: Any) -> float | None:
    """Return a number as float when it is one and finite, else None."""
    if isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e300 and value == value:
        return float(value)
    return None


def read_marks(text: str, *, is_count: bool = False) -> Meanings:
    """Return what a text means under both decimal signs.

    is_count: a whole number without a unit, and without a zero in front ("007" is a name, "000" the end of a number).
    """
    return _read_marks(text, is_count) if len(text) <= _MAX_CHARS else NONE


@lru_cache(maxsize=65_536)
def _read_marks(text: str, is_count: bool) -> Meanings:
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).replace("\u2212", "-").replace("\u2019", "'")
    text = " ".join(text.split())
    found = _CELL.fullmatch(text)
    if found is None or (found["open"] is None) != (found["close"] is None):
        return NONE
    units = [unit.casefold() for unit in (found["unit"], found["behind"]) if unit]
    if any(unit in _MULTIPLES for unit in units) or (is_count and (units or text[0] in "<>\u2264\u2265~")):
        return NONE
    is_price = text.rstrip("-").endswith((".", ","))  # "12,-" has no cents, and is not below zero
    is_negative = bool(found["open"] or "-" in (found["sign"], found["inner"]) or (found["after"] and not is_price))
    values = [_read(found["core"], found["power"] or "", decimal, is_count) for decimal in (POINT, COMMA)]
    return Meanings(*(None if value is None else -value if is_negative else value for value in values))


def _read(core: str, power: str, decimal: str, is_count: bool) -> float | None:
    if _READ[decimal].fullmatch(core) is None:
        return None
    whole, _, part = core.partition(decimal)
    digits = re.sub(r"\D", "", whole)
    if is_count and len(digits) > 1 and digits.startswith("0"):
        return None
    value = float(f"{digits or 0}.{part or 0}{power}")
    if is_count:
        return value if value.is_integer() or math.isinf(value) else None
    return value
