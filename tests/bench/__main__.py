"""make bench: ratios measured in one run, printed as JSON; nothing here passes or fails."""

from __future__ import annotations

import json
import subprocess
import sys
import time

from tests.bench.app import app_figures
from tests.bench.ctr_training import ctr_training_figures
from tests.bench.editing import editing_figures
from tests.bench.fuxictr import fuxictr_figures
from tests.bench.memory import memory_figures
from tests.bench.scoring import all_cores_figures, scoring_figures
from tests.bench.serving import serving_figures
from tests.bench.synthesis import synthesis_figures


def seconds_of(arguments: list[str]) -> float:
    """Return the wall time of the fastest of three runs of a whole command."""
    times = []
    for _ in range(3):
        started_s = time.perf_counter()
        subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
        times.append(time.perf_counter() - started_s)
    return min(times)


def main() -> None:
    bare, help_s = seconds_of(["-c", "pass"]), seconds_of(["-m", "adcreative.cli.app", "--help"])
    figures = {
        "help_s": round(help_s, 3), "help_over_bare_python": round(help_s / bare, 1),
        **scoring_figures(), **all_cores_figures(), **serving_figures(),
        **synthesis_figures(256), **synthesis_figures(1024), **ctr_training_figures(), **fuxictr_figures(),
    }  # fmt: skip
    figures |= memory_figures() | editing_figures() | app_figures()
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
