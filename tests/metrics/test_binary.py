"""gAUC and the bootstrap by hand; AUC and log-loss are held against scikit-learn in the benchmarks' tests."""

from __future__ import annotations

import numpy as np
import pytest

from adcreative.metrics.binary import grouped_area_under_curve
from adcreative.metrics.bootstrap import draw_group_counts, percentile_interval


def test_users_with_one_class_are_left_out_and_others_weigh_by_their_rows() -> None:
    """User 1: right order (1.0), 2 rows. User 2: wrong order (0.0), 3 rows with ties half: (0 + 0.5) / 2. User 3: no click."""
    labels = np.array([1, 0, 1, 0, 0, 0])
    scores = np.array([0.9, 0.1, 0.2, 0.8, 0.2, 0.5])
    users = np.array([1, 1, 2, 2, 2, 3])
    assert grouped_area_under_curve(labels, scores, users) == pytest.approx((2 * 1.0 + 3 * 0.25) / 5)
    assert grouped_area_under_curve(labels[:2], scores[:2], np.array([1, 2])) is None
    order = np.array([5, 3, 0, 2, 4, 1])  # rows of a user need not stand together
    assert grouped_area_under_curve(labels[order], scores[order], users[order]) == pytest.approx(0.55)


def test_draws_have_as_many_groups_as_there_are() -> None:
    counts = draw_group_counts(7, 50, rng=np.random.default_rng(0))
    assert counts.shape == (50, 7)
    assert (counts.sum(axis=1) == 7).all()
    assert counts.max() > 1  # with replacement


def test_interval_is_central_and_leaves_nan_out() -> None:
    assert percentile_interval(np.r_[np.arange(101.0), np.nan], 0.9) == pytest.approx((5.0, 95.0))
    assert percentile_interval([], 0.9) is None
