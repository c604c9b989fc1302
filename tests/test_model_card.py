"""The generated card: every figure in it is one that was measured, and nothing is written before all is."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from adcreative import model_card
from adcreative.ctr.held_out import measure_held_out
from adcreative.ctr.predictor import Predictor
from adcreative.model_card import ADS, HEADLINES, facts_of, main, pick, write_card
from adcreative.report.model_card import render_model_card
from tests.ctr.conftest import SMALL
from tests.ctr.planted import PlantedWorld, plant_tests

REASONS = {"words, leave-one-out": {"creatives": 100, "cases": 1000, "won": 0.951, "low": 0.93, "high": 0.97}}


@pytest.fixture(scope="module")
def fresh() -> PlantedWorld:
    return plant_tests(60, seed=5)


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    learnt = plant_tests(60, seed=2)
    return Predictor.fit(learnt.creatives, learnt.features, SMALL, seed=0, provenance={"words": "measured: planted tests"})


@pytest.fixture(scope="module")
def measured(predictor: Predictor, fresh: PlantedWorld) -> dict[str, Any]:
    return {HEADLINES: measure_held_out(predictor, fresh.creatives, fresh.features)}


def test_the_card_states_what_was_measured(predictor: Predictor, measured: dict[str, Any], tmp_path: Path) -> None:
    folder = tmp_path / "predictor"
    predictor.save(folder)
    write_card(folder, predictor, measured, REASONS, "python -m adcreative.model_card X")
    card, found = (folder / "README.md").read_text(), measured[HEADLINES]
    low, high = found["intervals"]["coverage"]
    assert f"{found['coverage']:.1%} ({low:.1%} to {high:.1%})" in card
    assert f"{found['pairwise_accuracy']:.3f}" in card
    assert card.count("|") > 60
    assert f"chance explains: {found['deciles_off']} of 10" in card
    assert "| words, leave-one-out | 100 | 1000 | 95.1% (93.0% to 97.0%) |" in card
    assert "| words | measured | planted tests |" in card
    for part in ("Meant for", "Not meant for", "## Limits", "Apache-2.0", predictor.content_hash[:16]):
        assert part in card
    picture = re.search(r"!\[[^\]]*\]\(([^)]+)\)", card)
    assert picture
    assert Image.open(folder / picture.group(1)).format == "PNG"
    assert json.loads((folder / "evaluation.json").read_text())["measured"] == measured
    assert max(map(len, card.splitlines())) < 400
    assert Predictor.load(folder).content_hash == predictor.content_hash  # the card is no part of the model


def test_what_was_not_measured_is_left_out(predictor: Predictor, measured: dict[str, Any]) -> None:
    found = {HEADLINES: {**measured[HEADLINES], "pairwise_accuracy_significant": None}}
    card = render_model_card("judge", facts=facts_of(predictor), measured=found, faithfulness={}, pictures={}, command="make")
    assert "pairs of a test that differ" not in card
    assert "Are its reasons true" not in card
    assert "![" not in card
    assert card.startswith("# judge\n")


def test_nothing_is_written_when_the_data_hold_no_held_out_test(
    predictor: Predictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    predictor.save(tmp_path / "predictor")
    (tmp_path / "ads.csv").write_text("headline,test_id\nhello there,a\n")
    monkeypatch.setattr(model_card, "part_of_test", lambda test_id: "tune")
    monkeypatch.setattr(model_card, "load_tools", lambda: type("T", (), {"extractor": type("E", (), {"hashes": {}})}))
    with pytest.raises(SystemExit, match=r"ads\.csv holds no held-out headline test; give the archive's packages"):
        main([str(tmp_path / "predictor"), "--data", str(tmp_path / "ads.csv")])
    assert not (tmp_path / "predictor" / "README.md").exists()


def test_all_models_are_measured_on_both_kinds_of_data(
    predictor: Predictor, fresh: PlantedWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    predictor.save(tmp_path / "predictor")
    (tmp_path / "ads.csv").write_text("headline,test_id,impressions,clicks\nhello there,a,10,1\n")
    monkeypatch.setattr(model_card, "part_of_test", lambda test_id: "held-out")
    monkeypatch.setattr(model_card, "load_tools", lambda: type("T", (), {"extractor": type("E", (), {"hashes": {}})}))
    table = (fresh.creatives[:80], fresh.features[:80])
    monkeypatch.setattr(model_card, "extract", lambda tools, creatives, label: table)
    monkeypatch.setattr(model_card, "extract_market", lambda seed, num: (fresh.creatives[80:], fresh.features[80:]))
    main([str(tmp_path / "predictor"), "--data", str(tmp_path / "ads.csv"), "--reasons", "0", "0"])
    card = (tmp_path / "predictor" / "README.md").read_text()
    assert f"| figure | {HEADLINES} | {ADS} |" in card
    assert "(headlines.png)" in card
    assert "(simulated.png)" in card


def test_picks_are_spread_over_the_list() -> None:
    assert pick(list(range(10)), 3) == [0, 3, 6]  # type: ignore[arg-type]
    assert pick(list(range(2)), 5) == [0, 1]  # type: ignore[arg-type]
    assert np.array_equal(pick([], 5), [])
