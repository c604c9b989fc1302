"""Held-out figures: intervals over groups, coverage by decile, and the verdict that refuses to flatter."""

from __future__ import annotations

import copy
import io
import json
import math
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from adcreative.creative import Creative
from adcreative.ctr.calibration import Calibrator
from adcreative.ctr.evaluation import BETTER, NOT_ENOUGH, describe_rows, draw_groups, measure_held_out
from adcreative.ctr.predictor import Predictor
from adcreative.metrics.creatives import bootstrap_metrics, evaluate_predictions
from adcreative.report.plots import draw_evaluation
from tests.ctr.planted import TEXT_DIM, PlantedWorld, join, plant_market, plant_tests


@pytest.fixture(scope="module")
def fresh() -> PlantedWorld:
    return join(plant_market(300, seed=60, num_brands=40), plant_tests(40, seed=61))


@pytest.fixture(scope="module")
def measured(predictor: Predictor, fresh: PlantedWorld) -> dict[str, object]:
    return measure_held_out(predictor, fresh.creatives, fresh.features, seed=1)


def test_every_figure_stands_with_its_interval(measured: dict, predictor: Predictor, fresh: PlantedWorld) -> None:  # type: ignore[type-arg]
    rates = np.array([one.ctr for one in predictor.predict(fresh.creatives, fresh.features)])
    for name, value in evaluate_predictions(fresh.creatives, rates).items():
        assert measured[name] == pytest.approx(value, rel=1e-6), name  # the rates that predict gives, not others
    for name in ("log_loss", "brier", "pairwise_accuracy", "spearman", "coverage", "log_loss_gain"):
        low, high = measured["intervals"][name]
        assert low < measured[name] < high, name
    assert set(measured["intervals"]) >= {"ece", "ndcg_at_10", "pairwise_accuracy_significant"}
    assert 0.8 < measured["coverage"] < 0.98
    assert measured["verdict"] == BETTER
    assert json.loads(json.dumps(measured, allow_nan=False)) == measured


def test_what_can_be_measured_has_no_gap(measured: dict) -> None:  # type: ignore[type-arg]
    assert measured["gaps"] == []


def test_bins_and_deciles_hold_everything_once(measured: dict, fresh: PlantedWorld) -> None:  # type: ignore[type-arg]
    impressions = sum(c.impressions or 0 for c in fresh.creatives)
    clicks = sum(c.clicks or 0 for c in fresh.creatives)
    for name in ("reliability", "deciles"):
        bins = measured[name]
        assert len(bins) == 10
        assert sum(one["n"] for one in bins) == len(fresh.creatives)
        assert sum(one["impressions"] for one in bins) == impressions
        assert sum(one["observed"] * one["impressions"] for one in bins) == pytest.approx(clicks)
        predicted = [one["predicted"] for one in bins]
        assert predicted == sorted(predicted)
        assert all(one["observed_interval"][0] <= one["observed"] <= one["observed_interval"][1] for one in bins)
    mean = np.average([one["coverage"] for one in measured["deciles"]], weights=[one["n"] for one in measured["deciles"]])
    assert mean == pytest.approx(measured["coverage"])
    error = sum(abs(one["predicted"] - one["observed"]) * one["impressions"] for one in measured["reliability"]) / impressions
    assert error == pytest.approx(measured["ece"], rel=1e-6)


def test_the_gain_is_that_over_the_mean_rate(measured: dict, fresh: PlantedWorld) -> None:  # type: ignore[type-arg]
    clicks = sum(c.clicks or 0 for c in fresh.creatives)
    impressions = sum(c.impressions or 0 for c in fresh.creatives)
    rate = clicks / impressions
    mean_loss = -(rate * math.log(rate) + (1 - rate) * math.log(1 - rate))
    assert measured["log_loss_gain"] == pytest.approx(mean_loss - measured["log_loss"], abs=1e-9)


def test_what_cannot_beat_the_mean_rate_is_not_enough_data(predictor: Predictor, fresh: PlantedWorld) -> None:
    """The same model with its clicks shuffled among creatives, and on one group only."""
    order = np.random.default_rng(0).permutation(300)
    shuffled = [
        replace(fresh.creatives[i], clicks=fresh.creatives[j].clicks, impressions=fresh.creatives[j].impressions)
        for i, j in zip(range(300), order, strict=True)
    ]
    found = measure_held_out(predictor, shuffled, fresh.features[:300])
    assert found["verdict"] == NOT_ENOUGH
    assert found["log_loss_gain"] < 0
    alone = [replace(c, brand="one", test_id="") for c in fresh.creatives[:60]]
    found = measure_held_out(predictor, alone, fresh.features[:60])
    assert (found["num_groups"], found["verdict"]) == (1, NOT_ENOUGH)
    assert set(found["intervals"].values()) == {None}
    assert found["deciles"][0]["coverage_interval"] is None


def test_a_few_creatives_and_a_test_of_one_arm_are_measured_as_far_as_they_go(
    predictor: Predictor, fresh: PlantedWorld
) -> None:
    found = measure_held_out(predictor, [replace(fresh.creatives[300], test_id="lonely")], fresh.features[300:301])
    assert (found["n"], found["pairwise_accuracy"], found["spearman"]) == (1, None, None)
    assert [gap.split(":")[0] for gap in found["gaps"]] == [
        "the 1 creatives have one click rate or one prediction",
        "none of the 1 tests has two arms",
        "all creatives are of one group (test, else brand)",
    ]
    assert len(found["deciles"]) == 1
    assert found["verdict"] == NOT_ENOUGH
    none_clicked = [replace(c, clicks=0) for c in fresh.creatives[:12]]
    found = measure_held_out(predictor, none_clicked, fresh.features[:12])
    assert found["verdict"] == NOT_ENOUGH
    shown = sum(c.impressions or 0 for c in none_clicked)
    assert found["gaps"] == [f"nobody clicked in {shown} impressions: no order and no level can be told."]
    equal = [replace(c, impressions=1000, clicks=7, headline=c.ad_name, test_id="t") for c in fresh.creatives[:2]]
    found_equal = measure_held_out(predictor, equal, fresh.features[:2])
    assert "no test has two arms whose words or pictures and whose rates differ" in found_equal["gaps"][1]
    assert json.dumps(found, allow_nan=False)


def test_drift_and_grades_say_what_the_figures_rest_on(predictor: Predictor, fresh: PlantedWorld) -> None:
    """Words far from the training data are extrapolated, simulated pictures stay simulated, an unseen category is counted."""
    far = np.zeros(TEXT_DIM, np.float32)
    far[0] = -1.0
    creatives = [replace(fresh.creatives[300], category="umbrellas"), *fresh.creatives[301:310], *fresh.creatives[:10]]
    features = [*fresh.features[300:310], *fresh.features[:10]]
    usual = measure_held_out(predictor, creatives, features)
    assert (usual["evidence"]["picture"]["grade"], usual["evidence"]["words"]["grade"]) == ("simulated", "measured")
    assert usual["evidence"]["rows"] == {"measured": 9, "extrapolated": 1, "simulated": 10, "none": 0}
    known = measure_held_out(predictor, [fresh.creatives[300], *creatives[1:]], features)
    assert usual["drift"]["context"]["far"] == pytest.approx(known["drift"]["context"]["far"] + 1 / 20)
    bold = copy.copy(predictor)
    bold.ood_scores = {**predictor.ood_scores, "words": replace(predictor.ood_scores["words"], threshold=0.0)}
    found = measure_held_out(bold, creatives, [replace(one, text=far) for one in features])
    assert found["drift"]["words"]["far"] == 1.0
    assert found["drift"]["words"]["distance"] > usual["drift"]["words"]["distance"]
    assert found["evidence"]["rows"] == {"measured": 0, "extrapolated": 10, "simulated": 10, "none": 0}
    assert found["evidence"]["words"]["extrapolated"] == 20


def test_rows_have_the_rates_of_predict_and_their_grades(predictor: Predictor, fresh: PlantedWorld) -> None:
    part = fresh.rows(np.arange(295, 305))
    rows = describe_rows(predictor, part.creatives, part.features)
    predictions = predictor.predict(part.creatives, part.features)
    assert [row["ctr"] for row in rows] == pytest.approx([one.ctr for one in predictions], abs=1e-6)
    assert [row["ctr_high"] for row in rows] == pytest.approx([one.ctr_high for one in predictions], abs=1e-6)
    assert {row["grade"] for row in rows[:5]} == {"simulated"}
    assert rows[9]["grade_picture"] == ""
    assert rows[0]["observed"] == pytest.approx(rows[0]["clicks"] / rows[0]["impressions"], abs=1e-6)


def test_too_narrow_intervals_are_seen(predictor: Predictor, fresh: PlantedWorld) -> None:
    bold = copy.copy(predictor)
    bold.calibrator = Calibrator(
        tuple(replace(one, overdispersion=0.001, typical_epistemic_std=0.0) for one in predictor.calibrator.domains)
    )
    found = measure_held_out(bold, fresh.creatives, fresh.features)
    assert found["coverage"] < 0.8
    assert found["intervals"]["coverage"][1] < 0.88
    assert found["deciles_off"] >= 5


def test_groups_are_drawn_whole_and_with_replacement() -> None:
    draws = draw_groups(np.array([0, 0, 1, 2]), seed=3)
    assert draws.shape[1] == 3
    assert (draws.sum(axis=1) == 3).all()
    assert draws.max() > 1
    assert np.array_equal(draws, draw_groups(np.array([0, 0, 1, 2]), seed=3))


def test_held_out_rates_are_those_predicted(predictor: Predictor, fresh: PlantedWorld) -> None:
    part = fresh.rows(np.arange(290, 310))
    rates = predictor.rates(part.creatives, part.features)
    predictions = predictor.predict(part.creatives, part.features)
    np.testing.assert_allclose(rates.rate, [one.ctr for one in predictions])
    np.testing.assert_allclose(rates.high, [max(one.ctr_high, one.ctr) for one in predictions])
    assert ((rates.covered >= 0) & (rates.covered <= 1)).all()


def test_brier_by_hand_and_no_interval_of_one_group() -> None:
    """25 of 100 clicked at 0.2: 0.25 * 0.64 + 0.75 * 0.04 = 0.19."""
    lonely = [Creative(headline="a", test_id="t", impressions=100, clicks=25)]
    assert evaluate_predictions(lonely, np.array([0.2]))["brier"] == pytest.approx(0.19)
    assert set(bootstrap_metrics(lonely, np.array([0.2]), seed=0).values()) == {None}


def test_the_picture_shows_both_plots(measured: dict) -> None:  # type: ignore[type-arg]
    """Both colours are drawn, each in its half, and a measurement without intervals can be drawn too."""
    pixels = np.asarray(Image.open(io.BytesIO(draw_evaluation(measured))).convert("RGB"), int)
    assert pixels.shape[1] >= 1000

    def count(colour: tuple[int, int, int]) -> list[int]:
        near = np.abs(pixels - np.array(colour)).max(axis=2) < 30
        return [int(half.sum()) for half in np.array_split(near, 2, axis=1)]

    blue, orange = count((0, 92, 184)), count((214, 96, 0))
    assert blue[0] > 300 > blue[1]
    assert orange[1] > 300 > orange[0]
    low = pixels[pixels.shape[0] * 3 // 5 :]
    assert (np.abs(low[:, : low.shape[1] // 2] - np.array((0, 92, 184))).max(axis=2) < 30).sum() > 100  # ranking
    bare = [{**one, "observed_interval": None, "coverage_interval": None} for one in measured["deciles"][:1]]
    assert draw_evaluation({**measured, "reliability": bare, "deciles": bare, "ece": None})
