"""Numbers as ad platforms of many countries write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adcreative.catalog.platforms.numbers import (
    find_decimal_comma,
    is_blank,
    read_amount,
    read_count,
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
