"""select: values and pairs as tables, and a schema that can be trained with as it is."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from adcreative import pipeline
from adcreative.catalog.log_schema import load_schema
from adcreative.ctr.log_network import LogModel
from adcreative.errors import ArtifactError
from tests.verbs.test_train_log import QUICK

SCHEMA = 'label = "click"\ncategorical = ["a", "b", "noise"]\n'


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Clicks hang on the pair (a, b) and on nothing else; a factorisation machine trained on them."""
    folder, rng, num = tmp_path_factory.mktemp("log"), np.random.default_rng(0), 16_000
    a, b, noise = rng.integers(0, 12, num), rng.integers(0, 12, num), rng.integers(0, 300, num)
    effect = np.random.default_rng(1).normal(0, 2.0, (12, 12))
    click = rng.random(num) < 1 / (1 + np.exp(-effect[a, b]))
    columns = {"a": [f"a{k}" for k in a], "b": [f"b{k}" for k in b], "noise": [f"n{k}" for k in noise]}
    pd.DataFrame({"click": click.astype(int), **columns}).to_parquet(folder / "log.parquet")
    (folder / "schema.toml").write_text(SCHEMA)
    (folder / "quick.toml").write_text(QUICK.replace("max_epochs = 5", "max_epochs = 3"))
    pipeline.train_log(
        folder / "log.parquet", folder / "model", schema=folder / "schema.toml", network="fm", settings=folder / "quick.toml"
    )
    return folder


@pytest.mark.slow
def test_the_pair_that_matters_is_kept_noise_goes_and_the_schema_trains(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "values.toml").write_text("[values]\nepochs = 4\nstrength = 0.15\n[tuning]\nepochs = 0\nbatch_size = 256\n")
    summary = pipeline.select(folder / "model", folder / "log.parquet", tmp_path / "out", settings=tmp_path / "values.toml")
    values = pd.read_csv(tmp_path / "out" / "values.csv")
    shares = values.groupby("field")["kept"].mean()
    assert shares["noise"] < 0.3 < 0.8 < min(shares["a"], shares["b"]), shares
    assert values.groupby("field")["seen"].sum()["a"] == values.groupby("field")["seen"].sum()["b"]
    pairs = pd.read_csv(tmp_path / "out" / "pairs.csv").set_index(["first", "second"])["choice"]
    assert len(pairs) == 3
    assert pairs["a", "b"] in ("memorise", "factorise")
    assert pairs["a", "noise"] in ("noise", "drop")
    assert pairs["b", "noise"] in ("noise", "drop")
    assert f"a x b: {pairs['a', 'b']}" in summary.lines
    chosen = load_schema(tmp_path / "out" / "schema.toml")
    assert chosen.label == "click"
    assert {"a", "b"} <= set(chosen.categorical)
    listed = tomllib.loads((tmp_path / "out" / "optinter.toml").read_text())["network"]["choices"]
    assert listed == [pairs["a", "b"], *["drop"] * (2 if "noise" in chosen.categorical else 0)]
    settings = (tmp_path / "out" / "optinter.toml").read_text() + "[training]\nmax_epochs = 1\nbatch_size = 256\n"
    (tmp_path / "train.toml").write_text(settings)
    pipeline.train_log(
        folder / "log.parquet",
        tmp_path / "again",
        schema=tmp_path / "out" / "schema.toml",
        network="optinter",
        settings=tmp_path / "train.toml",
    )
    assert LogModel.load(tmp_path / "again").config.choices[0] == pairs["a", "b"]


def test_what_is_no_model_of_a_log_is_refused_and_a_stop_writes_nothing(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="no log model in"):
        pipeline.select(tmp_path, folder / "log.parquet", tmp_path / "out")
    asked = iter(range(10**6))
    stopped = pipeline.select(folder / "model", folder / "log.parquet", tmp_path / "out", should_stop=lambda: next(asked) > 2)
    assert stopped.stopped
    assert not list((tmp_path / "out").glob("*.csv"))
