"""Calibration of predicted rates. Does not import torch."""

from __future__ import annotations

import numpy as np
from scipy.special import expit, logit

NUM_BINS = 10
MAX_VARIANCE = 1e6  # of a slope per standard deviation of x: above it only rounding determines the slope


def equal_weight_bins(scores: np.ndarray, weights: np.ndarray, num_bins: int = NUM_BINS) -> np.ndarray:
    """Return [N] the bin (0..num_bins - 1, by ascending score) of each row, with about equal weight per bin."""
    order = np.argsort(scores, kind="stable")
    reached = np.cumsum(weights[order]) - weights[order] / 2
    bins = np.empty(len(scores), np.int64)
    bins[order] = np.minimum((reached / weights.sum() * num_bins).astype(int), num_bins - 1)
    return bins


def expected_calibration_error(
    predicted: np.ndarray, clicks: np.ndarray, impressions: np.ndarray, num_bins: int = NUM_BINS
) -> float:
    """Return the mean |predicted - observed rate| over bins of equal impressions, weighted by impressions; 0 is best.

    Args:
        predicted: rates [N]. clicks, impressions: counts [N]; labels and ones for rows of a log.
    """
    bins = equal_weight_bins(predicted, impressions, num_bins)
    expected = np.bincount(bins, impressions * predicted, num_bins)
    observed = np.bincount(bins, clicks, num_bins)
    return float(np.abs(expected - observed).sum() / impressions.sum())


def predicted_over_observed(predicted: np.ndarray, clicks: np.ndarray, impressions: np.ndarray) -> float | None:
    """Return predicted clicks / observed clicks: 1 is calibrated, above 1 too high; None without a click."""
    return float(impressions @ predicted / clicks.sum()) if clicks.sum() > 0 else None


def fit_log_odds(x: np.ndarray, shown: np.ndarray, clicked: np.ndarray) -> tuple[float, float, float] | None:
    """Fit clicked ~ Binomial(shown, expit(level + slope x)) by maximum likelihood.

    Args:
        x, shown, clicked: [N], with two or more values of x, a click, and an impression without a click.
    Returns:
        level, slope and the slope's standard error; None without a finite optimum, as when only the largest x has clicks.
    """
    from scipy.optimize import root

    middle, width = np.average(x, weights=shown), x.std()
    design = np.stack([np.ones_like(x), (x - middle) / width], axis=1)  # [N, 2]

    def missed(weights: np.ndarray) -> np.ndarray:
        return design.T @ (shown * expit(design @ weights) - clicked)

    def information(weights: np.ndarray) -> np.ndarray:
        rate = expit(design @ weights)
        return design.T @ (design * (shown * rate * (1 - rate))[:, None])

    start = [logit((clicked.sum() + 0.5) / (shown.sum() + 1)), 0.0]
    level, slope = best = root(missed, start, jac=information, method="lm", tol=1e-12).x
    (known, both), (_, spread) = information(best)
    if known <= 0 or spread - both**2 / known < 1 / MAX_VARIANCE:
        return None
    error = (spread - both**2 / known) ** -0.5
    return float(level - slope * middle / width), float(slope / width), float(error / width)
