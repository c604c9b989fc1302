"""An ad against the usual one: a rate only where its level is known, and then the same comparison."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest

from adcreative.creative import Creative, Prediction
from adcreative.editor.settings import EditorConfig, Level
from adcreative.errors import ConfigError
from adcreative.verbs import explain
from adcreative.verbs.standing import Standing, find_standing
from tests.editor.fakes import fake_ad, fake_tools, open_ad

SMALL = EditorConfig(population_size=12, generations=4)
BASE = math.log(0.01 / 0.99)


def stand(monkeypatch: pytest.MonkeyPatch, **options: Any) -> Standing:
    monkeypatch.setattr(explain, "find_base", lambda *asked: BASE)
    prediction = Prediction(ctr=0.02, ctr_low=0.01, ctr_high=0.04, evidence="e", enough_data=options.pop("enough_data", True))
    predictor = SimpleNamespace(predict=lambda creatives, features: [prediction])
    return find_standing(predictor, Creative(headline="a"), None, **options)


def odds(rate: float) -> float:
    return rate / (1 - rate)


def test_without_a_level_there_is_a_comparison_and_no_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    one = stand(monkeypatch, knows_level=False)
    assert one.change == pytest.approx(odds(0.02) / odds(0.01) - 1)
    assert one.change_low == pytest.approx(0.0)
    assert one.change_high == pytest.approx(odds(0.04) / odds(0.01) - 1)
    assert (one.rate, one.rate_low, one.rate_high) == (None, None, None)


def test_a_stated_usual_rate_brings_the_rate_back(monkeypatch: pytest.MonkeyPatch) -> None:
    one = stand(monkeypatch, knows_level=False, usual_rate=0.1)
    assert odds(one.rate) / odds(0.1) - 1 == pytest.approx(one.change)
    assert one.rate_low == pytest.approx(0.1)
    with pytest.raises(ConfigError, match=r"a click rate between 0 and 0\.3 is needed"):
        stand(monkeypatch, knows_level=False, usual_rate=2.1)


def test_the_rates_of_an_account_stand_and_those_of_too_little_data_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    assert stand(monkeypatch, knows_level=True, usual_rate=0.1).rate == 0.02
    assert stand(monkeypatch, knows_level=True, enough_data=False).rate is None


def test_an_edit_of_models_without_own_results_promises_nothing_however_it_is_chosen() -> None:
    session = open_ad(fake_ad(), fake_tools(), SMALL, level=Level(is_known=False))
    stated = session.search()
    for one in (stated, session.choose(1, is_forced=True), session.reword(stated, "Shoes for rain", "")):
        assert one.result.is_untested
        assert (one.result.ctr_original, one.result.ctr_edited, one.result.uplift_low) == (None, None, None)
        assert {alternative.change for alternative in one.alternatives} == {None}


def test_a_usual_rate_sets_the_level_of_an_untested_edit() -> None:
    outcome = open_ad(fake_ad(), fake_tools(), SMALL).search()
    stated = open_ad(fake_ad(), fake_tools(), SMALL, level=Level(is_known=False, usual_rate=0.03)).search().result
    assert stated.ctr_original == pytest.approx(0.03, rel=1e-4)
    assert stated.is_untested
    assert stated.ctr_edited >= 0.03
    claimed, believed = stated.ctr_edited / 0.03 - 1, outcome.result.ctr_edited / outcome.result.ctr_original - 1
    assert claimed < believed  # shrunk to what comes true elsewhere
