"""A frozen log of made-up impressions, described by a TOML file, with a grid of four settings."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

GRID = """
training: {batch_size: 256, max_epochs: 2, learning_rate: 0.01}
networks:
  linear: {}
  dnn: {hidden_dims: [[8]], dropout_prob: [0.0, 0.2]}
  dnn-wide: {of: dnn, hidden_dims: [16]}
"""


def make_rows(num: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    placement, style = rng.integers(0, 3, num), rng.integers(0, 6, num)
    effect = np.random.default_rng(1).normal(0, 1.5, (3, 6))
    click = rng.random(num) < 1 / (1 + np.exp(-effect[placement, style]))
    return pd.DataFrame(
        {
            "user": rng.integers(0, 60, num),
            "click": click.astype(int),
            "placement": [f"p{k}" for k in placement],
            "style": [f"s{k}" for k in style],
        }
    )


@pytest.fixture
def frozen(tmp_path: Path) -> Path:
    """Return data.toml; grid.yaml, train.parquet and test.parquet lie beside it."""
    sums = {}
    for name, num, seed in (("train.parquet", 900, 0), ("test.parquet", 400, 5)):
        make_rows(num, seed).to_parquet(tmp_path / name)
        sums[name] = hashlib.md5((tmp_path / name).read_bytes()).hexdigest()
    (tmp_path / "grid.yaml").write_text(GRID)
    (tmp_path / "data.toml").write_text(
        'id = "made-up"\ntrain = "train.parquet"\ntest = "test.parquet"\nembedding_dim = 4\n[md5]\n'
        + "".join(f'"{name}" = "{md5}"\n' for name, md5 in sums.items())
        + '[schema]\nlabel = "click"\nuser = "user"\ncategorical = ["placement", "style"]\n'
    )
    return tmp_path / "data.toml"
