"""Cells of one row: counts, words and what is refused in them."""

from __future__ import annotations

import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adcreative.catalog.paths import PictureFolder
from adcreative.catalog.rows import build_creative, clean_text
from adcreative.creative import Creative, FailedCreative
from tests.catalog.conftest import RELAXED


def build(**cells: Any) -> Creative | FailedCreative:
    return build_creative({"headline": "Hi"} | cells, 7, "row 7", PictureFolder(Path()))


@pytest.mark.parametrize(
    ("cells", "problem"),
    [
        ({"impressions": "10", "clicks": "30"}, r"clicks (30) are more than impressions (10)."),
        ({"impressions": 0, "clicks": 1}, r"clicks (1) are more than impressions (0)."),
        ({"clicks": "-1"}, "clicks is negative (-1)."),
        ({"impressions": -5.0}, "impressions is negative (-5)."),
        ({"clicks": "2.5"}, "clicks is 2.5, but counts are whole."),
        ({"impressions": "007"}, 'impressions is "007", which is not a number.'),
        ({"impressions": "many"}, 'impressions is "many", which is not a number.'),
        ({"impressions": "Infinity"}, 'impressions is "Infinity", which is not a number.'),
        ({"impressions": float("inf")}, "impressions is larger than can be."),
        ({"impressions": "1e999"}, "impressions is larger than can be."),
        ({"spend": Decimal("nan")}, 'spend is "NaN", which is not a number.'),
        ({"impressions": True}, 'impressions is "True", which is not a number.'),
        ({"impressions": ["3"]}, "impressions is \"['3']\", which is not a number."),
        ({"impressions": "1_000"}, 'impressions is "1_000", which is not a number.'),
        ({"impressions": "9" * 400}, "impressions is larger than can be."),
        ({"impressions": 10**400}, "impressions is larger than can be."),
        ({"impressions": "5000000000000"}, "impressions is larger than can be."),
        ({"spend": "-2"}, "spend is negative (-2)."),
        ({"spend": "5 apples"}, 'spend is "5 apples", which is not a number.'),
        ({"spend": "(12.50)"}, "spend is negative (-12.5)."),
    ],
)
def test_bad_numbers_fail_the_row(cells: dict[str, Any], problem: str) -> None:
    failure = build(**cells)
    assert isinstance(failure, FailedCreative)
    assert failure.problem.startswith("row 7: ")
    assert problem in failure.problem
    assert failure.remedy.endswith((".", "?"))


@pytest.mark.parametrize(("cell", "spend"), [("3.5", 3.5), ("$5", 5.0), ("1,234.50", 1234.5), (2, 2.0), ("", None)])
def test_spend(cell: Any, spend: float | None) -> None:
    item = build(spend=cell)
    assert isinstance(item, Creative)
    assert item.spend == spend


def test_headline_of_ten_thousand_characters_fails_with_the_limit() -> None:
    failure = build(headline="x" * 10_000)
    assert isinstance(failure, FailedCreative)
    assert failure.problem == "row 7: headline has 10,000 characters; at most 2,000 are read."
    assert failure.remedy == "Shorten the headline."
    assert isinstance(build(headline="x" * 2_000), Creative)


def test_row_without_picture_and_headline_fails() -> None:
    failure = build(headline=" \t", brand="only this")
    assert isinstance(failure, FailedCreative)
    assert failure.problem == "row 7: it has neither a file_name nor a headline, primary_text or description."


@pytest.mark.parametrize("column", ["headline", "primary_text", "description"])
def test_any_words_alone_are_an_ad(column: str) -> None:
    creative = build(**{column: "only this"})
    assert isinstance(creative, Creative)
    assert getattr(creative, column) == "only this"


@pytest.mark.parametrize("value", [["a"], {"a": 1}, b"bytes"])
def test_nested_text_fails_once(value: Any) -> None:
    failure = build(headline=value)
    assert isinstance(failure, FailedCreative)
    assert failure.problem == f"row 7: headline is a {type(value).__name__}, not text."


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (12, "12"),
        (12.0, "12"),
        (float("nan"), ""),
        (None, ""),
        (True, "true"),
        (datetime.date(2026, 1, 2), "2026-01-02"),
        (datetime.datetime(2026, 1, 2), "2026-01-02"),
        (2.5, "2.5"),
    ],
)
def test_ids_and_dates_that_a_table_typed_become_text(value: Any, text: str) -> None:
    creative = build(test_id=value)
    assert isinstance(creative, Creative)
    assert creative.test_id == text


@pytest.mark.parametrize("text", ["عرض اليوم", "שלום \u202bעולם\u202c", "👩‍👩‍👧 family 🏳️‍🌈", "Ça coûte 5 €", "日本語"])
def test_emoji_and_right_to_left_text_pass_untouched(text: str) -> None:
    creative = build(headline=text)
    assert isinstance(creative, Creative)
    assert creative.headline == text


def test_control_characters_are_removed_and_a_headline_is_one_line() -> None:
    creative = build(headline="\x00Fresh\x07 \r\n start\x1b[31m\ttoday\x85", description="one\r\ntwo\rthree\tx\x00")
    assert isinstance(creative, Creative)
    assert creative.headline == "Fresh start[31m today"
    assert creative.description == "one\ntwo\nthree\tx"


def test_half_a_surrogate_pair_becomes_a_replacement_character() -> None:
    creative = build(headline="half \ud83d pair")
    assert isinstance(creative, Creative)
    assert creative.headline.encode("utf-8").decode() == "half ��� pair"


@RELAXED
@given(st.text(st.characters()), st.booleans())
def test_clean_text_is_stable_and_holds_no_control_characters(text: str, keep_lines: bool) -> None:
    cleaned = clean_text(text, keep_lines=keep_lines)
    assert clean_text(cleaned, keep_lines=keep_lines) == cleaned
    allowed = "\n\t" if keep_lines else ""
    assert not any((letter < " " or "\x7f" <= letter <= "\x9f") and letter not in allowed for letter in cleaned)
    cleaned.encode("utf-8")


@RELAXED
@given(
    st.dictionaries(
        st.sampled_from(["impressions", "clicks", "spend", "headline", "test_id"]),
        st.one_of(
            st.text(),
            st.integers(),
            st.floats(),
            st.booleans(),
            st.none(),
            st.binary(),
            st.lists(st.text(max_size=2), max_size=2),
        ),
    )
)
def test_any_cells_give_a_creative_with_possible_counts_or_a_failure(cells: dict[str, Any]) -> None:
    item = build_creative(cells, 1, "row 1", PictureFolder(Path()))
    if isinstance(item, Creative):
        assert item.impressions is None or item.impressions >= 0
        assert item.clicks is None or item.impressions is None or item.clicks <= item.impressions
    else:
        assert item.problem.startswith("row 1: ")
        assert item.remedy


def test_segments_become_context_and_unknown_ones_are_left_out() -> None:
    creative = build(age="25-34", gender=" F ", device="N/A", context={"Frequency cap": "3", "device": "Mobile"})
    assert isinstance(creative, Creative)
    assert creative.context == {"age": "25-34", "gender": "F", "Frequency cap": "3", "device": "Mobile"}
    assert hash(creative) == hash(build(age="18-24"))  # context is compared, not hashed
    assert creative != build(age="18-24")


@pytest.mark.parametrize(
    ("cells", "weekday"),
    [
        ({"day": "2026-03-02"}, "Monday"),
        ({"day": datetime.datetime(2026, 3, 8)}, "Sunday"),
        ({"date_start": "2026-03-03", "date_end": "2026-03-03"}, "Tuesday"),
        ({"date_start": "2026-03-03", "date_end": "2026-03-09"}, None),
        ({"date_start": "2026-03-03"}, None),
        ({"day": "03/04/2026"}, None),
        ({"day": "2026-03-02", "weekday": "Mon"}, "Mon"),
    ],
)
def test_results_of_one_day_have_its_weekday(cells: dict[str, Any], weekday: str | None) -> None:
    item = build(**cells)
    assert isinstance(item, Creative)
    assert item.context.get("weekday") == weekday


@pytest.mark.parametrize("cell", ["1.2021E+17", "1.2021e+17", "1,20E17", 1.2021e17, 2.0**60])
@pytest.mark.parametrize("column", ["ad_name", "test_id", "campaign"])
def test_a_name_that_a_spreadsheet_rounded_fails(cell: Any, column: str) -> None:
    found = build(**({"context": {column: cell}} if column == "campaign" else {column: cell}))
    assert isinstance(found, FailedCreative)
    assert "a number that a spreadsheet rounded" in found.problem
