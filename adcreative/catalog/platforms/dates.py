"""Which of day, month and year stands first in the days of a file: one answer for the whole of it.

"01/11/2026" is the first of November or the eleventh of January. A file writes all its days alike, so the order is told by the
whole column: by days that fit one order alone, by rows that would end before they start or lie in the future, by days that
follow one another under one order and scatter over the year under the other, by the language of the header. Where nothing
tells, the file is refused until somebody says which (`--dates`). A day that does not fit the order is no day.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

from adcreative.catalog.formats.raw_rows import TableSource
from adcreative.catalog.platforms.days import (
    ORDERS,
    SERIAL,
    DateReading,
    Digits,
    as_day,
    check_order,
    find_range,
    parse_day,
    say_day,
    split_ranges,
)
from adcreative.catalog.platforms.numbers import is_blank
from adcreative.errors import CatalogError

_SAID = {"dmy": "day first", "mdy": "month first", "ymd": "year first"}
_DAY_FIRST_LANGUAGES = frozenset(("de", "fr", "es", "it", "pt-BR", "nl", "pl", "id", "tr"))
_YEAR_FIRST_LANGUAGES = frozenset(("ja", "ko", "zh", "zh-CN", "zh-TW", "zh-Hans", "zh-Hant"))
_YEARS_BACK, _YEARS_AHEAD = 10, 1  # of years in two digits, from today
_SAME_DAY = timedelta(days=1)  # what is today in one place is tomorrow in another
_MIN_READ = 0.5  # of a column's cells, below which it holds no dates
_MUCH = 10  # times as many rows against an order as against the other settle a file whose rows disagree
_SPARSE, _SHORT_SPAN, _SCATTERED = 2, 7, 4
_MIN_SORTED = _MANY = 4
_MONTHS_A_YEAR = 12


class DateVote:
    """Takes the days of a file row by row, and then says how they are read. Memory grows with different days only.

    Args of the constructor:
        language: of the header, "" unknown.
        today: rows of results cannot lie after it; years in two digits lie around it.
        is_past: whether the rows are of days that have been.
    """

    def __init__(self, *, language: str = "", today: date, is_past: bool = True) -> None:
        self._language, self._is_past, self._today = language, is_past, today
        self.years = (today.year - _YEARS_BACK, today.year + _YEARS_AHEAD)
        self._open: Counter[Digits] = Counter()  # days that need an order, with how many rows have them
        self._starts: set[Digits] = set()
        self._texts: dict[Digits, str] = {}
        self.num_read = self._num_unread = self._num_early = self._num_late = 0
        self._unread = self._serial = ""
        self._crossed: Counter[str] = Counter()  # rows that would end before they start
        self._last: dict[str, date] = {}
        self._steps: Counter[tuple[str, bool]] = Counter()  # from row to row, forwards and backwards
        self._earliest, self._latest = date.min, (today + _SAME_DAY if is_past else date.max)

    def limit(self, first: str, last: str) -> None:
        """Take the span (YYYY-MM-DD) that the file says it covers; no day lies outside."""
        self._earliest, self._latest = date.fromisoformat(first), min(self._latest, date.fromisoformat(last))

    def add(self, start: Any, end: Any = None, *, number: int = 1) -> None:
        """Take the first day of a row, and its last where it has one; `number` rows alike."""
        first, last = self._take(start, number), self._take(end, number)
        if isinstance(first, Digits):
            self._starts.add(first)
            self._step(first)
        if isinstance(first, Digits) and isinstance(last, Digits):
            for order in ORDERS:
                days = [as_day(one, order, self.years) for one in (first, last)]
                self._crossed[order] += days[0] is not None and days[1] is not None and days[0] > days[1]

    def _take(self, cell: Any, number: int) -> date | Digits | None:
        if is_blank(cell):
            return None
        found = parse_day(cell)
        if isinstance(found, Digits) and not any(as_day(found, order, self.years) for order in ORDERS):
            found = None
        if found is None:
            self._num_unread += number
            self._unread = self._unread or str(cell).strip()[:30]
            return None
        self.num_read += number
        if isinstance(found, Digits):
            self._open[found] += number
            self._texts.setdefault(found, str(cell).strip()[:30])
            return found
        self._num_early += found.day <= _MONTHS_A_YEAR
        self._num_late += found.day > _MONTHS_A_YEAR
        if not self._serial and not isinstance(cell, (date, datetime)) and SERIAL.fullmatch(str(cell).strip()):
            self._serial = f"{str(cell).strip()} is {say_day(found)}"
        return found

    def _step(self, found: Digits) -> None:
        for order in ORDERS:
            day = as_day(found, order, self.years)
            before = self._last.get(order)
            if day is not None:
                if before is not None and day != before:
                    self._steps[order, day > before] += 1
                self._last[order] = day

    def decide(self, given: str, name: str) -> DateReading:
        """Return how the days are read.

        Args:
            given: the order that the user said, "" for none. name: what messages call the file.
        Raises:
            CatalogError: nothing tells the order, rows disagree, or no day fits the order that was given.
            ConfigError: there is no such order.
        """
        check_order(given)
        if given and self._num_unread and not self.num_read:
            raise CatalogError(_describe_unfit(name, given, self._unread))
        if not given and self.num_read < _MIN_READ * (self.num_read + self._num_unread):
            note = f'its column of days holds no dates that are known, such as "{self._unread}".'
            return DateReading(is_dated=False, note=note, years=self.years)
        if not self._open:
            note = f"days are read as a spreadsheet counts them: {self._serial}." if self._serial else ""
            return DateReading(order=given, note=note, years=self.years)
        order = given or self._choose(name)
        example = next((one for one in self._open if as_day(one, order, self.years)), None)
        if example is None:
            raise CatalogError(_describe_unfit(name, given, self._texts[next(iter(self._open))]))
        day = as_day(example, order, self.years)
        note = f'days are read {_SAID[order]}: "{self._texts[example]}" is {say_day(day)} (--dates says otherwise).'
        return DateReading(order=order, note=note, years=self.years)

    def _choose(self, name: str) -> str:
        """Return the order that the days tell. Raises CatalogError."""
        missed = {
            order: sum(number for one, number in self._open.items() if not as_day(one, order, self.years)) for order in ORDERS
        }
        fewest, next_fewest = sorted(missed.values())[:2]
        if (fewest and next_fewest < _MUCH * fewest) or self._is_half_turned():
            raise CatalogError(self._describe_mixed(name))
        orders = self._without_impossible([order for order in ORDERS if missed[order] == fewest])
        if "ymd" in orders and len(orders) > 1:  # two digits each: the year stands first where the language has it so
            orders = ["ymd"] if self._language in _YEAR_FIRST_LANGUAGES else [order for order in orders if order != "ymd"]
        if len(orders) == 1 or all(one.first == one.second for one in self._open):
            return orders[0]
        if self._language in _DAY_FIRST_LANGUAGES or all(one.is_dotted for one in self._open):
            return "dmy"
        days = {order: sorted({day for one in self._open if (day := as_day(one, order, self.years))}) for order in orders}
        for order, other in (orders, orders[::-1]):
            if _follow_closely(days[order], days[other]) or self._is_sorted(order, other, days):
                return order
        raise CatalogError(self._describe_open(name))

    def _is_half_turned(self) -> bool:
        """True when a spreadsheet took days up to the 12th for dates month first, and left the others as text.

        Then every date has a day up to 12, and no text could be one.
        """
        return (
            self._num_early >= _MANY
            and self._num_late == 0
            and len(self._open) >= _MANY
            and all(one.first > _MONTHS_A_YEAR and not one.is_short for one in self._open)
        )

    def _without_impossible(self, orders: Sequence[str]) -> list[str]:
        """Return the orders without those under which a row lies outside the days that can be, or ends before it starts."""
        outside = {
            order: sum(
                not self._earliest <= day <= self._latest for one in self._starts if (day := as_day(one, order, self.years))
            )
            for order in orders
        }
        kept = [order for order in orders if not outside[order]] or list(orders)
        return [order for order in kept if not self._crossed[order]] or kept

    def _is_sorted(self, order: str, other: str, days: dict[str, list[date]]) -> bool:
        """True when the rows stand in order of their days, and under the other order do not.

        A column sorted as text stands in order month first, whatever it means; so then its days must lie much closer, too.
        """
        mixed = {one: bool(self._steps[one, True]) and bool(self._steps[one, False]) for one in (order, other)}
        if mixed[order] or not mixed[other] or len(days[order]) < _MIN_SORTED:
            return False
        return order == "dmy" or _SCATTERED * _span(days[order]) <= _span(days[other])

    def _describe_open(self, name: str) -> str:
        one = next(one for one in self._open if one.first != one.second)
        ways = " or as ".join(say_day(as_day(one, order, self.years)) for order in ("dmy", "mdy"))
        return (
            f'{name}: its days can be read two ways, "{self._texts[one]}" as {ways}, and no row tells which; say --dates dmy '
            "(day first) or --dates mdy (month first)."
        )

    def _describe_mixed(self, name: str) -> str:
        if self._is_half_turned():
            text = self._texts[next(iter(self._open))]
            return (
                f'{name}: a spreadsheet has turned its days up to the 12th into dates and left others as text ("{text}"), so '
                "day and month of those dates are probably swapped; export it again, and do not open it before."
            )
        alone: dict[str, str] = {}
        for one in self._open:
            fits = [order for order in ORDERS if as_day(one, order, self.years)]
            if len(fits) == 1:
                alone.setdefault(fits[0], self._texts[one])
        shown = " and ".join(f'"{text}" {_SAID[order]} alone' for order, text in alone.items())
        return (
            f"{name}: its days are written in two ways ({shown} can be read); export it again with days of one kind, or say "
            "--dates dmy, mdy or ymd, and rows that do not fit are left out."
        )


def _describe_unfit(name: str, given: str, shown: str) -> str:
    return f'{name}: no day can be read {_SAID[given]}, as --dates {given} says, such as "{shown}"; say dmy, mdy or ymd.'


def find_reading(
    source: TableSource, names: Sequence[str], *, name: str, given: str = "", language: str = "", is_past: bool = True,
    today: date | None = None,
) -> DateReading:  # fmt: skip
    """Return how the days of a table are read, by all its rows; they are read through once when it has columns of days.

    Args:
        names: our name of each column; those called day, date_start and date_end are read.
        name: what messages call the table. given: "dmy", "mdy", "ymd" where the user said so. language: of the header.
        is_past: whether rows tell what has been, so that none can lie in the future.
    Raises:
        CatalogError: nothing tells the order of day and month, rows disagree, or none fits the given order.
        ConfigError: there is no such order.
    """
    check_order(given)
    vote = DateVote(language=language, today=today or date.today(), is_past=is_past)
    lines = tuple(getattr(source, "preamble", ()))
    span = find_range(lines, DateReading(years=vote.years))
    if all(span):
        vote.limit(*span)
    starts = [names.index(column) for column in ("day", "date_start") if column in names]
    ends = [names.index("date_end")] if "date_end" in names else []
    if not starts and not ends:
        return _read_lines(vote, lines, given, name)
    with contextlib.suppress(CatalogError):  # a later part cannot be read: reading itself will say so, at its row
        for raw in source.read_rows():
            if raw.fault is None:
                first, last = (
                    next((raw.cells[at] for at in some if not is_blank(raw.cells[at])), None) for some in (starts, ends)
                )
                vote.add(first, last)
    for parts in split_ranges(lines):
        if all(isinstance(parse_day(part), Digits) for part in parts):
            vote.add(*parts)
    return vote.decide(given, name)


def _read_lines(vote: DateVote, lines: Sequence[str], given: str, name: str) -> DateReading:
    """Return how days above a table without columns of days are read; where nothing tells, they are not."""
    for parts in split_ranges(lines):
        if all(isinstance(parse_day(part), Digits) for part in parts):
            vote.add(*parts)
    if not vote.num_read:
        return DateReading(order=given, years=vote.years)
    try:
        return vote.decide(given, name)
    except CatalogError:
        note = "the days above the table can be read two ways and are left out (--dates says how they are written)."
        return DateReading(note=note, years=vote.years)


def _follow_closely(days: Sequence[date], others: Sequence[date]) -> bool:
    """True when days lie close together that scatter under the other order; firsts of months do not scatter."""
    if len(days) < 2 or all(day.day == 1 for day in others):
        return False
    span = _span(days)
    return span <= max(_SPARSE * len(days), _SHORT_SPAN) and _span(others) >= _SCATTERED * max(span, _SHORT_SPAN)


def _span(days: Sequence[date]) -> int:
    return (days[-1] - days[0]).days + 1
