"""Sequential comparison of two click rates: evidence, confidence sequence and sample size; valid at any number of looks.

Clicks of two arms are two counting processes. If a click happened on a day with n1 and n0 impressions of the arms, it belongs
to the variant with probability

    theta_d(u) = n1 u' / (n1 u' + n0),   u' = exp(u) the ratio of the click rates

whatever that day's overall click rate, so effects of a day on both arms cancel. The evidence against a ratio u0 is the mixture
likelihood ratio with u ~ N(0, effect_scale^2),

    E(u0) = integral of prod_d Bin(x1_d; x_d, theta_d(u)) dN(u) / prod_d Bin(x1_d; x_d, theta_d(u0))

a martingale with mean 1 if u0 is true; by Ville's inequality it ever reaches 1/level with probability at most `level`.
The ratios with E(u0) < 1/level form a confidence sequence: they are valid simultaneously, at every look.

Source: Robbins 1970 (mixture); Johari et al. 2022, Always Valid Inference (mixture sequential probability ratio test);
Lindon & Malek 2022, Anytime-Valid Inference for Multinomial Count Data, for the conditional form over counting processes;
Howard et al. 2021 for the confidence sequence. Exact for Poisson clicks and conservative for binomial ones, whose
conditional split varies less. Differs: normal instead of beta mixture, so that days with other traffic shares can be joined.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, logsumexp
from scipy.stats import norm

DEFAULT_EFFECT_SCALE = 0.2  # standard deviation of the log ratio: edits with an effect of about 20 % are expected
_NODES = np.linspace(-12.0, 12.0, 241)  # quadrature, in posterior standard deviations around the mode
_FAR = 40.0  # bound of log ratios


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Evidence at one look, arrays of one shape [...]: log E(0), and the interval of the log ratio at `level`."""

    log_evidence: np.ndarray
    log_ratio_low: np.ndarray
    log_ratio_high: np.ndarray


def compare_rates(
    clicks_control: np.ndarray,
    clicks_variant: np.ndarray,
    impressions_control: np.ndarray,
    impressions_variant: np.ndarray,
    *,
    level: float,
    effect_scale: float = DEFAULT_EFFECT_SCALE,
) -> Comparison:
    """Compare a variant with its control from counts [..., D], D days (or one total); returns arrays [...].

    Days on which one arm had no impressions are ignored.

    Args:
        level: probability of ever being wrong, over all looks, in (0, 1).
        effect_scale: standard deviation of the expected log ratios; must be chosen before seeing results.
    """
    x0, x1, n0, n1 = np.broadcast_arrays(
        *(np.asarray(a, float) for a in (clicks_control, clicks_variant, impressions_control, impressions_variant))
    )
    is_shared = (n0 > 0) & (n1 > 0)
    x0, x1 = np.where(is_shared, x0, 0.0), np.where(is_shared, x1, 0.0)
    offset = np.where(is_shared, np.log(np.maximum(n1, 1.0)) - np.log(np.maximum(n0, 1.0)), 0.0)
    log_mixture = _log_mixture(x0, x1, offset, effect_scale)
    peak = _solve(x0, x1, offset, precision=0.0)
    floor = log_mixture + math.log(level)
    far = np.full_like(peak, _FAR)
    low, high = _cross(x0, x1, offset, floor, -far, peak), _cross(x0, x1, offset, floor, far, peak)
    at_zero = _log_likelihood(np.zeros_like(peak)[..., None], x0, x1, offset)[..., 0]
    return Comparison(
        log_evidence=log_mixture - at_zero,
        log_ratio_low=np.where(low <= -_FAR + 1e-6, -np.inf, low),
        log_ratio_high=np.where(high >= _FAR - 1e-6, np.inf, high),
    )


def fixed_sample_size(control: float, variant: float, *, power: float, level: float) -> int:
    """Return the impressions per arm for a two-sided two-proportion z test with a single look to detect the difference.

        n = (z_(1-level/2) sqrt(2 p q) + z_power sqrt(p0 q0 + p1 q1))^2 / (p1 - p0)^2,   p = (p0 + p1) / 2

    Source: Fleiss, Levin & Paik 2003, Statistical Methods for Rates and Proportions, eq. 4.14 (no continuity correction).
    """
    pooled = (control + variant) / 2
    spread_null = math.sqrt(2 * pooled * (1 - pooled))
    spread = math.sqrt(control * (1 - control) + variant * (1 - variant))
    root = norm.ppf(1 - level / 2) * spread_null + norm.ppf(power) * spread
    return math.ceil((root / (variant - control)) ** 2)


def sequential_sample_size(
    control: float, variant: float, *, power: float, level: float, effect_scale: float = DEFAULT_EFFECT_SCALE
) -> int:
    """Return the impressions per arm at which the read-out with daily looks has decided with probability `power`.

    From the normal form of E(0): with v the variance of the estimated log ratio, it exceeds 1/level where

        |estimate| / sqrt(v) > sqrt(2 (v + s^2) / s^2 (log(1/level) + log((v + s^2) / v) / 2)),   s = effect_scale

    Counts crossings at the last look only, so the true probability is slightly larger. Source: Johari et al. 2022, sec. 4.
    """
    effect = abs(math.log(variant / control))

    def shortfall(log_n: float) -> float:
        v = ((1 - control) / control + (1 - variant) / variant) / math.exp(log_n)
        total = v + effect_scale**2
        bound = math.sqrt(2 * total / effect_scale**2 * (math.log(1 / level) + 0.5 * math.log(total / v)))
        return effect / math.sqrt(v) - bound - float(norm.ppf(power))

    return math.ceil(math.exp(brentq(shortfall, 0.0, 60.0)))


def _log_likelihood(u: np.ndarray, x0: np.ndarray, x1: np.ndarray, offset: np.ndarray) -> np.ndarray:
    """Return log prod_d Bin [..., G] at u [..., G], without the binomial coefficients, which cancel."""
    eta = u[..., :, None] + offset[..., None, :]  # [..., G, D]
    return (x1[..., None, :] * eta - (x0 + x1)[..., None, :] * np.logaddexp(0.0, eta)).sum(-1)


def _solve(x0: np.ndarray, x1: np.ndarray, offset: np.ndarray, *, precision: float) -> np.ndarray:
    """Return the maximiser [...] of the log likelihood plus a normal prior with `precision`, by bisection of the slope."""
    low = np.full(x0.shape[:-1], -_FAR)
    high = -low
    for _ in range(60):
        middle = (low + high) / 2
        slope = (x1 - (x0 + x1) * expit(middle[..., None] + offset)).sum(-1) - precision * middle
        low, high = np.where(slope > 0, middle, low), np.where(slope > 0, high, middle)
    return (low + high) / 2


def _log_mixture(x0: np.ndarray, x1: np.ndarray, offset: np.ndarray, effect_scale: float) -> np.ndarray:
    """Return the log of the likelihood averaged over N(0, effect_scale^2), by the trapezoid rule around the posterior mode."""
    precision = effect_scale**-2
    mode = _solve(x0, x1, offset, precision=precision)
    theta = expit(mode[..., None] + offset)
    width = 1.0 / np.sqrt(((x0 + x1) * theta * (1 - theta)).sum(-1) + precision)
    u = mode[..., None] + width[..., None] * _NODES  # [..., G]
    log_prior = -0.5 * precision * u**2 - math.log(effect_scale * math.sqrt(2 * math.pi))
    log_step = np.log(width * (_NODES[1] - _NODES[0]))
    return logsumexp(_log_likelihood(u, x0, x1, offset) + log_prior, axis=-1) + log_step


def _cross(
    x0: np.ndarray, x1: np.ndarray, offset: np.ndarray, floor: np.ndarray, outside: np.ndarray, peak: np.ndarray
) -> np.ndarray:
    """Return where between `outside` and `peak` the log likelihood exceeds `floor` [...]; `outside` if it never does."""
    far, near = outside.copy(), peak.copy()
    for _ in range(60):
        middle = (far + near) / 2
        is_above = _log_likelihood(middle[..., None], x0, x1, offset)[..., 0] > floor
        far, near = np.where(is_above, far, middle), np.where(is_above, middle, near)
    return (far + near) / 2
