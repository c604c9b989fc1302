from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from adcreative.concepts.attributes import find_attributes, find_name_pattern, says, see_segments
from adcreative.concepts.briefs import Budget, NextBrief, rank_briefs, write_brief
from adcreative.concepts.worth import Results, find_sure, measure, weigh_attributes, weigh_concepts
from adcreative.creative import Creative
from adcreative.ctr.account.sparse_effects import MOSTLY_NONE, SPARSE, draw_effects
from adcreative.features.batch import CreativeFeatures

EFFECTS = (0.5, 0.0, -0.5)


def draw(rng: np.random.Generator, num: int = 30) -> Results:
    """Return ads of three concepts, of which the first is worth more and the last less; a third of each have an offer."""
    creatives, concept = [], []
    for number, effect in enumerate(EFFECTS):
        for place in range(num):
            has_offer = place % 3 == 0
            rate = 1 / (1 + np.exp(3.5 - effect - 0.3 * has_offer - rng.normal(0, 0.1)))
            creatives.append(
                Creative(
                    ad_name=f"brand_{'video' if place % 2 else 'static'}{place}_{number}",
                    headline=f"Line {'abc'[number]} {place}",
                    primary_text="Save 20 % today" if has_offer else "",
                    brand="Somnia",
                    cta="Shop now",
                    impressions=20_000,
                    clicks=int(rng.binomial(20_000, rate)),
                )
            )
            concept.append(number)
    return Results(creatives, np.array(concept), np.arange(len(creatives)))


@pytest.fixture(scope="module")
def results() -> Results:
    return draw(np.random.default_rng(0))


def test_a_concept_that_is_worth_more_is_surely_so_and_its_interval_holds_the_truth(results: Results) -> None:
    told = weigh_concepts(results, ["a", "b", "c"], seed=0)
    means = np.array(EFFECTS) - [(sum(EFFECTS) - one) / 2 for one in EFFECTS]
    for worth, truth in zip(told.worths, means, strict=True):
        assert worth.low - 0.06 <= truth <= worth.high + 0.06, worth  # the prior draws towards 0
    assert [one.is_sure for one in told.worths] == [True, False, True]
    assert "more ad" in told.worths[1].missing or "either way" in told.worths[1].missing
    assert [one.ads for one in told.worths] == [30, 30, 30]


def test_what_chance_shows_is_not_called_sure() -> None:
    assert not find_sure(np.random.default_rng(0).normal(0.05, 0.1, (2000, 50))).any()
    mixed = np.concatenate([np.random.default_rng(0).normal(0.05, 0.05, (2000, 50)), np.full((2000, 1), 0.4)], axis=1)
    assert np.flatnonzero(find_sure(mixed)).tolist() == [50]


def test_an_effect_is_sure_by_itself_whatever_else_is_sure() -> None:
    """Nine effects without doubt do not carry a tenth that is below LEAST in one of ten draws."""
    doubtful = np.random.default_rng(0).normal(0.03, 0.015, (2000, 1))
    assert find_sure(np.concatenate([np.full((2000, 9), 0.4), doubtful], axis=1)).tolist() == [True] * 9 + [False]


def test_of_eight_attributes_of_a_large_account_one_two_deviations_off_is_no_finding() -> None:
    error = 0.013
    found = np.array([0.25, -0.2, 0.035, 0.01, -0.015, 0.0, 0.02, -0.01])
    told = {
        name: find_sure(draw_effects(found / error**2, np.eye(8) / error**2, seed=0, prior=prior))
        for name, prior in (("sparse", SPARSE), ("mostly none", MOSTLY_NONE))
    }
    assert told["mostly none"].tolist() == [True, True] + [False] * 6
    assert told["sparse"][2]


def test_attributes_are_held_against_ads_without_them_beside_the_concepts(results: Results) -> None:
    pattern = find_name_pattern(results.creatives)
    assert pattern is not None
    seen = find_attributes(results.creatives, [CreativeFeatures()] * 90, pattern)
    kept, told = weigh_attributes(results, seen, seed=0)
    by_label = {one.label: one for one in told.worths}
    assert by_label["an offer"].low <= 0.3 <= by_label["an offer"].high
    assert by_label["an offer"].is_sure
    assert any(one.kind == "name" and one.label.endswith(("video", "static")) for one in kept)
    assert not any(one.is_sure for one in told.worths if one.kind == "name")


def test_the_first_brief_is_the_best_concept_with_what_it_lacks_and_compose_reads_it(results: Results, tmp_path: Path) -> None:
    from adcreative.compose.brief import read_brief

    concepts = weigh_concepts(results, ["a", "b", "c"], seed=0)
    seen = find_attributes(results.creatives, [CreativeFeatures()] * 90)
    kept, attributes = weigh_attributes(results, seen, seed=0)
    briefs = rank_briefs(concepts, attributes, kept, results, Budget(impressions=20_000, rate=0.03), seed=0)
    assert briefs[0].concept == 0
    assert [one.value for one in briefs] == sorted((one.value for one in briefs), reverse=True)
    poor = rank_briefs(concepts, attributes, kept, results, Budget(impressions=200, rate=0.03), seed=0)
    assert poor[0].assurance < briefs[0].assurance  # a small test ends without an answer more often
    written = write_brief(briefs[0], results.creatives, results.concept, np.full(90, np.nan), tmp_path)
    (tmp_path / "next.toml").write_text(written, encoding="utf-8")
    assert tomllib.loads(written)["messages"]["button"] == ["Shop now"]
    assert read_brief(tmp_path / "next.toml").brand.name == "Somnia"


@pytest.mark.parametrize(
    ("headline", "line"),
    [
        ("Quit Smoking Now | Unlock | Your Health", "Quit Smoking Now"),
        ("Free | At-Home | Test Kits", "Free At-Home Test Kits"),
        ("Sleep well", "Sleep well"),
    ],
)
def test_a_brief_leads_with_one_headline_of_a_search_ad(headline: str, line: str, tmp_path: Path) -> None:
    brief = NextBrief(kind="scale", concept=0, attributes=(), title="", effect=0, low=0, high=0, assurance=0, value=0)
    ads = [Creative(headline=headline, impressions=1000, clicks=10)]
    written = tomllib.loads(write_brief(brief, ads, np.zeros(1, int), np.full(1, np.nan), tmp_path))
    assert written["messages"]["headline"] == [line]


@pytest.mark.parametrize(
    ("text", "name", "is_so"),
    [
        ("Do you sleep well?", "question", True),
        ("7 ways to sleep", "number", True),
        ("Seven ways", "number", False),
        ("Jetzt nur 29 €", "price", True),
        ("29 nights", "price", False),
        ("전석 30% 타임세일", "offer", True),
        ("Freedom to move", "offer", False),
        ("Last chance: mattresses", "urgency", True),
        ("Rated 4.8 by buyers", "proof", True),
        ("The Star family", "proof", False),
        ("Introducing the mattress", "news", True),
    ],
)
def test_attributes_of_words(text: str, name: str, is_so: bool) -> None:
    assert says(Creative(headline=text), name) is is_so


@pytest.mark.parametrize("change", [1.0, 1.6])
def test_a_concept_s_worth_in_a_segment_is_told_beside_both(change: float) -> None:
    rng = np.random.default_rng(5)
    rows, concept, twin = [], [], []
    for ad in range(40):
        for age, rate in (("18-24", 0.02), ("25-34", 0.03), ("35-44", 0.04)):
            number = ad % 4
            share = rate * (1.3 if number else 1.0) * (change if (number, age) == (0, "35-44") else 1.0)
            clicks = int(rng.binomial(4_000, share))
            rows.append(
                Creative(
                    ad_name=f"{ad}",
                    file_name="",
                    headline=f"{ad}",
                    impressions=4_000,
                    clicks=clicks,
                    context={"age": age},
                )
            )
            concept.append(number)
            twin.append(ad)
    results = Results(rows, np.array(concept), np.array(twin))
    _, told = weigh_attributes(results, see_segments(rows, results.concept, ["run", "b", "c", "d"]), seed=0)
    sure = {one.label: one.effect for one in told.worths if one.is_sure}
    assert set(sure) == ({"run, age 35-44"} if change > 1 else set())
    assert all(0.15 < effect < np.log(change) + 0.1 for effect in sure.values())


def test_conversions_value_and_cost_are_weighed_as_clicks_are(results: Results) -> None:
    rng, rows = np.random.default_rng(5), []
    for one, concept in zip(results.creatives, results.concept, strict=True):
        won = int(rng.binomial(one.clicks or 0, 0.1 * (2.0, 1.0, 1.0)[concept]))
        worth = float(rng.exponential(30 * (1.0, 1.0, 3.0)[concept], won).sum())
        rows.append(replace(one, conversions=float(won), revenue=worth, spend=(one.clicks or 0) * (0.5, 0.5, 1.5)[concept]))
    told = {}
    for name in ("conversions", "value", "cost"):
        measured = measure(replace(results, creatives=rows), name)
        assert measured is not None
        told[name] = weigh_concepts(measured[0], ["a", "b", "c"], seed=0).worths
    means = np.array([0.5 + np.log(2), 0.0, -0.5])
    truth = means - (means.sum() - means) / 2
    assert [one.low <= true <= one.high for one, true in zip(told["conversions"], truth, strict=True)] == [True] * 3
    assert [one.is_sure for one in told["conversions"]] == [True, True, True]
    assert told["value"][2].effect > told["conversions"][2].effect + 0.7
    assert told["cost"][0].change[0] < -0.4 < 0.5 < told["cost"][2].change[0]
    dear = told["value"][0].high - told["value"][0].low
    assert dear > 1.1 * (told["conversions"][0].high - told["conversions"][0].low)  # values of conversions differ too


def test_worth_in_other_measures_than_clicks_is_expected_to_differ_more() -> None:
    ads = draw(np.random.default_rng(3), num=4)
    few = replace(ads, creatives=[replace(one, clicks=3, impressions=100) for one in ads.creatives])
    other = replace(few, hits=few.read("clicks"), trials=few.read("impressions"))
    told = [weigh_concepts(one, ["a", "b", "c"], seed=0).worths for one in (few, other)]
    narrow, wide = (sum(one.high - one.low for one in worths) for worths in told)
    assert wide > 1.1 * narrow


def test_a_measure_that_is_not_told_is_left_out(results: Results) -> None:
    assert [measure(results, name) is None for name in ("clicks", "conversions", "value", "cost")] == [False, True, True, True]
    rows = [replace(one, conversions=0.0, spend=1.0) for one in results.creatives[:-1]] + [results.creatives[-1]]
    told = replace(results, creatives=[replace(rows[0], conversions=40.0), *rows[1:]])
    measured = measure(told, "conversions")
    assert measured is not None
    assert measured[1].tolist() == list(range(len(rows) - 1))
    assert measure(replace(told, creatives=rows), "conversions") is None
