"""What each way of making a model of a log smaller costs: size, speed, AUC, on rows held back.

    python -m tests.bench.compression ../shared/data/logs ["low-rank 0.25" "distil" ...]    Frappe, one network of three layers
    python -m tests.bench.compression ../shared/data/logs --small "dims 0.25" "hash 0.25"   two small layers
    python -m tests.bench.compression --histories    students of DIN, QIN and SDIM on a planted log with histories

Without a log (`make bench BENCH="compression"`) made-up impressions are used. Only ratios of speeds mean anything.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from torch import nn

from adcreative import pipeline
from adcreative.catalog.log_schema import LogSchema, render_schema
from adcreative.ctr.compression.distillation import DistilConfig, compress_distil
from tests.ctr.compression.worlds import held_auc, planted_histories, trained
from tests.verbs.test_train_log import make_log

METHODS = (
    "low-rank 0.25",
    "low-rank 0.15",
    "low-rank,int8 0.25",
    "int8",
    "distil",
    "rows-dims",
    "rows-dims,low-rank 0.15",
    "hash 0.25",
    "dims 0.25",
    "values",
)
FRAPPE = (
    "[training]\nembedding_regularizer = 1e-4\nmax_epochs = 12\n[network]\nhidden_dims = [400, 400, 400]\ndropout_prob = 0.2\n"
)
SMALL = "[training]\nembedding_regularizer = 1e-4\nmax_epochs = 3\nbatch_size = 2048\n[network]\nhidden_dims = [64, 64]\n"
SCHEMA = 'label = "click"\nuser = "user_id"\ncategorical = ["placement", "style"]\nnumeric = ["bid"]\n'


def write_frappe(logs: Path, folder: Path) -> tuple[Path, Path]:
    """Write the log with a split column, and its schema; return both paths."""
    learnt, test = (pd.read_parquet(logs / f"frappe-{part}.parquet") for part in ("train", "test"))
    is_valid = np.random.default_rng(0).random(len(learnt)) < 0.1
    table = pd.concat([learnt.assign(split=np.where(is_valid, "valid", "train")), test.assign(split="test")])
    table.to_parquet(folder / "frappe.parquet")
    fields = tuple(name for name in learnt.columns if name != "label")
    (folder / "schema.toml").write_text(render_schema(LogSchema(label="label", split="split", categorical=fields)))
    return folder / "frappe.parquet", folder / "schema.toml"


def compression_figures(num: int = 60_000, methods: Sequence[str] = ("low-rank 0.25", "distil")) -> dict[str, Any]:
    """Return size, speed and AUC ratios of each method on made-up impressions."""
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        table: pd.DataFrame = make_log(num)
        table[["user_id", "click", "placement", "style", "bid"]].to_parquet(folder / "log.parquet")
        (folder / "schema.toml").write_text(SCHEMA)
        settings = FRAPPE.replace("max_epochs = 12", "max_epochs = 2").replace("400", "128")
        for method, line in compare(folder / "log.parquet", folder / "schema.toml", settings, methods, folder):
            found |= {f"compression {method}: {name}": value for name, value in line.items()}
    return found


def compare(log: Path, schema: Path, settings: str, methods: Sequence[str], folder: Path) -> Any:
    """Train once, and yield each method with what it gave against the model before."""
    (folder / "settings.toml").write_text(settings)
    pipeline.train_log(log, folder / "model", schema=schema, network="dnn", settings=folder / "settings.toml")
    for number, method in enumerate(methods):
        name, _, budget = method.partition(" ")
        done = pipeline.compress(folder / "model", log, folder / f"small{number}", method=name, budget=float(budget or 0))
        before, after = done.points[0], done.points[-1]
        compared = after["against_before"]["auc"]
        yield (
            method,
            {
                "numbers over": round(after["numbers"] / before["numbers"], 4),
                "bytes on disk, times smaller": round(before["disk_bytes"] / after["disk_bytes"], 2),
                "rows a second, times": round(after["rows_per_s"] / before["rows_per_s"], 2),
                "auc": round(after["auc"], 4),
                "auc difference": [round(compared[name], 4) for name in ("difference", "low", "high")],
            },
        )


def history_figures(num: int = 40_000) -> Any:
    """Yield the AUC of teachers that read histories and of their students: TGeo-KD, plain distillation, clicks alone."""
    made = planted_histories(num, seed=0)
    work = made.work()
    for name in ("din", "qin", "sdim"):
        teacher = trained(name, made, work, epochs=10, rate=3e-3, dim=16)
        line: dict[str, Any] = {"teacher": name, "auc": round(held_auc(teacher.network, work), 4)}
        for label, weight in (("tgeo-kd", None), ("fixed_weight 0.3", 0.3), ("clicks alone", 0.0)):
            began = time.process_time()
            said = compress_distil(teacher, work, DistilConfig(fixed_weight=weight))
            line[label] = round(held_auc(said["student"].network, work), 4)
            line[f"{label}: seconds, weight of the teacher"] = [
                round(time.process_time() - began, 1),
                round(said["teacher_weight"], 3),
            ]
        line["numbers over"] = round(count(said["student"].network) / count(teacher.network), 3)
        yield line


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--histories", action="store_true", help="a planted log in place of Frappe")
    parser.add_argument("logs", type=Path, nargs="?", help="folder of frappe-train.parquet and frappe-test.parquet")
    parser.add_argument("--small", action="store_true", help="two layers of 64, three epochs: a minute instead of ten")
    parser.add_argument("methods", nargs="*", default=list(METHODS), help="what is held against the whole model")
    arguments = parser.parse_args()
    if arguments.histories or arguments.logs is None:
        for line in history_figures():
            print(json.dumps(line), flush=True)
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        log, schema = write_frappe(arguments.logs, folder)
        for method, line in compare(log, schema, SMALL if arguments.small else FRAPPE, arguments.methods, folder):
            print(json.dumps({"method": method} | line), flush=True)


if __name__ == "__main__":
    main()
