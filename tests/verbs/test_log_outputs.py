"""The verbs on impression logs destroy nothing: neither the log that is read nor files of others where they write."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from adcreative import pipeline
from adcreative.artifacts import save_artifact
from adcreative.errors import AdCreativeError, ArtifactError, CatalogError, ConfigError
from tests.verbs.test_train_log import QUICK, SCHEMA, make_log

Verb = Callable[[Path], object]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    at = tmp_path_factory.mktemp("trained")
    make_log(1500).drop(columns="style_history").to_parquet(at / "log.parquet")
    (at / "schema.toml").write_text(SCHEMA.split("[sequences]")[0])
    (at / "quick.toml").write_text(QUICK)
    pipeline.train_log(
        at / "log.parquet", at / "model", schema=at / "schema.toml", network="linear", settings=at / "quick.toml"
    )
    return at


@pytest.fixture
def place(trained: Path, tmp_path: Path) -> Path:
    """A log as a file and as a folder, a model, and files of others under names that a verb writes."""
    for name in ("log.parquet", "logs/one.parquet"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes((trained / "log.parquet").read_bytes())
    (tmp_path / "schema.toml").write_text((trained / "schema.toml").read_text())
    (tmp_path / "quick.toml").write_text(QUICK)
    manifest = {"kind": "log model", "file": f"model-{16 * '0'}.safetensors"}
    (tmp_path / "described").mkdir()
    (tmp_path / "described" / "manifest.json").write_text(json.dumps(manifest))  # read as FuxiCTR's feature_map.json
    (tmp_path / "described" / manifest["file"]).write_text(QUICK)
    os.symlink(trained / "model", tmp_path / "model")
    for name in ("mine.csv", "mine.json", "small/compression.json", "chosen/optinter.toml", "why/explanation.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("mine")
    return tmp_path


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _with_model(verb: Callable[..., object], log: str, out: str, **options: Any) -> Verb:
    return lambda at: verb(at / log, at / out, model=at / "model", **options)


def _compress(at: Path) -> object:
    return pipeline.compress(at / "model", at / "log.parquet", at / "small", method="hash")


def _select(at: Path) -> object:
    settings = at / "chosen" / "optinter.toml"
    return pipeline.select(at / "model", at / "log.parquet", at / "chosen", settings=settings, restart=True)


VERBS: dict[str, Verb] = {
    "score over its log": _with_model(pipeline.score_log, "log.parquet", "log.parquet", restart=True),
    "score over a part of its log": _with_model(pipeline.score_log, "logs", "logs/one.parquet", restart=True),
    "score into the folder that is the log": _with_model(pipeline.score_log, "logs", "logs/scores.csv"),
    "score, foreign": _with_model(pipeline.score_log, "log.parquet", "mine.csv"),
    "evaluate over its log": _with_model(pipeline.evaluate_log, "log.parquet", "log.parquet", restart=True),
    "evaluate, foreign": _with_model(pipeline.evaluate_log, "log.parquet", "mine.json"),
    "explain, foreign": _with_model(pipeline.explain_log, "log.parquet", "why"),
    "train over its settings, named as weights are": lambda at: pipeline.train_log(
        at / "log.parquet",
        at / "described",
        schema=at / "schema.toml",
        network="linear",
        settings=at / "described" / f"model-{16 * '0'}.safetensors",
        restart=True,
    ),
    "train over its schema": lambda at: pipeline.train_log(
        at / "log.parquet", at / "described", schema=at / "described" / "manifest.json", network="linear", restart=True
    ),
    "a schema that is there": lambda at: pipeline.inspect_log(at / "log.parquet", at / "schema.toml"),
    "compress, foreign report": _compress,
    "select over its settings": _select,
}


@pytest.mark.parametrize("name", VERBS)
def test_no_verb_on_a_log_writes_over_what_is_not_its_own(name: str, place: Path) -> None:
    before = contents(place)
    with pytest.raises(AdCreativeError, match=r"is what is read|is there already|exists; |would become a part of the log"):
        VERBS[name](place)
    assert contents(place) == before


@pytest.mark.parametrize("verb", ["train", "compress"])
def test_a_folder_of_another_model_is_refused_before_the_work(verb: str, place: Path) -> None:
    save_artifact(place / "other", kind="predictor", format_version=4, tensors={"w": np.ones(2)}, notes={})
    before = contents(place / "other")
    options: dict[str, Any] = {"out": place / "other", "restart": True}
    log = place / "log.parquet"
    calls: dict[str, Callable[[], object]] = {
        "train": lambda: pipeline.train_log(log, schema=place / "schema.toml", network="linear", **options),
        "compress": lambda: pipeline.compress(place / "model", log, method="hash", **options),
    }
    with pytest.raises(ArtifactError, match=r"holds a predictor; save the log model into another folder"):
        calls[verb]()
    assert contents(place / "other") == before


def test_what_a_verb_on_a_log_wrote_it_writes_anew(place: Path) -> None:
    for _ in range(2):
        pipeline.score_log(place / "log.parquet", place / "s.csv", model=place / "model")
        pipeline.evaluate_log(place / "log.parquet", place / "m.json", model=place / "model")
    assert len((place / "s.csv").read_text().splitlines()) == 1501
    assert json.loads((place / "m.json").read_text())["num_rows"] == 1500


@pytest.mark.parametrize("kind", ["the log itself", "a file of others", "a link"])
def test_training_removes_only_its_own_state(kind: str, place: Path) -> None:
    """A killed training goes on from OUT/training; a folder of that name that somebody else filled is not it."""
    out, log = place / "project", place / "log.parquet"
    out.mkdir()
    if kind == "the log itself":
        (out / "training").mkdir()
        log = log.rename(out / "training" / "log.parquet")
    elif kind == "a file of others":
        (out / "training" / "search").mkdir(parents=True)
        (out / "training" / "search" / "notes.txt").write_text("mine")
    else:
        (place / "elsewhere").mkdir()
        os.symlink(place / "elsewhere", out / "training")
    before = contents(place)
    with pytest.raises(CatalogError, match="which no training wrote; choose another --out"):
        pipeline.train_log(log, out, schema=place / "schema.toml", network="linear", settings=place / "quick.toml")
    assert contents(place) == before


def test_of_a_stopped_training_nothing_is_left_once_it_ended(place: Path) -> None:
    stops = iter([False] * 3 + [True] * 1000)
    options: dict[str, Any] = {"schema": place / "schema.toml", "network": "linear", "settings": place / "quick.toml"}
    out = place / "project"
    assert pipeline.train_log(place / "log.parquet", out, **options, should_stop=lambda: next(stops)).stopped
    assert (out / "training").is_dir()
    assert not pipeline.train_log(place / "log.parquet", out, **options).stopped
    assert not (out / "training").exists()


def test_figures_that_are_no_number_are_null(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """NaN is no JSON: other programs refuse the whole file."""
    from adcreative.ctr.training import log_training

    monkeypatch.setattr(
        log_training, "measure_parts", lambda parts: {"auc": float("nan"), "ece": float("inf"), "predicted_over_observed": 1.0}
    )
    pipeline.evaluate_log(place / "log.parquet", place / "m.json", model=place / "model")
    found = json.loads((place / "m.json").read_text(), parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert (found["auc"], found["ece"]) == (None, None)


def test_clicks_that_are_much_rarer_than_those_learnt_from_are_said(place: Path) -> None:
    log = pd.read_parquet(place / "log.parquet")
    assert pipeline.evaluate_log(place / "log.parquet", place / "m.json", model=place / "model")["note"] == ""
    clicked = log.index[log["click"] > 0]
    log.drop(clicked[: int(0.8 * len(clicked))]).to_parquet(place / "rare.parquet")
    note = pipeline.evaluate_log(place / "rare.parquet", place / "rare.json", model=place / "model")["note"]
    assert re.match(r"the model expects [2-9][.\d]* times the clicks of these rows \(\d+\.\d\d% were clicked\)", note)


def test_a_model_is_not_written_over_by_its_smaller_one(place: Path) -> None:
    with pytest.raises(ConfigError, match="is the model that is to be compressed"):
        pipeline.compress(place / "model", place / "log.parquet", place / "model", method="hash", restart=True)
