"""Maximum-weight matching of ads to places with at most K edges, through scipy's assignment solver. No torch."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment


def best_matching(weights: np.ndarray, max_edges: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows and columns of the matching with the largest sum of weights; edges of no gain are left out.

    A limit of K edges is put into the assignment problem by m - K dummy rows and n - K dummy columns: each real row or column
    that stays free takes a dummy, so exactly K real pairs are left, those of weight 0 being dropped.

    Args:
        weights: [n, m]; negative ones are never used. max_edges: K, 0 or more.
    """
    num_rows, num_columns = weights.shape
    limit = min(max_edges, num_rows, num_columns)
    if limit <= 0:
        return np.zeros(0, int), np.zeros(0, int)
    gains = np.maximum(weights, 0.0)
    if limit < min(num_rows, num_columns):
        size = num_rows + num_columns - limit
        padded = np.zeros((size, size))
        padded[:num_rows, :num_columns] = gains
        padded[num_rows:, num_columns:] = -(gains.sum() + 1.0)  # a dummy with a dummy would free a real pair
        gains = padded
    rows, columns = linear_sum_assignment(gains, maximize=True)
    real = (rows < num_rows) & (columns < num_columns)
    rows, columns = rows[real], columns[real]
    used = weights[rows, columns] > 0
    return rows[used], columns[used]
