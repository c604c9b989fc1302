"""Off-policy estimates: what another way of choosing would have earned, from a log with the chances of what was shown.

    w    = pi(a | x) / pi_0(a | x)                      how much likelier the new policy shows what was shown
    IPS  = mean(w r)            SNIPS = sum(w r) / sum(w)
    DR   = mean(q(x, pi) + w (r - q(x, a)))             q: a model of the reward; right when q or pi_0 is
    ESS  = (sum w)^2 / sum w^2                          how many rows the estimate is worth

For slates of S places with weight w_s and reward r_s each place:
    standard (SIPS)             prod_s w_s * sum_s r_s
    independent (IIPS)          sum_s w_s r_s
    reward interaction (RIPS)   sum_s (prod_{t <= s} w_t) r_s
    cascade DR                  sum_s (prod_{t <= s} w_t) (r_s - Q_s) + (prod_{t < s} w_t) E_pi[Q_s]

Each function returns one figure a row or slate; `estimate` makes a mean with its interval. No torch.
Source: Horvitz & Thompson 1952; Dudik, Langford & Li 2011; Swaminathan & Joachims 2015 (SNIPS); Li et al. 2018 (IIPS);
McInerney et al. 2020 (RIPS); Kiyohara et al. 2022 (cascade DR). ESS: Kish 1965.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from adcreative.errors import ConfigError
from adcreative.metrics.bootstrap import draw_group_counts, percentile_interval

NUM_DRAWS = 400


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A mean reward per row or slate with its bootstrap interval over groups."""

    name: str
    value: float
    low: float
    high: float


def importance_weights(policy: np.ndarray, logged: np.ndarray, *, clip: float = np.inf) -> np.ndarray:
    """Return w = policy / logged, cut to at most `clip`.

    Raises:
        ConfigError: a logged propensity is not in (0, 1], or a chance of the policy not in [0, 1].
    """
    if not ((logged > 0) & (logged <= 1)).all():
        raise ConfigError("propensities must be above 0 and at most 1; a row that could not have been shown was logged")
    if not ((policy >= 0) & (policy <= 1 + 1e-9)).all():
        raise ConfigError("chances of the policy must lie in 0 to 1")
    return np.minimum(policy / logged, clip)


def inverse_propensity(weights: np.ndarray, rewards: np.ndarray) -> np.ndarray:
    """Return [N] w r; its mean is IPS."""
    return weights * rewards


def doubly_robust(
    weights: np.ndarray, rewards: np.ndarray, modelled_logged: np.ndarray, modelled_policy: np.ndarray
) -> np.ndarray:
    """Return [N] q(x, pi) + w (r - q(x, a)); its mean is DR.

    Args:
        modelled_logged: [N] q of what was shown. modelled_policy: [N] q averaged over what the policy would show.
    """
    return modelled_policy + weights * (rewards - modelled_logged)


def slate_standard(weights: np.ndarray, rewards: np.ndarray) -> np.ndarray:
    """Return [N] of slates [N, S]; places that a short slate lacks have weight 1 and reward 0."""
    return weights.prod(axis=1) * rewards.sum(axis=1)


def slate_independent(weights: np.ndarray, rewards: np.ndarray) -> np.ndarray:
    """Return [N]: each place is weighed alone, right when a place's reward depends on that place alone."""
    return (weights * rewards).sum(axis=1)


def slate_reward_interaction(weights: np.ndarray, rewards: np.ndarray) -> np.ndarray:
    """Return [N]: a place is weighed with those before it, right when readers go from the first place on."""
    return (np.cumprod(weights, axis=1) * rewards).sum(axis=1)


def slate_cascade_dr(
    weights: np.ndarray, rewards: np.ndarray, modelled_logged: np.ndarray, modelled_policy: np.ndarray
) -> np.ndarray:
    """Return [N] of the cascade doubly robust estimate.

    Args:
        modelled_logged: [N, S] Q_s, the modelled reward from place s on, given what was shown up to s.
        modelled_policy: [N, S] its mean over what the policy would show at s.
    """
    upto = np.cumprod(weights, axis=1)
    before = np.concatenate([np.ones((len(weights), 1)), upto[:, :-1]], axis=1)
    return (upto * (rewards - modelled_logged) + before * modelled_policy).sum(axis=1)


def effective_sample_size(weights: np.ndarray) -> float:
    """Return Kish's (sum w)^2 / sum w^2; 0 when all weights are 0."""
    squares = float((weights**2).sum())
    return float(weights.sum()) ** 2 / squares if squares > 0 else 0.0


def estimate(name: str, values: np.ndarray, groups: np.ndarray, *, over: np.ndarray | None = None, seed: int = 0) -> Estimate:
    """Return the mean of `values` with a 95 % bootstrap interval over whole groups (users, or slates).

    Args:
        values: [N]. groups: [N] whose row it is.
        over: [N] what the sum is divided by instead of the number of rows; the weights make SNIPS of IPS.
    """
    over = np.ones(len(values)) if over is None else over
    _, member = np.unique(groups, return_inverse=True)
    above, below = np.bincount(member, values), np.bincount(member, over)
    counts = draw_group_counts(len(above), NUM_DRAWS, rng=np.random.default_rng(seed))
    with np.errstate(invalid="ignore", divide="ignore"):
        draws = (counts @ above) / (counts @ below)
        value = float(above.sum() / below.sum())
    low, high = percentile_interval(draws, 0.95) or (value, value)
    return Estimate(name=name, value=value, low=low, high=high)
