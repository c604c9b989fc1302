"""Ranking metrics: rank correlation and NDCG of one list. Does not import torch."""

from __future__ import annotations

import numpy as np
from scipy.stats import rankdata


def spearman_correlation(predicted: np.ndarray, observed: np.ndarray) -> float | None:
    """Return the rank correlation with mean ranks for ties; None if either side is constant."""
    if len(predicted) < 2:
        return None
    a, b = rankdata(predicted), rankdata(observed)
    if a.std() == 0 or b.std() == 0:
        return None
    return float(np.corrcoef(a, b)[0, 1])


def ndcg(predicted: np.ndarray, gains: np.ndarray, depth: int = 10) -> float | None:
    """Return NDCG of one list, gain = observed rate; predicted ties share their gains, so row order is irrelevant."""
    depth = min(depth, len(gains))
    discounts = 1.0 / np.log2(np.arange(2, depth + 2))
    ideal = float(np.sort(gains)[::-1][:depth] @ discounts) if depth else 0.0
    if ideal <= 0:
        return None
    _, tie = np.unique(-predicted, return_inverse=True)
    mean_gain = np.bincount(tie, gains) / np.bincount(tie)
    return float(mean_gain[np.sort(tie)][:depth] @ discounts) / ideal
