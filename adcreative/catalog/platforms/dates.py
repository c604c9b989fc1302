"""Infer the order of day, month and year in a file: one order for the whole file.

"01/11/2026" is the first of November or the eleventh of January. A file has one date format, so the order is inferred from the
whole column: from days that fit only one order, from rows that would end before they start or lie in the future, from days that
are consecutive under one order and scattered over the year under the other, and from the language of the header. An ambiguous
file is refused until the user gives the order (`--dates`). A day that does not fit the order is invalid.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime, timedelta

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
    split_span,
)
from adcreative.catalog.platforms.numbers import is_blank
from adcreative.errors import CatalogError

_SAID = {"dmy": "day first", "mdy": "month first", "ymd": "year first"}
_DAY_FIRST_LANGUAGES = frozenset(("de", "fr", "es", "it", "pt-BR", "nl", "pl", "id", "tr"))
_YEAR_FIRST_LANGUAGES = frozenset(("ja", "ko", "zh", "zh-CN", "zh-TW", "zh-Hans", "zh-Hant"))
_YEARS_BACK, _YEARS_AHEAD = 10, 1  # years with two digits, around today
_SAME_DAY = timedelta(days=1)  # today in one time zone is tomorrow in another
_MIN_READ = 0.5  # share of a column's cells that must be dates
_MUCH = 10  # ratio of rows for one order against the other that settles a contradictory file
_SPARSE, _SHORT_SPAN, _SCATTERED = 2, 7, 4
_MIN_SORTED = _MANY = 4
_MONTHS_A_YEAR = 12


class DateVote:
    """Collects the days of a file row by row, then decides how to read them. Memory grows only with distinct days.

    Args of the constructor:
        language: language of the header, "" unknown.
        today: the latest day of result rows; years with two digits are close to it.
        is_past: whether all days of the rows are in the past.
    """

    def __init__(self, *, language: str = "", today: date, is_past: bool = True) -> None:
        self._language, self._is_past, self._today = language, is_past, today
        self.years = (today.year - _YEARS_BACK, today.year + _YEARS_AHEAD)
        self._open: Counter[Digits] = Counter()  # ambiguous days, with the number of rows
        self._starts: set[Digits] = set()
        self._whole: set[date] = set()  # unambiguous days
        self._texts: dict[Digits, str] = {}
        self.num_read = self._num_unread = self._num_steps = 0
        self._unread = self.serial = ""
        self._crossed: Counter[str] = Counter()  # rows that would end before they start
        self._last: dict[str, date] = {}
        self._steps: Counter[tuple[str, bool]] = Counter()  # from row to row, forwards and backwards
        self._walked: Counter[tuple[str, bool]] = Counter()  # days from row to row, as written and swapped
        self._earliest, self._latest = date.min, (today + _SAME_DAY if is_past else date.max)

    def limit(self, first: str, last: str) -> None:
        """Set the range (YYYY-MM-DD) that the file states; no day is outside."""
        self._earliest, self._latest = date.fromisoformat(first), min(self._latest, date.fromisoformat(last))

    def add(self, start: object, end: object = None, *, number: int = 1) -> None:
        """Add the first day of a row, and its last day if any, for `number` equal rows."""
        first, last = self._take(start, number), self._take(end, number)
        if isinstance(first, Digits):
            self._starts.add(first)
        if first is not None:
            self._step(first)
        if isinstance(first, Digits) and isinstance(last, Digits):
            for order in ORDERS:
                days = [as_day(one, order, self.years) for one in (first, last)]
                self._crossed[order] += days[0] is not None and days[1] is not None and days[0] > days[1]

    def _take(self, cell: object, number: int) -> date | Digits | None:
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
        self._whole.add(found)
        if not self.serial and not isinstance(cell, (date, datetime)) and SERIAL.fullmatch(str(cell).strip()):
            self.serial = f"{str(cell).strip()} is {say_day(found)}"
        return found

    def _step(self, found: Digits | date) -> None:
        self._num_steps += 1
        for order in ORDERS:
            day = as_day(found, order, self.years) if isinstance(found, Digits) else found
            before = self._last.get(order)
            if day is not None:
                if before is not None and day != before:
                    self._steps[order, day > before] += isinstance(found, Digits)
                    self._walked[order, False] += abs((day - before).days)
                    self._walked[order, True] += abs((_swap(day) - _swap(before)).days)
                self._last[order] = day

    def decide(self, given: str, name: str) -> DateReading:
        """Return how to read the days.

        Args:
            given: the order given by the user, "" for none. name: name of the file in messages.
        Raises:
            CatalogError: the order is ambiguous, rows contradict each other, or no day fits the given order.
            ConfigError: an unknown order.
        """
        check_order(given)
        if given and self._num_unread and not self.num_read:
            raise CatalogError(_describe_unfit(name, given, self._unread))
        if not given and self.num_read < _MIN_READ * (self.num_read + self._num_unread):
            note = f'its column of days holds no dates that are known, such as "{self._unread}".'
            return DateReading(is_dated=False, note=note, years=self.years)
        if not self._open:
            return DateReading(order=given, note=self._check_whole(name), years=self.years)
        if self._is_half_turned():
            raise CatalogError(
                f"{name}: a spreadsheet has turned its days up to the 12th into dates and left others as text "
                f'("{self._texts[next(iter(self._open))]}"), so day and month of those dates are probably swapped; export it '
                "again, and do not open it before."
            )
        order = given or self._choose(name)
        example = next((one for one in self._open if as_day(one, order, self.years)), None)
        if example is None:
            raise CatalogError(_describe_unfit(name, given, self._texts[next(iter(self._open))]))
        day = as_day(example, order, self.years)
        if not given and self._swaps_close(order):
            raise CatalogError(
                f'{name}: its days lie far apart as they stand ("{self._texts[example]}" is {say_day(day)}), and close '
                "together with day and month swapped, as a spreadsheet swaps those up to the 12th; export it again, or say "
                "--dates dmy or --dates mdy."
            )
        note = f'days are read {_SAID[order]}: "{self._texts[example]}" is {say_day(day)} (--dates says otherwise).'
        return DateReading(order=order, note=note, years=self.years)

    def _check_whole(self, name: str) -> str:
        """Return a warning about unambiguous days, or "". Raises CatalogError."""
        if self._whole and all(day.day <= _MONTHS_A_YEAR for day in self._whole) and self._swaps_close("dmy"):
            said = f"its days lie close together only with day and month swapped, such as {say_day(max(self._whole))}"
            if max(self._whole) > self._latest:
                raise CatalogError(f"{name}: {said}, and some have not been; export it again, and do not open it before.")
            return f"{said}; if a spreadsheet has turned them, export it again."
        return f"days are read as a spreadsheet counts them: {self.serial}." if self.serial else ""

    def _choose(self, name: str) -> str:
        """Return the order inferred from the days. Raises CatalogError."""
        missed = {
            order: sum(number for one, number in self._open.items() if not as_day(one, order, self.years)) for order in ORDERS
        }
        fewest, next_fewest = sorted(missed.values())[:2]
        if fewest and next_fewest < _MUCH * fewest:
            raise CatalogError(self._describe_mixed(name))
        orders = self._without_impossible([order for order in ORDERS if missed[order] == fewest])
        if "ymd" in orders and len(orders) > 1:  # two digits each: the year comes first where the language has that order
            orders = ["ymd"] if self._language in _YEAR_FIRST_LANGUAGES else self._without_years_first(orders, name)
        if len(orders) == 1 or all(one.first == one.second for one in self._open):
            return orders[0]
        if self._language in _DAY_FIRST_LANGUAGES or all(one.is_dotted for one in self._open):
            return "dmy"
        days = self._days_by(orders)
        for order, other in (orders, orders[::-1]):
            if _follow_closely(days[order], days[other]) or self._is_sorted(order, other, days):
                return order
        raise CatalogError(self._describe_open(name))

    def _days_by(self, orders: Sequence[str]) -> dict[str, list[date]]:
        """Return the days of ambiguous texts under each order, earliest first."""
        return {order: sorted({day for one in self._open if (day := as_day(one, order, self.years))}) for order in orders}

    def _without_years_first(self, orders: Sequence[str], name: str) -> list[str]:
        """Return the orders without "ymd".

        Raises:
            CatalogError: with the year first the days are closer together, or later.
        """
        days = self._days_by(orders)
        others = [order for order in orders if order != "ymd"]
        for other in others:
            if _follow_closely(days["ymd"], days[other]) or days["ymd"][-1] > days[other][-1]:
                raise CatalogError(self._describe_open(name, (other, "ymd")))
        return others

    def _is_half_turned(self) -> bool:
        """Return whether a spreadsheet may have converted only the days that are valid month first, leaving the others as text.

        In this case every date has a day up to 12, and no text is a valid date month first.
        """
        return (
            any(day.day != day.month for day in self._whole)
            and all(day.day <= _MONTHS_A_YEAR for day in self._whole)
            and all(max(one.first, one.second) > _MONTHS_A_YEAR for one in self._open)
        )

    def _swaps_close(self, order: str) -> bool:
        """Return whether days are much closer together, or in the past only, with day and month swapped up to the 12th.

        A spreadsheet with the other date order shows days in this way, since it cannot swap the others.
        """
        days = {*self._whole, *(day for one in self._open if (day := as_day(one, order, self.years)))}
        others, swapped = sorted(days), sorted(map(_swap, days))
        if all(day.day == 1 for day in days) or swapped == others:
            return False
        if swapped[-1] <= self._latest < others[-1] or _follow_closely(swapped, others):
            return True
        is_dense = _span(swapped) <= _SPARSE * len(swapped) and 2 * max(_span(swapped), 2 * _SHORT_SPAN) <= _span(others)
        walked, swapped_walk = self._walked[order, False], self._walked[order, True]
        return is_dense or (self._num_steps >= _MANY and _SCATTERED * swapped_walk < walked)

    def _without_impossible(self, orders: Sequence[str]) -> list[str]:
        """Return the orders under which no row is outside of the possible days or ends before it starts."""
        outside = {
            order: sum(
                not self._earliest <= day <= self._latest for one in self._starts if (day := as_day(one, order, self.years))
            )
            for order in orders
        }
        kept = [order for order in orders if not outside[order]] or list(orders)
        return [order for order in kept if not self._crossed[order]] or kept

    def _is_sorted(self, order: str, other: str, days: dict[str, list[date]]) -> bool:
        """Return whether the rows are sorted by day under one order and not under the other.

        A column sorted as text is always sorted month first; so for that order, days must also be much closer together.
        """
        mixed = {one: bool(self._steps[one, True]) and bool(self._steps[one, False]) for one in (order, other)}
        if mixed[order] or not mixed[other] or len(days[order]) < _MIN_SORTED:
            return False
        return order == "dmy" or _SCATTERED * _span(days[order]) <= _span(days[other])

    def _describe_open(self, name: str, orders: Sequence[str] = ("dmy", "mdy")) -> str:
        ways = {one: [as_day(one, order, self.years) for order in orders] for one in self._open}
        one = next(one for one, days in ways.items() if all(days) and days[0] != days[1])
        shown = " or as ".join(map(say_day, ways[one]))
        said = " or ".join(f"--dates {order} ({_SAID[order]})" for order in orders)
        return f'{name}: its days can be read two ways, "{self._texts[one]}" as {shown}, and no row tells which; say {said}.'

    def _describe_mixed(self, name: str) -> str:
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
    source: TableSource,
    names: Sequence[str],
    *,
    name: str,
    given: str = "",
    language: str = "",
    is_past: bool = True,
    today: date | None = None,
) -> DateReading:
    """Return how to read the days of a table; all rows are scanned once if the table has columns of days.

    Args:
        names: our name of each column; columns named day, date_start and date_end are read.
        name: name of the table in messages. given: "dmy", "mdy", "ymd" if given by the user. language: language of the header.
        is_past: whether rows are about the past, so that no day is in the future.
    Raises:
        CatalogError: the order of day and month is ambiguous, rows contradict each other, or no row fits the given order.
        ConfigError: an unknown order.
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
    with contextlib.suppress(CatalogError):  # a later part cannot be read: `read_rows` reports the error with its row
        for raw in source.read_rows():
            if raw.fault is None:
                first, last = (
                    next((raw.cells[at] for at in some if not is_blank(raw.cells[at])), None) for some in (starts, ends)
                )
                begin, end = split_span(first)
                vote.add(begin, end if last is None and begin is not end else last)
    for ends_of_line in split_ranges(lines):
        if all(isinstance(parse_day(one), Digits) for one in ends_of_line):
            vote.add(*ends_of_line)
    if vote.serial and getattr(source, "is_1904", False):
        raise CatalogError(f"{name} counts days from 1904 and holds some as bare numbers; format them as dates.")
    return vote.decide(given, name)


def _read_lines(vote: DateVote, lines: Sequence[str], given: str, name: str) -> DateReading:
    """Return how to read days above a table without columns of days; ambiguous days are skipped."""
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
    """Return whether days are close together that scatter under the other order; firsts of months do not scatter."""
    if len(days) < 2 or all(day.day == 1 for day in others):
        return False
    span = _span(days)
    return span <= max(_SPARSE * len(days), _SHORT_SPAN) and _span(others) >= _SCATTERED * max(span, _SHORT_SPAN)


def _swap(day: date) -> date:
    """Return a day with day and month swapped, as misread by a spreadsheet of the other order, if the result is valid."""
    return date(day.year, day.day, day.month) if day.day <= _MONTHS_A_YEAR else day


def _span(days: Sequence[date]) -> int:
    return (days[-1] - days[0]).days + 1
