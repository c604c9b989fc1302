"""Delta rates: hand cases, every way of drawing curves, and what is no curve."""

from __future__ import annotations

import numpy as np
import pytest

from adcreative.errors import ConfigError
from adcreative.metrics.rate_distortion import METHODS, bd_rate

RATES = np.array([0.1075, 0.1747, 0.2721, 0.4129, 0.5923, 0.8025])  # MLIC++ on Kodak, bits a pixel
PSNR = np.array([29.16, 30.71, 32.33, 34.17, 35.82, 37.32])


@pytest.mark.parametrize("method", METHODS)
def test_a_curve_that_needs_a_tenth_less_is_ten_percent_better(method: str) -> None:
    assert bd_rate(RATES, PSNR, 0.9 * RATES, PSNR, method=method) == pytest.approx(-0.1, abs=1e-9)
    assert bd_rate(RATES, PSNR, RATES[::-1], PSNR[::-1], method=method) == pytest.approx(0.0, abs=1e-12)
    forth, back = bd_rate(RATES, PSNR, 0.7 * RATES, PSNR, method=method), bd_rate(0.7 * RATES, PSNR, RATES, PSNR, method=method)
    assert (1 + forth) * (1 + back) == pytest.approx(1.0)


def test_only_qualities_that_both_reach_count() -> None:
    straight = np.exp(0.2 * PSNR)
    shifted = np.exp(0.2 * (PSNR + 2.0))  # the same line, two decibels further up
    assert bd_rate(straight, PSNR, shifted, PSNR + 2.0) == pytest.approx(0.0, abs=1e-9)
    assert bd_rate(straight, PSNR, straight, PSNR + 2.0) == pytest.approx(np.expm1(-0.4), abs=1e-9)


def test_what_is_no_curve_is_told() -> None:
    with pytest.raises(ConfigError, match=r"share no quality: 29\.16 to 37\.32 and 129\.16 to 137\.32"):
        bd_rate(RATES, PSNR, RATES, PSNR + 100)
    with pytest.raises(ConfigError, match="needs 4 points of different qualities with rates above 0, got 3"):
        bd_rate(RATES[:3], PSNR[:3], RATES, PSNR)
    with pytest.raises(ConfigError, match="needs 4 points of different qualities"):
        bd_rate(RATES, np.full(6, 30.0), RATES, PSNR)
    with pytest.raises(ConfigError, match='no way of drawing curves is named "spline"; known: pchip, akima, cubic'):
        bd_rate(RATES, PSNR, RATES, PSNR, method="spline")
