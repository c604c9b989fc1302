"""One order of day and month for a whole column, or a refusal."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adcreative.catalog.platforms.dates import DateVote
from adcreative.catalog.platforms.days import DateReading
from adcreative.errors import CatalogError

TODAY = datetime.date(2026, 11, 29)
NOVEMBER = [datetime.date(2026, 11, day) for day in range(1, 29)]


def decide(cells: Iterable[Any], *, language: str = "en", order: str = "", today: datetime.date = TODAY) -> DateReading:
    vote = DateVote(language=language, today=today)
    for cell in cells:
        vote.add(*cell) if isinstance(cell, tuple) else vote.add(cell)
    return vote.decide(order, "daily.csv")


def written(days: Sequence[datetime.date], form: str) -> list[str]:
    return [day.strftime(form) for day in days]


@pytest.mark.parametrize("num", [2, 3, 12, 13, 28])
@pytest.mark.parametrize(
    ("form", "order"),
    [
        ("%d/%m/%Y", "dmy"),
        ("%d-%m-%Y", "dmy"),
        ("%d.%m.%y", "dmy"),
        ("%d/%m/%y", "dmy"),
        ("%m/%d/%Y", "mdy"),
        ("%m-%d-%y", "mdy"),
        ("%m/%d/%y", "mdy"),
    ],
)
def test_days_in_a_row_tell_the_order(form: str, order: str, num: int) -> None:
    for days in (NOVEMBER[:num], NOVEMBER[:num][::-1]):
        found = decide([cell for cell in written(days, form) for _ in range(40)])
        assert found.order == order
        assert [found.read(cell) for cell in written(days, form)] == [day.isoformat() for day in days]


def test_a_day_behind_many_rows_counts() -> None:
    assert decide(["03/04/2026"] * 5_000 + ["23/04/2026"]).order == "dmy"
    assert decide(["03/04/2026"] * 5_000 + ["04/23/2026"], language="de").order == "mdy"


def test_what_was_chosen_is_said_with_an_example() -> None:
    found = decide(["01/11/2026", "02/11/2026"])
    assert found.note == 'days are read day first: "01/11/2026" is 1 November 2026 (--dates says otherwise).'
    assert decide([46327, 46328]).note == "days are read as a spreadsheet counts them: 46327 is 1 November 2026."
    assert decide(["2026-11-01", datetime.date(2026, 11, 2)]).note == ""


@pytest.mark.parametrize(
    "cells",
    [
        ["03/04/2026"],
        ["03/04/2026"] * 900,
        ["03-04-26"],
        ["01/02/2026", "05/06/2025"],
        [f"01/{month:02}/2025" for month in range(1, 13)],  # firsts of months, or twelve days of January
        ["05/03/2026", "07/09/2026", "02/08/2026"],
    ],
)
def test_two_ways_are_refused_and_the_user_may_say(cells: list[str]) -> None:
    with pytest.raises(CatalogError, match=r"daily\.csv: its days can be read two ways, .* say --dates dmy .* or --dates mdy"):
        decide(cells)
    assert decide(cells, order="dmy").read("03/04/2026") == "2026-04-03"
    assert decide(cells, order="mdy").read("03/04/2026") == "2026-03-04"


def test_languages_of_one_habit_say_it() -> None:
    assert [decide(["03/04/2026"], language=language).order for language in ("fr", "de", "pt-BR")] == ["dmy"] * 3
    assert decide(["03.04.2026"]).order == "dmy"
    assert decide(["26/11/03"], language="ja").order == "ymd"
    assert decide(["20/11/26"], language="en").order == "dmy"
    assert decide(["26-11-01"], language="en").order == "ymd"  # no export is of 2001


@pytest.mark.parametrize("cells", [["26/04/16", "26/04/17", "26/04/18"], ["26/04/16"], ["26-05-20", "26-05-16"]])
def test_years_of_two_digits_that_may_come_first_are_refused(cells: list[str]) -> None:
    """Day first these would be days of one month, years apart, or long ago."""
    with pytest.raises(
        CatalogError, match=r'read two ways, "26.0\d.\d\d" as 26 \w+ 20\d\d or as .* --dates ymd \(year first\)'
    ):
        decide(cells)
    assert decide(cells, order="ymd").read("26/04/17") == "2026-04-17"
    assert decide(cells, language="ko").order == "ymd"
    assert decide([*cells, "28/04/26"]).order == "dmy"


def test_days_alike_both_ways_need_no_order() -> None:
    assert decide(["03/03/2026", "04/04/2026"]).read("03/03/2026") == "2026-03-03"


def test_days_to_come_and_rows_that_end_before_they_start_cannot_be() -> None:
    assert decide(["02/12/2026"]).order == "mdy"
    assert decide(["12/02/2026"]).order == "dmy"
    assert decide([("05/10/2026", "03/11/2026")]).order == "dmy"
    assert decide([("10/05/2026", "11/03/2026")]).order == "mdy"
    vote = DateVote(language="en", today=TODAY)
    vote.limit("2026-03-01", "2026-03-31")
    vote.add("04/03/2026")
    assert vote.decide("", "a.csv").order == "dmy"
    planned = DateVote(language="en", today=TODAY, is_past=False)
    planned.add("02/12/2026")
    with pytest.raises(CatalogError, match="two ways"):
        planned.decide("", "a.csv")


def test_rows_in_order_of_their_days_tell_it() -> None:
    assert decide(["05/11/2025", "12/11/2025", "03/12/2025", "10/12/2025"]).order == "dmy"
    assert decide(["11/05/2025", "11/12/2025", "12/03/2025", "12/10/2025"]).order == "mdy"
    with pytest.raises(CatalogError, match="two ways"):  # sorted as text, which puts what stands first in order
        decide(["01/05/2026", "02/04/2026", "03/09/2026", "04/01/2026", "05/02/2026"])


@pytest.mark.parametrize(
    "cells",
    [["13/11/2026", "11/13/2026"], ["13/11/2026"] * 5 + ["11/13/2026"] * 4, ["01/11/2026"] * 90 + ["13/11/2026", "11/13/2026"]],
)
def test_a_file_of_both_orders_is_refused(cells: list[str]) -> None:
    match = r'its days are written in two ways \("13/11/2026" day first alone and "11/13/2026" month first alone'
    with pytest.raises(CatalogError, match=match):
        decide(cells)
    found = decide(cells, order="mdy")
    assert (found.read("13/11/2026"), found.read("11/13/2026")) == (None, "2026-11-13")


def test_a_few_rows_of_the_other_order_are_no_days() -> None:
    found = decide([*written(NOVEMBER, "%d/%m/%Y"), "11/28/2026", "31/11/2026"])
    assert (found.order, found.read("11/28/2026"), found.read("31/11/2026")) == ("dmy", None, None)


def test_a_workbook_that_turned_half_of_its_days_is_refused() -> None:
    """A month-first spreadsheet takes 01/11 to 12/11 for dates of other months, and leaves 13/11 on as text."""
    turned = [datetime.datetime(2026, day.day, 11) for day in NOVEMBER[:12]]
    with pytest.raises(CatalogError, match=r"a spreadsheet has turned its days up to the 12th .*13/11/2026.* swapped"):
        decide([*turned, *written(NOVEMBER[12:], "%d/%m/%Y")])
    kept = [datetime.datetime(2026, 11, day.day) for day in NOVEMBER]
    assert decide([*kept, *written(NOVEMBER[12:], "%d/%m/%Y")]).order == "dmy"


@pytest.mark.parametrize(
    "cells",
    [
        [datetime.date(2026, 1, 11), "13/11/2026"],
        ["2026-01-11", "13/11/26"],
        ["11-Jan-26", "13.11.26"],
        [46033, "13-11-2026"],
        ["2026-01-11", "11/13/26", "11/14/26"],
        [("2026-01-11", "13/11/2026")],
    ],
)
def test_one_turned_day_is_enough(cells: list[Any]) -> None:
    for order in ("", "dmy", "mdy"):
        with pytest.raises(CatalogError, match="a spreadsheet has turned its days up to the 12th into dates"):
            decide(cells, order=order)


@pytest.mark.parametrize("form", ["%d/%m/%Y", "%m/%d/%Y", "%d/%m/%y", "%m/%d/%y"])
@pytest.mark.parametrize("num", [1, 3])
def test_days_that_were_swapped_as_text_are_refused_until_the_order_is_said(form: str, num: int) -> None:
    """Days up to the 12th stand as a spreadsheet of another country shows them, the others as they were written."""
    days = [datetime.date(2025, month, day) for month in range(8, 8 + num) for day in range(1, 29)]
    other = form.replace("d", "x").replace("m", "d").replace("x", "m")
    cells = [day.strftime(other if day.day <= 12 else form) for day in days]
    with pytest.raises(CatalogError, match=r"its days lie far apart as they stand .* day and month swapped"):
        decide([cell for cell in cells for _ in range(5)])
    assert decide(cells, order=form[1::3].casefold()).order == form[1::3].casefold()
    assert decide(written(days, form)).order == form[1::3].casefold()


def test_dates_that_were_all_turned_are_told_and_those_to_come_refused() -> None:
    assert (
        "close together only with day and month swapped" in decide([datetime.date(2026, day, 9) for day in range(1, 11)]).note
    )
    with pytest.raises(CatalogError, match="such as 11 December 2026, and some have not been; export it again"):
        decide([datetime.date(2026, day, 11) for day in range(1, 13)])
    assert decide([datetime.date(2026, month, 1) for month in range(1, 12)]).note == ""
    assert decide([datetime.date(2026, 11, 7)] * 9).note == ""


def test_a_column_without_days_keeps_its_texts() -> None:
    found = decide(["Week 45", "Week 46", "01/11/2026"])
    assert (found.is_dated, found.read("Week 45")) == (False, "Week 45")
    assert found.note == 'its column of days holds no dates that are known, such as "Week 45".'
    assert decide([]) == decide(["", None, "--"])


def test_an_order_that_fits_no_day_is_refused() -> None:
    with pytest.raises(CatalogError, match=r'no day can be read year first, as --dates ymd says, such as "13/11/2026"'):
        decide(["13/11/2026"], order="ymd")
    with pytest.raises(CatalogError, match=r'no day can be read day first, .* such as "Week 45"'):
        decide(["Week 45"], order="dmy")
    with pytest.raises(CatalogError, match="no day can be read day first"):
        decide(["11/13/2026"], order="dmy")


@given(
    st.lists(st.dates(datetime.date(2024, 1, 1), TODAY), min_size=1, max_size=60),
    st.sampled_from(["%d/%m/%Y", "%m/%d/%Y", "%d-%m-%y", "%m/%d/%y", "%d.%m.%Y"]),
    st.sampled_from(["en", "de", "ja", ""]),
    st.sampled_from(["", "dmy", "mdy"]),
)
def test_no_file_holds_two_readings(days: list[datetime.date], form: str, language: str, order: str) -> None:
    """Whatever is decided, every cell is read in the same order or not at all."""
    cells = written(days, form)
    try:
        found = decide(cells, language=language, order=order)
    except CatalogError:
        return
    for cell in cells:
        parts = cell.replace("-", "/").replace(".", "/").split("/")
        at = {"dmy": (2, 1, 0), "mdy": (2, 0, 1), "ymd": (0, 1, 2)}[found.order]
        year, month, day = (int(parts[place]) for place in at)
        try:
            expected = datetime.date(year + 2000 * (year < 100), month, day).isoformat()
        except ValueError:
            expected = None
        read = found.read(cell)
        assert read == expected or (read is None and year < 100)


@given(st.dates(datetime.date(2025, 1, 1), TODAY - datetime.timedelta(60)), st.integers(20, 60), st.booleans())
def test_a_column_with_a_day_above_twelve_is_read_rightly(first: datetime.date, num: int, is_us: bool) -> None:
    days = [first + datetime.timedelta(number) for number in range(num)]  # of 20 days in a row one is above twelve
    cells = written(days, "%m/%d/%Y" if is_us else "%d/%m/%Y")
    found = decide(cells)
    assert [found.read(cell) for cell in cells] == [day.isoformat() for day in days]


def test_memory_grows_with_days_not_rows() -> None:
    vote = DateVote(today=TODAY)
    for number in range(200_000):
        vote.add(f"{number % 28 + 1:02}/11/2026", f"no day {number}")
    assert len(vote._open) + len(vote._texts) + len(vote._starts) <= 3 * 28
