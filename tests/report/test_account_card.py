"""The card of an account's model says what was measured, and which floor it cannot be told from."""

from __future__ import annotations

import io
from typing import Any

from PIL import Image

from adcreative.ctr.account.card import chance_range
from adcreative.report.account_card import render_account_card
from adcreative.report.plots import draw_account


def member(gain: float, low: float, high: float, **more: Any) -> dict[str, Any]:
    return {
        "weight": 0.0,
        "is_floor": True,
        "spearman": 0.4,
        "level": 1.0,
        "gain_of_stack": gain,
        "gain_interval": [low, high],
    } | more


def card(**members: Any) -> dict[str, Any]:
    bins = [{"n": 10, "predicted": 0.01, "observed": 0.012}, {"n": 10, "predicted": 0.03, "observed": 0.029}]
    tenths = [
        {"n": 60, "impressions": 50.0, "coverage": 0.91, "by_chance": [0.83, 0.97], "level": 1.1},
        {"n": 60, "impressions": 5_000.0, "coverage": 0.79, "by_chance": [0.83, 0.97], "level": 0.98},
    ]
    return {
        "members": members,
        "limits": ["It knows this account alone."],
        "content_hash": "ab" * 32,
        "training": {
            "num_creatives": 1200,
            "num_groups": 300,
            "impressions": 10**6,
            "clicks": 2 * 10**4,
            "languages": {"nl": 1200},
        },
        "calibration": {"level": 0.99, "coverage": 0.9, "spearman": 0.83, "reliability": bins, "by_impressions": tenths},
    }


def test_each_member_has_a_line_and_the_best_floor_is_named() -> None:
    page = render_account_card(
        card(
            mean=member(0.004, 0.003, 0.005, spearman=None),
            words=member(0.0001, 0.00005, 0.0002, weight=0.25),
            mixed=member(0.0, -0.0001, 0.0001, weight=0.75, is_floor=False),
        ),
        plot="reliability.png",
    )
    assert "| mean (floor) | 0.00 |  | 1.00 | +4 (+3 to +5) |" in page
    assert "The best floor is words; the whole is better, beyond chance." in page
    assert "0.99 times the observed ones" in page
    assert "cover 90.0% of held-out ads" in page
    assert "nl 1,200" in page
    assert "](reliability.png)" in page


def test_a_floor_that_cannot_be_told_apart_is_said_to_be_so() -> None:
    assert "the whole cannot be told from it." in render_account_card(card(words=member(0.0001, -0.0001, 0.0002)))
    assert "it and may be worse." in render_account_card(card(words=member(-0.0001, -0.0002, 0.0)))


def test_ads_of_new_groups_have_a_section_of_their_own() -> None:
    one = card(words=member(0.0001, 0.00005, 0.0002))
    assert "Ads of a new" not in render_account_card(one)
    figures = {"level": 0.93, "coverage": 0.9, "spearman": 0.41}
    new = {"column": "ad_group", "members": {"mean rate": member(0.002, 0.001, 0.003)}, "metrics": figures}
    page = render_account_card({**one, "new_groups": new})
    assert "## Ads of a new ad group" in page
    assert "every ad group left out in turn: Predicted clicks are 0.93 times the observed ones" in page
    assert "The best floor is mean rate; the whole is better" in page


def test_the_plot_is_a_picture_that_differs_with_the_figures() -> None:
    drawn = draw_account(card()["calibration"])
    bins = [{"n": 60, "impressions": 9.0, "coverage": 0.5, "by_chance": [0.83, 0.97], "level": 1.0}]
    other = card()["calibration"] | {"by_impressions": bins}
    assert Image.open(io.BytesIO(drawn)).size == (1100, 484)
    assert drawn != draw_account(other)
    assert drawn != draw_account(
        card()["calibration"]
        | {"by_impressions": [{**one, "by_chance": [0.5, 1.0]} for one in card()["calibration"]["by_impressions"]]}
    )


def test_a_tenth_that_chance_moved_is_told_from_one_that_breaks_its_promise() -> None:
    page = render_account_card(card(words=member(0.0001, 0.00005, 0.0002)))
    assert "| 50 | 91% | 83% to 97% | 1.10 |" in page
    assert "Here 1 of 2 lie outside." in page
    low, high = chance_range(24)
    assert (low, high) == (19 / 24, 1.0)
    assert chance_range(10_000)[0] > 0.894


def test_what_works_in_the_account_is_told_with_its_interval() -> None:
    one = card(words=member(0.0001, 0.00005, 0.0002))
    assert "What works" not in render_account_card(one)
    effect = {"feature": "number", "label": "a number", "effect": 0.12, "low": 0.03, "high": 0.2, "ads": 340}
    page = render_account_card({**one, "word_effects": [effect]})
    assert "## What works in this account" in page
    assert "| a number | +13 % (+3 to +22) | 340 |" in page


def test_it_says_what_the_networks_weigh_and_what_they_gain() -> None:
    words = member(0.0001, 0.00005, 0.0002)
    assert "QIN, the neural network, was not tried: no ad has a picture" in render_account_card(card(words=words))
    idle = {"QIN from nothing": member(0.001, 0.0, 0.002, is_floor=False)}
    assert "networks weigh 0: on these ads the other members say" in render_account_card(card(words=words, **idle))
    of_use = idle | {"network din": member(0.001, 0.0, 0.002, is_floor=False, weight=0.31)}
    assert "The neural networks weigh 0.31." in render_account_card(card(words=words, **of_use))
    page = render_account_card(card(words=words, **of_use) | {"gain_of_networks": [0.0002, -0.0001, 0.0005]})
    assert "weigh 0.31; with them the log-loss is lower by +0.2 (-0.1 to +0.5) than without." in page
