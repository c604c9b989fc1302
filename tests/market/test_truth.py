from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest

from adcreative.market.brands import CATEGORIES
from adcreative.market.measures import FACE_ATTRIBUTES, LOOKS, PictureMeasures
from adcreative.market.planting import FACE_LIMIT, FACE_PLANS, LOOK_PLANS, WORDS_LIMIT, draw_normal
from adcreative.market.truth import AdContext, Concept, Curve, PlantedTruth, rate

USUAL = {name: FACE_PLANS[name].centre for name in FACE_ATTRIBUTES}
LOOK = {name: LOOK_PLANS[name].centre for name in LOOKS}


def measures(*faces: dict[str, float], shares: tuple[float, ...] = (0.08,)) -> PictureMeasures:
    rows = [[(USUAL | face)[name] for name in FACE_ATTRIBUTES] for face in faces]
    return PictureMeasures(look=LOOK, face_shares=np.array(shares[: len(faces)]), face_attributes=np.array(rows))


def terms(truth: PlantedTruth, picture: PictureMeasures | None = None, headline: str = "", **context: str) -> dict[str, float]:
    return truth.terms(AdContext(**context), headline=headline, body="", appeal=0.0, picture=picture)


def test_draws_are_standard_normal_cut_and_tied_to_their_names():
    draws = np.array([draw_normal(5, "x", str(k)) for k in range(4000)])
    assert abs(draws.mean()) < 0.05
    assert abs(draws.std() - 0.98) < 0.05
    assert np.abs(draws).max() <= 2.5
    assert draw_normal(5, "x", "1") == draws[1] != draw_normal(6, "x", "1")


def test_another_process_plants_the_same_truth():
    code = "from adcreative.market.truth import PlantedTruth; print(repr(PlantedTruth(9).phrase_weight('how', 'food')))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert told == repr(PlantedTruth(9).phrase_weight("how", "food"))


def test_seeds_plant_different_weights_bests_shapes_and_signs():
    tables = [PlantedTruth(seed).table("travel") for seed in range(30)]
    assert len({table["smile: weight"] for table in tables}) == 30
    assert {table["smile: shape"] for table in tables} == {"rising", "ideal"}
    assert {math.copysign(1, float(table["warmth: weight"])) for table in tables} == {1.0, -1.0}
    assert {math.copysign(1, float(table["phrase question"])) for table in tables} == {1.0, -1.0}
    assert all(float(table["smile: weight"]) > 0 for table in tables)


def test_a_rising_curve_rises_and_flattens_and_an_ideal_one_peaks_at_its_best():
    rising = Curve(shape="rising", centre=0.5, scale=0.1, weight=0.2, best=0.0, width=1.0)
    values = [rising(raw) for raw in np.linspace(0.0, 1.0, 21)]
    steps = np.diff(values)
    assert (steps > 0).all()
    assert steps[-1] < steps[10] / 10
    ideal = Curve(shape="ideal", centre=0.5, scale=0.1, weight=0.2, best=1.0, width=1.0)
    grid = np.linspace(0.0, 1.0, 101)
    assert grid[int(np.argmax([ideal(raw) for raw in grid]))] == pytest.approx(0.6)
    assert ideal(0.6) == pytest.approx(0.1)
    assert ideal(float("nan")) == ideal(0.5)


@pytest.mark.parametrize("category", [*CATEGORIES, "something new"])
@pytest.mark.parametrize("seed", range(8))
def test_a_brighter_smile_pays_up_to_its_best(seed: int, category: str):
    truth = PlantedTruth(seed)
    curve = truth.curve("smile", category)
    best = curve.centre + curve.scale * curve.best if curve.shape == "ideal" else 0.75
    rates = [rate(terms(truth, measures({"smile": smile}), category=category)) for smile in np.linspace(0.35, best, 8)]
    assert (np.diff(rates) > 0).all()
    assert 1.01 < rates[-1] / rates[0] < 1.5


def test_larger_faces_count_more_and_their_mean_is_by_area():
    truth = PlantedTruth(1)
    smiling, sober = {"smile": 0.7}, {"smile": 0.3}
    first = terms(truth, measures(smiling, sober, shares=(0.10, 0.02)), category="food")["faces"]
    second = terms(truth, measures(smiling, sober, shares=(0.02, 0.10)), category="food")["faces"]
    assert first > second


def test_a_face_fades_in_with_its_size():
    truth = PlantedTruth(1)
    faces = [terms(truth, measures({}, shares=(share,)))["faces"] for share in (1e-6, 1e-3)]
    assert abs(faces[0]) < 1e-4 < abs(faces[1]) + 1e-4
    assert terms(truth, measures())["faces"] == 0.0


def test_extremes_are_bounded():
    for seed in range(20):
        truth = PlantedTruth(seed)
        wild = measures(dict.fromkeys(FACE_ATTRIBUTES, 1000000000.0), shares=(0.9,))
        assert abs(terms(truth, wild, category="travel")["faces"]) <= FACE_LIMIT
        stuffed = "How free new easy best today join why? 5 secrets you love, save 50%! " * 200
        assert abs(terms(truth, headline=stuffed, category="travel")["headline"]) <= WORDS_LIMIT


def test_appeal_and_words_move_the_headline_term_and_none_without_a_headline():
    truth, context = PlantedTruth(2), AdContext(category="software", brand="Flowly")
    plain = {"body": "", "picture": None}
    low = truth.terms(context, headline="Plan a calmer week", appeal=-0.2, **plain)["headline"]
    high = truth.terms(context, headline="Plan a calmer week", appeal=0.2, **plain)["headline"]
    assert high > low
    assert truth.terms(context, headline="  ", appeal=5.0, **plain)["headline"] == 0.0


def test_words_only_ads_have_no_picture_terms():
    found = terms(PlantedTruth(0), headline="Hello there")
    assert "words_only" in found
    assert not {"look", "faces"} & set(found)


def test_usual_ads_click_at_one_to_three_percent():
    rates = [
        rate(terms(PlantedTruth(seed), measures({}), headline="How to sleep better tonight", category=category, brand=f"b{k}"))
        for seed in range(25)
        for category in CATEGORIES
        for k in range(3)
    ]
    low, middle, high = np.percentile(rates, [5, 50, 95])
    assert 0.008 < low < 0.016 < middle < 0.024 < high < 0.042


def test_a_composed_ad_is_worth_its_layout_its_lead_and_its_facts_beside_what_is_seen():
    def concept_terms(seed: int, **changes: object) -> dict[str, float]:
        concept = Concept(**({"family": "split", "lead": "offer", "num_facts": 2} | changes))  # type: ignore[arg-type]
        context = AdContext(category="food")
        return PlantedTruth(seed).terms(context, headline="Hm", body="", appeal=0.0, picture=measures(), concept=concept)

    usual = concept_terms(1)
    assert {name: value for name, value in usual.items() if name not in ("layout", "message")} == terms(
        PlantedTruth(1), measures(), "Hm", category="food"
    )
    assert usual["layout"] != concept_terms(1, family="steps")["layout"]
    assert usual["message"] != concept_terms(1, lead="headline")["message"]
    by_facts = [[concept_terms(seed, num_facts=number)["message"] for number in range(9)] for seed in range(20)]
    assert all(row[8] < max(row) for row in by_facts)  # too many facts pay in no market
    assert np.std([concept_terms(seed)["layout"] for seed in range(60)]) == pytest.approx(0.2, rel=0.35)
