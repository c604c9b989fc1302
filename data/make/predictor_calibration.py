"""Fit the calibration of a predictor (`adcreative.ctr.calibration`) to held-out groups: level, slope, extra variance, coverage.

a, b and tau maximise the marginal likelihood, integrated on a grid, so binomial noise does not count as variation. No torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy import special

from adcreative.ctr.calibration import DENSITY, DOMAINS, GRID, LEVEL, Calibrator, DomainCalibration, ScoredCounts
from adcreative.features.outcomes import Counts

MIN_DOMAIN_ROWS = 40
MAX_ROWS = 2000
MAX_SLOPE = 3.0
PRIOR_GROUP_STD, PRIOR_GROUP_COUNT = 0.2, 4


def fit_calibrator(scored: ScoredCounts, *, seed: int) -> Calibrator:
    """Fit one calibration per domain on held-out creatives; a domain with fewer than 40 of them gets the common fit."""
    rng = np.random.default_rng(seed)
    common = _fit(scored, rng)
    fits = []
    for number in range(len(DOMAINS)):
        rows = np.flatnonzero(scored.domain == number)
        fits.append(_fit(scored.index_select(rows), rng) if MIN_DOMAIN_ROWS <= len(rows) < len(scored.logit) else common)
    return Calibrator(tuple(fits))


def replace_logits(scored: ScoredCounts, parts: Sequence[tuple[np.ndarray, np.ndarray]]) -> ScoredCounts:
    """Return the rows of `parts` with logits of networks that have not seen them, for calibration on every group.

    A tenth of a few hundred tests estimates the level and the variation badly, since tests share luck. Networks fitted without
    one part of the groups at a time allow the use of every group.

    Args:
        scored: all creatives. parts: row numbers, and logits [n] of a network fitted without their groups.
    """
    idx = np.concatenate([rows for rows, _ in parts])
    return replace(scored.index_select(idx), logit=np.concatenate([logits for _, logits in parts]))


def match_coverage(calibrator: Calibrator, scored: ScoredCounts) -> Calibrator:
    """Return the calibrator with each domain's overdispersion set so that LEVEL of these creatives are covered.

    As in split-conformal prediction, intervals of creatives exchangeable with these have the coverage for any distribution of
    the residuals, including binomial noise. The creatives must not be training data and must be of many groups; a domain with
    fewer than MIN_DOMAIN_ROWS of them stays unchanged. Found by bisection between a quarter and four times the fitted
    deviation; coverage increases with it.
    Source: Papadopoulos et al. 2002, normalised by the model's own deviation.
    """
    domains = list(calibrator.domains)
    for number, domain in enumerate(domains):
        rows = np.flatnonzero(scored.domain == number)[:MAX_ROWS]
        if len(rows) < MIN_DOMAIN_ROWS:
            continue
        own = scored.index_select(rows)

        def coverage(scale: float, domain: DomainCalibration = domain, own: ScoredCounts = own) -> float:
            return Calibrator((replace(domain, overdispersion=scale * domain.overdispersion),) * len(DOMAINS)).coverage(own)

        low, high = np.log(0.25), np.log(4.0)
        for _ in range(12):
            middle = (low + high) / 2
            low, high = (middle, high) if coverage(float(np.exp(middle))) < LEVEL else (low, middle)
        domains[number] = replace(domain, overdispersion=float(np.exp((low + high) / 2)) * domain.overdispersion)
    return Calibrator(tuple(domains))


def log_likelihood(mean: np.ndarray, sigma: np.ndarray, clicks: np.ndarray, impressions: np.ndarray) -> np.ndarray:
    """Return the marginal log-likelihood [N] of counts when log-odds ~ N(mean, sigma^2), without the binomial coefficient."""
    log_odds = mean[:, None] + np.maximum(sigma, 1e-6)[:, None] * GRID  # [N, grid]
    log_terms = clicks[:, None] * log_odds - impressions[:, None] * np.logaddexp(0, log_odds)
    return special.logsumexp(log_terms, axis=1, b=DENSITY)


def _widen_for_groups(counts: Counts, mean: np.ndarray, overdispersion: float) -> float:
    """Return the extra deviation for a creative of a new group, from a fit on G groups.

    The intercept was fitted to these groups, which hides a part of their variation: with two brands, most. The variance between
    group means is therefore taken with G - 1 degrees of freedom, shrunk towards PRIOR_GROUP_STD for few groups:
        between = (G * population variance + k * prior) / (G - 1 + k);   total = extra - population + between * (1 + 1/G)
    """
    log_odds = mean[:, None] + overdispersion * GRID  # [N, grid]
    log_terms = counts.clicks[:, None] * log_odds - counts.impressions[:, None] * np.logaddexp(0, log_odds)
    posterior = DENSITY * np.exp(log_terms - log_terms.max(axis=1, keepdims=True))
    residual = overdispersion * (posterior @ GRID) / posterior.sum(axis=1)
    _, place = np.unique(counts.group, return_inverse=True)
    means = np.bincount(place, residual) / np.bincount(place)
    num_groups = len(means)
    population = min(float(means.var()), overdispersion**2)
    prior = PRIOR_GROUP_COUNT * PRIOR_GROUP_STD**2
    between = (num_groups * population + prior) / (num_groups - 1 + PRIOR_GROUP_COUNT)
    return float(np.sqrt(overdispersion**2 - population + between * (1 + 1 / num_groups)))


def _fit(scored: ScoredCounts, rng: np.random.Generator) -> DomainCalibration:
    if len(scored.logit) > MAX_ROWS:
        scored = scored.index_select(np.sort(rng.choice(len(scored.logit), MAX_ROWS, replace=False)))
    impressions, clicks = scored.counts.impressions, scored.counts.clicks
    centre = float(np.average(scored.logit, weights=np.minimum(impressions, np.median(impressions))))
    offset = scored.logit - centre

    def cost(parameters: Sequence[float]) -> float:
        a, b, log_tau = parameters[0], float(np.clip(parameters[1], 0, MAX_SLOPE)), parameters[2]
        sigma = np.sqrt(np.exp(2 * np.clip(log_tau, -5, 1)) + (b * scored.epistemic_std) ** 2)
        penalty = 0.5 * ((parameters[1] - 1) / 1.0) ** 2 + 50 * (parameters[1] - b) ** 2
        return penalty - float(log_likelihood(a + b * offset, sigma, clicks, impressions).sum())

    from scipy import optimize  # the import takes a tenth of a second, which predictions do not need

    pooled = (clicks.sum() + 0.5) / (impressions.sum() + 1)
    start = [float(special.logit(pooled)), 1.0, np.log(0.3)]
    simplex = np.array([start, *(np.add(start, step) for step in ((0.3, 0, 0), (0, -0.4, 0), (0, 0, 0.7)))])
    found = optimize.minimize(
        cost, start, method="Nelder-Mead", options={"initial_simplex": simplex, "xatol": 1e-3, "fatol": 1e-3, "maxiter": 300}
    )
    flat = optimize.minimize(
        lambda p: cost([p[0], 0.0, p[1]]), [start[0], start[2]], method="Nelder-Mead", options={"xatol": 1e-3, "maxiter": 200}
    )
    skill = float(flat.fun - 0.5 - found.fun) / len(scored.logit)  # 0.5: the slope's penalty at 0
    intercept, slope = float(found.x[0]), float(np.clip(found.x[1], 0, MAX_SLOPE))
    overdispersion = _widen_for_groups(scored.counts, intercept + slope * offset, float(np.exp(np.clip(found.x[2], -5, 1))))
    return DomainCalibration(
        intercept=intercept,
        slope=slope,
        overdispersion=overdispersion,
        centre=centre,
        typical_epistemic_std=float(np.sqrt(np.mean(scored.epistemic_std**2))),
        skill=skill,
        num_rows=len(scored.logit),
    )
