"""How long multilingual-e5-small takes for a text alone and in batches, on one core, and to load."""

from __future__ import annotations

import time

import numpy as np
import torch

from adcreative.encoders.text_encoder import E5, TextEncoder

LINE = "Winterjassen voor de halve prijs, vandaag besteld is morgen in huis, nummer {}"


def text_encoder_figures(num: int = 400, repeats: int = 30) -> dict[str, float]:
    """Return milliseconds: a text alone (median, fastest), a text of a batch of `num`; and the load in seconds."""
    torch.set_num_threads(1)
    started_s = time.perf_counter()
    encoder = TextEncoder.load(E5)
    load_s = time.perf_counter() - started_s
    alone = []
    for number in range(repeats):
        started_s = time.perf_counter()
        encoder.encode([LINE.format(number)])
        alone.append(time.perf_counter() - started_s)
    started_s = time.perf_counter()
    encoder.encode([LINE.format(number) for number in range(num)])
    batch_s = time.perf_counter() - started_s
    return {
        "text encoder: load, s": round(load_s, 2),
        "text encoder: a text alone, ms (median)": round(1e3 * float(np.median(alone)), 1),
        "text encoder: a text alone, ms (fastest)": round(1e3 * min(alone), 1),
        "text encoder: a text of a batch, ms": round(1e3 * batch_s / num, 1),
    }
