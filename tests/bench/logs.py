"""Networks of the registry on a real impression log: one table, test rows read once after early stopping on validation rows.

    python -m tests.bench.logs ../shared/data/logs [NETWORK ...]

Frappe: the rows to learn from are split 9 : 1 by a seeded draw into training and validation; figures compare with nothing
published, since the published training rows are others. Every network has the same width, batch, rate and seed, hardly tuned.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from adcreative import pipeline
from adcreative.catalog.log_schema import LogSchema, render_schema

NETWORKS = ("linear", "fm", "dnn", "autoint", "fgcnn", "finalmlp", "adaptdhm", "optinter")
SETTINGS = {
    "linear": "", "fm": "", "adaptdhm": "hidden_dims = [400, 400]",
    "dnn": "hidden_dims = [400, 400, 400]\nbatch_norm = true\ndropout_prob = 0.2",
    "autoint": "attention_dim = 64\nnum_layers = 3\nnum_heads = 2", "optinter": "hidden_dims = [400, 400]",
    "finalmlp": "hidden_dims_1 = [400]\nhidden_dims_2 = [100]\nnum_heads = 5\nbatch_norm = true\ngate_dims = [400]\n"
    'context_1 = ["user"]\ncontext_2 = ["item"]\ndropout_prob_1 = 0.4\ndropout_prob_2 = 0.4',
    "fgcnn": "channels = [14, 16]\nkernel_heights = [7, 7]\npool_sizes = [2, 2]\nnew_maps = [3, 3]\nhidden_dims = [400, 400]",
}  # fmt: skip
TRAINING = "[inputs]\nembedding_dim = 10\n[training]\nbatch_size = 4096\nlearning_rate = 1e-3\nmax_epochs = 200\n"
REGULARIZER = {"finalmlp": 0.01, "dnn": 0.01, "autoint": 0.01, "fgcnn": 0.01}


def write_frappe(logs: Path, folder: Path) -> tuple[Path, Path]:
    """Write the log with a split column, and its schema; return both paths."""
    learnt, test = (pd.read_parquet(logs / f"frappe-{part}.parquet") for part in ("train", "test"))
    is_valid = np.random.default_rng(0).random(len(learnt)) < 0.1
    table = pd.concat([learnt.assign(split=np.where(is_valid, "valid", "train")), test.assign(split="test")])
    table.to_parquet(folder / "frappe.parquet")
    fields = tuple(name for name in learnt.columns if name != "label")
    (folder / "schema.toml").write_text(render_schema(LogSchema(label="label", split="split", categorical=fields)))
    return folder / "frappe.parquet", folder / "schema.toml"


def main(argv: Sequence[str]) -> None:
    logs, names = Path(argv[0]), argv[1:] or NETWORKS
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        log, schema = write_frappe(logs, folder)
        for name in names:
            settings = folder / f"{name}.toml"
            penalty = f"embedding_regularizer = {REGULARIZER.get(name, 1e-5)}\n"
            settings.write_text(f"{TRAINING}{penalty}[network]\n{SETTINGS[name]}\n")
            started_s = time.perf_counter()
            found = pipeline.train_log(log, folder / name, schema=schema, network=name, settings=settings, seed=0)
            line = {"network": name, "seconds": round(time.perf_counter() - started_s, 1)}
            print(json.dumps(line | {role: _rounded(one) for role, one in found.metrics.items()}), flush=True)


def _rounded(figures: dict[str, float | None]) -> dict[str, float | None]:
    return {name: None if value is None else round(value, 5) for name, value in figures.items()}


if __name__ == "__main__":
    main(sys.argv[1:])
