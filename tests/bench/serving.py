"""How much faster the serving form of QIN scores the candidates of one history than the training form in eval mode."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import torch
from torch import Tensor

from adcreative.ctr.networks.qin import QINConfig
from adcreative.papers.microlens.inputs import MicroLensConfig, MicroLensItems
from adcreative.papers.microlens.models import build_qin
from adcreative.papers.microlens.serving import ServingQIN

NUM_CANDIDATES, HISTORY_LENGTH = 256, 64


def draw_items(num: int, config: MicroLensConfig, generator: torch.Generator) -> MicroLensItems:
    """Return random items, ids [num]."""
    return MicroLensItems(
        torch.randint(1, config.num_items, (num,), generator=generator),
        torch.randint(0, config.num_tags, (num, 5), generator=generator),
        torch.randn(num, config.item_embedding_dim, generator=generator),
    )


def serving_figures(
    repeats: int = 3, num_candidates: int = NUM_CANDIDATES, history_length: int = HISTORY_LENGTH
) -> dict[str, float]:
    """Return rows a second of the training form and ratios of the serving form, history encoded each time and kept."""
    generator, config = torch.Generator().manual_seed(0), MicroLensConfig()
    network = build_qin(config, QINConfig(), generator=generator).eval()
    serving = ServingQIN(network)
    candidates, history = draw_items(num_candidates, config, generator), draw_items(history_length, config, generator)
    levels = torch.randint(1, config.num_levels, (num_candidates, 2), generator=generator)
    repeated = [None if part is None else part.expand(num_candidates, *part.shape) for part in vars(history).values()]
    batch = MicroLensItems(*repeated)
    with torch.no_grad():
        plain_s = _fastest(lambda: network(levels, candidates, batch), repeats)
    cold_s = _fastest(lambda: serving.score(levels, candidates, history), repeats)
    serving.score(levels, candidates, history, account="bench")
    kept_s = _fastest(lambda: serving.score(levels, candidates, history, account="bench"), repeats)
    return {
        "qin_training_form_rows_per_s": round(num_candidates / plain_s),
        "qin_serving_over_training_form": round(plain_s / cold_s, 1),
        "qin_serving_kept_over_training_form": round(plain_s / kept_s, 1),
    }


def _fastest(call: Callable[[], Tensor], repeats: int) -> float:
    call()
    times = []
    for _ in range(repeats):
        started_s = time.perf_counter()
        call()
        times.append(time.perf_counter() - started_s)
    return min(times)


if __name__ == "__main__":
    print(json.dumps(serving_figures(), indent=1))
