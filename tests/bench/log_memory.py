"""Memory of `train` on an impression log of 10^5 to 10^7 synthetic rows, each size in a process of its own.

    python -m tests.bench.log_memory [ROWS ...]

A linear network for one epoch: what grows with the rows would be reading, counting and encoding, which are the same for all.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from adcreative import pipeline

PART = 500_000
SETTINGS = "[inputs]\nembedding_dim = 4\n[training]\nbatch_size = 8192\nmax_epochs = 1\n"
SCHEMA = 'label = "click"\ncategorical = ["creative", "placement"]\nnumeric = ["bid"]\nsplit = "split"\n'


def write_log(path: Path, num: int) -> None:
    """Write rows a part at a time: a click hangs on the creative; one row in a hundred stops the training early."""
    rng, writer = np.random.default_rng(0), None
    effect = rng.normal(-2.0, 1.0, 5000)
    for start in range(0, num, PART):
        size = min(PART, num - start)
        creative = rng.integers(0, 5000, size)
        columns = {
            "click": (rng.random(size) < 1 / (1 + np.exp(-effect[creative]))).astype(np.int8),
            "creative": creative.astype(np.int32),
            "placement": rng.integers(0, 20, size).astype(np.int8),
            "bid": rng.normal(size=size).astype(np.float32),
            "split": pa.array(np.where(rng.random(size) < 0.01, "valid", "train")).dictionary_encode(),
        }
        table = pa.table(columns)
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
    if writer is not None:
        writer.close()


def train_once(num: int) -> dict[str, float]:
    """Write a log, train on it, and return this process's peak memory in MB."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_log(folder / "log.parquet", num)
        (folder / "schema.toml").write_text(SCHEMA)
        (folder / "settings.toml").write_text(SETTINGS)
        started_s = time.perf_counter()
        found = pipeline.train_log(
            folder / "log.parquet",
            folder / "model",
            schema=folder / "schema.toml",
            network="linear",
            settings=folder / "settings.toml",
        )
        seconds = time.perf_counter() - started_s
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "rows": found.done,
        "peak_mb": round(peak),
        "seconds": round(seconds, 1),
        "auc": round(found.metrics["valid"]["auc"], 3),
    }


def log_memory_figures(sizes: Sequence[int] = (100_000, 1_000_000, 10_000_000)) -> dict[str, float]:
    """Return the peak of each size, in MB, each measured in a process of its own."""
    figures: dict[str, float] = {}
    for size in sizes:
        code = f"import json; from tests.bench.log_memory import train_once; print(json.dumps(train_once({size})))"
        line = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.splitlines()[-1]
        found = json.loads(line)
        figures |= {f"log_{size}_rows_peak_mb": found["peak_mb"], f"log_{size}_rows_s": found["seconds"]}
    return figures


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", type=int, nargs="*", default=[100_000, 1_000_000, 10_000_000], help="sizes of the logs")
    print(json.dumps(log_memory_figures(parser.parse_args().rows), indent=1))
