"""The closed-form head against a naive solution; relatives never cross folds."""

from __future__ import annotations

import numpy as np
import pytest

from data.make.headline_ridge import cross_validate, fit_slopes, group_tests
from data.make.headline_tests import HeadlineTests


def planted(num_tests: int, headlines: tuple[str, ...] | None = None) -> tuple[HeadlineTests, np.ndarray, np.ndarray]:
    """Tests of three arms with rates exp(features @ slopes) times a factor of the test; returns tests, features, slopes."""
    rng = np.random.default_rng(0)
    features, slopes = rng.normal(size=(num_tests * 3, 4)), np.array([0.4, -0.2, 0.0, 0.1])
    test_idx = np.repeat(np.arange(num_tests), 3)
    rates = 0.02 * np.exp(features @ slopes + rng.normal(0, 0.5, num_tests)[test_idx])
    impressions = np.full(num_tests * 3, 50_000.0)
    names = headlines or tuple(f"headline {i}" for i in range(num_tests * 3))
    tests = HeadlineTests(
        tuple(f"t{i}" for i in range(num_tests)), test_idx, names, impressions, np.round(rates * impressions), test_idx * 0
    )
    return tests, features, slopes


def test_slopes_equal_a_naive_least_squares_with_one_intercept_a_test() -> None:
    tests, features, _ = planted(40)
    weight = 1 / (1 / (tests.clicks + 0.5) + 0.1)
    target = np.log((tests.clicks + 0.5) / (tests.impressions + 1))
    intercepts = np.eye(40)[tests.test_idx]
    design = np.concatenate([features, intercepts], 1)
    penalty = np.diag([3.0] * 4 + [0.0] * 40)
    expected = np.linalg.solve(design.T @ (design * weight[:, None]) + penalty, design.T @ (weight * target))[:4]
    np.testing.assert_allclose(fit_slopes(features, tests, ridge=3.0, overdispersion=0.1), expected, rtol=1e-6)


def test_tests_sharing_a_headline_form_one_group() -> None:
    names = ("A", "B", "C", "a!", "D", "E", "E.", "F", "G", "H", "I", "J")
    tests, _, _ = planted(4, names)
    groups = group_tests(tests)
    assert groups[0] == groups[1] == groups[2] != groups[3]


def test_cross_validation_scores_unseen_tests_only() -> None:
    """A feature that is the answer itself helps; one that only names the arm can't, since no fold has seen it."""
    tests, features, _ = planted(60)
    found = cross_validate(features, tests, ridge=1.0, overdispersion=0.1)
    assert found["pairwise_accuracy"] > 0.9
    arm_names = np.eye(180)
    blind = cross_validate(arm_names, tests, ridge=1.0, overdispersion=0.1)
    assert blind["pairwise_accuracy"] == pytest.approx(0.5, abs=1e-9)
