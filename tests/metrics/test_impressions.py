"""Figures of a model on rows of a log, drawn one at a time; paired intervals of two models on the same rows."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from adcreative.errors import TrainingError
from adcreative.metrics.binary import area_under_curve, log_loss
from adcreative.metrics.bootstrap import draw_group_counts, iter_group_counts, percentile_interval
from adcreative.metrics.calibration import expected_calibration_error
from adcreative.metrics.impressions import compare_predictions, measure_impressions


def test_draws_one_at_a_time_are_those_of_all_at_once() -> None:
    together = draw_group_counts(9, 40, rng=np.random.default_rng(3))
    assert np.array_equal(np.stack([*iter_group_counts(9, 40, rng=np.random.default_rng(3))]), together)


def test_the_interval_of_auc_is_that_of_the_drawn_rows() -> None:
    rng = np.random.default_rng(0)
    labels, rates = (rng.random(300) < 0.3).astype(np.float32), rng.random(300)
    found = measure_impressions(labels, rates, np.full(300, -1), seed=5, num_draws=50)
    draws = [area_under_curve(labels, rates, one) for one in draw_group_counts(300, 50, rng=np.random.default_rng(5))]
    assert (found["auc_low"], found["auc_high"]) == pytest.approx(percentile_interval(draws, 0.95))


def test_memory_holds_one_draw_and_not_two_hundred() -> None:
    """Broken twin: all draws at once, 200 x 20,000 counts, are 32 MB; a million test rows would need 1.6 GB."""
    rng = np.random.default_rng(0)
    labels, rates = (rng.random(20_000) < 0.3).astype(np.float32), rng.random(20_000)
    tracemalloc.start()
    measure_impressions(labels, rates, np.full(20_000, -1))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8e6


RNG = np.random.default_rng(0)
TRUTH = RNG.normal(0, 1.5, 4000)
LABELS = (RNG.random(4000) < 1 / (1 + np.exp(-TRUTH))).astype(np.float64)
RATES = 1 / (1 + np.exp(-TRUTH))
ALONE = np.full(4000, -1)


def test_the_figures_are_those_of_each_model_alone() -> None:
    worse = 1 / (1 + np.exp(-(TRUTH + RNG.normal(0, 1, 4000))))
    found = compare_predictions(LABELS, RATES, worse, ALONE)
    assert found["auc"]["before"] == area_under_curve(LABELS, RATES)
    assert found["auc"]["after"] == area_under_curve(LABELS, worse)
    assert found["log_loss"]["after"] == pytest.approx(log_loss(LABELS, worse))
    assert found["ece"]["before"] == pytest.approx(expected_calibration_error(RATES, LABELS, np.ones(4000)))
    assert found["auc"]["high"] < 0 < found["log_loss"]["low"]


def test_a_small_difference_shows_in_pairs_and_not_in_two_intervals() -> None:
    """The broken twin: intervals of each model by itself overlap, since the rows' luck does not cancel."""
    slightly = 1 / (1 + np.exp(-(TRUTH + RNG.normal(0, 0.4, 4000))))
    found = compare_predictions(LABELS, RATES, slightly, ALONE)["auc"]
    assert found["high"] < 0
    before, after = (measure_impressions(LABELS, one, ALONE) for one in (RATES, slightly))
    assert after["auc_high"] > before["auc_low"]  # type: ignore[operator]


def test_equal_models_differ_by_nothing_and_chance_covers_zero() -> None:
    same = compare_predictions(LABELS, RATES, RATES, ALONE)
    assert all(one["low"] == one["difference"] == one["high"] == 0 for one in same.values())
    covered = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        one, two = (1 / (1 + np.exp(-(TRUTH[:800] + rng.normal(0, 1, 800)))) for _ in range(2))
        labels = (rng.random(800) < RATES[:800]).astype(np.float64)
        found = compare_predictions(labels, one, two, ALONE[:800], num_draws=60)["auc"]
        covered.append(found["low"] <= 0 <= found["high"])
    assert 0.8 <= np.mean(covered) <= 1.0


def test_whole_users_are_drawn() -> None:
    """Forty copies of a hundred rows are a hundred users, not four thousand rows."""
    rows = np.tile(np.arange(100), 40)
    slightly = 1 / (1 + np.exp(-(TRUTH[:100] + np.random.default_rng(1).normal(0, 1, 100))))
    by_user = compare_predictions(LABELS[rows], RATES[rows], slightly[rows], rows)["auc"]
    by_row = compare_predictions(LABELS[rows], RATES[rows], slightly[rows], ALONE)["auc"]
    assert by_user["high"] - by_user["low"] > 3 * (by_row["high"] - by_row["low"])


def test_one_class_is_said() -> None:
    with pytest.raises(TrainingError, match="AUC needs rows with and without a click"):
        compare_predictions(np.zeros(10), RATES[:10], RATES[:10], ALONE[:10])
