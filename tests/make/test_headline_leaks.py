"""The headline recipe under two leak checks: labels that mean nothing give chance, a split by row flatters."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from adcreative.encoders.headline_tests import HeadlineTests, evaluate_scores
from data.make.headline_ridge import cross_validate, fit_slopes
from data.make.headline_training import CONFIG

NUM_TESTS, NUM_ARMS, NUM_FEATURES = 1500, 4, 40


@pytest.fixture(scope="module")
def planted() -> tuple[HeadlineTests, np.ndarray]:
    """Tests of four arms whose log rates follow 40 features weakly, with the noise of real counts."""
    rng = np.random.default_rng(0)
    num = NUM_TESTS * NUM_ARMS
    features, slopes = rng.normal(size=(num, NUM_FEATURES)), rng.normal(0, 0.05, NUM_FEATURES)
    test_idx = np.repeat(np.arange(NUM_TESTS), NUM_ARMS)
    log_rates = np.log(0.015) + features @ slopes + rng.normal(0, 0.15, num) + rng.normal(0, 0.4, NUM_TESTS)[test_idx]
    impressions = rng.integers(2000, 5000, num).astype(float)
    tests = HeadlineTests(
        tuple(f"t{t}" for t in range(NUM_TESTS)), test_idx, tuple(f"headline {i}" for i in range(num)), impressions,
        rng.binomial(impressions.astype(int), np.exp(log_rates)).astype(float), np.zeros(num, np.int64),
    )  # fmt: skip
    return tests, features


def shuffled_within_tests(tests: HeadlineTests, seed: int) -> HeadlineTests:
    """Return the tests with the results of each test's arms dealt out anew."""
    order = np.random.default_rng(seed).permuted(np.arange(len(tests.clicks)).reshape(NUM_TESTS, NUM_ARMS), axis=1).ravel()
    return replace(tests, impressions=tests.impressions[order], clicks=tests.clicks[order])


def judge(tests: HeadlineTests, features: np.ndarray) -> dict[str, float]:
    return cross_validate(features, tests, ridge=CONFIG.ridge, overdispersion=CONFIG.overdispersion)


def test_labels_shuffled_within_tests_give_chance(planted: tuple[HeadlineTests, np.ndarray]) -> None:
    tests, features = planted
    assert judge(tests, features)["pairwise_accuracy"] > 0.6  # there is something to find
    for seed in (1, 2):
        found = judge(shuffled_within_tests(tests, seed), features)
        assert found["pairs"] > 8000  # standard error of the accuracy is about 0.006
        assert found["pairwise_accuracy"] == pytest.approx(0.5, abs=0.02)


@pytest.mark.slow
def test_a_split_by_row_flatters_where_near_copies_exist(planted: tuple[HeadlineTests, np.ndarray]) -> None:
    """Every test is run twice with the same wordings; the grouped folds keep both runs together, rows do not."""
    tests, _ = planted
    rng = np.random.default_rng(3)
    half = NUM_TESTS // 2 * NUM_ARMS
    wording = np.tile(np.arange(half), 2)
    luck = rng.normal(0, 0.3, half)[wording]  # what a wording is worth, told by no feature
    clicks = rng.binomial(tests.impressions.astype(int), 0.015 * np.exp(luck)).astype(float)
    names = tuple(f"wording {number}" for number in wording)
    twice = replace(tests, headlines=names, clicks=clicks)
    identity = rng.normal(size=(half, 1200))[wording]  # names the wording and nothing else
    honest = judge(twice, identity)["pairwise_accuracy"]
    second_run = np.arange(NUM_TESTS) >= NUM_TESTS // 2
    slopes = fit_slopes(identity[:half], twice.select(~second_run), ridge=CONFIG.ridge, overdispersion=CONFIG.overdispersion)
    flattered = evaluate_scores(twice.select(second_run), identity[half:] @ slopes)["pairwise_accuracy"]
    assert honest == pytest.approx(0.5, abs=0.03)
    assert flattered > honest + 0.03
