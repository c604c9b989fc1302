"""The questions of the account page: each answers with a plot, a table and one sentence that says how sure."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from adcreative.pipeline import FeatureRank
from apps.studio.handlers.insights import QUESTIONS, Insights, InsightScreen
from apps.studio.handlers.one_ad import Handlers
from apps.studio.html import insights as insights_html
from tests.apps.fakes import FakeStudio

OWNER = "a" * 32
ADS = [f"ad {number}" for number in range(40)]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten days of forty ads: the first one is by far the best; half of them ran in stories, where twice as many click."""
    rng, path = np.random.default_rng(0), tmp_path_factory.mktemp("export") / "results.csv"
    ages = rng.choice(["18-24", "25-34"], len(ADS))
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["Day", "Ad name", "Impressions", "Link clicks", "Placement", "Age"])
        for day in range(10):
            for number, name in enumerate(ADS):
                rate = 0.12 if number == 0 else 0.04 if number % 2 == 0 else 0.02
                place = "Stories" if number % 2 == 0 else "Feed"
                writer.writerow([f"2026-10-{day + 1:02d}", name, 2000, rng.binomial(2000, rate), place, ages[number]])
    return path


@pytest.fixture
def insights(tmp_path: Path) -> Insights:
    return Insights(handlers=Handlers(studio=FakeStudio(), result_dir=tmp_path / "results"))


def ask(insights: Insights, question: str | None, *paths: Path | None) -> InsightScreen:
    return list(insights.ask(OWNER, question, *(str(path) if path else None for path in paths)))[-1]


def test_columns_that_say_something_stand_above_the_line_of_chance(insights: Insights, results: Path) -> None:
    found = ask(insights, "columns", results)
    sentence = found.shown.split("</p>")[0].casefold()
    assert "1 of 2 columns says more about clicks than columns of pure chance do: “placement”" in sentence, found
    assert "“age”" not in sentence
    assert found.table is not None
    assert "placement" in found.table.read_text(encoding="utf-8-sig")


def rank(column: str, score: float, says_something: bool, values: int = 4) -> FeatureRank:
    return FeatureRank(
        column=column,
        score=score,
        information=score,
        by_chance=0.0,
        deviation=0.001,
        values=values,
        coverage=1.0,
        says_something=says_something,
    )


def test_columns_are_called_as_a_marketer_would_and_what_is_no_news_is_left_out() -> None:
    ranks = [
        rank("name_3", 0.03, True),
        rank("campaign AND name_3", 0.03, False),
        rank("age AND name_format", 0.02, True),
        rank("age", 0.01, False),
        rank("currency", 0.0, False, values=1),
    ]
    shown = insights_html.columns(ranks, 0.001, 64)
    assert "1 of 2 columns says more about clicks than columns of pure chance do: “part 3 of the ad’s name”." in shown
    assert "1 pair of columns says more together than each alone: “age with format in the ad’s name”." in shown
    assert "from 64 ads and segments" in shown
    for text in ("name_", "campaign", "currency", "deviation"):
        assert text not in shown
    assert "1 more in the table" in shown
    assert "No column says more" in insights_html.columns(ranks[3:4], 0.02, 64)


def test_a_share_that_is_small_is_no_zero() -> None:
    row = {"context": "", "ctr_low": "0.01", "ctr_high": "0.02", "creative": "a", "share": "0.998"}
    shown = insights_html.rotation([row, {**row, "creative": "b", "share": "0.002"}], ["the account tires"])
    assert "under 1% of impressions" in shown
    assert "<li>The account tires</li>" in shown


def test_tomorrow_the_best_ad_is_shown_most(insights: Insights, results: Path) -> None:
    found = ask(insights, "rotation", results)
    assert "Show “ad 0” most" in found.shown, found
    assert found.table is not None
    with found.table.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    shares: dict[str, float] = {}
    for row in rows:
        shares[row["context"]] = shares.get(row["context"], 0.0) + float(row["share"])
    assert set(shares) == {"Stories", "Feed"}
    assert list(shares.values()) == pytest.approx([1, 1], abs=1e-3)


def test_a_small_account_gets_trends_and_is_told_what_a_date_needs(insights: Insights, results: Path) -> None:
    found = ask(insights, "retire", results)
    assert "40 ads are running. A date needs an account of at least 80 ads" in found.shown, found
    assert "a week (" in found.shown or "no clear trend" in found.shown
    assert found.table is not None


def test_keywords_are_named_for_each_ad_and_nothing_unmeasured_is_claimed(
    insights: Insights, results: Path, tmp_path: Path
) -> None:
    labels = tmp_path / "keywords.csv"
    labels.write_text("keyword\nad 3 shoes\nad 5 coats\nsomething else\n")
    found = ask(insights, "keywords", results, labels)
    assert "3 keywords held against the words of 40 ads. How well they fit is not measured" in found.shown, found
    assert found.table is not None


def test_what_is_missing_is_said(insights: Insights, results: Path, tmp_path: Path) -> None:
    assert "Choose a question" in ask(insights, "else", results).record["error"]
    assert "Upload the table of results" in ask(insights, "columns", None).record["error"]
    assert "Upload a table of keywords" in ask(insights, "keywords", results).record["error"]
    broken = tmp_path / "broken.csv"
    broken.write_text("a,b\n1,2\n")
    for question in QUESTIONS[:3]:
        said = ask(insights, question, broken).record["error"]
        assert said
        assert str(tmp_path) not in said, "no folder of this machine"


@pytest.mark.parametrize("question", QUESTIONS[:3])
def test_columns_that_were_chosen_are_used(insights: Insights, results: Path, question: str) -> None:
    chosen = {"ad_name": "Ad name", "impressions": "Impressions", "clicks": "Link clicks", "day": "Day"}
    found = list(insights.ask(OWNER, question, str(results), None, chosen))[-1]
    assert "error" not in found.record, found
    assert found.table is not None


@pytest.mark.parametrize(("right", "is_trusted"), [(0.5, False), (0.81, True)])
def test_a_forecast_that_orders_ads_by_chance_says_so(right: float, is_trusted: bool) -> None:
    row = {
        "state": "running",
        "creative": "a",
        "retire_by": "2026-10-20",
        "retire_by_low": "2026-10-18",
        "retire_by_high": "",
        "ends_in_7_days": "0.7",
    }
    shown = insights_html.retire([row], {"method": "m", "concordance": {"m": {"all": right}}}, [])
    assert "by 20 Oct (18 Oct to later)" in shown
    assert f"{right:.0%} of the time" in shown
    assert ("hardly better than chance" not in shown) == is_trusted


def test_ads_that_outlive_what_the_table_knows_get_no_date() -> None:
    row = dict.fromkeys(("retire_by", "retire_by_low", "retire_by_high", "weekly_change"), "")
    row |= {"state": "running", "creative": "a", "later_than": "2026-10-20", "ends_in_7_days": "0.01"}
    shown = insights_html.retire([row], {"method": "cox", "concordance": {}, "known_age_days": 41}, [])
    assert "more likely than not outlives 41 days" in shown
    assert "at least 80 ads" not in shown
