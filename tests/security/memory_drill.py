"""How much memory long runs hold, after a tenth of their rows and at the most from there on.

    python -m tests.security.memory_drill --rows 20000 --pictures 2000

Everything is real but what the models say (`tests.fake_models`). Each run is a fork of this process. A run that keeps what it
has read grows with its input; what may grow is the note of each row that a continued run needs.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from adcreative import pipeline
from tests import fake_models

SIDE_PX = 96
MOST_BYTES_A_ROW = 20_000  # of notes and the report; a picture of SIDE_PX has 27,648 bytes when it is open
Work = Callable[[Callable[[str, int, int], None]], object]


@dataclass(frozen=True)
class Held:
    """Resident memory of a run in bytes: after a tenth of its rows, and the most until it ended."""

    name: str
    num_rows: int
    at_tenth: int
    at_most: int

    @property
    def bytes_a_row(self) -> float:
        return (self.at_most - self.at_tenth) / (0.9 * self.num_rows)

    @property
    def is_flat(self) -> bool:
        return self.bytes_a_row <= MOST_BYTES_A_ROW

    def __str__(self) -> str:
        grown = f"{self.at_tenth / 1e6:.0f} MB after a tenth, {self.at_most / 1e6:.0f} MB at most"
        return f"{self.name}, {self.num_rows} rows: {grown} ({self.bytes_a_row:,.0f} bytes a row)"


def measure(name: str, num_rows: int, work: Work) -> Held:
    """Do the work in a fork, which tells its memory."""
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        status, tenth = 1, list[int]()

        def watch(stage: str, done: int, total: int) -> None:
            if not tenth and total >= num_rows and 10 * done >= num_rows:
                tenth.append(_status("VmRSS"))
                Path("/proc/self/clear_refs").write_text("5")  # the highest from here on

        try:
            work(watch)
            os.write(write_end, f"{tenth[0]} {_status('VmHWM')}".encode())
            status = 0
        finally:
            os._exit(status)
    os.close(write_end)
    with os.fdopen(read_end) as pipe:
        said = pipe.read()
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, f"{name} failed"
    at_tenth, at_most = map(int, said.split())
    return Held(name, num_rows, at_tenth, at_most)


def _status(field: str) -> int:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(f"{field}:"))
    return 1024 * int(line.split()[1])


def drill(place: Path, num_rows: int, num_pictures: int) -> list[Held]:
    """Measure score of a table, and check and optimize of small pictures."""
    table, pictures = fake_models.write_ads(place / "table", num_rows), _write_pictures(place / "pictures", num_pictures)
    runs: dict[str, tuple[int, Callable[..., Any]]] = {
        "score a table": (num_rows, lambda tell: pipeline.score(table, place / "s.csv", progress=tell)),
        "check pictures": (
            num_pictures,
            lambda tell: pipeline.check(pictures, place / "c.csv", read_pictures=False, progress=tell),
        ),
        "optimize pictures": (num_pictures, lambda tell: pipeline.optimize(pictures, place / "run", progress=tell)),
    }
    return [measure(name, num, work) for name, (num, work) in runs.items()]


def _write_pictures(folder: Path, num: int) -> Path:
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(num):
        Image.fromarray(rng.integers(0, 255, (SIDE_PX, SIDE_PX, 3)).astype(np.uint8)).save(folder / f"{number:05d}.png")
    return folder


def main() -> int:
    """Print what was measured; 1 when a run grew with its input."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=20_000, help="of the table")
    parser.add_argument("--pictures", type=int, default=2_000)
    arguments = parser.parse_args()
    fake_models.install()
    with tempfile.TemporaryDirectory() as folder:
        found = drill(Path(folder), arguments.rows, arguments.pictures)
    print(*found, sep="\n")
    return int(not all(one.is_flat for one in found))


if __name__ == "__main__":
    sys.exit(main())
