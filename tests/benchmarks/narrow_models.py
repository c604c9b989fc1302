"""The challenge's networks, narrow, and a training of them that several processes can share.

torchrun --nproc_per_node 2 -m tests.benchmarks.narrow_models DATA OUT DTYPE NAME ...
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from adcreative.benchmarks.microlens_models import MODELS, Entry, Schedule
from adcreative.benchmarks.microlens_training import ChallengeData, ChallengeTraining

QUICK = Schedule(batch_size=128, max_epochs=2, learning_rate=3e-3, embedding_regularizer=1e-4)


def narrow_entries() -> dict[str, Entry]:
    """The networks with a history and some without, at a width of 4 or 8."""
    entries = {}
    for name, width in (("qin", 8), ("din", 8), ("autoint", 4), ("target_only", 8), ("history", 8)):
        entry = MODELS[name]
        narrow = type(entry.config)(embedding_dim=width, projected_dim=8 if name != "qin" else None, num_layers=2, num_rows=2)
        entries[name] = Entry(narrow, entry.schedule, entry.build)
    return entries


def main(data: str, out: str, dtype: str, *names: str) -> None:
    MODELS.update(narrow_entries())  # type: ignore[attr-defined]
    torch.set_default_dtype(getattr(torch, dtype))

    def log(line: str) -> None:
        print(line)
        with (Path(out) / "log.txt").open("a") as file:
            file.write(line + "\n")

    Path(out).mkdir(parents=True, exist_ok=True)
    for name in names:
        ChallengeTraining(name, ChallengeData.open(Path(data)), Path(out) / name, QUICK, save_every=1, log=log).fit()


if __name__ == "__main__":
    main(*sys.argv[1:])
