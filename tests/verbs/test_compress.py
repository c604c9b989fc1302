"""compress from a trained model of made-up impressions: every method ends in a model that loads, scores and is measured."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from typer.testing import CliRunner

from adcreative import pipeline
from adcreative.artifacts import load_artifact
from adcreative.cli.app import app
from adcreative.ctr.card import LOG_KIND
from adcreative.ctr.inputs.log_encoding import LogRows
from adcreative.ctr.inputs.small_tables import build_structure, read_structure
from adcreative.ctr.log_network import LogModel
from adcreative.errors import ArtifactError, CatalogError, ConfigError, TrainingError
from adcreative.papers.compression.methods import ALL_METHODS
from tests.verbs.test_train_log import QUICK, SCHEMA, make_log

SETTINGS = {
    "values": "[values]\nepochs = 2\nstrength = 0.3",
    "dims": "[dims]\nepochs = 1\nbudget = 0.5",
    "rows-dims": "[rows-dims]\nepochs = 1\nnum_generations = 2",
    "hash": "[hash]\nbudget = 0.9",
    "int8": "[int8]\nmin_numbers = 64",
    "low-rank": "[low-rank]\nbudget = 0.6",
    "distil": "[distil]\nepochs = 12\nhidden_dims = [8]",
}
TUNING = "\n[tuning]\nepochs = 1\nbatch_size = 256\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of 4,000 impressions and a DNN trained on it."""
    folder = tmp_path_factory.mktemp("log")
    make_log(4000).assign(style_history=None).drop(columns="style_history").to_parquet(folder / "log.parquet")
    (folder / "schema.toml").write_text("\n".join(SCHEMA.split("[sequences]")[0].splitlines()))
    (folder / "quick.toml").write_text(QUICK + "[network]\nhidden_dims = [32, 32]\n")
    pipeline.train_log(
        folder / "log.parquet", folder / "model", schema=folder / "schema.toml", network="dnn", settings=folder / "quick.toml"
    )
    return folder


def shrink(folder: Path, out: Path, method: str, **options: Any) -> Any:
    settings = out.with_suffix(".toml")
    settings.write_text("\n".join(SETTINGS[name] for name in method.split(",")) + TUNING)
    return pipeline.compress(folder / "model", folder / "log.parquet", out, method=method, settings=settings, **options)


@pytest.mark.parametrize("method", [*ALL_METHODS, "values,hash,low-rank", "low-rank,int8"])
def test_what_is_written_loads_scores_and_is_measured(method: str, folder: Path, tmp_path: Path) -> None:
    summary = shrink(folder, tmp_path / "small", method)
    report = json.loads((tmp_path / "small" / "compression.json").read_text())
    assert [point["name"] for point in report["points"]] == ["before", *method.split(",")]
    assert report["points"][0]["against_before"]["auc"]["difference"] == 0
    assert report["recommendation"] == summary.recommendation
    assert summary.done == len(method.split(","))
    loaded = LogModel.load(tmp_path / "small")
    assert [step["method"] for step in loaded.made_smaller] == method.split(",")
    assert report["points"][-1]["numbers"] < report["points"][0]["numbers"]
    page = (tmp_path / "small" / "compression.html").read_text()
    assert summary.recommendation.split("(")[0] in page
    assert "http" not in page.replace("http-equiv", "").replace("http://www.w3.org", "")
    pipeline.score_log(folder / "log.parquet", tmp_path / "scores.csv", model=tmp_path / "small")
    assert len(pd.read_csv(tmp_path / "scores.csv")) == 4000
    found = pipeline.evaluate_log(folder / "log.parquet", tmp_path / "figures.json", model=tmp_path / "small")
    assert found["auc"] > 0.5
    again = LogModel.load(tmp_path / "small")
    again.save(tmp_path / "again")
    for name in ("manifest.json", "model.safetensors", "tensors.safetensors"):
        if (tmp_path / "again" / name).is_file():
            assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "small" / name).read_bytes()


def test_a_small_model_is_explained_folded_and_exported(folder: Path, tmp_path: Path) -> None:
    """The log's network is plain, so every kind of small table is tried; tables of low rank and factored layers too."""
    shrink(folder, tmp_path / "small", "values,hash,low-rank")
    model = LogModel.load(tmp_path / "small")
    rows = model.encoding.encode(pd.read_parquet(folder / "log.parquet")[:300])
    np.testing.assert_allclose(model.fold().predict(rows)["ctr"], model.predict(rows)["ctr"], rtol=1e-5, atol=1e-6)
    assert read_structure(model.fold().network) == read_structure(model.network)
    pipeline.explain_log(folder / "log.parquet", tmp_path / "why", model=tmp_path / "small")
    assert (tmp_path / "why" / "explanation.json").is_file()
    exported = pipeline.export_model(tmp_path / "small", tmp_path / "small.onnx")
    assert exported.difference < 1e-5


def test_one_seed_gives_one_model(folder: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        shrink(folder, tmp_path / name, "values,low-rank", seed=3)
    states = [LogModel.load(tmp_path / name).content_hash for name in ("a", "b")]
    assert len(set(states)) == 1
    shrink(folder, tmp_path / "d", "values,low-rank", seed=4)
    assert LogModel.load(tmp_path / "d").content_hash != states[0]


def test_from_the_command_line(folder: Path, tmp_path: Path) -> None:
    arguments = ["compress", str(folder / "model"), "--data", str(folder / "log.parquet"), "--out", str(tmp_path / "small")]
    result = CliRunner().invoke(app, [*arguments, "--method", "low-rank", "--budget", "0.5"])
    assert result.exit_code == 0, result.output
    assert "before: " in result.output
    assert "AUC changed by" in result.output
    refused = CliRunner().invoke(app, [*arguments, "--method", "low-rank"])
    assert refused.exit_code == 2
    assert "holds a model" in refused.output


REFUSALS: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "method": ({"method": "low-rnk"}, ConfigError, 'no method "low-rnk". Did you mean "low-rank"'),
    "twice": ({"method": "hash,hash"}, ConfigError, "name each method once"),
    "budget": ({"method": "values", "budget": 0.5}, ConfigError, "decide by themselves how much is left"),
    "too small a budget": ({"method": "low-rank", "budget": 0.001}, ConfigError, "a budget of 0.001 cannot be met"),
    "int8 before others": ({"method": "int8,low-rank"}, ConfigError, "so it comes last"),
    "impossible budget": ({"method": "hash", "budget": 1.5}, ConfigError, "budget must be in"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_what_does_not_fit_is_one_sentence_and_nothing_is_written(name: str, folder: Path, tmp_path: Path) -> None:
    options, error, message = REFUSALS[name]
    with pytest.raises(error, match=message):
        pipeline.compress(folder / "model", folder / "log.parquet", tmp_path / "small", **options)
    assert not (tmp_path / "small").exists()


def test_other_data_and_too_few_rows_are_said(folder: Path, tmp_path: Path) -> None:
    table = pd.read_parquet(folder / "log.parquet")
    table.assign(style=[f"other{k}" for k in range(len(table))]).to_parquet(tmp_path / "other.parquet")
    table[:60].to_parquet(tmp_path / "few.parquet")
    table.drop(columns="style").to_parquet(tmp_path / "lacks.parquet")
    for log, error, message in (
        ("other", ConfigError, 'of the values of "style" are unknown to the model: it was trained on other data'),
        ("few", TrainingError, "an interval needs 200"),
        ("lacks", ConfigError, 'no column "style"'),
    ):
        with pytest.raises(error, match=message):
            pipeline.compress(folder / "model", tmp_path / f"{log}.parquet", tmp_path / "small", method="low-rank")
    with pytest.raises(ArtifactError, match="no log model in"):
        pipeline.compress(tmp_path, folder / "log.parquet", tmp_path / "small", method="low-rank")
    with pytest.raises(CatalogError, match="holds a model"):
        pipeline.compress(folder / "model", folder / "log.parquet", folder / "model", method="low-rank")
    (tmp_path / "wrong.toml").write_text("[lowrank]\nbudget = 0.5\n")
    with pytest.raises(ConfigError, match=r'has a section "lowrank" that no method here reads\. Did you mean "low-rank"'):
        pipeline.compress(
            folder / "model", folder / "log.parquet", tmp_path / "small", method="low-rank", settings=tmp_path / "wrong.toml"
        )


def test_a_stop_writes_nothing(folder: Path, tmp_path: Path) -> None:
    asked = iter(range(10**6))
    summary = shrink(folder, tmp_path / "small", "low-rank", should_stop=lambda: next(asked) > 3)
    assert summary.stopped
    assert not (tmp_path / "small").exists()


def test_eight_bits_are_a_quarter_on_disk_and_read_back_bit_for_bit(folder: Path, tmp_path: Path) -> None:
    shrink(folder, tmp_path / "small", "int8")
    small, before = LogModel.load(tmp_path / "small"), LogModel.load(folder / "model")
    (step,) = small.made_smaller
    assert step["largest_error"] < 0.5 / 127 + 1e-3
    stored = load_artifact(tmp_path / "small", kind=LOG_KIND, formats=(1,)).tensors
    sizes = [
        sum(one.nbytes for one in values if one.ndim == 2) for values in (stored.values(), before.network.state_dict().values())
    ]
    assert sizes[0] < 0.45 * sizes[1]  # scales, and tensors of fewer than 64 numbers, stay float32
    replace(small, metrics={}).save(tmp_path / "again")
    again = LogModel.load(tmp_path / "again").network.state_dict()
    assert all(torch.equal(values, again[name]) for name, values in small.network.state_dict().items())
    assert any(not torch.equal(values, again[name]) for name, values in before.network.state_dict().items())


def test_the_report_says_what_memory_scoring_takes(folder: Path, tmp_path: Path) -> None:
    summary = shrink(folder, tmp_path / "small", "distil")
    before, after = summary.points
    activations = before["peak_bytes"] - before["weight_bytes"]
    assert activations >= 4096 * (32 + 32) * 4  # two hidden layers of 32 are alive together
    assert activations < 4096 * 32 * 4 * 40
    assert after["peak_bytes"] < before["peak_bytes"]


def test_a_damaged_structure_is_refused(folder: Path, tmp_path: Path) -> None:
    shrink(folder, tmp_path / "small", "hash,low-rank")
    model = LogModel.load(tmp_path / "small")
    structure = read_structure(model.network)
    assert structure["tables"]
    assert structure["layers"]
    plain = LogModel.load(folder / "model").network
    for wrong in (
        {"tables": {"nowhere/style": next(iter(structure["tables"].values()))}},
        {"layers": {"network.head": 5}},
        {"tables": {key: {**one, "num_rows": 0} for key, one in structure["tables"].items()}},
    ):
        with pytest.raises(ConfigError):
            build_structure(plain, wrong)
    places = next(one for name, one in model.network.state_dict().items() if name.endswith("places"))
    places.fill_(10**6)
    model.save(tmp_path / "broken")
    with pytest.raises(ArtifactError, match="names rows that it does not have"):
        LogModel.load(tmp_path / "broken")


def test_the_model_before_is_left_as_it_was(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "model", tmp_path / "model")
    before = {path.name: path.read_bytes() for path in (folder / "model").iterdir()}
    shrink(folder, tmp_path / "small", "dims")
    assert {path.name: path.read_bytes() for path in (folder / "model").iterdir()} == before
    rows = LogModel.load(folder / "model").encoding.encode(pd.read_parquet(folder / "log.parquet")[:50])
    assert isinstance(rows, LogRows)
    assert np.isfinite(LogModel.load(tmp_path / "small").predict(rows)["ctr"]).all()
