"""The super learner: non-negative weights, summing to 1, of members' log-odds predicted out of fold by group.

    log-odds_i = shift + sum_m w_m f_m(i),   w minimises the out-of-fold log-loss with a bounded weight per ad

Every floor is a member, so on out-of-fold predictions the stack is at least as good as the best floor. Stated figures
use weights fitted without the judged fold; where they lose to the best floor, `fitting` keeps that floor alone. For
new groups weights are shrunk towards equal ones instead, since differences of members over few groups are chance.

Source: van der Laan, Polley & Hubbard 2007.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import optimize, special

CAP_IMPRESSIONS, CAP_CLICKS = 1_000.0, 100.0
MAX_SHIFT = 0.5
LIMIT = 1e-6
NUM_DRAWS = 400


@dataclass(frozen=True)
class Comparison:
    """Decrease of loss by the stack against another model, nats per counted impression, with its 90 % interval over groups."""

    gain: float
    low: float
    high: float


def bounded_share(clicks: np.ndarray, impressions: np.ndarray) -> np.ndarray:
    """Return [N] the factor that scales each ad down to at most CAP_CLICKS expected clicks or CAP_IMPRESSIONS, if more."""
    rate = (clicks.sum() + 0.5) / (impressions.sum() + 1.0)
    cap = max(CAP_IMPRESSIONS, CAP_CLICKS / rate)
    return np.minimum(1.0, cap / np.maximum(impressions, 1.0))


def losses(log_odds: np.ndarray, clicks: np.ndarray, impressions: np.ndarray) -> np.ndarray:
    """Return the log-loss [N] of each ad, nats, scaled by `bounded_share`."""
    share = bounded_share(clicks, impressions)
    found: np.ndarray = share * (impressions * np.logaddexp(0.0, log_odds) - clicks * log_odds)
    return found


@dataclass(frozen=True, eq=False)
class Even:
    """Weights [M] as target of shrinkage, and its strength, 0..1: differences of members over few groups are chance."""

    weights: np.ndarray
    share: float


def fit_weights(
    predictions: np.ndarray,
    clicks: np.ndarray,
    impressions: np.ndarray,
    upper: np.ndarray | None = None,
    even: Even | None = None,
) -> np.ndarray:
    """Return the weights [M] of members whose out-of-fold log-odds are predictions [N, M]; convex, so one optimum.

    Args:
        upper: [M] the upper bound of each member's weight, one of them 1; no bound but 1 when None. even: shrinkage target.
    """
    share = bounded_share(clicks, impressions)
    counted_clicks, counted = clicks * share, impressions * share
    scale = max(float(counted_clicks.sum()), 1.0)

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        log_odds = predictions @ weights
        value = counted @ np.logaddexp(0.0, log_odds) - counted_clicks @ log_odds
        slope = predictions.T @ (counted * special.expit(log_odds) - counted_clicks)
        return float(value) / scale, slope / scale

    num = predictions.shape[1]
    upper = np.ones(num) if upper is None else upper
    corners = np.eye(num)[upper >= 1.0]
    best = min(corners, key=lambda corner: loss(corner)[0])
    found = optimize.minimize(
        loss,
        0.5 * best + 0.5 / num,
        jac=True,
        method="SLSQP",
        bounds=[(0.0, one) for one in upper],
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1.0, "jac": lambda w: np.ones(num)},
        options={"maxiter": 200, "ftol": 1e-10},
    )
    weights = np.where(found.x > LIMIT, found.x, 0.0)
    weights = weights / weights.sum() if weights.sum() > 0 else best
    weights = weights if loss(weights)[0] <= loss(best)[0] else best
    return weights if even is None else even.share * even.weights + (1 - even.share) * weights


def fit_shift(log_odds: np.ndarray, clicks: np.ndarray, impressions: np.ndarray) -> float:
    """Return the shift that makes predicted clicks equal observed clicks, with a bounded weight per ad."""
    share = bounded_share(clicks, impressions)
    counted_clicks, counted = float((clicks * share).sum()), impressions * share

    def excess(shift: float) -> float:
        return float(counted @ special.expit(log_odds + shift)) - counted_clicks

    if excess(-MAX_SHIFT) > 0:
        return -MAX_SHIFT
    if excess(MAX_SHIFT) < 0:
        return MAX_SHIFT
    return float(optimize.brentq(excess, -MAX_SHIFT, MAX_SHIFT, xtol=1e-6))


def cross_fitted(
    predictions: np.ndarray,
    clicks: np.ndarray,
    impressions: np.ndarray,
    fold: np.ndarray,
    upper: np.ndarray | None = None,
    even: Even | None = None,
) -> np.ndarray:
    """Return the stack's log-odds [N], each fold's with weights and shift fitted on the other folds."""
    stacked = np.zeros(len(clicks))
    for number in np.unique(fold):
        others, own = fold != number, fold == number
        weights = fit_weights(predictions[others], clicks[others], impressions[others], upper, even)
        shift = fit_shift(predictions[others] @ weights, clicks[others], impressions[others])
        stacked[own] = predictions[own] @ weights + shift
    return stacked


def compare(
    stacked: np.ndarray,
    others: Mapping[str, np.ndarray],
    clicks: np.ndarray,
    impressions: np.ndarray,
    group: np.ndarray,
    *,
    seed: int,
) -> dict[str, Comparison]:
    """Return name -> comparison of the stack with other log-odds [N] on the same ads; whole groups are drawn, paired."""
    share = bounded_share(clicks, impressions)
    own = losses(stacked, clicks, impressions)
    _, place = np.unique(np.asarray(group), return_inverse=True)
    num = int(place.max()) + 1
    draws = np.random.default_rng(seed).multinomial(num, np.full(num, 1 / num), NUM_DRAWS)
    counted = np.bincount(place, share * impressions, num)
    found = {}
    for name, log_odds in others.items():
        by_group = np.bincount(place, losses(log_odds, clicks, impressions) - own, num)
        drawn = (draws @ by_group) / np.maximum(draws @ counted, 1e-9)
        low, high = np.quantile(drawn, (0.05, 0.95))
        found[name] = Comparison(float(by_group.sum() / counted.sum()), float(low), float(high))
    return found
