"""How the words in a picture look is measured where they are, and an account learns what that is worth."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy import special, stats

from adcreative.creative import Creative
from adcreative.ctr.account.fitting import fit_account
from adcreative.features.batch import CreativeFeatures
from adcreative.features.cache import hash_picture
from adcreative.features.extraction import FeatureExtractor
from adcreative.features.lettering import LETTERING_STATS, NEUTRAL_CONTRAST, DrawnLines, lettering_stats
from adcreative.lettering.reading.reader import LineFinder, has_reader
from tests.ctr.account.accounts import PlantedAccount, plant_account
from tests.features.test_features import FakeAnalyzer, FakeClip, FakeCodec, FakeHeadlines
from tests.lettering.reading.drawn_ads import LINES, drawn_ad

BOXES = np.array([line.box_xyxy_px for line in LINES], np.float32)


def named(values: np.ndarray) -> dict[str, float]:
    return dict(zip(LETTERING_STATS, values.tolist(), strict=True))


def test_share_number_size_and_contrast_are_those_that_were_drawn() -> None:
    found = named(lettering_stats(drawn_ad(), BOXES))
    sides = BOXES[:, 2:] - BOXES[:, :2]
    assert found["share"] == pytest.approx((sides[:, 0] * sides[:, 1]).sum() / 480**2, rel=1e-5)
    assert np.expm1(found["lines"]) == pytest.approx(len(LINES), rel=1e-5)
    assert np.exp(found["largest"]) / np.exp(found["smallest"]) == pytest.approx(60 / 30, rel=0.1)
    pale = (236 - 0.15 * (236 - drawn_ad().astype(float))).round().astype(np.uint8)
    assert named(lettering_stats(pale, BOXES))["contrast"] < found["contrast"] - 0.5
    assert 40 < np.expm1(found["letters"]) < 120  # 69 are drawn


def test_a_picture_without_words_has_none_and_is_neutral_otherwise() -> None:
    found = named(lettering_stats(np.full((90, 120, 3), 200, np.uint8), np.zeros((0, 4))))
    assert (found["share"], found["lines"], found["letters"]) == (0.0, 0.0, 0.0)
    assert np.exp(found["contrast"]) == pytest.approx(NEUTRAL_CONTRAST)


@pytest.mark.skipif(not has_reader(), reason="finds lines")
def test_lines_are_found_where_they_were_drawn_at_any_size() -> None:
    found = LineFinder().find_lines(drawn_ad())
    assert len(found) == len(LINES)
    for x0, y0, x1, y1 in BOXES:
        x, y = (x0 + x1) / 2, (y0 + y1) / 2
        assert sum(bool(a0 < x < a1 and b0 < y < b1) for a0, b0, a1, b1 in found) == 1
    assert LineFinder().find_lines(np.full((90, 120, 3), 200, np.uint8)).shape == (0, 4)


def test_the_extractor_measures_lettering_where_something_finds_lines_and_a_model_asks() -> None:
    class Finder:
        content_hash = "finder 1"

        def find_lines(self, image_u8: np.ndarray) -> np.ndarray:
            return BOXES

    parts: tuple[Any, ...] = (FakeClip("clip"), FakeHeadlines(), FakeAnalyzer(), FakeCodec())
    ad = Creative(file_name="ad.png", headline="Sleep", image_u8=drawn_ad())
    (seen,) = FeatureExtractor(*parts, line_finder=Finder()).extract([ad])
    assert isinstance(seen, CreativeFeatures)
    assert seen.lettering is not None
    assert (seen.lettering == lettering_stats(drawn_ad(), BOXES)).all()
    (again,) = FeatureExtractor(*parts, line_finder=Finder()).without_cache().extract([ad])
    assert isinstance(again, CreativeFeatures)
    assert again.lettering is not None
    finds = FeatureExtractor(*parts, line_finder=Finder())
    asking, silent = SimpleNamespace(optional_features=frozenset({"lettering"})), SimpleNamespace(optional_features=frozenset())
    assert finds.for_models([silent, asking]) is finds
    (blind,) = finds.for_models([silent]).extract([ad])
    assert isinstance(blind, CreativeFeatures)
    assert blind.lettering is None


def plant_lettering(num: int, seed: int) -> PlantedAccount:
    """Plant an account whose rates rise with the contrast and fall with the amount of words in the picture."""
    plain = plant_account(num, rate=0.03, seed=seed, impressions=(500.0, 8_000.0))
    rng = np.random.default_rng([seed, 9])
    rows = np.array([0.12, 1.8, 3.8, 2.0, 2.4, 3.2]) + rng.normal(size=(num, 6)) * [0.05, 0.35, 0.5, 0.35, 0.3, 0.3]
    log_odds = special.logit(plain.truth) + 0.35 * (rows[:, 3] - 2.0) / 0.35 - 0.3 * (rows[:, 2] - 3.8) / 0.5
    truth = special.expit(log_odds)
    creatives = [
        replace(ad, clicks=int(rng.binomial(ad.impressions or 0, rate)))
        for ad, rate in zip(plain.creatives, truth, strict=True)
    ]
    features = [
        replace(one, lettering=row.astype(np.float32), look=np.zeros(6, np.float32))
        for one, row in zip(plain.features, rows, strict=True)
    ]
    return PlantedAccount(creatives, features, truth)


def test_lines_that_are_known_are_not_looked_for() -> None:
    class Finder:
        content_hash = "finder 1"

        def find_lines(self, image_u8: np.ndarray) -> np.ndarray:
            raise AssertionError("looked for")

    parts: tuple[Any, ...] = (FakeClip("clip"), FakeHeadlines(), FakeAnalyzer(), FakeCodec())
    drawn = DrawnLines(BOXES, [(20, 20, 20)] * len(BOXES))
    extractor = FeatureExtractor(*parts, line_finder=Finder())
    (seen,) = extractor.for_drawn({hash_picture(drawn_ad()): drawn}).extract([Creative(headline="Sleep", image_u8=drawn_ad())])
    assert isinstance(seen, CreativeFeatures)
    assert seen.lettering is not None
    measured = lettering_stats(drawn_ad(), BOXES)
    assert np.delete(seen.lettering - measured, 3) == pytest.approx(0.0, abs=1e-6)
    dark, same = (named(lettering_stats(drawn_ad(), BOXES[:1], [ink]))["contrast"] for ink in ((0, 0, 0), (236,) * 3))
    assert dark > 2.0 > 0.5 > same  # the first line stands on a ground of 236


@pytest.mark.planted
def test_an_account_learns_what_its_lettering_is_worth() -> None:
    account = plant_lettering(420, seed=3)
    known, asked = account.rows(np.arange(280)), account.rows(np.arange(280, 420))
    ranks = {}
    for name, kept in (("with", True), ("without", False)):
        seen = [one if kept else replace(one, lettering=None) for one in known.features]
        model, _, _ = fit_account(known.creatives, seen, seed=0)
        unseen = [one if kept else replace(one, lettering=None) for one in asked.features]
        rates = model.rates(asked.creatives, unseen).rate
        ranks[name] = float(stats.spearmanr(rates, asked.truth)[0])
    assert ranks["with"] > ranks["without"] + 0.1, ranks
    blind = [replace(one, lettering=None) for one in asked.features]  # where nothing finds lines, the other parts still count
    model, _, _ = fit_account(known.creatives, known.features, seed=0)
    assert model.optional_features == {"lettering"}
    assert float(stats.spearmanr(model.rates(asked.creatives, blind).rate, asked.truth)[0]) > ranks["without"] - 0.1


@pytest.mark.planted
def test_lettering_that_says_nothing_costs_nothing() -> None:
    account, told = plant_account(420, rate=0.03, seed=5, impressions=(500.0, 8_000.0)), plant_lettering(420, seed=5)
    ranks = []
    for features in (account.features, told.features):  # the rates are those of the account without lettering
        model, _, _ = fit_account(account.creatives[:280], features[:280], seed=0)
        rates = model.rates(account.creatives[280:], features[280:]).rate
        ranks.append(float(stats.spearmanr(rates, account.truth[280:])[0]))
    assert ranks[1] > ranks[0] - 0.02, ranks
