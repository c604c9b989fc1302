"""The linear head of the headline model in closed form, and its cross-validation. No torch.

    minimise  sum over arms of weight * (centred log rate - slopes . centred features)^2 + ridge * |slopes|^2
    weight = 1 / (1 / clicks + overdispersion),   centred = minus the weighted mean of the arm's test

Only differences within a test are explained. `overdispersion` is the variance of a log rate that remains at any number of
clicks, from pictures and chance.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from data.make.headline_tests import HeadlineTests, evaluate_scores, normalise_headline


def fit_slopes(features: np.ndarray, tests: HeadlineTests, *, ridge: float, overdispersion: float) -> np.ndarray:
    """Return the slopes [K] float64 for features [N, K] of the arms of `tests`."""
    weight = 1 / (1 / (tests.clicks + 0.5) + overdispersion)
    total = np.bincount(tests.test_idx, weight)
    arm_idx = np.arange(len(tests.headlines))
    averaging = csr_matrix((weight / total[tests.test_idx], (tests.test_idx, arm_idx)))  # [T, N]
    target = np.log((tests.clicks + 0.5) / (tests.impressions + 1))
    target = target - (averaging @ target)[tests.test_idx]
    centred = features - (averaging @ features)[tests.test_idx]
    weighted = (centred * weight[:, None]).T  # [K, N]
    slopes: np.ndarray = np.linalg.solve(weighted @ centred + ridge * np.eye(features.shape[1]), weighted @ target)
    return slopes


def group_tests(tests: HeadlineTests) -> np.ndarray:
    """Return a group number for each test [T]: tests that share a headline, directly or through others, have one group."""
    _, words = np.unique([normalise_headline(text) for text in tests.headlines], return_inverse=True)
    num_tests, num_words = len(tests.test_ids), int(words.max()) + 1
    shape = (num_tests + num_words, num_tests + num_words)
    links = csr_matrix((np.ones(len(words)), (tests.test_idx, num_tests + words)), shape=shape)
    groups: np.ndarray = connected_components(links, directed=False)[1][:num_tests]
    return groups


def cross_validate(
    features: np.ndarray, tests: HeadlineTests, *, ridge: float, overdispersion: float, num_folds: int = 5, seed: int = 0
) -> dict[str, float]:
    """Return `evaluate_scores` of cross-validated scores: each test is scored by a head fitted without its group."""
    groups = group_tests(tests)
    fold_of_group = np.random.default_rng(seed).integers(0, num_folds, groups.max() + 1)
    fold = fold_of_group[groups]  # [T]
    scores = np.zeros(len(tests.headlines))
    for number in range(num_folds):
        fitted_on, held_out = fold != number, (fold == number)[tests.test_idx]
        slopes = fit_slopes(features[~held_out], tests.select(fitted_on), ridge=ridge, overdispersion=overdispersion)
        scores[held_out] = features[held_out] @ slopes
    return evaluate_scores(tests, scores)
