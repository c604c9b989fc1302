"""Posteriors of each creative's click rate in each context: hierarchical Beta posteriors with partial pooling.

    clicks of creative i over all contexts  ~ BetaBinomial(exposure_i, mean m_i, strength s)
    logit m_i = base + effect of its group + slope * (predictor's logit, centred)      a new edit starts at its family's rate
    cell (i, context c): prior of mean rate_i * r_c, strength 1 / (1 / own evidence + 1 / s_c), then its own clicks

base, slope, group effects and s are fitted by maximum a posteriori; r_c, the relative click level of a context, by iterated
proportional fitting with one pseudo-click. Beta(3.43, 109.78) is the published shape for banner creatives; s starts at 110.

Source: Wang et al., A Hybrid Bandit Model with Visual Priors, WWW 2021 (prior and strength); the
context level is ours. Does not import torch.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import minimize
from scipy.special import betaln, digamma, expit, logit, polygamma

PRIOR_STRENGTH = 110.0  # pseudo-impressions
STRENGTH_SPREAD = 1.0  # of log strength
SLOPE_MEAN, SLOPE_SPREAD = 1.0, 0.5  # 1: the predictor's differences are fully trusted
BASE_SPREAD = 3.0
DEFAULT_RATE = 0.01  # of an account without impressions; one click outweighs it
MIN_GROUP_SPREAD, MAX_GROUP_SPREAD = 0.05, 1.0
MAX_CELL_STRENGTH = 1e6
PROPORTIONAL_STEPS = 12


@dataclass(frozen=True, kw_only=True)
class RatePrior:
    """The fitted prior: means [N] (0..1), strength in pseudo-impressions, slope of the predictor (0 without one)."""

    mean: np.ndarray
    strength: float
    slope: float


@dataclass(frozen=True, kw_only=True)
class RatePosterior:
    """Beta(clicks_part, rest_part) of each creative in each context, both [N, C]; impressions [N, C] of the evidence."""

    clicks_part: np.ndarray
    rest_part: np.ndarray
    impressions: np.ndarray
    prior: RatePrior

    @property
    def mean(self) -> np.ndarray:
        """[N, C] expected click rates."""
        return self.clicks_part / (self.clicks_part + self.rest_part)

    def interval(self, level: float = 0.9) -> tuple[np.ndarray, np.ndarray]:
        """Return the central interval of each rate, [N, C] twice."""
        from scipy.stats import beta

        tail = (1 - level) / 2
        return tuple(beta.ppf(at, self.clicks_part, self.rest_part) for at in (tail, 1 - tail))  # type: ignore[return-value]

    def logit_moments(self) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and standard deviation of each rate's log-odds, [N, C] each: exact for a Beta."""
        mean = digamma(self.clicks_part) - digamma(self.rest_part)
        return mean, np.sqrt(polygamma(1, self.clicks_part) + polygamma(1, self.rest_part))

    def moved(self, shift: np.ndarray, deviation: np.ndarray) -> RatePosterior:
        """Return the posterior with `shift` [N] added to log-odds, with standard deviation `deviation` [N] of the shift."""
        strength = self.clicks_part + self.rest_part
        mean = self.mean
        there = expit(logit(mean) + shift[:, None])
        variance = 1 / (strength * mean * (1 - mean)) + deviation[:, None] ** 2
        changed = 1 / (variance * there * (1 - there))
        moved = ((shift != 0) | (deviation != 0))[:, None]
        return replace(
            self,
            clicks_part=np.where(moved, changed * there, self.clicks_part),
            rest_part=np.where(moved, changed * (1 - there), self.rest_part),
        )

    def draw(self, num: int, *, rng: np.random.Generator) -> np.ndarray:
        """Return [num, N, C] rates drawn from the posterior."""
        return rng.beta(self.clicks_part, self.rest_part, size=(num, *self.clicks_part.shape))


def fit_posterior(
    clicks: np.ndarray, impressions: np.ndarray, *, groups: np.ndarray | None = None, predicted: np.ndarray | None = None
) -> RatePosterior:
    """Return the posterior of every creative in every context.

    Args:
        clicks, impressions: [N, C] counts; zeros for a creative without impressions.
        groups: [N] int, the family of each creative (product, format, kind of edit); one family when None.
        predicted: [N] predicted rates, or strengths between 0 and 1; NaN if unknown.
    """
    clicks, impressions = np.asarray(clicks, np.float64), np.asarray(impressions, np.float64)
    groups = np.zeros(len(clicks), int) if groups is None else np.asarray(groups, int)
    lift = context_lift(clicks, impressions)
    exposure = np.maximum(impressions @ lift, clicks.sum(axis=1))  # [N], in impressions of an average context
    prior = fit_prior(clicks.sum(axis=1), exposure, groups=groups, predicted=predicted)
    if clicks.shape[1] == 1:
        start = prior.strength * prior.mean[:, None]
        rest = prior.strength * (1 - prior.mean[:, None])
        return _posterior(start, rest, clicks, impressions, prior)
    other_clicks = clicks.sum(axis=1, keepdims=True) - clicks
    other_shown = np.maximum(exposure[:, None] - impressions * lift, other_clicks)
    evidence = prior.strength + other_shown  # [N, C]
    rate = (prior.strength * prior.mean[:, None] + other_clicks) / evidence
    mean = np.clip(rate * lift, 1e-9, 1 - 1e-6)
    cell_strength = _fit_cell_strength(clicks, impressions, mean)
    strength = 1 / (1 / evidence + 1 / cell_strength)
    return _posterior(strength * mean, strength * (1 - mean), clicks, impressions, prior)


def _posterior(
    start: np.ndarray, rest: np.ndarray, clicks: np.ndarray, impressions: np.ndarray, prior: RatePrior
) -> RatePosterior:
    return RatePosterior(
        clicks_part=start + clicks, rest_part=rest + impressions - clicks, impressions=impressions, prior=prior
    )


def fit_prior(
    clicks: np.ndarray, exposure: np.ndarray, *, groups: np.ndarray, predicted: np.ndarray | None = None
) -> RatePrior:
    """Fit the prior of the creatives' rates, by maximum a posteriori of a beta-binomial regression.

    Args:
        clicks, exposure: [N]. groups: [N] int from 0. predicted: [N] in (0, 1), NaN where unknown.
    """
    design = _centred_logit(predicted, len(clicks))
    num_groups = int(groups.max()) + 1 if len(groups) else 1
    shown = exposure > 0
    base_rate = float(np.clip((clicks.sum() + 1) / (exposure.sum() + 1 / DEFAULT_RATE), 1e-5, 0.9))
    spread = _group_spread(clicks[shown], exposure[shown], groups[shown], base_rate)
    has_slope = bool(np.ptp(design) > 0)

    def unpack(values: np.ndarray) -> tuple[np.ndarray, float, float]:
        slope = values[1] if has_slope else 0.0
        return expit(values[0] + values[3:][groups] + slope * design), float(np.exp(values[2])), float(slope)

    def loss(values: np.ndarray) -> tuple[float, np.ndarray]:
        mean, strength, _ = unpack(values)
        a, b = strength * mean[shown], strength * (1 - mean[shown])
        won, lost = clicks[shown], exposure[shown] - clicks[shown]
        likelihood = float((betaln(a + won, b + lost) - betaln(a, b)).sum())
        both = digamma(a + b) - digamma(a + b + won + lost)
        by_a, by_b = digamma(a + won) - digamma(a) + both, digamma(b + lost) - digamma(b) + both
        by_logit = np.zeros(len(clicks))
        by_logit[shown] = strength * mean[shown] * (1 - mean[shown]) * (by_a - by_b)
        away = (values[0] - logit(base_rate), values[1] - SLOPE_MEAN, values[2] - np.log(PRIOR_STRENGTH))
        widths = (BASE_SPREAD, SLOPE_SPREAD, STRENGTH_SPREAD)
        penalty = sum(one**2 / (2 * width**2) for one, width in zip(away, widths, strict=True))
        penalty += float((values[3:] ** 2).sum()) / (2 * spread**2)
        slopes = np.concatenate(
            [
                [by_logit.sum(), (by_logit * design).sum() * has_slope, float((by_a * a + by_b * b).sum())],
                np.bincount(groups, by_logit, num_groups),
            ]
        )
        pull = np.concatenate([np.array(away) / np.square(widths), values[3:] / spread**2])
        return penalty - likelihood, pull - slopes

    start = np.concatenate([[logit(base_rate), SLOPE_MEAN, np.log(PRIOR_STRENGTH)], np.zeros(num_groups)])
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 200})
    mean, strength, slope = unpack(found.x)
    return RatePrior(mean=np.clip(mean, 1e-9, 1 - 1e-6), strength=strength, slope=slope)


def _centred_logit(predicted: np.ndarray | None, num: int) -> np.ndarray:
    """Return [N] log-odds of predictions around their mean, 0 for missing predictions."""
    if predicted is None:
        return np.zeros(num)
    values = logit(np.clip(np.asarray(predicted, np.float64), 1e-5, 1 - 1e-5))
    known = np.isfinite(values)
    return np.where(known, values - (values[known].mean() if known.any() else 0.0), 0.0)


def _group_spread(clicks: np.ndarray, exposure: np.ndarray, groups: np.ndarray, base_rate: float) -> float:
    """Return the spread of groups (log-odds), by moments: variance of log rates minus sampling variance."""
    if not len(groups):
        return MIN_GROUP_SPREAD
    won = np.bincount(groups, clicks) + base_rate
    shown = np.bincount(groups, exposure) + 1
    known = np.bincount(groups, exposure) > 0
    if known.sum() < 2:
        return MIN_GROUP_SPREAD
    logs, noise = np.log(won[known] / shown[known]), 1 / (won[known] + 0.5)
    weights = 1 / (noise + MIN_GROUP_SPREAD**2)
    centre = np.average(logs, weights=weights)
    variance = np.average((logs - centre) ** 2 - noise, weights=weights)
    return float(np.clip(np.sqrt(max(variance, 0.0)), MIN_GROUP_SPREAD, MAX_GROUP_SPREAD))


def context_lift(clicks: np.ndarray, impressions: np.ndarray) -> np.ndarray:
    """Return [C] the click level of each context relative to the average, adjusted for the mix of creatives."""
    total = max(float(clicks.sum()), 1.0) / max(float(impressions.sum()), 1.0)
    lift = np.ones(clicks.shape[1])
    for _ in range(PROPORTIONAL_STEPS):
        rate = (clicks.sum(axis=1) + PRIOR_STRENGTH * total) / (impressions @ lift + PRIOR_STRENGTH)
        lift = (clicks.sum(axis=0) + 1.0) / (rate @ impressions + 1.0)
        lift = lift * impressions.sum() / max(float(impressions.sum(axis=0) @ lift), 1e-12) if impressions.sum() else lift
    return lift


def _fit_cell_strength(clicks: np.ndarray, impressions: np.ndarray, mean: np.ndarray) -> float:
    """Return the strength, in impressions, of a creative's rate elsewhere within a context, by maximum likelihood on a grid."""
    shown = impressions > 0
    won, lost, at = clicks[shown], (impressions - clicks)[shown], mean[shown]
    if not len(won):
        return PRIOR_STRENGTH
    if len(won) > 20_000:  # the likelihood of one parameter needs no more
        pick = np.linspace(0, len(won) - 1, 20_000).astype(int)
        won, lost, at = won[pick], lost[pick], at[pick]
    grid = np.geomspace(10, MAX_CELL_STRENGTH, 24)
    fits = [float((betaln(s * at + won, s * (1 - at) + lost) - betaln(s * at, s * (1 - at))).sum()) for s in grid]
    return float(grid[int(np.argmax(fits))])
