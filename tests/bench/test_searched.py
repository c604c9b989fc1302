"""The bench of searched changes: its search finds what is planted, and its table counts what was delivered."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from adcreative.creative import Creative
from adcreative.editor.space.lines import Lines
from adcreative.features.batch import CreativeFeatures
from adcreative.market.measures import LOOKS, PictureMeasures
from adcreative.market.truth import PlantedTruth
from adcreative.verbs.loading import Judges
from tests.bench.searched import Editable, Found, Seen, raise_bars, search, summarise

PLAIN = CreativeFeatures()
WORTH = {"Ours": 0.3, "Theirs": -0.2, "Below": 0.2}


class Says:
    """Believes WORTH of each line, with a deviation of its own."""

    def __init__(self, std: float) -> None:
        self.std = std

    def predict_change(self, creatives: Any, features: Any) -> tuple[np.ndarray, np.ndarray]:
        worth = np.array([WORTH.get(one.headline, 0.0) + WORTH.get(one.description, 0.0) for one in creatives])
        return worth[1:] - worth[0], np.full(len(creatives) - 1, self.std)

    def known_values(self, column: str) -> list[str]:
        return []


def editable(unfit: frozenset[tuple[str, str]] = frozenset()) -> Editable:
    ad = Seen(Creative(headline="Old", description="Said"), PLAIN, None, 0.0)
    lines = Lines(
        headlines=("Old", "Theirs", "Ours"),
        descriptions=("Said", "Below"),
        headline_features=(None, PLAIN, PLAIN),
        description_features=(None, PLAIN),
        unfit=unfit,
    )
    return Editable(ad, lines, [0.0, 0.1, 0.2], [ad, ad])


def models(auditor_std: float) -> Judges:
    sure: Any = Says(0.01)
    unsure: Any = Says(auditor_std)
    return Judges(sure, sure, unsure)


def test_the_best_lines_are_combined_where_they_may_stand_together() -> None:
    key, opinion, verdict = search(editable(), models(0.01))
    assert key[:2] == (2, 1)
    assert opinion.chosen == pytest.approx(0.5)
    assert verdict.is_delivered
    key, opinion, _ = search(editable(frozenset({("Ours", "Below")})), models(0.01))
    assert key[:2] == (2, 0)
    assert opinion.chosen == pytest.approx(0.3)


def test_what_the_third_model_is_not_sure_of_is_not_delivered() -> None:
    assert not search(editable(), models(1.2))[2].is_delivered


def test_a_version_is_worth_what_its_words_and_picture_are() -> None:
    """Words and picture are parts of the planted truth of their own: a version has those of what it is made of."""
    truth = PlantedTruth(3)
    dark, bright = (PictureMeasures(look=dict.fromkeys(LOOKS, 0.2 + shift)) for shift in (0.0, 0.3))
    creative = Creative(headline="Old", description="Said", category="shoes")
    ad, other = Seen(creative, PLAIN, dark, 0.0), Seen(creative, PLAIN, bright, 0.0)
    one = Editable(ad, editable().lines, [0.0, 0.1, 0.4], [ad, other])
    both, words, picture = (one.version(key).log_odds(truth) for key in ((2, 0, 1, 0), (2, 0, 0, 0), (0, 0, 1, 0)))
    assert both["headline"] == words["headline"] != ad.log_odds(truth)["headline"]
    assert both["look"] == picture["look"] != ad.log_odds(truth)["look"]


def test_the_share_is_that_of_delivered_edits_and_losses_are_counted() -> None:
    def found(market: int, true: float, *, is_delivered: bool) -> Found:
        return Found(
            market=market,
            ad=0,
            key=(1, 0, 0, 0),
            true=true,
            chosen=0.2,
            low=0.1,
            audited=0.2,
            audited_low=0.1,
            expected=0.2,
            std=0.05,
            is_delivered=is_delivered,
        )

    rows = [found(1, 0.2, is_delivered=True), found(1, -0.4, is_delivered=False), found(2, 0.1, is_delivered=True)]
    table = summarise([*rows, found(3, -0.06, is_delivered=True)])
    assert (table["markets"], table["ads"], table["delivered"], table["worse"]) == (3, 4, 3, 1)
    assert table["share"] == pytest.approx(0.24 / 0.6)
    assert table["share_interval"][0] < 0.4 < table["share_interval"][1]
    assert table["held"] == pytest.approx(1 / 3)  # 0.2 +- 0.082 holds the first alone
    assert table["gain"] == pytest.approx((np.expm1(0.2) + np.expm1(0.1) + np.expm1(-0.06)) / 4, abs=1e-4)
    bars = raise_bars([replace(rows[0], low=0.12, audited_low=0.15)], 0.8)  # deviations of 0.1 and 0.125
    assert [bars[f"three models, {bar}"]["delivered"] for bar in (0.8, 1.28, 1.645)] == [1, 1, 0]
    assert bars["two models, 1.645"]["delivered"] == bars["rule, 1.645"]["delivered"] == 1
