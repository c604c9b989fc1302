"""Clusters are balanced and bring hard negatives into batches; the full mask leaves no false negative."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from adcreative.delivery.targeting.batches import (
    cluster_points,
    doubling_schedule,
    draw_batches,
    draw_positives,
    positive_mask,
)


@lru_cache(maxsize=1)
def planted() -> tuple[np.ndarray, np.ndarray, csr_matrix]:
    """256 topics x 40 points, 8 labels a topic; each point has 3 labels of its topic. Vectors of points and labels, truth."""
    rng = np.random.default_rng(0)
    topics = rng.normal(size=(256, 64))
    labels = np.repeat(topics, 8, axis=0) + 0.7 * rng.normal(size=(2048, 64))
    rows, columns = [], []
    for point in range(256 * 40):
        own = (point // 40) * 8 + rng.choice(8, 3, replace=False)
        rows += [point] * 3
        columns += list(own)
    truth = csr_matrix((np.ones(len(rows)), (rows, columns)), shape=(256 * 40, 2048))
    points = (truth @ labels) / 3 + 0.7 * rng.normal(size=(256 * 40, 64))
    return _unit(points), _unit(labels), truth


def _unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.mark.parametrize("size", [1, 8, 32])
def test_every_point_comes_once_an_epoch_and_sizes_differ_by_at_most_one(size: int) -> None:
    points, _, _ = planted()
    rng = np.random.default_rng(1)
    clusters = cluster_points(points, size, rng=rng)
    sizes = [len(rows) for rows in clusters]
    assert max(sizes) <= max(size, 1)
    assert max(sizes) - min(sizes) <= 1
    batches = draw_batches(clusters, 256, rng=rng)
    assert np.array_equal(np.sort(np.concatenate(batches)), np.arange(len(points)))


def test_larger_clusters_bring_harder_negatives_and_the_full_mask_no_false_ones() -> None:
    points, labels, truth = planted()
    shares, gaps = [], []
    for size in (1, 8, 32):
        rng = np.random.default_rng(2)
        batches = draw_batches(cluster_points(points, size, rng=rng), 256, rng=rng)[:12]
        false, gap = 0, []
        for batch in batches:
            chosen = draw_positives(truth, batch, rng=rng)
            mask = positive_mask(truth, batch, chosen)
            similarity = points[batch] @ labels[chosen].T
            assert mask.diagonal().all()
            everything = points[batch] @ labels.T - 9.0 * truth[batch].toarray()
            gap.append(everything.max(axis=1) - np.where(mask, -9, similarity).max(axis=1))
            truly_negative = ~(truth[batch][:, chosen].toarray() > 0)
            assert not (~mask & ~truly_negative).any()  # no false negative is left
            false += (~np.eye(len(batch), dtype=bool) & ~truly_negative).any(axis=1).sum()
        shares.append(false / (12 * 256))
        gaps.append(float(np.mean(np.concatenate(gap))))
    assert gaps[0] > gaps[1] > gaps[2]
    assert shares[0] < shares[1] < shares[2]  # what a mask of the diagonal alone would take for negatives
    assert shares[2] > 0.4


def test_the_schedule_starts_uniform_and_doubles() -> None:
    sizes = doubling_schedule(40, 32)
    assert sizes[:10] == [1] * 10
    assert sizes == sorted(sizes)
    assert set(sizes) == {1, 2, 4, 8, 16, 32}
