"""The Upworthy archive is recognised by its columns and read as creatives of words."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adcreative.catalog import read_catalog
from adcreative.catalog.datasets import upworthy
from tests.catalog.conftest import RELAXED

PACKAGE = {
    "clickability_test_id": "546d",
    "headline": "You Won't Believe",
    "lede": "<p>When I saw <b>why</b>,<br>I&rsquo;m in.</p>",
    "excerpt": "Things that matter.",
    "impressions": 3052,
    "clicks": 150,
    "significance": 100.0,
    "winner": True,
    "first_place": True,
    "test_week": 201446,
    "eyecatcher_id": "e1",
}


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_packages_become_creatives_and_shared_headlines_stay_rows(tmp_path: Path, suffix: str) -> None:
    table = pd.DataFrame([PACKAGE, PACKAGE | {"eyecatcher_id": "e2", "clicks": 9, "lede": None}])
    path = tmp_path / f"packages.{suffix}"
    table.to_parquet(path) if suffix == "parquet" else table.to_csv(path)  # the archive's CSV has an unnamed first column
    catalog = read_catalog(path)
    assert catalog.failures == ()
    assert catalog.warnings == ()
    first, second = catalog.creatives
    assert (first.test_id, first.headline, first.platform) == ("546d", "You Won't Believe", "upworthy")
    assert first.description == "When I saw why, I’m in."
    assert second.description == ""
    assert (first.impressions, first.clicks, second.clicks) == (3052, 150, 9)
    assert (first.date_start, first.date_end) == ("2014-11-10", "2014-11-16")  # ISO 8601 week 2014-W46


def test_our_own_columns_win() -> None:
    assert upworthy.is_upworthy(PACKAGE)
    assert not upworthy.is_upworthy([*PACKAGE, "test_id"])
    assert not upworthy.is_upworthy(["headline", "impressions", "clicks"])


@pytest.mark.parametrize("week", [None, "soon", 201499, float("nan"), 10**30])
def test_a_week_that_is_none_gives_no_dates(week: object) -> None:
    assert upworthy.rename_cells(PACKAGE | {"test_week": week})["date_start"] == ""


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>One</p><p>Two &amp; three</p>", "One Two & three"),
        ("<script>alert(1)</script>Words<style>p{}</style>", "Words"),
        ("1 < 2 and <b>bold", "1 < 2 and bold"),
        ("<![x broken>Words", "Words"),
        ("", ""),
    ],
)
def test_plain_text(html: str, text: str) -> None:
    assert upworthy.plain_text(html) == text


@RELAXED
@given(st.text("<>![]-/?&;#x1ab \"'="))
def test_no_markup_breaks_the_reader(html: str) -> None:
    assert "\n" not in upworthy.plain_text(html)
