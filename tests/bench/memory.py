"""python -m tests.bench.memory: does the memory of `score` grow with the folder?

Scores 2,000 creatives with the real models (20 pictures and 50 headlines, so that the encoders see each once and the feature
cache gives the rest), reads the resident set while it runs, and fits a line to the second half: what a creative leaves
behind once all is loaded. The look over the whole folder before the first creative is weighed by itself, on folders of 2,000
and 12,000.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np

PAGE_KIB = os.sysconf("SC_PAGE_SIZE") / 1024 if hasattr(os, "sysconf") else 4.0
NUM_PICTURES = 20
MANY = 100_000


def resident_kib() -> float:
    """Return the resident set of this process (Linux)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_KIB


def write_folder(folder: Path, num: int) -> None:
    """Write `num` ads: few pictures and headlines, every placement another, ten brands, half of them with results."""
    from PIL import Image

    (folder / "images").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for number in range(NUM_PICTURES):
        small = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(small).resize((320, 320), Image.Resampling.BICUBIC).save(folder / "images" / f"{number}.png")
    lines = ["file_name,ad_name,headline,brand,placement,impressions,clicks"]
    for row in range(num):
        results = f"10000,{row % 300}" if row % 2 else ","
        lines.append(
            f"images/{row % NUM_PICTURES}.png,ad {row},Offer {row % 50} of the week,brand {row % 10},place {row},{results}"
        )
    (folder / "metadata.csv").write_text("\n".join(lines) + "\n")


def survey_kib(num: int) -> float:
    """Return what looking over a folder of `num` creatives takes at most, in KiB of Python memory."""
    from adcreative.runs.survey import survey_catalog

    with tempfile.TemporaryDirectory() as name:
        write_folder(Path(name) / "ads", num)
        tracemalloc.start()
        survey_catalog(Path(name) / "ads")
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    return peak / 1024


def memory_figures(num: int = 2000, survey_sizes: tuple[int, int] = (2000, 12_000)) -> dict[str, Any]:
    """Return the slope in KiB a creative and what it means at 100,000, beside the level and the time."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["ADCREATIVE_CACHE"] = str(folder / "cache")
        from adcreative import pipeline

        write_folder(folder / "ads", num)
        samples: list[tuple[int, float]] = []
        started_s = time.perf_counter()
        pipeline.score(
            folder / "ads", folder / "scores.csv", progress=lambda stage, done, total: samples.append((done, resident_kib()))
        )
        seconds = time.perf_counter() - started_s
    done, kib = np.array([sample for sample in samples if sample[0] >= num // 2], float).T
    slope = float(np.polyfit(done, kib, 1)[0])
    few, many = survey_sizes
    survey = (survey_kib(many) - survey_kib(few)) / (many - few)
    return {
        "survey_memory_kib_per_creative": round(survey, 2), "survey_memory_mib_at_100000": round(survey * MANY / 1024),
        "score_memory_kib_per_creative": round(slope, 2), "score_memory_mib_more_at_100000": round(slope * MANY / 1024, 1),
        "score_memory_mib_at_end": round(float(kib[-1]) / 1024), "score_memory_seconds": round(seconds, 1),
    }  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--num", type=int, default=2000)
    print(json.dumps(memory_figures(parser.parse_args().num), indent=1))
