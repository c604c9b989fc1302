"""Off-policy estimates: the reward another policy would have earned, from a log with propensities.

    w    = pi(a | x) / pi_0(a | x)                      importance weight of the logged action
    IPS  = mean(w r)            SNIPS = sum(w r) / sum(w)
    DR   = mean(q(x, pi) + w (r - q(x, a)))             q: a model of the reward; right when q or pi_0 is
    ESS  = (sum w)^2 / sum w^2                          effective number of rows

For slates of S positions with weight w_s and reward r_s each:
    standard (SIPS)             prod_s w_s * sum_s r_s
    independent (IIPS)          sum_s w_s r_s
    reward interaction (RIPS)   sum_s (prod_{t <= s} w_t) r_s
    cascade DR                  sum_s (prod_{t <= s} w_t) (r_s - Q_s) + (prod_{t < s} w_t) E_pi[Q_s]

Each function returns one value per row or slate; `estimate` computes a mean with its interval. Does not import torch.
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
    """Return w = policy / logged, clipped to at most `clip`.

    Raises:
        ConfigError: a logged propensity is not in (0, 1], or a probability of the policy not in [0, 1].
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
        modelled_logged: [N] q of the logged action. modelled_policy: [N] q averaged over the policy's actions.
    """
    return modelled_policy + weights * (rewards - modelled_logged)


def slate_standard(weights: np.ndarray, rewards: np.ndarray) -> np.ndarray:
    """Return [N] for slates [N, S]; positions missing in a short slate have weight 1 and reward 0."""
    return weights.prod(axis=1) * rewards.sum(axis=1)


def slate_independent(weights: np.ndarray, rewards: np.ndarray) -> np.ndarray:
    """Return [N]: each position is weighted alone, unbiased if a position's reward depends only on that position."""
    return (weights * rewards).sum(axis=1)


def slate_reward_interaction(weights: np.ndarray, rewards: np.ndarray) -> np.ndarray:
    """Return [N]: a position is weighted with the positions before it, unbiased if readers go from first to last."""
    return (np.cumprod(weights, axis=1) * rewards).sum(axis=1)


def slate_cascade_dr(
    weights: np.ndarray, rewards: np.ndarray, modelled_logged: np.ndarray, modelled_policy: np.ndarray
) -> np.ndarray:
    """Return [N] of the cascade doubly robust estimate.

    Args:
        modelled_logged: [N, S] Q_s, the modelled reward from position s on, given the slate up to s.
        modelled_policy: [N, S] its mean over the policy's choice at s.
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
        values: [N]. groups: [N] group of each row.
        over: [N] whose sum divides the sum of values, instead of the number of rows; the weights turn IPS into SNIPS.
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
