"""Infer whether a column of click rates holds percent or shares: one unit for the whole column.

"0.12" is 0.12 % or 12 %. A column has one unit, which is inferred from a percent sign in its name or all cells, from workbook
formats that show shares as percentages, from clicks computed from spend and cost per click, from a rate above 1, and from the
known format of the platform. An ambiguous file is refused until the user gives the unit (`--rates`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from adcreative.catalog.formats.raw_rows import ShownPercent, TableSource, read_unbroken
from adcreative.catalog.platforms.numbers import NumberReading, finite
from adcreative.config import did_you_mean
from adcreative.errors import CatalogError, ConfigError

PERCENT, SHARE = 0.01, 1.0
UNITS = {"percent": PERCENT, "share": SHARE}
IN_PERCENT = frozenset(("meta",))  # platforms whose exports have click rates in percent without a sign
_SIGNS = re.compile(r"[%\uff05\ufe6a]")
_NAMED = re.compile(
    r"[%\uff05\ufe6a]|\b(?:percent|percentage|pct|prozent|pourcent|porcentaje|porcentagem|percentuale|procent)\b", re.I
)
HIGH_SHARE = 0.3  # no ads have a higher click rate: a larger number is in percent
_MOST = 0.95  # share of the rows with clicks known from the cost per click
_CLOSE, _CLICK = 0.02, 1.0  # click rates and costs per click are rounded


@dataclass(frozen=True, kw_only=True)
class Rate:
    """One row: the cell, its number (None: no number), and impressions and clicks known from other columns."""

    cell: Any
    number: float | None
    impressions: float | None = None
    clicks: float | None = None


def check_rates(given: str) -> None:
    """Refuse an unknown unit of rates; "" means none. Raises ConfigError."""
    if given and given not in UNITS:
        raise ConfigError(f'--rates must be percent or share, got "{given[:40]}". {did_you_mean(given, UNITS)}')


def find_unit(rates: Iterable[Rate], column: str, *, name: str, given: str = "", platform: str = "") -> tuple[float, str]:
    """Return the factor that converts a column of click rates to shares, and the reason.

    Args:
        column: name of the column in the file. name: name of the file in messages.
        given: "percent" or "share" if given by the user, else "". platform: platform of the export, "" unknown.
    Raises:
        CatalogError: the unit is ambiguous, or the column mixes both units.
        ConfigError: `given` is neither "percent" nor "share".
    """
    check_rates(given)
    seen = _Seen()
    for rate in rates:
        seen.add(rate)
    _check_alike(seen, column, name, given)
    if given:
        return UNITS[given], f"as --rates {given} says"
    for holds, unit, why in (
        (seen.num_shown, SHARE, "which the workbook shows in percent"),
        (seen.num_signs, PERCENT, "as the sign in its cells says"),
        (seen.fits(PERCENT) and not seen.fits(SHARE), PERCENT, "as spend and cost per click tell"),
        (seen.fits(SHARE) and not seen.fits(PERCENT), SHARE, "as spend and cost per click tell"),
        (_NAMED.search(column), PERCENT, "as its name says"),
        (seen.largest > 1.0, PERCENT, "since no rate is above 1"),
        (seen.largest == 0.0, PERCENT, ""),
        (platform in IN_PERCENT and seen.largest > HIGH_SHARE, PERCENT, "as this platform writes them"),
    ):
        if holds:
            return unit, why
    shown = f"{seen.largest:g}"
    raise CatalogError(
        f'{name}: the column "{column}" may hold percent or shares ({shown} is {shown} % or {100 * seen.largest:g} %), and no '
        "clicks tell which. Say it with --rates percent or --rates share, or export the clicks."
    )


def find_return_unit(source: TableSource, at: int, numbers: NumberReading, name: str) -> float:
    """Return the factor of a column of returns on spend: 0.01 for percent, by column name or cells.

    Raises:
        CatalogError: the column mixes both units.
    """
    seen = _Seen()
    for raw in read_unbroken(source):
        seen.add(Rate(cell=raw.cells[at], number=finite(numbers.amount(raw.cells[at]))))
    _check_alike(seen, source.header[at].strip(), name)
    return PERCENT if seen.num_signs or _SIGNS.search(source.header[at]) else SHARE


def _check_alike(seen: _Seen, column: str, name: str, given: str = "") -> None:
    """Refuse a column in which only some cells show percent. Raises CatalogError."""
    if (given == "percent" and seen.num_shown) or (given == "share" and seen.num_signs):
        raise CatalogError(f'{name}: the column "{column}" shows percent otherwise than --rates {given} says; leave it out.')
    if not given and sum(map(bool, (seen.num_signs, seen.num_shown, seen.num_plain))) > 1:
        raise CatalogError(
            f'{name}: the column "{column}" holds rates with a percent sign and without one; write them alike, or say --rates.'
        )


class _Seen:
    """Evidence from the rows of a rate column."""

    def __init__(self) -> None:
        self.largest = 0.0
        self.num_signs = self.num_shown = self.num_plain = self._num_known = 0
        self._num_close = {PERCENT: 0, SHARE: 0}

    def add(self, rate: Rate) -> None:
        if rate.number is None:
            return
        self.largest = max(self.largest, rate.number)
        is_signed = isinstance(rate.cell, str) and _SIGNS.search(rate.cell) is not None
        self.num_signs += is_signed
        self.num_shown += isinstance(rate.cell, ShownPercent)
        self.num_plain += bool(rate.number) and not is_signed and not isinstance(rate.cell, ShownPercent)
        if not rate.impressions or rate.clicks is None or not rate.number:
            return
        self._num_known += 1
        for unit in self._num_close:
            clicks = rate.impressions * rate.number * unit
            self._num_close[unit] += abs(clicks - rate.clicks) <= _CLICK + _CLOSE * rate.clicks

    def fits(self, unit: float) -> bool:
        """Return whether the rates agree, in this unit, with the known clicks of nearly all rows."""
        return self._num_known > 0 and self._num_close[unit] >= _MOST * self._num_known
