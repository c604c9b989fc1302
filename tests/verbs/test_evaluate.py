"""The verb evaluate on planted features: what it writes, what it refuses, and how it stops."""

from __future__ import annotations

import copy
import csv
import json
import os
import signal
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from adcreative import pipeline
from adcreative.catalog.tables import write_rows
from adcreative.cli.app import app
from adcreative.creative import Creative
from adcreative.ctr.calibration import Calibrator
from adcreative.ctr.predictor import Predictor
from adcreative.errors import CatalogError, CreativeError
from adcreative.verbs import loading as tools
from data.make.predictor_fitting import fit_predictor
from tests.ctr.conftest import SMALL
from tests.ctr.planted import PlantedWorld, plant_tests

COLUMNS = ("headline", "test_id", "platform", "impressions", "clicks")


@pytest.fixture(scope="module")
def tests_world() -> PlantedWorld:
    return plant_tests(60, seed=5)


@pytest.fixture(scope="module")
def words_predictor(tests_world: PlantedWorld) -> Predictor:
    learnt = plant_tests(60, seed=2)
    return fit_predictor(learnt.creatives, learnt.features, SMALL, seed=0)


@pytest.fixture(autouse=True)
def _planted(monkeypatch: pytest.MonkeyPatch, tests_world: PlantedWorld, words_predictor: Predictor) -> None:
    by_headline = {c.headline: f for c, f in zip(tests_world.creatives, tests_world.features, strict=True)}

    def extract(creatives: Sequence[Creative]) -> list[object]:
        return [by_headline.get(c.headline, CreativeError("It is broken.", "Mend it.")) for c in creatives]

    extractor: Any = SimpleNamespace(extract=extract, read_ahead=list)
    monkeypatch.setattr(tools, "load_scorer", lambda *_, **__: (extractor, words_predictor))


@pytest.fixture
def table_path(tests_world: PlantedWorld, tmp_path: Path) -> Path:
    rows = [{name: getattr(c, name) for name in COLUMNS} for c in tests_world.creatives]
    write_rows(tmp_path / "tests.csv", rows, COLUMNS)
    return tmp_path / "tests.csv"


def test_it_prints_and_writes_all_figures_with_intervals_and_a_picture(table_path: Path, tmp_path: Path) -> None:
    out = tmp_path / "out" / "metrics.json"
    result = CliRunner().invoke(app, ["evaluate", str(table_path), "--out", str(out)])
    assert result.exit_code == 0, result.output
    printed = json.loads(result.stdout)
    assert printed == json.loads(out.read_text())
    for name in ("log_loss", "brier", "ece", "pairwise_accuracy", "spearman", "coverage"):
        assert len(printed["intervals"][name]) == 2, name
    assert printed["n"] == 240
    assert len(printed["deciles"]) == 10
    assert f"{printed['verdict']}: {out}" in result.stderr
    with Image.open(tmp_path / "out" / "metrics.png") as picture:
        assert picture.format == "PNG"
    assert sorted(path.name for path in out.parent.iterdir()) == [
        ".adcreative.json",
        "metrics.csv",
        "metrics.failures.csv",
        "metrics.json",
        "metrics.png",
    ]
    with (out.parent / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 240
    assert {row["grade"] for row in rows} <= {"measured", "extrapolated"}
    assert np.mean([float(row["covered"]) for row in rows]) == pytest.approx(printed["coverage"], abs=1e-3)
    assert sum(printed["evidence"]["rows"].values()) == 240
    assert set(printed["drift"]) == {"words", "context"}


def test_stopped_by_ctrl_c_is_exit_code_130_and_leaves_nothing(
    table_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(creatives: Sequence[Creative]) -> list[object]:
        os.kill(os.getpid(), signal.SIGINT)
        return [CreativeError("It is broken.", "Mend it.") for _ in creatives]

    _, predictor = tools.load_scorer()
    monkeypatch.setattr(tools, "load_scorer", lambda *_, **__: (SimpleNamespace(extract=interrupt), predictor))
    result = CliRunner().invoke(app, ["evaluate", str(table_path), "--out", str(tmp_path / "out" / "metrics.json")])
    assert result.exit_code == 130
    assert "nothing was written" in result.output
    assert not (tmp_path / "out").exists()


def test_a_folder_in_the_way_and_nothing_readable_are_one_sentence(table_path: Path, tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match=r"is a folder; name the file to write"):
        pipeline.evaluate(table_path, tmp_path)
    write_rows(
        tmp_path / "odd.csv", [{"headline": "unknown", "impressions": 100, "clicks": 1}], ("headline", "impressions", "clicks")
    )
    with pytest.raises(CatalogError, match=r"none of the 1 creatives with results could be read; .*failures\.csv says why"):
        pipeline.evaluate(tmp_path / "odd.csv", tmp_path / "out" / "m.json")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [".adcreative.json", "m.failures.csv"]


def test_creatives_that_cannot_be_read_are_listed_and_the_rest_is_measured(table_path: Path, tmp_path: Path) -> None:
    with table_path.open("a") as file:
        file.write("unknown words,t0,upworthy,3000,30\n")
    metrics = pipeline.evaluate(table_path, tmp_path / "out" / "m.json")
    assert metrics["n"] == 240
    assert "It is broken." in (tmp_path / "out" / "m.failures.csv").read_text()


def test_tests_of_one_arm_are_said_in_a_sentence(tests_world: PlantedWorld, tmp_path: Path) -> None:
    rows = [{name: getattr(c, name) for name in COLUMNS} for c in tests_world.creatives[::4]]
    write_rows(tmp_path / "tests.csv", rows, COLUMNS)
    result = CliRunner().invoke(app, ["evaluate", str(tmp_path / "tests.csv"), "--out", str(tmp_path / "m.json")])
    assert result.exit_code == 0, result.output
    said = "none of the 60 tests has two arms: no order within tests can be told. Give all arms of one the same test_id."
    assert said in result.stderr.splitlines()
    written = json.loads((tmp_path / "m.json").read_text())
    assert written["gaps"] == [said]
    assert written["pairwise_accuracy"] is None


def test_score_says_not_enough_data_in_place_of_a_number(
    table_path: Path, tmp_path: Path, words_predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only where the held-out check failed: with skill the same table has numbers."""
    pipeline.score(table_path, tmp_path / "known.csv")
    with (tmp_path / "known.csv").open() as file:
        assert all(0 < float(row["ctr"]) < 1 for row in csv.DictReader(file))
    blind = copy.copy(words_predictor)
    blind.calibrator = Calibrator(tuple(replace(one, skill=-0.01) for one in words_predictor.calibrator.domains))
    extractor, _ = tools.load_scorer()
    monkeypatch.setattr(tools, "load_scorer", lambda *_, **__: (extractor, blind))
    pipeline.score(table_path, tmp_path / "scores.csv")
    with (tmp_path / "scores.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {(row["ctr"], row["ctr_low"], row["ctr_high"]) for row in rows} == {("not enough data", "", "")}
    assert all("did no better than the mean rate" in row["evidence"] for row in rows)
