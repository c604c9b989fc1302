"""Strength beside the rate, the level where it is known, one row a segment."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from adcreative.creative import Creative, Prediction
from adcreative.errors import ConfigError
from adcreative.features.batch import CreativeFeatures
from adcreative.features.builder import AccountHistory
from adcreative.problem import Problem
from adcreative.verbs.score import check_segments, score_rows, with_value
from adcreative.verbs.score_table import (
    LEVEL_UNKNOWN,
    NOT_ENOUGH_DATA,
    Level,
    check_base_rate,
    finish_rows,
    mean_of_results,
    read_reasons,
)


def row(ctr: float, **more: Any) -> dict[str, Any]:
    return {
        "file_name": "",
        "ad_name": "a",
        "ctr": ctr,
        "ctr_low": ctr / 2,
        "ctr_high": ctr * 2,
        "enough_data": True,
        "grade": "measured",
        "evidence": "words: real clicks.",
        "reasons": "",
        **more,
    }


def test_rates_of_an_unknown_level_are_not_told_but_their_order_is() -> None:
    told = list(finish_rows([row(0.01), row(0.03), row(0.02)], Level()))
    assert [one["ctr"] for one in told] == [LEVEL_UNKNOWN] * 3
    assert [one["strength"] for one in told] == [0.0, 1.0, 0.5]
    assert told[0]["evidence"].endswith("until results are imported (adcreative train) or --base-rate states it.")
    assert next(finish_rows([row(0.01)], Level()))["strength"] == ""


def test_a_base_rate_sets_the_mean_and_keeps_the_order() -> None:
    told = list(finish_rows([row(0.01), row(0.03), row(0.02)], Level(base_rate=0.1)))
    rates = [one["ctr"] for one in told]
    assert np.mean(rates) == pytest.approx(0.1, rel=1e-4)
    assert rates[0] < rates[2] < rates[1]
    assert all(one["ctr_low"] < one["ctr"] < one["ctr_high"] for one in told)


def test_a_model_of_the_account_says_its_own_rates_with_six_digits() -> None:
    (told, _) = finish_rows([row(0.00012345678), row(0.2)], Level(is_known=True, base_rate=0.5))
    assert told["ctr"] == 0.000123457


def test_a_rate_without_enough_data_stays_unsaid_and_ties_share_their_rank() -> None:
    told = list(finish_rows([row(0.01, enough_data=False), row(0.01), row(0.02)], Level(is_known=True)))
    assert told[0]["ctr"] == NOT_ENOUGH_DATA
    assert [one["strength"] for one in told] == [0.25, 0.25, 1.0]


@pytest.mark.parametrize("rate", [0.0, 0.5, 1.0, -0.1, 2.1, float("nan")])
def test_base_rates_that_are_none_are_refused(rate: float) -> None:
    with pytest.raises(ConfigError, match=r"a click rate between 0 and 0\.3 is needed"):
        check_base_rate(rate)


def test_mean_of_a_tables_own_results_needs_thirty_clicks() -> None:
    ads = [Creative(headline="a", impressions=1000, clicks=20), Creative(headline="b"), Creative(headline="c", clicks=3)]
    assert mean_of_results(ads) is None
    assert mean_of_results([*ads, Creative(headline="d", impressions=1000, clicks=20)]) == pytest.approx(0.02)


def test_each_known_segment_gets_a_row_with_its_own_rate() -> None:
    rates = {"feed": 0.01, "stories": 0.04, "": 0.02}
    model: Any = SimpleNamespace(
        notes={},
        content_hash="",
        grade=lambda *_: {"row": "measured"},
        known_values=lambda column: ["feed", "stories"] if column == "placement" else [],
        predict=lambda creatives, *_: [
            Prediction(ctr=rates[one.placement], ctr_low=0.001, ctr_high=0.1, evidence="e.") for one in creatives
        ],
    )
    extractor: Any = SimpleNamespace(extract=lambda creatives: [CreativeFeatures()] * len(creatives))
    rows = score_rows(extractor, model, [Creative(headline="x")], AccountHistory([], []), "placement")
    told = list(finish_rows(rows, Level(is_known=True), by="placement"))
    assert [(one["segment"], one["ctr"]) for one in told] == [("placement=feed", 0.01), ("placement=stories", 0.04)]
    with pytest.raises(ConfigError, match="knows no values of 'colour'"):
        check_segments(model, "colour")
    crowded: Any = SimpleNamespace(known_values=lambda column: [str(number) for number in range(500)])
    with pytest.raises(ConfigError, match="knows 500 values of 'ad_group'; at most 200"):
        check_segments(crowded, "ad_group")
    assert with_value(Creative(headline="x"), "age", "18-24").context == {"age": "18-24"}


def test_a_lone_ad_is_held_against_its_peers_and_says_which() -> None:
    lone = row(0.012) | {"peers": [0.7, "ads of its category in our reference set"]}
    (told,) = finish_rows([lone], Level())
    assert told["strength"] == 0.7
    assert "stronger than 7 of 10 ads of its category in our reference set" in told["evidence"]
    assert told["ctr"] == LEVEL_UNKNOWN
    in_company = list(finish_rows([lone, row(0.011)], Level()))
    assert in_company[0]["strength"] == 1.0
    assert "reference set" not in in_company[0]["evidence"]


@pytest.mark.parametrize("changes", [{}, {"words": 12}, {"words": -9, "brand, placement": 0, "look": 130}])
def test_reasons_are_read_back_from_the_table_as_they_were_written(changes: dict[str, int]) -> None:
    reasons = tuple(Problem("part_change", part=part, change=change) for part, change in changes.items())
    found = read_reasons("; ".join(reasons))
    assert found == reasons
    assert [one.values for one in found] == [one.values for one in reasons]
