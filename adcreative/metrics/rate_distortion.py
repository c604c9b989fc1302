"""How much less a codec needs for the same quality: Bjontegaard's delta rate between two curves.

    rate_b / rate_a - 1 at equal quality, as the mean of log-rates over the qualities that both curves reach

Knows numbers. Source: Bjontegaard, VCEG-M33, 2001 (cubic polynomial); with piecewise interpolation as is usual since
(pchip, akima), which does not swing between points.
"""

from __future__ import annotations

import numpy as np
from scipy.interpolate import Akima1DInterpolator, PchipInterpolator

from adcreative.errors import ConfigError

METHODS = ("pchip", "akima", "cubic")
MIN_POINTS = 4


def bd_rate(
    rates: np.ndarray, qualities: np.ndarray, other_rates: np.ndarray, other_qualities: np.ndarray, *, method: str = "pchip"
) -> float:
    """Return the relative change of rate from the first codec to the other; -0.1: the other needs 10 % less.

    Args:
        rates, qualities: [K] of the first curve, K at least 4; bits (or bytes) above 0, and such as PSNR in dB. Same for the
            other, whose K may differ.
        method: how curves are drawn through the points, one of METHODS.
    Raises:
        ConfigError: an unknown method, too few points, equal qualities in a curve, or curves that share no quality.
    """
    if method not in METHODS:
        raise ConfigError(f'no way of drawing curves is named "{method}"; known: {", ".join(METHODS)}')
    curves = [_sort(one, other) for one, other in ((rates, qualities), (other_rates, other_qualities))]
    low, high = max(quality[0] for quality, _ in curves), min(quality[-1] for quality, _ in curves)
    if not low < high:
        raise ConfigError(
            f"the curves share no quality: {curves[0][0][0]:.2f} to {curves[0][0][-1]:.2f} and {curves[1][0][0]:.2f} to "
            f"{curves[1][0][-1]:.2f}; measure rates at which they overlap"
        )
    first, other = (_mean(quality, log_rate, low, high, method) for quality, log_rate in curves)
    return float(np.expm1(other - first))


def _sort(rates: np.ndarray, qualities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return qualities ascending and the logs of their rates."""
    quality, rate = np.asarray(qualities, np.float64), np.asarray(rates, np.float64)
    order = np.argsort(quality)
    quality = quality[order]
    if len(quality) < MIN_POINTS or len(rate) != len(quality) or not (rate > 0).all() or (np.diff(quality) <= 0).any():
        raise ConfigError(f"a curve needs {MIN_POINTS} points of different qualities with rates above 0, got {len(quality)}")
    return quality, np.log(rate[order])


def _mean(quality: np.ndarray, log_rate: np.ndarray, low: float, high: float, method: str) -> float:
    if method == "cubic":
        integral = np.polynomial.Polynomial.fit(quality, log_rate, 3).integ()
        return float(integral(high) - integral(low)) / (high - low)
    curve = PchipInterpolator(quality, log_rate) if method == "pchip" else Akima1DInterpolator(quality, log_rate)
    return float(curve.integrate(low, high)) / (high - low)
