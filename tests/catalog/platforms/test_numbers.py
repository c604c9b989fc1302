"""Numbers and dates as ad platforms of many countries write them."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adcreative.catalog.platforms.numbers import (
    find_day_first,
    find_decimal_comma,
    is_blank,
    read_amount,
    read_count,
    read_date,
)
from adcreative.catalog.platforms.totals import is_total, means_all


@pytest.mark.parametrize("cell", ["", " ", "--", " –", "—", "n/a", "#N/A", "NaN", "(not set)", None, float("nan")])
def test_blank_cells(cell: object) -> None:
    assert is_blank(cell)
    assert read_count(cell) is None
    assert read_amount(cell, decimal_comma=False) is None


@pytest.mark.parametrize(
    ("cells", "default", "comma"),
    [
        (["1.234,56"], False, True), (["1,234.56"], True, False), (["0,5", "12,25"], False, True), (["1,234"], True, True),
        (["1,234"], False, False), (["3,56 %", "1.234"], False, True), (["€ 9.99"], True, False), ([5, None, "--"], True, True),
    ],
)  # fmt: skip
def test_the_decimal_sign_is_told_by_many_cells(cells: list[object], default: bool, comma: bool) -> None:
    assert find_decimal_comma(cells, default=default) is comma


@pytest.mark.parametrize(
    ("text", "comma", "amount"),
    [("R$ 1.234,50", True, 1234.5), ("< 10%", False, 10.0), ("> 90 %", False, 90.0),
     ("1\u202f234,5 €", True, 1234.5), ("¥1,234", False, 1234.0)],
)  # fmt: skip
def test_amounts(text: str, comma: bool, amount: float) -> None:
    assert read_amount(text, decimal_comma=comma) == amount


@pytest.mark.parametrize(
    ("text", "language", "day"),
    [
        ("23-9-2026", "nl", "2026-09-23"), ("9/21/2026", "en", "2026-09-21"), ("31-08-2023", "en", "2023-08-31"),
        ("2026年11月3日", "ja", "2026-11-03"), ("2026. 11. 3.", "ko", "2026-11-03"), ("1. Nov. 2026", "de", "2026-11-01"),
        ("Oct 25, 2016", "en", "2016-10-25"), ("3 de mayo de 2026", "es", "2026-05-03"), ("1 wrz 2026", "pl", "2026-09-01"),
        ("20261103", "en", "2026-11-03"), ("2026-11-03 00:00:00", "en", "2026-11-03"), ("soon", "en", "soon"),
    ],
)  # fmt: skip
def test_dates(text: str, language: str, day: str) -> None:
    assert read_date(text, language) == day
    assert read_date(datetime.datetime(2026, 1, 2, 3), language) == "2026-01-02"


def test_one_day_above_twelve_settles_the_order() -> None:
    assert find_day_first(["03/04/2026", "23/04/2026"], "en")
    assert not find_day_first(["03/04/2026", "04/23/2026"], "de")
    assert find_day_first(["03/04/2026"], "fr")
    assert read_date("03/04/2026", "en", day_first=True) == "2026-04-03"


@given(st.integers(0, 10**12), st.sampled_from([",", ".", " ", "\u202f", "'", ""]))
def test_grouped_counts_are_read_back(count: int, mark: str) -> None:
    assert read_count(f"{count:,}".replace(",", mark)) == count


@pytest.mark.parametrize(
    "text",
    ["Total", "Total: Ads", "Gesamtsumme", "合計: アカウント", "Results from 12 ads", "Resultados de 3 anúncios", "총계",
     "Toplam", "12 个广告的成效", "-- Total", "Totale complessivo", "Total of 12 results"],
)  # fmt: skip
def test_totals_in_many_languages(text: str) -> None:
    assert is_total(text)


@pytest.mark.parametrize(
    "text", ["Total comfort", "Total 5 star comfort", "Total-Comfort", "Summer", "12 reasons", "Sumatra", 12, None]
)
def test_ads_are_no_totals(text: object) -> None:
    assert not is_total(text)


def test_all_values_of_a_breakdown() -> None:
    assert means_all("All")
    assert not means_all("All-day menu")
