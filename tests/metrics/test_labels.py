"""P@k, PSP@k and the metrics of set continuation on cases worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from adcreative.errors import ConfigError
from adcreative.metrics.continuation import first_hit_clicks, list_ndcg, r_precision
from adcreative.metrics.ranking import inverse_propensities, precision_at, propensity_scored_precision


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


HELD_OUT = ("a", "b", "c", "d")
FILLERS = [f"f{number}" for number in range(12)]
LIST = ["a", "x", "y", "w", *FILLERS, "b"]  # b has rank 17
OWNERS = {"a": "A", "b": "B", "c": "C", "d": "D", "x": "A", "y": "A", "w": "B"} | {name: f"of {name}" for name in FILLERS}


@pytest.mark.parametrize(("variant", "value"), [("track", 0.25), ("paper", 0.375), ("winner", 0.375)])
def test_r_precision_of_the_hand_case(variant: str, value: float) -> None:
    assert r_precision(LIST, HELD_OUT, variant=variant, owner_of=OWNERS) == pytest.approx(value)


@pytest.mark.parametrize(("variant", "value"), [("track", 1.0), ("paper", 1.25), ("winner", 1.0)])
def test_r_precision_of_the_perfect_list(variant: str, value: float) -> None:
    """Paper: four hits and four owners in common, (4 + 0.25 * 4) / 4 = 1.25."""
    assert r_precision(HELD_OUT, HELD_OUT, variant=variant, owner_of=OWNERS) == pytest.approx(value)


def test_ndcg_of_the_hand_case_in_both_variants() -> None:
    code = (1 + 1 / math.log2(18)) / sum(1 / math.log2(place + 1) for place in range(1, 5))
    assert list_ndcg(LIST, HELD_OUT, variant="code") == pytest.approx(code)
    assert code == pytest.approx(0.4840, abs=5e-5)
    assert list_ndcg(LIST, HELD_OUT, variant="rules") == pytest.approx((1 + 1 / math.log2(17)) / 2)
    assert list_ndcg(LIST, HELD_OUT, variant="rules") == pytest.approx(0.6223, abs=5e-5)
    assert list_ndcg(["a", "x"], HELD_OUT, variant="rules") == 1.0  # lenient: not to be mixed with the other
    assert list_ndcg(["x"], HELD_OUT, variant="rules") == 0.0


def test_clicks_of_the_hand_case() -> None:
    assert first_hit_clicks(LIST, HELD_OUT) == 0
    assert first_hit_clicks(LIST[1:], HELD_OUT) == 1  # the first hit has index 15
    assert first_hit_clicks(FILLERS, HELD_OUT) == 51
    assert first_hit_clicks([], HELD_OUT) == 51  # a missing list is the worst, not the best


def test_a_repeated_item_counts_once_and_the_list_is_cut_before_repeats_are_dropped() -> None:
    assert list_ndcg(["a", "a"], HELD_OUT, variant="code") == list_ndcg(["a"], HELD_OUT, variant="code")
    assert r_precision(["a", "a", "x", "y"], HELD_OUT, variant="track") == 0.25
    assert first_hit_clicks(["x"] * 500 + ["a"], HELD_OUT) == 51


def test_what_cannot_be_scored_is_refused() -> None:
    with pytest.raises(ConfigError, match="at least one held-out item"):
        r_precision(LIST, (), variant="track")
    with pytest.raises(ConfigError, match="known: track, paper, winner"):
        r_precision(LIST, HELD_OUT, variant="spotify")
    with pytest.raises(ConfigError, match="needs owner_of"):
        r_precision(LIST, HELD_OUT, variant="paper")
    with pytest.raises(ConfigError, match="known: code, rules"):
        list_ndcg(LIST, HELD_OUT, variant="page")
    with pytest.raises(ConfigError, match="NDCG needs at least one"):
        list_ndcg(LIST, (), variant="code")
