"""Planted slopes and variation come back; what cannot be known falls back to the prior."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from adcreative.ctr.changes import (
    FACE_TAU,
    MAX_SLOPE,
    PRIOR_SLOPE,
    PRIOR_TAU,
    ChangeCalibration,
    HeldOutChanges,
    fit_change_calibration,
    squared_distance,
)


def world(*, slopes: tuple[float, ...], taus: tuple[float, float], num: int = 1500, per_group: int = 5) -> HeldOutChanges:
    """Creatives whose channels are worth `slopes` of what is predicted, and move by tau per unit of embedding distance."""
    rng = np.random.default_rng(0)
    group = np.arange(num) // per_group
    words, picture, faces = rng.normal(0, 0.2, num), rng.normal(0, 0.3, num), rng.normal(0, 0.1, num)
    context, luck = rng.normal(0, 0.5, num), rng.normal(0, 0.4, num)[group]
    text, image = (rng.normal(size=(num, 8)) / np.sqrt(16) for _ in range(2))  # pairs lie at a squared distance near 1
    weights = rng.normal(size=(2, 8))
    weights *= np.sqrt(8) * np.array(taus)[:, None] / np.linalg.norm(weights, axis=1, keepdims=True)
    unseen = text @ weights[0] + image @ weights[1]
    worth = slopes[0] * words + slopes[1] * picture + (slopes[2] if len(slopes) > 2 else 0.0) * faces
    truth = -4.0 + context + luck + worth + unseen
    impressions = np.full(num, 20_000.0)
    clicks = rng.binomial(20_000, 1 / (1 + np.exp(-truth))).astype(float)
    predicted = -4.0 + context + words + picture + faces
    return HeldOutChanges(predicted, words, picture, faces, impressions, clicks, group, text, image)


def test_planted_slopes_come_back_whatever_the_groups_luck() -> None:
    found = fit_change_calibration(world(slopes=(0.3, 0.9, 0.6), taus=(0.0, 0.0)))
    assert found.channels["words"].slope == pytest.approx(0.3, abs=0.04)
    assert found.channels["picture"].slope == pytest.approx(0.9, abs=0.04)
    assert found.channels["faces"].slope == pytest.approx(0.6, abs=0.08)
    assert (found.num_rows, found.num_groups) == (1500, 300)


def test_planted_variation_comes_back_and_is_shared_where_it_cannot_be_told_apart() -> None:
    found = fit_change_calibration(world(slopes=(0.5, 0.5), taus=(0.3, 0.1)))
    total = 0.3**2 + 0.1**2
    assert found.channels["words"].tau == pytest.approx(np.sqrt(0.75 * total), rel=0.2)
    assert found.channels["picture"].tau == pytest.approx(np.sqrt(0.25 * total), rel=0.2)
    none = fit_change_calibration(world(slopes=(0.5, 0.5), taus=(0.0, 0.0)))
    assert none.channels["words"].tau < 0.05


def test_a_channel_that_never_varies_keeps_its_prior_and_leaves_all_to_the_other() -> None:
    rows = replace(world(slopes=(0.5, 0.5), taus=(0.3, 0.0)), picture_vectors=np.zeros((1500, 8)))
    found = fit_change_calibration(rows)
    assert found.channels["words"].tau == pytest.approx(0.3, rel=0.2)
    assert found.channels["picture"].tau == PRIOR_TAU


def test_nothing_held_out_gives_the_prior() -> None:
    rows = world(slopes=(1.0, 1.0), taus=(0.0, 0.0), num=40, per_group=1)
    found = fit_change_calibration(rows)
    assert found.num_groups == 0
    assert {(c.slope, c.tau) for c in found.channels.values()} == {(PRIOR_SLOPE, PRIOR_TAU), (PRIOR_SLOPE, FACE_TAU)}


def test_few_creatives_stay_near_the_prior_and_slopes_in_range() -> None:
    few = fit_change_calibration(world(slopes=(-3.0, 5.0), taus=(0.0, 0.0), num=10))
    assert 0.0 <= few.channels["words"].slope <= PRIOR_SLOPE
    assert PRIOR_SLOPE <= few.channels["picture"].slope <= MAX_SLOPE


def test_mean_and_variance_are_the_formulas_and_survive_json() -> None:
    found = fit_change_calibration(world(slopes=(0.3, 0.9), taus=(0.2, 0.1)))
    again = ChangeCalibration.from_dict(found.as_dict())
    assert again == found
    words, picture, faces = (found.channels[name] for name in ("words", "picture", "faces"))
    believed = found.mean(np.array(1.0), np.array(2.0), np.array(3.0))
    assert believed == pytest.approx(words.slope + 2 * picture.slope + 3 * faces.slope)
    unexplained = found.variance(np.array(0.5), np.array(2.0), np.array(3.0))
    assert unexplained == pytest.approx(0.5 * words.tau**2 + 2 * picture.tau**2 + 3 * FACE_TAU**2)
    assert squared_distance(np.eye(2), np.array([1.0, 0.0])).tolist() == [0.0, 2.0]
