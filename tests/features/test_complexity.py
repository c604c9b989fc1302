"""The bits that a picture needs are measured only where a model asks, and an account learns what they are worth."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy import special, stats

from adcreative.creative import Creative
from adcreative.ctr.account.fitting import fit_account
from adcreative.features.batch import CreativeFeatures
from adcreative.features.cache import FeatureCache
from adcreative.features.complexity import complexity_stats
from adcreative.features.extraction import FeatureExtractor
from tests.ctr.account.accounts import PlantedAccount, plant_account
from tests.features.test_features import FakeAnalyzer, FakeClip, FakeCodec, FakeHeadlines


def textured(grain: int, side: int = 256) -> np.ndarray:
    """Return squares of random colours, `grain` px wide."""
    cells = np.random.default_rng(0).integers(0, 256, (side // grain, side // grain, 3), np.uint8)
    return cells.repeat(grain, axis=0).repeat(grain, axis=1)


def test_more_to_see_needs_more_bits_whatever_the_size_of_the_file() -> None:
    plain = float(complexity_stats(np.full((256, 256, 3), 200, np.uint8))[0])
    coarse, fine = (float(complexity_stats(textured(grain))[0]) for grain in (64, 8))
    assert plain < coarse < fine
    doubled = np.asarray(Image.fromarray(textured(64)).resize((512, 512), Image.Resampling.NEAREST))
    assert float(complexity_stats(doubled)[0]) == pytest.approx(coarse, abs=(fine - coarse) / 5)  # edges ring a little


@pytest.mark.parametrize("shape", [(1, 1), (1, 4000), (3000, 2), (90, 120)])
def test_every_shape_has_a_finite_number(shape: tuple[int, int]) -> None:
    found = complexity_stats(np.zeros((*shape, 3), np.uint8))
    assert found.shape == (1,)
    assert np.isfinite(found).all()


def test_it_is_measured_where_a_model_asks_and_kept_apart_in_the_cache(tmp_path: Any) -> None:
    parts: tuple[Any, Any, Any, Any] = (FakeClip("clip"), FakeHeadlines(), FakeAnalyzer(), FakeCodec())
    ad = Creative(file_name="ad.png", headline="Sleep", image_u8=textured(8))
    measuring = FeatureExtractor(*parts, cache=FeatureCache(tmp_path), measures_complexity=True)
    asking, silent = (SimpleNamespace(optional_features=frozenset(names)) for names in (("complexity",), ()))
    assert measuring.for_models([silent, asking]) is measuring
    for extractor, is_measured in ((measuring.for_models([silent]), False), (measuring, True), (measuring, True)):
        (seen,) = extractor.extract([ad])
        assert isinstance(seen, CreativeFeatures)
        assert (seen.complexity is not None) == is_measured
    assert seen.complexity is not None
    assert (seen.complexity == complexity_stats(textured(8))).all()
    (again,) = measuring.for_versions(textured(8)).extract([ad])
    assert isinstance(again, CreativeFeatures)
    assert again.complexity is not None
    other = FeatureExtractor(*parts).for_models([asking])  # has nothing that measures it
    (blind,) = other.extract([ad])
    assert isinstance(blind, CreativeFeatures)
    assert blind.complexity is None


def plant_complexity(num: int, seed: int, worth: float) -> PlantedAccount:
    """Plant an account whose rates fall with the bits of the picture."""
    plain = plant_account(num, rate=0.03, seed=seed, impressions=(500.0, 8_000.0))
    rng = np.random.default_rng([seed, 11])
    bits = rng.normal(0.3, 0.5, num)
    truth = special.expit(special.logit(plain.truth) - worth * (bits - 0.3) / 0.5)
    creatives = [
        replace(ad, clicks=int(rng.binomial(ad.impressions or 0, rate)))
        for ad, rate in zip(plain.creatives, truth, strict=True)
    ]
    features = [
        replace(one, complexity=np.array([value], np.float32), look=np.zeros(6, np.float32))
        for one, value in zip(plain.features, bits, strict=True)
    ]
    return PlantedAccount(creatives, features, truth)


def rank(account: PlantedAccount, *, is_seen: bool) -> float:
    """Return the rank correlation of 140 held-out ads with the true rates."""
    features = [one if is_seen else replace(one, complexity=None) for one in account.features]
    model, _, _ = fit_account(account.creatives[:280], features[:280], seed=0)
    assert ("complexity" in model.optional_features) == is_seen
    return float(stats.spearmanr(model.rates(account.creatives[280:], features[280:]).rate, account.truth[280:])[0])


@pytest.mark.planted
def test_an_account_learns_what_complexity_is_worth() -> None:
    account = plant_complexity(420, 3, worth=0.35)
    assert rank(account, is_seen=True) > rank(account, is_seen=False) + 0.1


@pytest.mark.planted
def test_complexity_that_says_nothing_costs_nothing() -> None:
    account = plant_complexity(420, 5, worth=0.0)
    assert rank(account, is_seen=True) > rank(account, is_seen=False) - 0.02
