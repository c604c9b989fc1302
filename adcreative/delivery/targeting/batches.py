"""Batches whose points are alike, so that each point's hardest negatives are in its own batch, and the mask of what is no
negative.

Points (creatives) are clustered, not labels: balanced spherical 2-means, split at the median of the similarity difference,
recursively, so that clusters of one level differ in size by at most one. An epoch shuffles clusters, joins them and cuts
batches; with clusters of size 1 that is uniform. No torch.

Source: Dahiya et al., NGAME, WSDM 2023, section 4. Differs: sizes need not be powers of two.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix

MAX_SWEEPS, MIN_GAIN = 20, 1e-4


def cluster_points(vectors: np.ndarray, max_size: int, *, rng: np.random.Generator) -> list[np.ndarray]:
    """Return clusters of rows of unit vectors [N, D], each at most `max_size` large; every row is in exactly one.

    All clusters have been halved equally often, so that their sizes differ by at most 1.
    """
    clusters = [rng.permutation(len(vectors))]
    while max(map(len, clusters)) > max(1, max_size):
        if max_size <= 1:
            return [np.array([row]) for row in clusters[0]] if len(clusters) == 1 else clusters
        halves: list[np.ndarray] = []
        for rows in clusters:
            halves += _halve(rows, vectors[rows], rng) if len(rows) > 1 else [rows]
        clusters = halves
    return clusters


def _halve(rows: np.ndarray, vectors: np.ndarray, rng: np.random.Generator) -> list[np.ndarray]:
    """Split rows into two halves by balanced spherical 2-means."""
    first, second = rng.choice(len(rows), 2, replace=False)
    centres = np.stack([vectors[first], vectors[second]])
    cut, before = len(rows) // 2, -np.inf
    order = np.arange(len(rows))
    for _ in range(MAX_SWEEPS):
        nearness = vectors @ centres.T  # [n, 2]
        order = np.argsort(nearness[:, 0] - nearness[:, 1], kind="stable")
        low, high = order[:cut], order[cut:]
        gain = float(nearness[low, 1].sum() + nearness[high, 0].sum()) / len(rows)
        centres = np.stack([_unit(vectors[high].sum(axis=0)), _unit(vectors[low].sum(axis=0))])
        if gain - before < MIN_GAIN:
            break
        before = gain
    return [rows[order[:cut]], rows[order[cut:]]]


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / max(float(np.linalg.norm(vector)), 1e-12)


def draw_batches(clusters: list[np.ndarray], batch_size: int, *, rng: np.random.Generator) -> list[np.ndarray]:
    """Return the batches of one epoch: clusters in random order, joined and cut; every point once."""
    joined = np.concatenate([clusters[at] for at in rng.permutation(len(clusters))])
    return [joined[start : start + batch_size] for start in range(0, len(joined), batch_size)]


def draw_positives(labels: csr_matrix, points: np.ndarray, *, rng: np.random.Generator) -> np.ndarray:
    """Return one random label of each point, which must have one."""
    starts, ends = labels.indptr[points], labels.indptr[points + 1]
    return np.asarray(labels.indices[starts + rng.integers(0, ends - starts)])


def positive_mask(labels: csr_matrix, points: np.ndarray, batch_labels: np.ndarray) -> np.ndarray:
    """Return [B, B] True where a label of the batch is true of a point, by ALL its labels: such pairs are no negatives.

    A mask of the diagonal alone would take true pairs for negatives, ever more of them as batches become alike.
    """
    found: np.ndarray = labels[points][:, batch_labels].toarray() > 0
    return found


def doubling_schedule(num_epochs: int, max_size: int) -> list[int]:
    """Return the cluster size of each epoch: 1 for the first quarter, then doubled at equal steps up to `max_size`."""
    sizes, warm_up = [], max(1, num_epochs // 4)
    num_doublings = max(1, int(np.ceil(np.log2(max(2, max_size)))))
    for epoch in range(num_epochs):
        if epoch < warm_up:
            sizes.append(1)
        else:
            step = 1 + (epoch - warm_up) * num_doublings // max(1, num_epochs - warm_up)
            sizes.append(min(max_size, 2**step))
    return sizes
