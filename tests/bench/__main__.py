"""make bench: ratios measured in one run, printed as JSON; nothing here passes or fails."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.ctr_training import ctr_training_figures
from tests.bench.editing import editing_figures
from tests.bench.fuxictr import fuxictr_figures
from tests.bench.memory import memory_figures
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


def scoring_seconds() -> tuple[float, float]:
    """Return the seconds to score 32 simulated ads with an empty feature cache, then with a full one."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["ADCREATIVE_CACHE"] = str(Path(folder) / "cache")
        from adcreative import pipeline
        from adcreative.tools import load_market, load_model, load_tools

        load_market(0).write_folder(Path(folder) / "ads", 32, seed=7)
        load_tools()
        load_model()
        times = []
        for name in ("cold.csv", "warm.csv"):
            started_s = time.perf_counter()
            pipeline.score(Path(folder) / "ads", Path(folder) / name)
            times.append(time.perf_counter() - started_s)
    return times[0], times[1]


def main() -> None:
    bare, help_s = seconds_of(["-c", "pass"]), seconds_of(["-m", "adcreative.cli", "--help"])
    cold, warm = scoring_seconds()
    figures = {
        "help_s": round(help_s, 3), "help_over_bare_python": round(help_s / bare, 1),
        "score_cold_ads_per_s": round(32 / cold, 1), "score_warm_over_cold": round(cold / warm, 1), **serving_figures(),
        **synthesis_figures(256), **synthesis_figures(1024), **ctr_training_figures(), **fuxictr_figures(),
    }  # fmt: skip
    figures |= memory_figures() | editing_figures()
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
