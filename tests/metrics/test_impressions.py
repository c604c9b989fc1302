"""Figures of a model on rows of a log: the same draws as all at once, in memory that holds one of them."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from adcreative.metrics.binary import area_under_curve
from adcreative.metrics.bootstrap import draw_group_counts, iter_group_counts, percentile_interval
from adcreative.metrics.impressions import measure_impressions


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
