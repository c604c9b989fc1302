"""One cell as a number, as platforms, shops and spreadsheets of many countries write it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adcreative.catalog.platforms.numbers import COMMA, PLAIN, NumberReading, is_blank, read_marks

BY_COMMA = NumberReading(decimal=COMMA)


@pytest.mark.parametrize("cell", ["", " ", "--", " –", "—", "n/a", "#N/A", "NaN", "(not set)", None, float("nan")])
def test_blank_cells(cell: object) -> None:
    assert is_blank(cell)
    assert PLAIN.count(cell) is None
    assert PLAIN.amount(cell) is None


@pytest.mark.parametrize(
    ("text", "point", "comma"),
    [
        ("R$ 1.234,50", None, 1234.5),
        ("< 10%", 10.0, 10.0),
        ("> 90 %", 90.0, 90.0),
        ("1\u202f234,5 €", None, 1234.5),
        ("¥1,234", 1234.0, 1.234),
        ("1.234,50 €", None, 1234.5),
        ("1.234.567", None, 1234567.0),
        ("12.34", 12.34, None),
        ("-5,5", None, -5.5),
        ("\u22125", -5.0, -5.0),
        ("1'234.50", 1234.5, None),
        ("1\u2019234,50", None, 1234.5),
        ("Rs. 1,23,456.00", 123456.0, None),
        ("0,021", None, 0.021),
        ("0.123", 0.123, None),
        ("900.000", 900.0, 900000.0),
        ("10,000.000", 10000.0, None),
        ("(12.50)", -12.5, None),
        ("12.50-", -12.5, None),
        ("12,-", 12.0, 12.0),
        ("1.2E+05", 120000.0, None),
        ("US$1,234.5", 1234.5, None),
        ("1.234 kr.", 1.234, 1234.0),
        (".5", 0.5, None),
        ("\uff13\uff0c\uff15", None, 3.5),
        ("zł 5", 5.0, 5.0),
    ],
)
def test_what_a_text_means_with_a_point_and_with_a_comma(text: str, point: float | None, comma: float | None) -> None:
    assert tuple(read_marks(text)) == (point, comma)


@pytest.mark.parametrize(
    "text",
    [
        "abc",
        "1.5K",
        "2 Mio",
        "12/05/2026",
        "12:30",
        "1 2",
        "12,345,67",
        "1.234,567,8",
        "$",
        "5 apples",
        "(5",
        "1_000",
        "9" * 600,
    ],
)
def test_what_is_no_number_stays_as_it_is(text: str) -> None:
    assert (PLAIN.amount(text), BY_COMMA.amount(text), PLAIN.count(text)) == (text, text, text)


@pytest.mark.parametrize(
    ("text", "point", "comma"),
    [
        ("1.234", None, 1234),
        ("1,234.00", 1234, None),
        ("12\u00a0345", 12345, 12345),
        ("7.0", 7, None),
        ("7", 7, 7),
        ("900.000", 900, 900000),
        ("1.5", None, None),
        ("0,021", None, None),
        ("007", None, None),
        ("000", None, None),
        ("12 %", None, None),
        ("-3", -3, -3),
        ("1e3", 1000, 1000),
    ],
)
def test_counts_are_whole_and_begin_with_no_zero(text: str, point: int | None, comma: int | None) -> None:
    assert PLAIN.count(text) == (text if point is None else point)
    assert BY_COMMA.count(text) == (text if comma is None else comma)


def test_numbers_of_a_workbook_pass() -> None:
    assert (PLAIN.count(24.0), PLAIN.count(2.5), PLAIN.count(7), PLAIN.amount(3)) == (24, 2.5, 7, 3.0)
    assert PLAIN.amount(True) is True


@given(st.integers(0, 10**12), st.sampled_from([",", " ", "\u202f", "'", ""]))
def test_grouped_counts_are_read_back(count: int, mark: str) -> None:
    assert PLAIN.count(f"{count:,}".replace(",", mark)) == count
    assert BY_COMMA.count(f"{count:,}".replace(",", mark.replace(",", "."))) == count
