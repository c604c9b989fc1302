"""How long `rank-features` takes on a made-up log of a million rows and fifty columns, and whether noise stays below."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from adcreative import pipeline

SIZES = (2, 5, 20, 100, 1000, 10_000)


def ranks_figures(num: int = 1_000_000, num_columns: int = 50) -> dict[str, Any]:
    """Return seconds with and without pairs, and whether the two planted columns come first."""
    rng = np.random.default_rng(5)
    table: dict[str, np.ndarray] = {f"c{k}": rng.integers(0, SIZES[k % len(SIZES)], num) for k in range(num_columns - 5)}
    table |= {f"x{k}": rng.normal(size=num) for k in range(5)}
    logit = -2 + 0.5 * table["c0"] + 0.2 * (table["c1"] - 2)
    table["click"] = (rng.random(num) < 1 / (1 + np.exp(-logit))).astype(int)
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log.parquet"
        pd.DataFrame(table).to_parquet(log)
        for order in (1, 2):
            started_s = time.perf_counter()
            summary = pipeline.rank_features(log, Path(folder) / f"ranks{order}.csv", order=order)
            found[f"rank-features, order {order}: seconds"] = round(time.perf_counter() - started_s, 1)
            alone = [one.column for one in summary.ranks if " AND " not in one.column]
            found[f"rank-features, order {order}: planted columns first"] = set(alone[:2]) == {"c0", "c1"}
    return found
