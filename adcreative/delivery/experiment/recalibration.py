"""Recalibration: compare predicted with real click rates and uplifts of an account, to quantify trust in a model."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.special import logit

from adcreative.metrics.calibration import fit_log_odds

_Z90 = 1.6449  # two-sided 90 %


@dataclass(frozen=True, kw_only=True)
class Recalibration:
    """Calibration of predictions; None if the data do not determine a figure.

    real_by_predicted: all clicks over all expected clicks, 1 if the level is right. slope: of the real on the predicted
    log-odds, 1 if the spread is right, below 1 if predictions are too extreme; intercept: of the same fit. realised_share: the
    realised part of the predicted uplifts (in log ratios), to be used for plans. Intervals are 90 %.
    """

    num_variants: int
    num_tests: int
    impressions: int
    clicks: int
    real_by_predicted: float | None
    slope: float | None
    slope_low: float | None
    slope_high: float | None
    intercept: float | None
    realised_share: float | None
    realised_share_low: float | None
    realised_share_high: float | None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def recalibrate(outcomes: Sequence[Mapping[str, Any]]) -> Recalibration:
    """Estimate the calibration of predictions from results.

        slope, intercept: clicks ~ Binomial(impressions, expit(intercept + slope * logit(predicted)))
        realised_share = sum_t w_t d_t r_t / sum_t w_t d_t^2

    with d_t, r_t the predicted and the real log ratio of edit and control in test t, w_t the inverse variance of r_t.
    Source: Cox 1958 and Miller, Hui & Tierney 1991 for slope and intercept; weighted least squares through the origin.

    Args:
        outcomes: rows of `loop.read_outcomes`, at least one; rows without a prediction only count in the number of rows.
    """
    everything, outcomes = outcomes, [row for row in outcomes if row["ctr_predicted"] is not None]
    predicted = np.array([row["ctr_predicted"] for row in outcomes])
    impressions = np.array([row["impressions"] for row in outcomes], float)
    clicks = np.array([row["clicks"] for row in outcomes], float)
    slope, slope_error, intercept = _fit_line(logit(predicted), impressions, clicks)
    share, share_error, num_tests = _fit_share(outcomes)
    expected = float((predicted * impressions).sum())
    return Recalibration(
        num_variants=len(everything),
        num_tests=num_tests,
        impressions=int(impressions.sum()),
        clicks=int(clicks.sum()),
        real_by_predicted=float(clicks.sum() / expected) if expected else None,
        slope=slope,
        slope_low=_edge(slope, -slope_error),
        slope_high=_edge(slope, slope_error),
        intercept=intercept,
        realised_share=share,
        realised_share_low=_edge(share, -share_error),
        realised_share_high=_edge(share, share_error),
    )


def _edge(value: float | None, error: float) -> float | None:
    return None if value is None else value + _Z90 * error


def _fit_line(x: np.ndarray, impressions: np.ndarray, clicks: np.ndarray) -> tuple[float | None, float, float | None]:
    """Return slope, its standard error, and intercept of the binomial regression."""
    if not len(x) or np.ptp(x) < 1e-9 or not 0 < clicks.sum() < impressions.sum():
        return None, 0.0, None
    intercept, slope, error = fit_log_odds(x, impressions, clicks) or (None, None, 0.0)
    return slope, error, intercept


def _fit_share(outcomes: Sequence[Mapping[str, Any]]) -> tuple[float | None, float, int]:
    """Return the realised share, its standard error, and the number of tests with clicks in both arms."""
    tests: dict[tuple[str, ...], dict[str, Mapping[str, Any]]] = {}
    for row in outcomes:
        tests.setdefault((row["run_hash"], row["campaign"], row["test"]), {})[row["arm"]] = row
    top = bottom = 0.0
    num_tests = 0
    for arms in tests.values():
        if set(arms) != {"control", "edited"} or not all(row["clicks"] for row in arms.values()):
            continue
        control, edited = arms["control"], arms["edited"]
        foreseen = math.log(edited["ctr_predicted"] / control["ctr_predicted"])
        real = math.log(edited["ctr_real"] / control["ctr_real"])
        weight = 1.0 / sum(1 / row["clicks"] - 1 / row["impressions"] + 1e-12 for row in arms.values())
        top, bottom, num_tests = top + weight * foreseen * real, bottom + weight * foreseen**2, num_tests + 1
    if bottom <= 0:
        return None, 0.0, num_tests
    return top / bottom, bottom**-0.5, num_tests
