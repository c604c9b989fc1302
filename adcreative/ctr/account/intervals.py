"""Uncertainty of an ad's true rate around the prediction: spread fitted on held-out groups, scaled to its coverage.

    log-odds of the true rate of ad i  ~  N( m_i, a v_i + b ),     clicks_i | true rate  ~  Binomial(impressions_i, true rate)

m_i is set so that the expected rate is the predicted one. v_i is the mixed model's uncertainty of the ad's effects, b the
variation of ads beyond everything known; a and b maximise the likelihood with binomial noise integrated out, each ad counting
once, and both are then scaled by one factor so that the central 90 % hold 90 % of held-out ads.

Counts of some exports vary less than binomial chance (a platform that steers delivery evens them out). Then counts are treated
as more certain: clicks / d of impressions / d, with d < 1 the observed share of the binomial variance. Estimated by
weighted least squares of squared residuals, r_i^2 / (n p q) = d + s^2 n p q, and used only where it is below 1 beyond chance.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy import optimize, special, stats

LEVEL = 0.9
TAIL = (1 - LEVEL) / 2
MAX_ROWS = 2_000
MIN_FACTOR, MAX_FACTOR = 0.25, 4.0
PRIOR_LOG_STD = 1.5
MIN_DISPERSION, MIN_NOISE, MIN_ADS, SURE_Z = 0.25, 0.5, 60, 2.6
_GRID = np.linspace(-5.0, 5.0, 101)
_DENSITY = np.exp(-(_GRID**2) / 2) / np.exp(-(_GRID**2) / 2).sum()
_Z = float(stats.norm.ppf(0.5 + LEVEL / 2))


@dataclass(frozen=True)
class RateSpread:
    """effects: a, extra: b of the module's formula, both at least 0, squared log-odds. dispersion: d, MIN_DISPERSION to 1."""

    effects: float
    extra: float
    dispersion: float = 1.0

    def sigma(self, variance: np.ndarray) -> np.ndarray:
        """Return the deviation [N] of the true rate's log-odds; variance: v_i."""
        return np.sqrt(np.maximum(self.effects * variance + self.extra, 1e-8))

    def median_log_odds(self, log_odds: np.ndarray, variance: np.ndarray) -> np.ndarray:
        """Return m [N]: the median log-odds for the given log-odds of the expected rate."""
        sigma, centre = self.sigma(variance)[:, None], np.array(log_odds, np.float64)
        for _ in range(20):
            expected = special.expit(centre[:, None] + sigma * _GRID) @ _DENSITY
            step = log_odds - special.logit(np.clip(expected, 1e-15, 1 - 1e-15))
            centre = centre + step
            if np.abs(step).max(initial=0.0) < 1e-9:
                break
        return centre

    def interval(self, log_odds: np.ndarray, variance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the 90 % interval of the true rate, two arrays [N]."""
        centre, sigma = self.median_log_odds(log_odds, variance), self.sigma(variance)
        return special.expit(centre - _Z * sigma), special.expit(centre + _Z * sigma)

    def covered(self, log_odds: np.ndarray, variance: np.ndarray, clicks: np.ndarray, impressions: np.ndarray) -> np.ndarray:
        """Return [N], 0..1, how well 90 % intervals cover each ad's clicks, binomial noise included.

        The coverage of a count is the share of its predictive probability inside the central 90 %; 0.9 on average is right.
        """
        rates = special.expit(self.median_log_odds(log_odds, variance)[:, None] + self.sigma(variance)[:, None] * _GRID)
        counted, shown = clicks[:, None] / self.dispersion, impressions[:, None] / self.dispersion
        below = _binomial_cdf(counted - 1 / self.dispersion, shown, rates) @ _DENSITY
        upto = _binomial_cdf(counted, shown, rates) @ _DENSITY
        inside = np.clip(np.minimum(upto, 1 - TAIL) - np.maximum(below, TAIL), 0, None)
        found: np.ndarray = inside / np.maximum(upto - below, 1e-12)
        return found

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, notes: Mapping[str, Any]) -> RateSpread:
        """Rebuild a spread from its `as_dict`."""
        return cls(float(notes["effects"]), float(notes["extra"]), float(notes.get("dispersion", 1.0)))


def estimate_dispersion(log_odds: np.ndarray, clicks: np.ndarray, impressions: np.ndarray) -> float:
    """Return the ratio of the counts' own variance to the binomial variance: MIN_DISPERSION to 1, 1 unless surely less.

    Args:
        log_odds: [N] of the expected rates, out of fold.
    """
    rates = special.expit(log_odds)
    noise = impressions * rates * (1 - rates)
    kept = noise > MIN_NOISE
    if kept.sum() < MIN_ADS:
        return 1.0
    noise = noise[kept]
    squares = (clicks[kept] - impressions[kept] * rates[kept]) ** 2 / noise
    design = np.stack([np.ones_like(noise), noise], axis=1)
    found = np.array([1.0, 0.0])
    for _ in range(10):
        root = np.sqrt(1 / (2 * (design @ found) ** 2 + 1 / noise))
        found, _ = optimize.nnls(design * root[:, None], squares * root)
        found = np.maximum(found, [MIN_DISPERSION, 0.0])
    covariance = np.linalg.pinv((design * root[:, None]).T @ (design * root[:, None]))
    surely = found[0] + SURE_Z * float(np.sqrt(covariance[0, 0]))
    return float(np.clip(found[0], MIN_DISPERSION, 1.0)) if surely < 1 else 1.0


def _binomial_cdf(count: np.ndarray, shown: np.ndarray, rate: np.ndarray) -> np.ndarray:
    """Return P(K <= count) for K ~ Binomial(shown, rate), through the incomplete beta function, which accepts fractions."""
    inside = (count > -1) & (count < shown)
    found = special.betainc(np.where(inside, shown - count, 1.0), np.where(inside, count + 1, 1.0), 1 - rate)
    return np.where(inside, found, (count >= shown).astype(float))


def fit_spread(
    log_odds: np.ndarray, variance: np.ndarray, clicks: np.ndarray, impressions: np.ndarray, *, nugget: float, seed: int
) -> RateSpread:
    """Fit the spread on held-out ads.

    Args:
        log_odds: [N] of the expected rates, out of fold. variance: [N] the mixed model's, out of fold. nugget: the mixed
            model's v_e, the prior of b; the prior of a is 1.
    """
    if len(clicks) > MAX_ROWS:
        idx = np.sort(np.random.default_rng(seed).choice(len(clicks), MAX_ROWS, replace=False))
        log_odds, variance, clicks, impressions = log_odds[idx], variance[idx], clicks[idx], impressions[idx]
    dispersion = estimate_dispersion(log_odds, clicks, impressions)
    clicks, impressions = clicks / dispersion, impressions / dispersion
    constant = special.gammaln(impressions + 1) - special.gammaln(clicks + 1) - special.gammaln(impressions - clicks + 1)

    def cost(point: np.ndarray) -> float:
        spread = RateSpread(*np.exp(np.clip(point, -12.0, 3.0)))
        centre = spread.median_log_odds(log_odds, variance)
        logits = centre[:, None] + spread.sigma(variance)[:, None] * _GRID
        likely = clicks[:, None] * logits - impressions[:, None] * np.logaddexp(0.0, logits) + constant[:, None]
        prior = float(np.square((point - start) / PRIOR_LOG_STD).sum()) / 2
        return prior - float(special.logsumexp(likely, b=_DENSITY, axis=1).sum())

    start = np.log([1.0, max(nugget, 1e-4)])
    found = optimize.minimize(cost, start, method="Nelder-Mead", options={"xatol": 0.02, "fatol": 0.05, "maxiter": 120})
    effects, extra = np.exp(np.clip(found.x, -12.0, 3.0))

    def excess(log_factor: float) -> float:
        factor = float(np.exp(log_factor))
        spread = RateSpread(effects * factor, extra * factor, dispersion)
        return float(spread.covered(log_odds, variance, clicks * dispersion, impressions * dispersion).mean()) - LEVEL

    low, high = 2 * np.log(MIN_FACTOR), 2 * np.log(MAX_FACTOR)
    if excess(low) > 0:
        factor = np.exp(low)
    elif excess(high) < 0:
        factor = np.exp(high)
    else:
        factor = np.exp(optimize.brentq(excess, low, high, xtol=0.01))
    return RateSpread(float(effects * factor), float(extra * factor), dispersion)
