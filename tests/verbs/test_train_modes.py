"""From the command line: one AdaptDHM over a log of three modes whose clicks hang on opposite signs, with no mode named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from adcreative.cli.app import app
from adcreative.ctr.log_network import LogModel
from adcreative.metrics.binary import area_under_curve

NUM = 20_000
SCHEMA = 'label = "click"\nsplit = "split"\ncategorical = ["site"]\nvectors = ["picture"]\n'
SETTINGS = """
[inputs]
embedding_dim = 8
[training]
batch_size = 512
max_epochs = 12
learning_rate = 0.01
[network]
num_clusters = {}
hidden_dims = []
"""


def make_modes() -> pd.DataFrame:
    """Three dense blobs of unequal share around a common mean; two numbers count, with signs that hang on the blob."""
    rng = np.random.default_rng(0)
    centres = np.random.default_rng(7).normal(size=(3, 8))
    centres *= 6 / np.linalg.norm(centres, axis=1, keepdims=True)
    mode, own = rng.choice(3, NUM, p=[0.25, 0.35, 0.4]), rng.normal(size=(NUM, 8))
    signs = np.array([[1, 1], [-1, 1], [1, -1]])[mode]
    logit = (own[:, :2] * signs * [1.5, 0.8]).sum(axis=1)
    part = np.arange(NUM) / NUM
    return pd.DataFrame(
        {
            "click": (rng.random(NUM) < 1 / (1 + np.exp(-logit))).astype(int),
            "mode": [f"m{k}" for k in mode],
            "picture": list((4 + centres[mode] + own).tolist()),
            "site": [f"s{k}" for k in rng.integers(0, 20, NUM)],
            "split": np.where(part < 0.7, "train", np.where(part < 0.8, "valid", "test")),
        }
    )


@pytest.mark.planted
def test_clusters_serve_modes_that_nobody_named(tmp_path: Path) -> None:
    log = make_modes()
    log.to_parquet(tmp_path / "log.parquet")
    (tmp_path / "schema.toml").write_text(SCHEMA)
    (tmp_path / "told.toml").write_text(SCHEMA + 'domain = "mode"\n')
    test = log[log["split"] == "test"].reset_index(drop=True)
    found: dict[str, float] = {}
    for name, num_clusters, schema in (("one", 1, "schema"), ("three", 3, "schema"), ("told", 3, "told")):
        (tmp_path / "settings.toml").write_text(SETTINGS.format(num_clusters))
        words = [
            "train",
            str(tmp_path / "log.parquet"),
            "--out",
            str(tmp_path / name),
            "--network",
            "adaptdhm",
            "--schema",
            str(tmp_path / f"{schema}.toml"),
            "--settings",
            str(tmp_path / "settings.toml"),
        ]
        done = CliRunner().invoke(app, words)
        assert done.exit_code == 0, done.output
        model = LogModel.load(tmp_path / name)
        found[name] = area_under_curve(test["click"].to_numpy(), model.predict(model.encoding.encode(test))["ctr"])
    assert found["three"] > found["told"] - 0.02, found
    assert found["three"] > found["one"] + 0.1, found
