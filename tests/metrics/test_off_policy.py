"""Off-policy estimates against worlds whose true value is known, and against cases worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from adcreative.errors import ConfigError
from adcreative.metrics import off_policy as ope

RATES = np.array([0.1, 0.3, 0.6])
LOGGING, NEW = np.array([0.6, 0.3, 0.1]), np.array([0.1, 0.2, 0.7])


@pytest.fixture(scope="module")
def log() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    arms = rng.choice(3, size=60_000, p=LOGGING)
    return arms, (rng.random(len(arms)) < RATES[arms]).astype(float)


def test_all_estimators_find_the_value_of_a_policy_that_never_ran(log: tuple[np.ndarray, np.ndarray]) -> None:
    arms, rewards = log
    true_value = float(NEW @ RATES)
    weights = ope.importance_weights(NEW[arms], LOGGING[arms])
    wrong_model = np.array([0.5, 0.5, 0.5])
    dr = ope.doubly_robust(weights, rewards, wrong_model[arms], np.full(len(arms), NEW @ wrong_model))
    groups = np.arange(len(arms))
    for found in (
        ope.estimate("IPS", ope.inverse_propensity(weights, rewards), groups),
        ope.estimate("SNIPS", weights * rewards, groups, over=weights),
        ope.estimate("DR", dr, groups),
    ):
        assert found.low < true_value < found.high, found
        assert found.value == pytest.approx(true_value, abs=0.015)
    assert rewards.mean() < true_value - 0.2  # the log itself says something else


def test_doubly_robust_is_right_with_wrong_propensities_when_the_model_is_right(log: tuple[np.ndarray, np.ndarray]) -> None:
    arms, rewards = log
    weights = ope.importance_weights(NEW[arms], np.full(len(arms), 1 / 3))
    dr = ope.doubly_robust(weights, rewards, RATES[arms], np.full(len(arms), NEW @ RATES))
    assert dr.mean() == pytest.approx(NEW @ RATES, abs=0.01)
    assert abs((weights * rewards).mean() - NEW @ RATES) > 0.1


def test_slate_estimates_by_hand() -> None:
    weights, rewards = np.array([[2.0, 0.5, 3.0]]), np.array([[1.0, 0.0, 1.0]])
    assert ope.slate_standard(weights, rewards) == pytest.approx(6.0)
    assert ope.slate_independent(weights, rewards) == pytest.approx(5.0)
    assert ope.slate_reward_interaction(weights, rewards) == pytest.approx(5.0)
    q_logged, q_policy = np.array([[1.0, 0.5, 0.5]]), np.array([[0.9, 0.4, 0.3]])
    by_hand = 2 * (1 - 1) + 0.9 + 1 * (0 - 0.5) + 2 * 0.4 + 3 * (1 - 0.5) + 1 * 0.3
    assert ope.slate_cascade_dr(weights, rewards, q_logged, q_policy) == pytest.approx(by_hand)


def test_effective_sample_size_counts_rows_that_matter() -> None:
    assert ope.effective_sample_size(np.ones(10)) == pytest.approx(10)
    assert ope.effective_sample_size(np.array([5.0, 0, 0])) == pytest.approx(1)
    assert ope.effective_sample_size(np.zeros(3)) == 0


def test_the_interval_is_wider_when_rows_belong_to_few_users() -> None:
    rng = np.random.default_rng(2)
    values = np.repeat(rng.normal(size=20), 50)
    alone = ope.estimate("x", values, np.arange(1000))
    by_user = ope.estimate("x", values, np.repeat(np.arange(20), 50))
    assert by_user.high - by_user.low > 4 * (alone.high - alone.low)


def test_impossible_propensities_are_refused() -> None:
    with pytest.raises(ConfigError, match="above 0 and at most 1"):
        ope.importance_weights(np.array([0.5]), np.array([0.0]))
    with pytest.raises(ConfigError, match="chances of the policy"):
        ope.importance_weights(np.array([1.5]), np.array([0.5]))
