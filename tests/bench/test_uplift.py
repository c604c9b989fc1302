"""The uplift bench tells the truth about a world in which it is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from adcreative.creative import Creative
from adcreative.editor.session import EditorConfig
from adcreative.features.batch import CreativeFeatures
from tests.bench import composed_uplift
from tests.bench.uplift import KINDS, Trial, measure_hacking, measure_uplift, render_table, run_kinds, run_trials, tabulate
from tests.editor.fakes import FakeExtractor, bumpy_surface, edit_creative, fake_ad, fake_tools

CONFIG = EditorConfig(edit_look=False, population_size=16, generations=5, identity_floor=0.0)


class FormulaMarket:
    """Its truth is the surface that the fake predictor knows."""

    def true_ctr(self, creative: Creative, image_u8: np.ndarray | None = None) -> float:
        shown = creative if image_u8 is None else replace(creative, image_u8=image_u8)
        return float(1 / (1 + np.exp(-bumpy_surface(FakeExtractor().extract([shown])[0]))))


def test_a_true_predictor_realises_what_it_predicts() -> None:
    ads = [fake_ad(1, ad_name="a"), fake_ad(2, ad_name="b"), fake_ad(1, headline="unreadable", ad_name="c")]
    lines: list[str] = []
    rows = measure_uplift(ads, FormulaMarket(), fake_tools(), CONFIG, ("nsga2", "random"), log=lines.append)
    assert [row.algorithm for row in rows] == ["nsga2", "random"]
    assert all(row.num_creatives == row.num_delivered == 2 for row in rows)
    assert all(row.realised.value == pytest.approx(1.0) for row in rows)
    assert {row.evaluations for row in rows} == {96.0}
    assert rows[0].times_random.value > 1.0 == rows[1].times_random.value
    assert rows[0].worse_share == 0.0
    assert any("c: left out" in line for line in lines)
    assert all(row.best_offered.value >= row.true.value for row in rows)  # what is delivered is one of the versions offered
    assert all(row.num_offered > 1 for row in rows)
    assert "| nsga2 | 2 of 2 |" in render_table(rows)


def test_each_kind_of_change_changes_nothing_else() -> None:
    outcomes = {}
    for kind in ("faces", "look"):
        (trial,) = run_kinds([fake_ad()], FormulaMarket(), fake_tools(), CONFIG, ("nsga2",), (kind,))
        assert trial.algorithm == f"nsga2, {kind}"
        (row,) = tabulate([trial])
        assert row.algorithm == trial.algorithm
        outcomes[kind] = edit_creative(fake_ad(), tools=fake_tools(), config=replace(CONFIG, **KINDS[kind])).result
    assert all(one.headline_edited == fake_ad().headline for one in outcomes.values())
    assert {edit.face >= 0 for edit in outcomes["faces"].edits} <= {True}
    assert {edit.face >= 0 for edit in outcomes["look"].edits} <= {False}
    assert outcomes["faces"].edits


def test_a_wrong_predictor_is_found_out() -> None:
    def backwards(features: CreativeFeatures) -> float:
        return -bumpy_surface(features) - 6.0

    (row,) = measure_uplift([fake_ad()], FormulaMarket(), fake_tools(backwards), CONFIG, ("nsga2",))
    assert (row.worse_share, row.held_share) == (1.0, 0.0)
    assert row.best_offered.value >= 0.0  # a test would have kept the ad as it is
    assert row.true.value < 0.0 < row.predicted.value
    assert np.isnan(row.times_random.value)


def test_kept_creatives_count_as_zero() -> None:
    (trial,) = run_trials([fake_ad()], FormulaMarket(), fake_tools(lambda f: -3.0), CONFIG, ("nsga2",))
    assert (trial.status, trial.true_uplift, trial.expected_uplift) == ("kept", 0.0, 0.0)


def test_intervals_hold_the_mean_and_pair_the_creatives() -> None:
    rng = np.random.default_rng(0)
    base = rng.normal(0.2, 0.1, 40)
    blank = Trial(
        algorithm="random",
        name="",
        status="edited",
        true_uplift=0,
        predicted_uplift=0.2,
        expected_uplift=0.1,
        judged_uplift=0,
        uplift_low=0.1,
        uplift_high=0.3,
        evaluations=1,
        seconds=0,
        reason="",
    )
    trials = [replace(blank, true_uplift=float(u)) for u in base]
    trials += [replace(blank, algorithm="double", true_uplift=2 * float(u)) for u in base]
    random, double = tabulate(trials)
    assert double.true.low < double.true.value < double.true.high
    assert random.held_share == pytest.approx(np.mean((base >= 0.1) & (base <= 0.3)))
    assert double.times_random.value == pytest.approx(2.0)
    assert (double.times_random.low, double.times_random.high) == pytest.approx((2.0, 2.0))  # pairs, so no spread
    assert random.true.high - random.true.low == pytest.approx(2 * 1.96 * base.std() / np.sqrt(40), rel=0.1)


def test_hacking_curve_ends_at_what_was_found() -> None:
    curve = measure_hacking(fake_ad(), FormulaMarket(), fake_tools(), CONFIG)
    predicted, second, true = np.array(curve).T
    assert len(curve) == 6
    assert (np.diff(predicted) >= 0).all()
    np.testing.assert_allclose(predicted, true, atol=0.1)  # pixels are rounded
    np.testing.assert_allclose(second, predicted, atol=0.1)  # the judge is the same formula


def test_composed_ads_are_ordered_within_their_brand_and_tabulated() -> None:
    true, brands = np.exp(np.array([0.0, 1.0, 2.0, 5.0, 4.0, 3.0])), ["a"] * 3 + ["b"] * 3
    guess = np.array([9.0, 10.0, 11.0, 2.0, 1.0, 0.0])  # brands the wrong way round, ads within each right
    assert composed_uplift._rank_within(guess, true, brands) == 1.0
    assert composed_uplift._rank_within(-guess, true, brands) == -1.0
    row = {"best": 0.3, "chosen": 0.2, "mean": 0.1, "random": 0.0, "best_random": 0.15}
    found = composed_uplift._tabulate([row, {**row, "chosen": 0.25}])
    assert found["composed_chosen_over_best"] == pytest.approx(0.75)
    assert found["composed_best_interval"] == "+0.300 (+0.300 to +0.300)"
