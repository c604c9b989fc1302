"""gAUC and bootstrap by hand, calibration, concordance and Kaplan-Meier against libraries."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, logit
from sksurv.metrics import concordance_index_censored
from sksurv.nonparametric import kaplan_meier_estimator

from adcreative.errors import TrainingError
from adcreative.metrics.binary import grouped_area_under_curve
from adcreative.metrics.bootstrap import draw_group_counts, percentile_interval
from adcreative.metrics.calibration import fit_log_odds
from adcreative.metrics.survival import concordance, kaplan_meier


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


@pytest.mark.parametrize("scale", [1, 1000])
def test_at_the_best_line_the_likelihood_is_flat(scale: int) -> None:
    x = logit(np.array([0.012, 0.007, 0.203]))
    shown, clicked = scale * np.array([10_000.0, 1_000, 1_000]), scale * np.array([180.0, 4, 203])
    found = fit_log_odds(x, shown, clicked)
    assert found is not None
    level, slope, error = found
    design, rate = np.stack([np.ones(3), x]), expit(level + slope * x)
    assert design @ (clicked - shown * rate) / clicked.sum() == pytest.approx(0.0, abs=1e-9)
    information = design * (shown * rate * (1 - rate)) @ design.T
    assert error == pytest.approx(np.linalg.inv(information)[1, 1] ** 0.5)


def test_clicks_at_one_end_only_have_no_best_slope() -> None:
    x, shown = np.array([-5.0, -4.0, -3.0]), np.array([1000.0, 1000.0, 1000.0])
    assert fit_log_odds(x, shown, np.array([0.0, 0.0, 40.0])) is None
    assert fit_log_odds(x, shown, np.array([40.0, 0.0, 0.0])) is None
    assert fit_log_odds(x, shown, shown) is None
    assert fit_log_odds(x, shown, np.array([0.0, 40.0, 0.0])) is not None


@pytest.fixture
def lives() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    risk = rng.normal(size=300).round(1)  # with ties
    durations = np.ceil(rng.exponential(20 * np.exp(-risk)))
    return durations, rng.random(300) < 0.6, risk


def test_concordance_equals_scikit_survival(lives: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    durations, ended, risk = lives
    expected = concordance_index_censored(ended, durations, risk)[0]
    assert concordance(durations, ended, risk) == pytest.approx(expected, abs=1e-12)
    assert concordance(durations, ended, -risk) == pytest.approx(1 - expected, abs=1e-12)


def test_weights_count_a_life_as_often_as_they_say(lives: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    durations, ended, risk = (one[:40] for one in lives)
    weights = np.arange(1, 41) % 3 + 1
    heavy = concordance(durations, ended, risk, weights)
    assert heavy != concordance(durations, ended, risk)
    assert concordance(durations, ended, risk, 7.0 * np.ones(40)) == pytest.approx(concordance(durations, ended, risk))


def test_kaplan_meier_equals_scikit_survival(lives: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    durations, ended, _ = lives
    times, curve = kaplan_meier_estimator(ended, durations)
    assert kaplan_meier(durations, ended, times) == pytest.approx(curve)
    assert kaplan_meier(durations, ended, np.array([0.0])).tolist() == [1.0]


def test_lives_without_an_end_cannot_be_ordered() -> None:
    with pytest.raises(TrainingError, match="no two lifetimes can be ordered"):
        concordance(np.array([1.0, 2.0]), np.array([False, False]), np.array([0.0, 1.0]))
