"""All metrics of a model on rows of a log: AUC with an interval over users, gAUC, log-loss, calibration. No torch."""

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
