"""Decision trees as arrays of nodes, evaluated in numpy: equal results before saving and after loading, from any library."""

from __future__ import annotations

import numpy as np


def leaf_values(
    inputs: np.ndarray,
    first: np.ndarray,
    feature: np.ndarray,
    threshold: np.ndarray,
    left: np.ndarray,
    right: np.ndarray,
    value: np.ndarray,
) -> np.ndarray:
    """Return the value [N, T] of the leaf for each row of inputs [N, F] in each of T trees.

    Args:
        first: [T] root of each tree. feature, threshold, left, right, value: [K], one per node; inputs up to the threshold go
            left; leaves have left = -1.
    """
    rows = np.arange(len(inputs))[:, None]
    node = np.broadcast_to(first, (len(inputs), len(first))).copy()
    while (is_inner := left[node] >= 0).any():
        goes_left = inputs[rows, np.where(is_inner, feature[node], 0)] <= threshold[node]
        node = np.where(is_inner, np.where(goes_left, left[node], right[node]), node)
    return value[node]
