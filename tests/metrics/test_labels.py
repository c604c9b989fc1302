"""P@k and PSP@k on cases worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from adcreative.errors import ConfigError
from adcreative.metrics.labels import inverse_propensities, precision_at, propensity_scored_precision


def test_weights_of_rare_labels_are_as_published() -> None:
    weights = inverse_propensities(np.array([1, 10, 100]), 1000)
    assert weights == pytest.approx([6.908, 3.552, 1.770], abs=5e-4)


def test_always_predicting_the_head_label_earns_little_when_scored_by_propensity() -> None:
    """Points {h, t} and {t} with N_h = 500, N_t = 2; the list is always h."""
    truth = csr_matrix(np.array([[1, 1], [0, 1]]))
    weights = inverse_propensities(np.array([500, 2]), 1000)
    always_head = np.zeros((2, 1), int)
    assert precision_at(always_head, truth, 1) == 0.5
    assert propensity_scored_precision(always_head, truth, weights, 1) == pytest.approx(0.112, abs=5e-4)


def test_the_best_list_has_psp_1_and_short_rows_are_filled() -> None:
    truth = csr_matrix(np.array([[1, 0, 1], [0, 1, 0]]))
    weights = np.array([1.0, 2.0, 3.0])
    best = np.array([[2, 0], [1, -1]])
    assert propensity_scored_precision(best, truth, weights, 2) == pytest.approx(1.0)
    assert precision_at(best, truth, 2) == 0.75


def test_lists_that_are_too_short_are_refused() -> None:
    with pytest.raises(ConfigError, match="at least 3 labels each"):
        precision_at(np.zeros((2, 1), int), csr_matrix(np.eye(2)), 3)
