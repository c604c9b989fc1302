"""The bench of real pairs, on an account whose rates are planted."""

from __future__ import annotations

from dataclasses import replace

import pytest

from adcreative.creative import Creative
from tests.bench.real_pairs import Pair, ask_pairs, differ, summarise
from tests.ctr.account.accounts import plant_account


def pair(observed: float, chosen: float, *, group: str = "a", third: tuple[float, float] = (0.1, 0.15)) -> Pair:
    return Pair(
        group=group,
        observed=observed,
        chosen=chosen,
        low=chosen - 0.05,
        audited=chosen,
        audited_low=third[0],
        third_low=third[1],
    )


def test_differences_are_told_in_their_deviations() -> None:
    one, other = Creative(clicks=100, impressions=10_000), Creative(clicks=150, impressions=10_000)
    assert differ(one, other) == pytest.approx(-differ(other, one))
    assert differ(one, other) == pytest.approx(0.408 / (1 / 100 + 1 / 150) ** 0.5, rel=0.02)


def test_what_was_picked_and_what_each_rule_delivers_is_counted() -> None:
    doubted = [pair(-2.5, 0.3, group="b", third=(-0.1, 0.1)), pair(-2.5, 0.3, group="b", third=(-0.4, -0.1))]
    found = summarise([pair(3.0, 0.2), pair(-3.0, -0.2), *doubted, pair(2.5, -0.3), pair(2.5, -0.3)])
    assert (found["pairs"], found["groups"], found["picked"]) == (3, 2, 0.333)
    assert found["all three as sure"] == {"delivered": 1, "worse": 0}
    assert found["the rule"] == {"delivered": 2, "worse": 1}
    assert found["two sure"] == {"delivered": 3, "worse": 2}


@pytest.mark.planted
def test_the_model_of_a_planted_account_picks_the_better_ad() -> None:
    account = plant_account(360, rate=0.05, seed=4, impressions=(2_000.0, 8_000.0))
    ads = [replace(ad, category="one", placement=ad.context["device"], context={}) for ad in account.creatives]
    assert summarise(ask_pairs(ads, 0))["picked"] > 0.7
