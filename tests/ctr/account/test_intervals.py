"""Intervals of rates: the binomial sums, and counts that vary less than chance lets expect."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special, stats

from adcreative.ctr.account.intervals import MIN_ADS, _binomial_cdf, estimate_dispersion, fit_spread


def test_sums_of_probabilities_are_those_of_scipy_and_take_fractions() -> None:
    shown, rates = np.array([10.0, 30.0, 500.0]), np.array([[0.02], [0.1], [0.9]])
    for counts in ([0.0, 3.0, 70.0], [10.0, 30.0, 500.0], [-1.0, -1.0, -1.0]):
        count = np.array(counts)
        np.testing.assert_allclose(_binomial_cdf(count, shown, rates), stats.binom.cdf(count, shown, rates), atol=1e-12)
    between = _binomial_cdf(np.array([3.0, 3.5, 4.0]), np.array([20.0]), np.array([0.2]))
    assert between[0] < between[1] < between[2]


@pytest.mark.parametrize(("share", "low", "high"), [(1.0, 1.0, 1.0), (0.4, 0.3, 0.55)])
def test_counts_that_are_evened_out_are_seen_and_binomial_ones_left(share: float, low: float, high: float) -> None:
    rng = np.random.default_rng(3)
    shown = np.exp(rng.uniform(np.log(100), np.log(20_000), 800)).round()
    log_odds = rng.normal(-4, 0.5, 800)
    rates = special.expit(log_odds)
    clicks = rng.binomial(shown.astype(int), rates).astype(float)
    if share < 1:
        expected = shown * rates
        clicks = np.clip(np.round(expected + np.sqrt(share * expected) * rng.standard_normal(800)), 0, shown)
    assert low <= estimate_dispersion(log_odds, clicks, shown) <= high
    spread = fit_spread(log_odds, np.zeros(800), clicks, shown, nugget=0.01, seed=0)
    assert spread.covered(log_odds, np.zeros(800), clicks, shown).mean() == pytest.approx(0.9, abs=0.03)
    few = slice(0, MIN_ADS - 1)
    assert estimate_dispersion(log_odds[few], clicks[few], shown[few]) == 1.0
