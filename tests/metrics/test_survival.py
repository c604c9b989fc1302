"""Concordance and Kaplan-Meier against libraries, and the direction of risk."""

from __future__ import annotations

import numpy as np
import pytest
from sksurv.metrics import concordance_index_censored
from sksurv.nonparametric import kaplan_meier_estimator

from adcreative.errors import TrainingError
from adcreative.metrics.survival import concordance, kaplan_meier


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
