"""What is believed about rates: new edits take their family's rate, contexts are told apart, a planted market earns."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, logit

from adcreative.delivery.rotation.policies import choose_shares
from adcreative.delivery.rotation.posterior import fit_posterior, fit_prior


def test_the_prior_of_the_published_market_is_recovered() -> None:
    rng = np.random.default_rng(0)
    rates = rng.beta(3.43, 109.78, 400)
    clicks = rng.binomial(2000, rates)
    prior = fit_prior(clicks, np.full(400, 2000.0), groups=np.zeros(400, int))
    assert prior.mean.mean() == pytest.approx(3.43 / 113.21, rel=0.08)
    assert prior.strength == pytest.approx(113.21, rel=0.2)


def test_a_new_edit_starts_at_the_rate_of_its_family() -> None:
    """Families of 1 % and 4 %; the last creative of each was never shown."""
    rng = np.random.default_rng(1)
    groups = np.repeat([0, 1], 11)
    shown = np.where(np.arange(22) % 11 == 10, 0, 4000)
    clicks = rng.binomial(shown, np.where(groups == 0, 0.01, 0.04))
    mean = fit_posterior(clicks[:, None], shown[:, None], groups=groups).mean[:, 0]
    assert mean[10] == pytest.approx(0.01, rel=0.25)
    assert mean[21] == pytest.approx(0.04, rel=0.25)
    alone = fit_posterior(clicks[:, None], shown[:, None]).mean[:, 0]
    assert alone[10] == pytest.approx(alone[21])  # without families both are the mean


def test_the_slope_says_how_far_a_predictor_is_believed() -> None:
    rng = np.random.default_rng(2)
    rates = expit(-4 + rng.normal(0, 0.4, 300))
    shown = np.full(300, 5000.0)
    clicks = rng.binomial(5000, rates)
    good = fit_prior(clicks, shown, groups=np.zeros(300, int), predicted=rates)
    useless = fit_prior(clicks, shown, groups=np.zeros(300, int), predicted=rng.permutation(rates))
    assert good.slope == pytest.approx(1, abs=0.15)
    assert good.strength > 5 * useless.strength  # little is left to learn
    assert abs(useless.slope) < 0.25


def test_contexts_that_click_more_are_not_taken_for_better_creatives() -> None:
    """Creative 0 was shown in the generous context only; it is the worse one."""
    shown = np.array([[9000.0, 1000.0], [1000.0, 9000.0]])
    rates = np.array([[0.04, 0.008], [0.05, 0.01]])
    posterior = fit_posterior(shown * rates, shown)
    assert (shown * rates).sum(axis=1)[0] > 2 * (shown * rates).sum(axis=1)[1]
    assert (posterior.mean[1] > posterior.mean[0]).all()
    new = fit_posterior(np.vstack([shown * rates, [450, 0]]), np.vstack([shown, [10_000, 0]])).mean[2]
    assert new[0] == pytest.approx(0.045, rel=0.1)
    assert new[1] == pytest.approx(0.009, rel=0.3)  # never shown there: its own rate at that context's level


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    rng = np.random.default_rng(3)
    rates = expit(logit(0.02) + rng.normal(0, 0.3, (200, 1)) + np.log([1.0, 2.0, 0.5]) + rng.normal(0, 0.15, (200, 3)))
    shown = rng.integers(0, 4000, (200, 3)).astype(float)
    clicks = rng.binomial(shown.astype(int), rates)
    low, high = fit_posterior(clicks, shown).interval(0.9)
    assert ((low < rates) & (rates < high)).mean() == pytest.approx(0.9, abs=0.05)


def earn(policy: str, *, prior: str, seed: int) -> float:
    """Return clicks over those of the best creative: 20 creatives, 14 days of 2,000 impressions, updated daily."""
    rng = np.random.default_rng(seed)
    predicted = rng.beta(3.43, 109.78, 20)
    rates = expit(logit(predicted) + rng.normal(0, 0.25, 20)) if prior == "visual" else predicted
    seen = predicted if prior == "visual" else None
    clicks, shown, total = np.zeros(20), np.zeros(20), np.zeros(14)
    for day in range(14):
        mean, spread = fit_posterior(clicks[:, None], shown[:, None], predicted=seen).logit_moments()
        today = rng.multinomial(2000, choose_shares(policy, mean, spread)[:, 0])
        won = rng.binomial(today, rates)
        clicks, shown, total[day] = clicks + won, shown + today, today @ rates
    return float(total.sum() / (14 * 2000 * rates.max()))


@pytest.mark.planted
def test_thompson_sampling_earns_and_greedy_loses() -> None:
    """Measured on 200 markets: see measured.md; here 60."""
    flat = np.mean([earn("ts", prior="flat", seed=seed) for seed in range(60)])
    visual = np.mean([earn("ts", prior="visual", seed=seed) for seed in range(60)])
    greedy = np.mean([earn("greedy", prior="flat", seed=seed) for seed in range(60)])
    uniform = np.mean([earn("uniform", prior="flat", seed=seed) for seed in range(60)])
    print(f"ts {flat:.3f} visual {visual:.3f} greedy {greedy:.3f} uniform {uniform:.3f}")
    assert flat >= 0.85
    assert visual >= flat + 0.02
    assert greedy < flat - 0.02
    assert uniform < 0.6
