"""The networks for MicroLens, narrow, and a training of them that several processes can share.

torchrun --nproc_per_node 2 -m tests.benchmarks.narrow_models DATA OUT DTYPE NAME ...
"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import replace
from pathlib import Path

import torch

from adcreative.ctr.networks.qin import QINConfig
from adcreative.ctr.training.streamed import RunConfig, TrainConfig
from adcreative.papers.microlens.model import MODELS, Entry
from adcreative.papers.microlens.run import MicroLensData, MicroLensTraining

HOLD_AT, HELD_S = os.environ.get("HOLD_AT", ""), 600.0  # where to wait to be killed, by a part of a line of the log
QUICK = TrainConfig(batch_size=128, max_epochs=2, learning_rate=3e-3, embedding_regularizer=1e-4)


def narrow_entries() -> dict[str, Entry]:
    """The networks with a history and some without, at a width of 4 or 8."""
    entries = {}
    for name, width in (("qin", 8), ("din", 8), ("autoint", 4), ("target_only", 8), ("history", 8)):
        entry = MODELS[name]
        inputs = replace(entry.inputs, embedding_dim=width, projected_dim=None if name in ("qin", "autoint") else 8)
        network = QINConfig(num_layers=2, num_rows=2) if name == "qin" else entry.network
        entries[name] = replace(entry, inputs=inputs, network=network)
    return entries


def main(data: str, out: str, dtype: str, *names: str) -> None:
    MODELS.update(narrow_entries())  # type: ignore[attr-defined]
    torch.set_default_dtype(getattr(torch, dtype))

    def log(line: str) -> None:
        print(line)
        with (Path(out) / "log.txt").open("a") as file:
            file.write(line + "\n")
        if HOLD_AT and HOLD_AT in line:
            time.sleep(HELD_S)

    Path(out).mkdir(parents=True, exist_ok=True)
    for name in names:
        MicroLensTraining(
            name, MicroLensData.open(Path(data)), Path(out) / name, QUICK, run=RunConfig(save_every=1), log=log
        ).fit()


if __name__ == "__main__":
    main(*sys.argv[1:])
