"""Metrics of binary clicks, one row per impression: AUC, gAUC, log-loss. Does not import torch."""

from __future__ import annotations

import numpy as np

from adcreative.errors import TrainingError


def area_under_curve(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Return the AUC: the probability that a clicked row scores above a row without a click, ties counting half.

    Args:
        weights: [N] weight of each row; None: 1 each.
    Raises:
        TrainingError: the rows have only one class, so nothing can be ranked.
    """
    weights = np.ones(len(labels)) if weights is None else weights
    _, place = np.unique(scores, return_inverse=True)
    clicked, other = np.bincount(place, weights * (labels > 0)), np.bincount(place, weights * (labels <= 0))
    if clicked.sum() == 0 or other.sum() == 0:
        raise TrainingError("AUC needs rows with and without a click; the validation rows have one kind only")
    below = np.cumsum(other) - other / 2
    return float((clicked * below).sum() / (clicked.sum() * other.sum()))


def grouped_area_under_curve(labels: np.ndarray, scores: np.ndarray, users: np.ndarray) -> float | None:
    """Return gAUC: AUC within each user, weighted by the user's rows; None if no user has both classes.

    Users with only one class are left out.
    Source:
        Zhou et al., Deep Interest Network, KDD 2018, eq. 7.
    """
    order = np.argsort(users, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(users[order])) + 1) if len(order) else []
    mixed = [rows for rows in parts if 0 < (labels[rows] > 0).sum() < len(rows)]
    if not mixed:
        return None
    sizes = np.array([len(rows) for rows in mixed], np.float64)
    return float(np.average([area_under_curve(labels[rows], scores[rows]) for rows in mixed], weights=sizes))


def log_loss(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Return the mean natural log-loss of probabilities [N], clipped to 1e-7."""
    clipped = np.clip(probabilities, 1e-7, 1 - 1e-7)
    return float(-np.where(labels > 0, np.log(clipped), np.log1p(-clipped)).mean())
