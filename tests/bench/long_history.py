"""Scoring candidates against a long history: SDIM, its bucket cache, and DIN on all items; and the verb `score` on such a log.

python -m tests.bench.long_history
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from adcreative import pipeline
from adcreative.catalog.log_schema import LogSchema
from adcreative.ctr.bucket_serving import BucketServing
from adcreative.ctr.inputs.log_encoding import fit_encoding
from adcreative.ctr.inputs.network_inputs import InputShape, NetworkInputs
from adcreative.ctr.log_network import LogModel, build_log_network
from adcreative.ctr.networks.din import DIN, DINConfig
from adcreative.ctr.networks.sdim import SDIM, SDIMConfig

NUM_CANDIDATES, LENGTH, DIM, SHORT = 256, 1000, 32, 16
SHAPE = InputShape(num_fields=4, field_dim=16, target_dim=DIM, sequence_dim=DIM)


def long_history_figures(repeats: int = 5) -> dict[str, float]:
    """Return rows a second of each form for the candidates of one user with a history of LENGTH items."""
    generator = torch.Generator().manual_seed(0)
    din = DIN(SHAPE, DINConfig(), generator=generator).eval()
    sdim = SDIM(SHAPE, SDIMConfig(short_length=SHORT), generator=generator).eval()
    items = torch.randn(1, LENGTH, DIM, generator=generator)
    whole = NetworkInputs(
        fields=torch.randn(NUM_CANDIDATES, 4, 16, generator=generator),
        target=torch.randn(NUM_CANDIDATES, DIM, generator=generator),
        sequence=items.expand(NUM_CANDIDATES, LENGTH, DIM),
        mask=torch.ones(NUM_CANDIDATES, LENGTH),
    )
    short = replace(
        whole, sequence=items[:, -SHORT:].expand(NUM_CANDIDATES, SHORT, DIM), mask=torch.ones(NUM_CANDIDATES, SHORT)
    )
    with torch.no_grad():
        cache = sdim.encode_history(items[0])
        torch.testing.assert_close(sdim(short, cache), sdim(whole), rtol=1e-4, atol=1e-5)
        seconds = {
            "din": _fastest(lambda: din(whole), repeats),
            "sdim": _fastest(lambda: sdim(whole), repeats),
            "sdim_cached": _fastest(lambda: sdim(short, cache), repeats),
        }
    return {f"{name}_rows_per_s": round(NUM_CANDIDATES / spent) for name, spent in seconds.items()}


def score_figures(num_users: int = 8, num_candidates: int = NUM_CANDIDATES, length: int = LENGTH) -> dict[str, float]:
    """Return rows a second of CPU time on a log of candidates beside long histories: of the verb `score` from reading to CSV,
    and of its predictions alone, plain and from kept buckets."""
    rng = np.random.default_rng(0)
    pasts = [rng.integers(0, 5000, length) for _ in range(num_users)]
    rows = [
        (rng.integers(0, 2), user, item, past)
        for user, past in enumerate(pasts)
        for item in rng.integers(0, 5000, num_candidates)
    ]
    log = pd.DataFrame(rows, columns=["click", "user", "item", "past"])
    schema = LogSchema(label="click", user="user", categorical=("item",), sequences={"past": "item"}, max_history=length)
    encoding, config = fit_encoding([log], schema), SDIMConfig()
    network = build_log_network("sdim", encoding.spec, config, dim=DIM, generator=torch.Generator().manual_seed(0))
    model = LogModel("sdim", encoding, config, DIM, network.eval(), {})
    encoded = encoding.encode(log)
    spent = {"plain": _cpu_s(lambda: model.predict(encoded)), "kept": _cpu_s(lambda: BucketServing(model).predict(encoded))}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        log.to_parquet(folder / "log.parquet")
        model.save(folder / "model")
        spent["verb"] = _cpu_s(lambda: pipeline.score_log(folder / "log.parquet", folder / "rates.csv", model=folder / "model"))
    return {f"score_{name}_rows_per_s": round(len(log) / seconds) for name, seconds in spent.items()}


def _cpu_s(call: Callable[[], object]) -> float:
    started_s = time.process_time()
    call()
    return time.process_time() - started_s


def _fastest(call: Callable[[], torch.Tensor], repeats: int) -> float:
    call()
    times = []
    for _ in range(repeats):
        started_s = time.perf_counter()
        call()
        times.append(time.perf_counter() - started_s)
    return min(times)


if __name__ == "__main__":
    torch.set_num_threads(1)
    print(json.dumps(long_history_figures() | score_figures()))
