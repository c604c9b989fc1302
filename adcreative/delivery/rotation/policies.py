"""Allocation policies for creatives with uncertain rates: the share of impressions of each creative.

    uniform    equal shares
    greedy     all impressions to the highest mean, the first of equals; learns nothing about the others
    ts         Thompson sampling: share = probability of being the best
    top-two    TS, but every second choice goes to the best of the others: for "which is best", not for reward

Shares are computed, not sampled: P(best) is an integral over the normal approximations of log-odds,

    p_i = integral of f_i(x) * prod_{j != i} F_j(x) dx

so that equal logs give equal shares and a share is the propensity to log. Does not import torch.
Source: Thompson 1933; Agrawal & Goyal 2012; Russo, Simple Bayesian Algorithms for Best-Arm Identification, 2016 (top-two).
"""

from __future__ import annotations

import numpy as np
from scipy.special import log_ndtr

from adcreative.config import did_you_mean
from adcreative.errors import ConfigError

POLICIES = ("ts", "top-two", "greedy", "uniform")
TOP_TWO_SHARE = 0.5
GRID = 129
REACH = 5.0  # standard deviations below the best beyond which a creative cannot win
MIN_SHARE = 1e-12


def check_policy(name: str, known: tuple[str, ...] = POLICIES) -> None:
    """Raise ConfigError for an unknown policy."""
    if name not in known:
        raise ConfigError(f'no policy named "{name}"; known: {", ".join(known)}. {did_you_mean(name, known)}')


def choose_shares(policy: str, mean: np.ndarray, spread: np.ndarray, *, explore: float = 0.0) -> np.ndarray:
    """Return [N, C] shares of impressions, summing to 1 per context.

    Args:
        mean, spread: [N, C] of log-odds, from `RatePosterior.logit_moments`.
        explore: share of the impressions split equally over all creatives, 0..1, so that no creative has a share of 0.
    Raises:
        ConfigError: an unknown policy, or explore out of range.
    """
    check_policy(policy)
    if not 0 <= explore <= 1:
        raise ConfigError(f"explore must lie in 0 to 1, got {explore}")
    num = len(mean)
    if policy == "uniform":
        shares = np.full(mean.shape, 1 / num)
    elif policy == "greedy":
        shares = np.zeros(mean.shape)
        shares[mean.argmax(axis=0), np.arange(mean.shape[1])] = 1.0
    else:
        shares = np.stack([chance_best(mean[:, at], spread[:, at]) for at in range(mean.shape[1])], axis=1)
        if policy == "top-two":
            shares = np.stack([_top_two(shares[:, at], mean[:, at], spread[:, at]) for at in range(mean.shape[1])], axis=1)
    return (1 - explore) * shares + explore / num


def chance_best(mean: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """Return [N] the probability of each of N independent normal values to be the largest; sums to 1.

    Args:
        mean, spread: [N]; equal pairs, such as creatives without impressions, are computed once.
    """
    pairs, member, counts = np.unique(np.stack([mean, spread], axis=1), axis=0, return_inverse=True, return_counts=True)
    member = member.ravel()
    centre, width = pairs[:, 0], np.maximum(pairs[:, 1], 1e-9)
    floor = (centre - REACH * width).max()
    can_win = centre + REACH * width >= floor
    high = (centre + REACH * width)[can_win].max()
    x = np.linspace(floor, high, GRID)  # [X]
    scaled = (x - centre[can_win, None]) / width[can_win, None]  # [M, X]
    below = log_ndtr(scaled)
    others = counts[can_win] @ below - below  # [M, X], log of the product over all others
    density = np.exp(others - 0.5 * scaled**2) / width[can_win, None]
    won = np.zeros(len(centre))
    won[can_win] = np.trapezoid(density, x, axis=1)
    chances = won[member]
    total = chances.sum()
    if total <= 0:  # all spreads are smaller than the grid's step
        best = mean == mean.max()
        return best / best.sum()
    return chances / total


def _top_two(chances: np.ndarray, mean: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """Return [N] shares if half of the choices go to the best of the creatives other than the first choice.

        share_i = b p_i + (1 - b) sum_{j != i} p_j q_i(without j)

    q is exact if j is the leader; for the others, which seldom win, q_i = p_i / (1 - p_j).
    """
    if len(chances) < 2:
        return chances
    leader = int(chances.argmax())
    others = np.delete(np.arange(len(chances)), leader)
    second = np.zeros(len(chances))
    second[others] = chances[leader] * chance_best(mean[others], spread[others])
    odds = chances / np.maximum(1 - chances, MIN_SHARE)
    odds[leader] = 0.0
    second += chances * (odds.sum() - odds)
    shares = TOP_TWO_SHARE * chances + (1 - TOP_TWO_SHARE) * second
    return shares / shares.sum()
