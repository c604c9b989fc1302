from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from adcreative.creative import Creative
from adcreative.errors import FeatureError
from adcreative.metrics.calibration import expected_calibration_error, predicted_over_observed
from adcreative.metrics.creatives import METRICS, bootstrap_metrics, evaluate_predictions, pool_arms, two_proportion_z
from adcreative.metrics.ranking import ndcg


def arm(clicks: int, impressions: int = 1000, test_id: str = "t", **words: str) -> Creative:
    return Creative(test_id=test_id, impressions=impressions, clicks=clicks, **words)


def test_pairs_by_hand() -> None:
    """Rates 1 %, 2 %, 5 %: pairs (1,2) and (2,3) and (1,3); predicted order 2 > 3 > 1 gets two of three right."""
    creatives = [arm(10, headline="a"), arm(20, headline="b"), arm(50, headline="c")]
    metrics = evaluate_predictions(creatives, np.array([0.01, 0.05, 0.03]))
    assert metrics["pairwise_accuracy"] == pytest.approx(2 / 3)
    # z: 10 v 20 is 1.84 (not significant), 20 v 50 is 3.65, 10 v 50 is 5.24
    assert metrics["pairwise_accuracy_significant"] == pytest.approx(1 / 2)


def test_predicted_ties_count_half_and_observed_ties_not_at_all() -> None:
    creatives = [arm(10, headline="a"), arm(50, headline="b"), arm(50, headline="c")]
    assert evaluate_predictions(creatives, np.full(3, 0.02))["pairwise_accuracy"] == 0.5
    assert evaluate_predictions(creatives, np.array([0.01, 0.05, 0.03]))["pairwise_accuracy"] == 1.0


def test_pairs_are_within_tests_only() -> None:
    creatives = [arm(10, headline="a"), arm(50, headline="b", test_id="u"), arm(50, headline="c", test_id="")]
    metrics = evaluate_predictions(creatives, np.array([0.1, 0.2, 0.3]))
    assert metrics["pairwise_accuracy"] is None
    assert metrics["pairwise_accuracy_significant"] is None
    assert metrics["n"] == 3


def test_packages_that_share_a_headline_are_pooled_unless_they_have_a_picture() -> None:
    twins = [arm(10, headline="same"), arm(30, 3000, headline="same"), arm(50, headline="other")]
    arms = pool_arms(twins, np.array([0.01, 0.03, 0.02]))
    assert arms.impressions.tolist() == [4000, 1000]
    assert arms.clicks.tolist() == [40, 50]
    assert arms.ctr.tolist() == pytest.approx([(0.01 * 1000 + 0.03 * 3000) / 4000, 0.02])
    dot = np.zeros((1, 1, 3), np.uint8)
    pictured = [Creative(headline="same", test_id="t", impressions=10, clicks=k, image_u8=dot) for k in (1, 2)]
    assert evaluate_predictions(pictured, np.array([0.1, 0.2]))["n"] == 2


def test_rows_without_results_are_left_out() -> None:
    metrics = evaluate_predictions([Creative(headline="a"), arm(3, headline="b")], np.array([0.5, 0.5]))
    assert metrics["n"] == 1
    assert evaluate_predictions([Creative(headline="a")], np.array([0.5])) == dict.fromkeys(METRICS) | {"n": 0}


def test_log_loss_is_per_impression_in_nats() -> None:
    metrics = evaluate_predictions([arm(25, 100, headline="a")], np.array([0.25]))
    assert metrics["log_loss"] == pytest.approx(-(0.25 * math.log(0.25) + 0.75 * math.log(0.75)))


def test_spearman_equals_scipy_with_ties() -> None:
    rng = np.random.default_rng(0)
    clicks, predicted = rng.integers(0, 9, 40), rng.integers(1, 9, 40) / 10
    creatives = [arm(int(k), 100, test_id="", ad_name=str(i)) for i, k in enumerate(clicks)]
    expected = spearmanr(predicted, clicks).statistic  # SciPy
    assert evaluate_predictions(creatives, predicted)["spearman"] == pytest.approx(expected)
    assert evaluate_predictions(creatives, np.full(40, 0.1))["spearman"] is None


def test_ndcg_by_hand() -> None:
    gains = np.array([3.0, 2.0, 1.0])
    ideal = 3 + 2 / math.log2(3) + 1 / 2
    assert ndcg(np.array([0.1, 0.3, 0.2]), gains) == pytest.approx((2 + 1 / math.log2(3) + 3 / 2) / ideal)
    assert ndcg(np.array([0.3, 0.2, 0.1]), gains) == pytest.approx(1.0)
    assert ndcg(np.full(3, 0.1), gains) == pytest.approx(2 * (1 + 1 / math.log2(3) + 1 / 2) / ideal)
    assert ndcg(np.array([0.1, 0.2]), np.zeros(2)) is None


def test_calibration_error_by_hand() -> None:
    """Two halves: predicted 0.1 observed 0.2, predicted 0.4 observed 0.4: (0.1 + 0) / 2."""
    predicted, clicks, impressions = np.array([0.1, 0.4]), np.array([20.0, 40.0]), np.array([100.0, 100.0])
    assert expected_calibration_error(predicted, clicks, impressions) == pytest.approx(0.05)
    assert predicted_over_observed(predicted, clicks, impressions) == pytest.approx(50 / 60)
    assert predicted_over_observed(predicted, np.zeros(2), impressions) is None


def test_two_proportion_z_by_hand() -> None:
    """pooled 0.06; sqrt(0.06 * 0.94 * 2 / 1000) = 0.010621; 0.04 / 0.010621 = 3.766."""
    z = two_proportion_z(np.array([80.0]), np.array([1000.0]), np.array([40.0]), np.array([1000.0]))
    assert z[0] == pytest.approx(3.766, abs=1e-3)
    assert two_proportion_z(np.zeros(1), np.ones(1), np.zeros(1), np.ones(1))[0] == 0.0


def test_bootstrap_draws_groups_and_brackets_the_figure() -> None:
    rng = np.random.default_rng(0)
    creatives, predicted = [], []
    for test in range(40):
        for a in range(3):
            appeal = rng.normal(0, 0.3)
            creatives.append(arm(int(rng.binomial(3000, 0.02 * math.exp(appeal))), 3000, f"t{test}", headline=f"{test} {a}"))
            predicted.append(0.02 * math.exp(appeal + rng.normal(0, 0.3)))
    metrics = evaluate_predictions(creatives, np.array(predicted))
    intervals = bootstrap_metrics(creatives, np.array(predicted), seed=1, num_draws=60)
    assert intervals == bootstrap_metrics(creatives, np.array(predicted), seed=1, num_draws=60)
    for name in METRICS[1:]:
        low, high = intervals[name] or (0, 0)
        assert low < high, name
        if name not in ("ece", "ndcg_at_10"):  # biased upwards, or of a maximum: no bracket promised
            assert low <= metrics[name] <= high, name
    upside_down = [arm(10 + a + 10 * t, 1000, f"t{t}", headline=str(a)) for t in range(5) for a in range(2)]
    within = np.array([0.5 - 0.1 * t + 0.01 * a for t in range(5) for a in range(2)])  # right inside tests, wrong across
    assert bootstrap_metrics(upside_down, within, seed=0, num_draws=20)["pairwise_accuracy"] == (1.0, 1.0)
    assert bootstrap_metrics([], np.zeros(0), seed=0)["spearman"] is None


def test_wrong_predictions_are_refused() -> None:
    with pytest.raises(FeatureError, match=r"1 creatives came with predictions of shape \[2\]"):
        evaluate_predictions([arm(1)], np.zeros(2))
    with pytest.raises(FeatureError, match=r'creative "x": predicted rate nan is not in 0..1'):
        evaluate_predictions([arm(1, ad_name="x")], np.array([np.nan]))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 2), st.integers(1, 9)), min_size=2, max_size=20), st.randoms())
def test_order_of_rows_is_irrelevant_and_values_are_in_range(rows: list[tuple[int, int, int]], random) -> None:  # type: ignore[no-untyped-def]
    creatives = [arm(k, 100, f"t{t}", headline=str(i)) for i, (k, t, _) in enumerate(rows)]
    predicted = np.array([p / 10 for *_, p in rows])
    order = list(range(len(rows)))
    random.shuffle(order)
    first = evaluate_predictions(creatives, predicted)
    second = evaluate_predictions([creatives[i] for i in order], predicted[order])
    for name in ("n", "pairwise_accuracy", "pairwise_accuracy_significant", "spearman", "ndcg_at_10", "log_loss"):
        assert first[name] == pytest.approx(second[name]), name
        if first[name] is not None and name in METRICS[1:3]:
            assert 0 <= first[name] <= 1
