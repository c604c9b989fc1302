"""Training at size: rows a second, AUC and memory against rows in one pass over 10^6, and what follows for 10^7.

    python -m tests.bench.ctr_training [ROWS]

Assumptions of the extrapolation: a step costs the same whatever came before (the file is streamed), so rows a second stay at
the median of the pass; AUC follows ceiling - b * rows^-c, fitted to the curve, the ceiling being the AUC of the planted truth.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from adcreative.ctr.networks.qin import QINConfig
from adcreative.ctr.training.streamed import RunConfig, TrainConfig
from adcreative.metrics.binary import area_under_curve
from adcreative.papers.microlens.models import Entry, find_entry
from adcreative.papers.microlens.training import MicroLensData, MicroLensTraining
from tests.bench.mmctr_data import World

MARKS = (0.03, 0.1, 0.2, 0.3, 0.6, 1.0)
SMALL_QIN = QINConfig(num_layers=2, num_rows=2)
SCHEDULE = TrainConfig(batch_size=1024, max_epochs=1, embedding_regularizer=1e-6)


def small_entry(name: str, world: World) -> Entry:
    """Return the network `name` at a width of 16 for the items of `world`."""
    entry = find_entry(name, num_items=world.num_items, num_tags=world.num_tags, item_embedding_dim=world.embedding_dim)
    inputs = replace(entry.inputs, embedding_dim=16, projected_dim=None)
    return Entry(inputs, SMALL_QIN if name == "qin" else entry.network, SCHEDULE, entry.build)


def memory_mb(field: str) -> float:
    """Return VmRSS or VmHWM (the most so far) of this process, from Linux's accounts; nan elsewhere."""
    path = Path("/proc/self/status")
    lines = path.read_text().splitlines() if path.exists() else []
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(field)), float("nan"))


def train_and_mark(folder: Path, world: World, num_rows: int, out: Path, *, precision: str = "no") -> list[dict[str, float]]:
    """Train QIN (small) in one pass and return a line at each of MARKS: rows, rows a second since the last, AUC, memory."""
    data = MicroLensData.open(folder)
    training = MicroLensTraining(
        "qin",
        data,
        out,
        entry=small_entry("qin", world),
        run=RunConfig(save_every=0, precision=precision),
        log=lambda line: None,
    )
    marks, lines, seen, window = [round(m * num_rows) for m in MARKS], [], 0, 0
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    for rows in data.train.iter_batches(SCHEDULE.batch_size, rng=np.random.default_rng(0)):
        if seen >= num_rows:
            break
        training._train_step(rows)
        seen, window = seen + len(rows), window + len(rows)
        if seen >= marks[len(lines)]:
            spent = time.perf_counter() - wall_s, time.process_time() - cpu_s
            labels, probabilities, _ = training.predict()
            lines.append(
                {
                    "rows": seen, "rows_per_s": round(window / spent[0]), "rows_per_cpu_s": round(window / spent[1]),
                    "auc": round(area_under_curve(labels, probabilities), 4), "rss_mb": round(memory_mb("VmRSS")),
                    "peak_mb": round(memory_mb("VmHWM")),
                }
            )  # fmt: skip
            window, wall_s, cpu_s = 0, time.perf_counter(), time.process_time()
            if len(lines) == len(MARKS):
                break
    return lines


def extrapolate(lines: list[dict[str, float]], ceiling: float, rows: float) -> float:
    """Return the AUC after `rows` rows on the line of log(ceiling - AUC) against log(rows), fitted from a tenth of them on."""
    late = [line for line in lines if line["rows"] >= 0.1 * lines[-1]["rows"]]
    x, y = (np.log([f(line) for line in late]) for f in (lambda li: li["rows"], lambda li: max(ceiling - li["auc"], 1e-6)))
    slope, offset = np.polyfit(x, y, 1)
    return float(ceiling - np.exp(offset + slope * np.log(rows)))


def ctr_training_figures(num_rows: int = 1_000_000, num_valid: int = 20_000) -> dict[str, Any]:
    """Return the curve, its extrapolation to ten times the rows, and the AUC of float32 and bfloat16 on a tenth."""
    torch.set_num_threads(1)
    pa.set_cpu_count(1)
    world = World()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        truth = world.write(folder / "data", num_rows, num_valid)
        labels = np.concatenate([rows.labels for rows in MicroLensData.open(folder / "data").valid.iter_batches(4096)])
        ceiling = area_under_curve(labels, truth)
        lines = train_and_mark(folder / "data", world, num_rows, folder / "run")
        _forget_precision()
        half = train_and_mark(folder / "data", world, num_rows // 5, folder / "bf16", precision="bf16")
        _forget_precision()
    pace, cpu_pace = (float(np.median([line[name] for line in lines])) for name in ("rows_per_s", "rows_per_cpu_s"))
    at_fifth = next(line for line in lines if line["rows"] >= num_rows // 5)
    return {
        "ctr_training_curve": lines, "ctr_training_auc_of_the_truth": round(ceiling, 4),
        "ctr_training_extrapolated": {
            "rows": 10 * num_rows, "hours": round(10 * num_rows / pace / 3600, 2),
            "cpu_hours": round(10 * num_rows / cpu_pace / 3600, 2),
            "auc": round(extrapolate(lines, ceiling, 10.0 * num_rows), 4),
            "assumes": "pace and memory stay as measured; truth - AUC falls with a power of the rows",
        },
        "ctr_training_bf16_minus_float32_auc": round(half[-1]["auc"] - at_fifth["auc"], 4),
        "ctr_training_bf16_over_float32_rows_per_cpu_s": round(half[-1]["rows_per_cpu_s"] / at_fifth["rows_per_cpu_s"], 2),
    }  # fmt: skip


def _forget_precision() -> None:
    """accelerate fixes the precision of a process; a bench compares two."""
    from accelerate.state import AcceleratorState

    AcceleratorState._reset_state(reset_partial_state=True)


if __name__ == "__main__":
    print(json.dumps(ctr_training_figures(*map(int, sys.argv[1:])), indent=1))
