"""Shares against brute force, reductions, and the planted market of banner creatives."""

from __future__ import annotations

import numpy as np
import pytest

from adcreative.delivery.rotation.policies import chance_best, choose_shares
from adcreative.errors import ConfigError


def test_the_chance_to_be_best_equals_counting_draws() -> None:
    rng = np.random.default_rng(0)
    mean, spread = rng.normal(0, 0.3, 12), rng.uniform(0.05, 0.6, 12)
    drawn = rng.normal(mean, spread, (400_000, 12)).argmax(axis=1)
    counted = np.bincount(drawn, minlength=12) / len(drawn)
    assert chance_best(mean, spread) == pytest.approx(counted, abs=4e-3)


def test_equal_creatives_share_equally_and_are_not_counted_once() -> None:
    chances = chance_best(np.array([0.0] * 9 + [0.5]), np.array([0.3] * 10))
    assert chances[:9] == pytest.approx(np.full(9, chances[0]))
    assert chances.sum() == pytest.approx(1)
    rng = np.random.default_rng(1)
    drawn = rng.normal([0.0] * 9 + [0.5], 0.3, (200_000, 10)).argmax(axis=1)
    assert chances[9] == pytest.approx((drawn == 9).mean(), abs=5e-3)


def test_a_creative_without_doubt_about_it_reduces_thompson_to_greedy() -> None:
    mean = np.array([[-4.0], [-3.9], [-3.5]])
    certain = choose_shares("ts", mean, np.full((3, 1), 1e-4))
    assert certain[:, 0] == pytest.approx([0, 0, 1], abs=1e-9)
    assert choose_shares("greedy", mean, mean) == pytest.approx(certain)


def test_top_two_gives_half_to_the_rest() -> None:
    mean, spread = np.array([[0.0], [0.1], [3.0]]), np.full((3, 1), 0.2)
    shares = choose_shares("top-two", mean, spread)[:, 0]
    assert shares.sum() == pytest.approx(1)
    assert shares[2] == pytest.approx(0.5, abs=1e-3)
    assert shares[1] > shares[0] > 0.1


def test_exploration_leaves_nothing_out() -> None:
    shares = choose_shares("greedy", np.array([[0.0], [1.0]]), np.ones((2, 1)), explore=0.1)
    assert shares[:, 0] == pytest.approx([0.05, 0.95])


def test_wrong_settings_are_refused() -> None:
    with pytest.raises(ConfigError, match='no policy named "greedi"; known: ts, top-two, greedy, uniform'):
        choose_shares("greedi", np.zeros((2, 1)), np.ones((2, 1)))
    with pytest.raises(ConfigError, match="explore must lie in 0 to 1"):
        choose_shares("ts", np.zeros((2, 1)), np.ones((2, 1)), explore=2)
