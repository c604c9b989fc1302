"""Paired comparison of two models on the same rows, with an interval of the difference. Does not import torch."""

from __future__ import annotations

import numpy as np

from adcreative.metrics.binary import area_under_curve
from adcreative.metrics.bootstrap import iter_group_counts, percentile_interval
from adcreative.metrics.calibration import expected_calibration_error

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
