"""Ranking metrics: rank correlation and NDCG of one list; P@k and PSP@k of very many labels. Does not import torch.

Source: Jain, Prabhu & Varma, KDD 2016 (propensity model, eq. 4; PSP@k); Dahiya et al., NGAME, WSDM 2023, section 5.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix
from scipy.stats import rankdata

from adcreative.errors import ConfigError


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


A, B = 0.55, 1.5  # of the propensity curve, for data sets other than Wikipedia's and Amazon's


def inverse_propensities(train_counts: np.ndarray, num_points: int) -> np.ndarray:
    """Return [L] weights of labels: 1 over the probability that a relevant label was recorded.

        w_l = 1 + C (N_l + B)^-A,   C = (ln N - 1) (B + 1)^A                                eq. 4

    Args:
        train_counts: [L] number of points of the TRAINING set with the label; test counts would leak.
        num_points: N of the training set.
    """
    scale = (np.log(max(num_points, 3)) - 1) * (B + 1) ** A
    weights: np.ndarray = 1 + scale * (np.asarray(train_counts, np.float64) + B) ** -A
    return weights


def precision_at(predicted: np.ndarray, truth: csr_matrix, k: int) -> float:
    """Return P@k, 0..1: relevant labels among the first k, over k, mean over points.

    Args:
        predicted: [N, K] label numbers, best first, unique in a row; -1 fills short rows. truth: [N, L] 0 or 1.
    """
    return float(_hits(predicted, truth, k).sum() / (k * truth.shape[0]))


def propensity_scored_precision(predicted: np.ndarray, truth: csr_matrix, weights: np.ndarray, k: int) -> float:
    """Return PSP@k over the whole test set: the weights of the hits over the weights of the best possible lists.

    Args:
        weights: [L] from `inverse_propensities` of the training set.
    """
    places = np.clip(predicted[:, :k], 0, truth.shape[1] - 1)
    won = float((_hits(predicted, truth, k) * weights[places]).sum())
    best = 0.0
    for point in range(truth.shape[0]):
        relevant = weights[truth.indices[truth.indptr[point] : truth.indptr[point + 1]]]
        best += float(np.sort(relevant)[::-1][:k].sum())
    return won / best if best > 0 else 0.0


def _hits(predicted: np.ndarray, truth: csr_matrix, k: int) -> np.ndarray:
    """Return [N, k] 1.0 where a predicted label is relevant."""
    if predicted.shape[0] != truth.shape[0] or predicted.shape[1] < k:
        raise ConfigError(f"{truth.shape[0]} points need a list of at least {k} labels each, got {list(predicted.shape)}")
    first = predicted[:, :k]
    rows = np.repeat(np.arange(len(first)), k)
    found = np.asarray(truth[rows, np.clip(first, 0, truth.shape[1] - 1).ravel()]).reshape(first.shape)
    return np.where(first >= 0, found > 0, False).astype(np.float64)
