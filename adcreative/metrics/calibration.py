"""Whether predicted rates mean what they say. No torch."""

from __future__ import annotations

import numpy as np

NUM_BINS = 10


def equal_weight_bins(scores: np.ndarray, weights: np.ndarray, num_bins: int = NUM_BINS) -> np.ndarray:
    """Return [N] the bin (0..num_bins - 1, by rising score) of each row, so that all bins hold about the same weight."""
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
    """Return predicted clicks / observed clicks: 1 is a right level, above 1 too high; None without a click."""
    return float(impressions @ predicted / clicks.sum()) if clicks.sum() > 0 else None
