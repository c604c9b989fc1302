"""Single cells as days, in the ways that people, platforms and spreadsheets write them."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adcreative.catalog.platforms.days import ORDERS, DateReading, check_order, parse_day, split_span
from adcreative.errors import ConfigError

DMY, MDY, YMD = (DateReading(order=order, years=(2016, 2027)) for order in ORDERS)
FORMS = ("%d/%m/%Y", "%d-%m-%Y", "%d.%m.%Y", "%d/%m/%y", "%d.%m.%y", "%Y-%m-%d", "%Y%m%d", "%d %b %Y", "%d-%b-%y", "%B %d, %Y")


@pytest.mark.parametrize(
    ("cell", "day"),
    [
        ("23-9-2026", "2026-09-23"),
        ("31-08-2023", "2023-08-31"),
        ("28.11.26", "2026-11-28"),
        ("1/11/26", "2026-11-01"),
        ("2026年11月3日", "2026-11-03"),
        ("26年11月3日", "2026-11-03"),
        ("2026. 11. 3.", "2026-11-03"),
        ("1. Nov. 2026", "2026-11-01"),
        ("Oct 25, 2016", "2016-10-25"),
        ("3 de mayo de 2026", "2026-05-03"),
        ("1 wrz 2026", "2026-09-01"),
        ("28-Nov-26", "2026-11-28"),
        ("05. Mrz 26", "2026-03-05"),
        ("17 Agt 2026", "2026-08-17"),
        ("Sunday, 1 November 2026", "2026-11-01"),
        ("Sun, Nov 1, 2026", "2026-11-01"),
        ("1st November 2026", "2026-11-01"),
        ("Nov 1, '26", "2026-11-01"),
        ("20261103", "2026-11-03"),
        (20261103, "2026-11-03"),
        (20261103.0, "2026-11-03"),
        ("2026-11-03 00:00:00", "2026-11-03"),
        ("2026-11-03T10:00:00Z", "2026-11-03"),
        ("01/11/2026 13:45", "2026-11-01"),
        ("01/11/2026 12:00:00 AM", "2026-11-01"),
        ("2026-11-01 (Sun)", "2026-11-01"),
        ("2026-11-03T10:00:00.000+01:00", "2026-11-03"),
        (46327, "2026-11-01"),
        (46327.0, "2026-11-01"),
        (46327.75, "2026-11-01"),
        ("46327", "2026-11-01"),
        (datetime.date(2026, 11, 1), "2026-11-01"),
        (datetime.datetime(2026, 1, 2, 3), "2026-01-02"),
        (None, ""),
        ("--", ""),
    ],
)
def test_days_are_read(cell: object, day: str) -> None:
    assert DMY.read(cell) == day


@pytest.mark.parametrize(
    "cell",
    [
        "soon",
        "31/31/2026",
        "30/02/2026",
        "11/28/2026",
        "01/11/1026",
        36525,
        73051,
        "463270",
        12,
        7.5,
        True,
        "2026-13-01",
        "Week 45",
        "1 Nov 10:30",
        "10.12.20.5",
        "28.11.99",
        "2026-11",
        "Nov 2026",
        ["2026-11-01"],
        "01/11/2026 - 07/11/2026",
        "2026-11-01/2026-11-07",
        "2026-11-01 Total",
        "2026-W14",
        "Mar 1 - Mar 7",
        "Mar 8 - Mar 14",
    ],
)
def test_what_is_no_day_is_none(cell: object) -> None:
    assert DMY.read(cell) is None


@pytest.mark.parametrize(
    ("cell", "days"),
    [
        ("01/11/2026 - 07/11/2026", ["2026-11-01", "2026-11-07"]),
        ("Nov 1, 2026 - Nov 7, 2026", ["2026-11-01", "2026-11-07"]),
        ("2026-W14", ["2026-03-30", "2026-04-05"]),
        ("2026W14", ["2026-03-30", "2026-04-05"]),
        ("2026-W60", [None, None]),
        ("01/11/2026", ["2026-11-01"] * 2),
        ("Mar 1 - Mar 7", [None, None]),
        (None, ["", ""]),
    ],
)
def test_a_week_is_a_span(cell: object, days: list[str]) -> None:
    assert [DMY.read(part) for part in split_span(cell)] == days


def test_the_order_alone_says_what_numbers_mean() -> None:
    assert [reading.read("01/11/2026") for reading in (DMY, MDY, YMD)] == ["2026-11-01", "2026-01-11", None]
    assert [reading.read("20/11/26") for reading in (DMY, MDY, YMD)] == ["2026-11-20", None, "2020-11-26"]
    assert DateReading().read("01/11/2026") is None
    assert DateReading(is_dated=False).read(" Week 45 ") == "Week 45"


def test_an_unknown_order_is_refused() -> None:
    with pytest.raises(ConfigError, match=r'--dates must be dmy, mdy or ymd, got "dym"\. Did you mean'):
        check_order("dym")
    check_order("")


@given(st.dates(datetime.date(2017, 1, 1), datetime.date(2026, 12, 31)), st.sampled_from(FORMS))
def test_a_written_day_is_read_back(day: datetime.date, form: str) -> None:
    assert DMY.read(day.strftime(form)) == day.isoformat()


@given(st.one_of(st.text(max_size=20), st.integers(), st.floats(), st.booleans(), st.none()))
def test_any_cell_is_a_day_or_none(cell: object) -> None:
    parse_day(cell)
    for reading in (DMY, MDY, YMD):
        found = reading.read(cell)
        assert found in (None, "") or datetime.date.fromisoformat(str(found))
