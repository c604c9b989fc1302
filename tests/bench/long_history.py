"""Scoring candidates against a long history: SDIM, its bucket cache, and DIN on all items.

python -m tests.bench.long_history
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace

import torch

from adcreative.ctr.inputs.network_inputs import InputShape, NetworkInputs
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
        sequence=items.expand(NUM_CANDIDATES, LENGTH, DIM), mask=torch.ones(NUM_CANDIDATES, LENGTH),
    )  # fmt: skip
    short = replace(
        whole, sequence=items[:, -SHORT:].expand(NUM_CANDIDATES, SHORT, DIM), mask=torch.ones(NUM_CANDIDATES, SHORT)
    )
    with torch.no_grad():
        cache = sdim.encode_history(items[0])
        torch.testing.assert_close(sdim(short, cache), sdim(whole), rtol=1e-4, atol=1e-5)
        seconds = {
            "din": _fastest(lambda: din(whole), repeats), "sdim": _fastest(lambda: sdim(whole), repeats),
            "sdim_cached": _fastest(lambda: sdim(short, cache), repeats),
        }  # fmt: skip
    return {f"{name}_rows_per_s": round(NUM_CANDIDATES / spent) for name, spent in seconds.items()}


def _fastest(call: Callable[[], torch.Tensor], repeats: int) -> float:
    call()
    times = []
    for _ in range(repeats):
        started_s = time.perf_counter()
        call()
        times.append(time.perf_counter() - started_s)
    return min(times)


if __name__ == "__main__":
    print(json.dumps(long_history_figures()))
