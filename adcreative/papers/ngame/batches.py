"""Batches of similar points, so that each point's hardest negatives are in its own batch, and the mask of non-negatives.

Points (creatives) are clustered, not labels. Shapes: N points, L labels, B points of a batch. No torch.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix

MAX_SWEEPS, MIN_GAIN = 20, 1e-4


def cluster_points(vectors: np.ndarray, max_size: int, *, rng: np.random.Generator) -> list[np.ndarray]:
    """Return clusters of rows of unit vectors [N, D], each at most `max_size` large; every row is in exactly one.

    Balanced spherical 2-means, split at the median of the difference of similarities, recursively: sizes differ by at most 1.
    """
    if max_size <= 1:
        return list(rng.permutation(len(vectors))[:, None])
    clusters = [rng.permutation(len(vectors))]
    while max(map(len, clusters)) > max_size:
        clusters = [half for rows in clusters for half in _halve(rows, vectors[rows], rng)]
    return clusters


def _halve(rows: np.ndarray, vectors: np.ndarray, rng: np.random.Generator) -> list[np.ndarray]:
    if len(rows) < 2:
        return [rows]
    centres = vectors[rng.choice(len(rows), 2, replace=False)]
    cut, before = len(rows) // 2, -np.inf
    for _ in range(MAX_SWEEPS):
        nearness = vectors @ centres.T  # [n, 2]
        order = np.argsort(nearness[:, 0] - nearness[:, 1], kind="stable")
        low, high = order[:cut], order[cut:]
        gain = float(nearness[low, 1].sum() + nearness[high, 0].sum()) / len(rows)
        sums = np.stack([vectors[high].sum(axis=0), vectors[low].sum(axis=0)])
        centres = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)
        if gain - before < MIN_GAIN:
            break
        before = gain
    return [rows[low], rows[high]]


def draw_batches(clusters: list[np.ndarray], batch_size: int, *, rng: np.random.Generator) -> list[np.ndarray]:
    """Return the batches of one epoch: clusters in random order, joined and cut; every point once."""
    joined = np.concatenate([clusters[at] for at in rng.permutation(len(clusters))])
    return [joined[start : start + batch_size] for start in range(0, len(joined), batch_size)]


def draw_positives(labels: csr_matrix, points: np.ndarray, *, rng: np.random.Generator) -> np.ndarray:
    """Return one random label of each point; every point must have a label."""
    starts, ends = labels.indptr[points], labels.indptr[points + 1]
    return np.asarray(labels.indices[starts + rng.integers(0, ends - starts)])


def positive_mask(labels: csr_matrix, points: np.ndarray, batch_labels: np.ndarray) -> np.ndarray:
    """Return [B, B] True where a label of the batch is one of ALL labels of a point: such pairs are no negatives.

    A mask of the diagonal alone would treat true pairs as negatives, more of them the more similar the points of a batch are.
    """
    found: np.ndarray = labels[points][:, batch_labels].toarray() > 0
    return found


def doubling_schedule(num_epochs: int, max_size: int) -> list[int]:
    """Return the cluster size of each epoch: 1 for the first quarter, then doubled at equal steps up to `max_size`."""
    warm_up = max(1, num_epochs // 4)
    num_doublings = max(1, int(np.ceil(np.log2(max(2, max_size)))))
    rest = max(1, num_epochs - warm_up)
    later = [min(max_size, 2 ** (1 + epoch * num_doublings // rest)) for epoch in range(num_epochs - warm_up)]
    return [1] * min(warm_up, num_epochs) + later
