"""All metrics of a model on rows of a log, and the paired comparison of two models on the same rows. Does not import torch."""

from __future__ import annotations

import numpy as np

from adcreative.metrics.binary import area_under_curve, grouped_area_under_curve, log_loss
from adcreative.metrics.bootstrap import iter_group_counts, percentile_interval
from adcreative.metrics.calibration import expected_calibration_error, predicted_over_observed

NUM_RESAMPLES = 200


def measure_impressions(
    labels: np.ndarray, probabilities: np.ndarray, users: np.ndarray, *, seed: int = 0, num_draws: int = NUM_RESAMPLES
) -> dict[str, float | None]:
    """Return auc with its 95 % interval (auc_low, auc_high), gauc, log_loss, ece and predicted_over_observed.

    Args:
        users: [N] user of each row; the bootstrap draws whole users. One negative number for all: each row is its own group,
            and there is no gAUC.
    Raises:
        TrainingError: the rows have one class only.
    """
    has_users = len(users) > 0 and users.min() != users.max()
    names, member = np.unique(users, return_inverse=True) if has_users else (np.arange(len(labels)), np.arange(len(labels)))
    draws = []
    for of_users in iter_group_counts(len(names), num_draws, rng=np.random.default_rng(seed)):
        counts = of_users[member]
        if counts[labels > 0].sum() and counts[labels <= 0].sum():
            draws.append(area_under_curve(labels, probabilities, counts))
    auc = area_under_curve(labels, probabilities)
    low, high = percentile_interval(draws, 0.95) or (auc, auc)
    ones, clicks = np.ones(len(labels)), labels.astype(np.float64)
    return {
        "auc": auc,
        "auc_low": low,
        "auc_high": high,
        "gauc": grouped_area_under_curve(labels, probabilities, users) if has_users else None,
        "log_loss": log_loss(labels, probabilities),
        "ece": expected_calibration_error(probabilities, clicks, ones),
        "predicted_over_observed": predicted_over_observed(probabilities, clicks, ones),
    }


NUM_DRAWS = 200
FIGURES = ("auc", "log_loss", "ece")


def compare_predictions(
    labels: np.ndarray, before: np.ndarray, after: np.ndarray, users: np.ndarray, *, num_draws: int = NUM_DRAWS
) -> dict[str, dict[str, float]]:
    """Return auc, log_loss and ece of both models and of the difference, after minus before, with its 95 % interval.

    Whole users are drawn, the same for both models, so that the difficulty of rows cancels. With one user number for all rows,
    each row is its own group.

    Args:
        labels: [N] 0 or 1. before, after: click probabilities [N]. users: [N] user of each row.
    Returns:
        metric -> before, after, difference, low, high; low and high are NaN if no draw had both classes.
    Raises:
        TrainingError: the rows have one class only.
    """
    has_users = len(users) > 0 and users.min() != users.max()
    names, member = np.unique(users, return_inverse=True) if has_users else (np.arange(len(labels)), np.arange(len(labels)))
    losses = [_losses(labels, one) for one in (before, after)]

    def measure(weights: np.ndarray, number: int) -> list[float]:
        predicted = (before, after)[number]
        return [
            area_under_curve(labels, predicted, weights),
            float(np.average(losses[number], weights=weights)),
            expected_calibration_error(predicted, labels * weights, weights),
        ]

    ones = np.ones(len(labels))
    whole = [measure(ones, number) for number in range(2)]
    draws = []
    for of_users in iter_group_counts(len(names), num_draws, rng=np.random.default_rng(0)):
        weights = of_users[member].astype(np.float64)
        if weights[labels > 0].sum() and weights[labels <= 0].sum():
            draws.append(np.subtract(measure(weights, 1), measure(weights, 0)))
    found = {}
    for place, name in enumerate(FIGURES):
        low, high = percentile_interval([draw[place] for draw in draws], 0.95) or (float("nan"), float("nan"))
        first, second = whole[0][place], whole[1][place]
        found[name] = {"before": first, "after": second, "difference": second - first, "low": low, "high": high}
    return found


def _losses(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    clipped = np.clip(probabilities, 1e-7, 1 - 1e-7)
    losses: np.ndarray = -np.where(labels > 0, np.log(clipped), np.log1p(-clipped))
    return losses
