"""Parse one cell as a number, in all common notations: "1.234,56 €", "1,234.56", "1 234", "(12.50)", "3,56 %", "< 10%".

Knows single cells: the decimal sign is inferred from the whole file (see `number_votes`). Under a given sign a cell either is a
number or is not; no characters are dropped to make one.
"""

from __future__ import annotations

import math
import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from adcreative.catalog.platforms.columns import TABLES

BLANK = frozenset(TABLES["cells"]["blank"])
POINT, COMMA = ".", ","
_MAX_CHARS = 512
_UNIT = r"[^\d\s.,'()+\-<>]{1,4}\.?"  # a currency or "%": "R$", "US$", "Rs.", "zł"
_CELL = re.compile(
    rf"[<>\u2264\u2265~]?\s*(?P<open>\()?\s*(?P<sign>[+\-]?)\s*(?P<unit>{_UNIT})?\s*(?P<inner>[+\-]?)\s*"
    rf"(?P<core>[.,]?\d(?:[\d.,' ]*\d)?)[.,]?(?P<power>[eE][+\-]?\d{{1,3}})?"
    rf"\s*(?P<behind>{_UNIT})?\s*(?P<close>\))?(?P<after>-*)"
)
_MULTIPLES = frozenset(TABLES["cells"]["multiples"])
# Groups of three digits with a uniform mark, the first group without a leading zero; with a decimal point also groups of two
# before the last three digits, as in India.
_SHAPES = {
    POINT: r"(?:[0-9]+|[1-9]\d{0,2}(?:(?P<mark>[,' ])\d{3})(?:(?P=mark)\d{3})*|[1-9]\d?(?:,\d\d)+,\d{3})(?:\.\d*)?|\.\d+",
    COMMA: r"(?:[0-9]+|[1-9]\d{0,2}(?:(?P<mark>[.' ])\d{3})(?:(?P=mark)\d{3})*)(?:,\d*)?|,\d+",
}
_READ = {decimal: re.compile(shape) for decimal, shape in _SHAPES.items()}


class Meanings(NamedTuple):
    """Values of a text with a decimal point and with a decimal comma; None where the text is not a number."""

    point: float | None
    comma: float | None


NONE = Meanings(None, None)


@dataclass(frozen=True, kw_only=True)
class NumberReading:
    """Number format of one file: decimal is "." or ",". note: a sentence for the user, or ""."""

    decimal: str = POINT
    note: str = ""

    def amount(self, cell: object) -> object:
        """Return a money amount, a rate or a number of conversions as float, None for a blank cell, else the cell itself.

        Percentages are returned without the sign ("3,56 %" is 3.56); values in brackets are negative.
        """
        if is_blank(cell):
            return None
        if not isinstance(cell, str):
            return float(cell) if isinstance(cell, (int, float)) and not isinstance(cell, bool) else cell
        found = self._of(read_marks(cell))
        return cell if found is None else found

    def count(self, cell: object) -> object:
        """Return a whole number ("1.234", "1 234", "7.0"), None for a blank cell, else the cell itself."""
        if is_blank(cell):
            return None
        if not isinstance(cell, str):
            return int(cell) if isinstance(cell, float) and math.isfinite(cell) and cell.is_integer() else cell
        found = self._of(read_marks(cell, is_count=True))
        return cell if found is None else int(found) if math.isfinite(found) else found

    def _of(self, found: Meanings) -> float | None:
        return found.point if self.decimal == POINT else found.comma


PLAIN = NumberReading()  # decimal point


def is_blank(value: object) -> bool:
    """Return whether a cell has no value: empty, a dash, "n/a", an Excel error, NaN."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return True
    return isinstance(value, str) and value.strip().casefold() in BLANK


def finite(value: object) -> float | None:
    """Return a finite number as float, else None."""
    if isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e300 and value == value:
        return float(value)
    return None


def read_marks(text: str, *, is_count: bool = False) -> Meanings:
    """Return the values of a text under both decimal signs.

    is_count: accept only whole numbers without unit or leading zero ("007" is a name, "000" the end of a number).
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
    is_price = text.rstrip("-").endswith((".", ","))  # "12,-" has no cents, and is not negative
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
