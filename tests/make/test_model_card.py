"""The generated card: every figure in it is one that was measured, and nothing is written before all is."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from adcreative.ctr.evaluation import measure_held_out
from adcreative.ctr.predictor import Predictor
from data.make import model_card
from data.make.card_text import render_model_card
from data.make.model_card import ADS, HEADLINES, facts_of, main, write_card
from data.make.predictor_fitting import fit_predictor
from tests.ctr.conftest import SMALL
from tests.ctr.planted import PlantedWorld, plant_tests

REASONS = {"words, leave-one-out": {"creatives": 100, "cases": 1000, "won": 0.951, "low": 0.93, "high": 0.97}}


@pytest.fixture(scope="module")
def fresh() -> PlantedWorld:
    return plant_tests(60, seed=5)


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    learnt = plant_tests(60, seed=2)
    return fit_predictor(learnt.creatives, learnt.features, SMALL, seed=0, provenance={"words": "measured: planted tests"})


@pytest.fixture(scope="module")
def measured(predictor: Predictor, fresh: PlantedWorld) -> dict[str, Any]:
    return {HEADLINES: measure_held_out(predictor, fresh.creatives, fresh.features)}


def test_the_card_states_what_was_measured(predictor: Predictor, measured: dict[str, Any], tmp_path: Path) -> None:
    folder = tmp_path / "predictor"
    predictor.save(folder)
    write_card(folder, predictor, measured, REASONS, "python -m data.make.model_card X")
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
    with Image.open(folder / picture.group(1)) as opened:
        assert opened.format == "PNG"
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


def adsee_table(**changes: Any) -> dict[str, Any]:
    figure = {"value": 0.25, "low": 0.125, "high": 0.375, "seed_std": 0.0}
    metrics = dict.fromkeys(("mae", "mape", "ndcg_at_10", "ndcg_at_50", "spearman", "kendall"), figure)
    line = {
        "name": "C4: FC PN CL IE",
        "against": "C5: FC PN CL FL IE",
        "added": {"spearman": {**figure, "value": -0.0625}},
        **metrics,
    }
    paper = {"mae": 0.0135, "mape": 0.5939, "ndcg_at_10": 0.4865, "ndcg_at_50": 0.4674, "spearman": 0.3379, "kendall": 0.2298}
    return {
        "command": "adcreative benchmark adsee --market 1 --num 240 --seeds 5",
        "data": "simulated markets 1: no real clicks",
        "num_creatives": 240,
        "num_seeds": 5,
        "labels": {"per_picture": 2.5, "commonest": {"web site": 200}},
        "lines": [{**line, "published": paper}, {**line, "name": "C5: FC PN CL FL IE", "published": None}],
        **changes,
    }


def test_a_card_gets_the_table_of_the_benchmark_and_keeps_it(
    predictor: Predictor, measured: dict[str, Any], tmp_path: Path
) -> None:
    folder, table = tmp_path / "predictor", tmp_path / "adsee.json"
    predictor.save(folder)
    predictor = Predictor.load(folder)  # as it will be read again: a manifest sorts its names
    write_card(folder, predictor, measured, REASONS, "python -m data.make.model_card X")
    plain = (folder / "README.md").read_text()
    assert "AdSEE" not in plain
    main([str(folder)])
    assert (folder / "README.md").read_text() == plain
    table.write_text(json.dumps(adsee_table()))
    main([str(folder), "--benchmark", str(table)])
    card = (folder / "README.md").read_text()
    row = "| C4: FC PN CL IE | 0.2500 | 0.250 | 0.250 | 0.250 | 0.250 (0.125 to 0.375) | 0.250 | -0.062 (0.125 to 0.375) |"
    assert f"{row}\n| *published* | 0.0135 | 0.594 | 0.486 | 0.467 | 0.338 | 0.230 | |" in card
    assert "| 0.250 |  |" in card  # a line is not compared with itself
    for part in (
        "simulated markets 1: no real clicks",
        "`adcreative benchmark adsee --market 1 --num 240 --seeds 5`",
        "Class labels: 2.5 a picture; most often web site (200).",
    ):
        assert part in card
    assert plain.splitlines()[-1] in card
    write_card(folder, predictor, measured, REASONS, "python -m data.make.model_card X")  # measured again: the table stays
    assert (folder / "README.md").read_text() == card
    assert max(map(len, card.splitlines())) < 400


def test_no_table_and_figures_of_another_model_are_refused(
    predictor: Predictor, measured: dict[str, Any], tmp_path: Path
) -> None:
    folder, table = tmp_path / "predictor", tmp_path / "adsee.json"
    predictor.save(folder)
    with pytest.raises(SystemExit, match=r"evaluation\.json holds no figures of the model that lies there; measure it with"):
        main([str(folder)])
    write_card(folder, predictor, measured, {}, "make")
    found = json.loads((folder / "evaluation.json").read_text())
    (folder / "evaluation.json").write_text(json.dumps({**found, "content_hash": "b" * 64}))
    with pytest.raises(SystemExit, match=r"evaluation\.json holds no figures of the model that lies there; measure it with"):
        main([str(folder)])
    before = (folder / "README.md").read_text()
    for content in ("{", "[]", json.dumps(adsee_table(lines=[{"name": "x"}]))):
        table.write_text(content)
        with pytest.raises(SystemExit, match=r"adsee\.json is no table of adcreative benchmark adsee .*; make it anew"):
            main([str(folder), "--benchmark", str(table)])
    assert (folder / "README.md").read_text() == before
