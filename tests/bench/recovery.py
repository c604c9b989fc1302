"""What losing pipeline stages costs: loss, seconds and steps done twice, by way of recovery and rate of failures.

    python -m tests.bench.recovery            a six-layer decoder on an order-2 Markov source, stages in this process
    python -m tests.bench.recovery --tiny     a few steps, no figure means anything

Losses are of a held-out batch with the stages in their true order; a failure kills one stage before a step with this chance.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from adcreative.copywriter.post_training.pipeline.drill import draw_failures, kill_by_schedule
from adcreative.copywriter.post_training.pipeline.recovery import MODES
from adcreative.copywriter.post_training.pipeline.trainer import packed_batches
from tests.copywriter.post_training.pipeline.small import build_trainer, markov_rows

RATES = (0.0, 0.05, 0.10)


def measure(mode: str, rate: float, num_steps: int, seed: int, out: Path) -> dict[str, Any]:
    """Train once; return the loss, seconds, failures, steps done twice, and how stages were rebuilt."""
    trainer, workers = build_trainer(out, batch=16, recover=mode, num_steps=num_steps, every=20, learning_rate=5e-3)
    failures = draw_failures(num_steps, 6, rate, seed)
    started = time.process_time()
    trainer.train(before_step=kill_by_schedule(workers, failures))
    seconds = time.process_time() - started
    held_out = packed_batches(markov_rows(), 1, 64, 24, 99)(0)[0]
    hows = [event["how"] for event in trainer.events]
    return {
        "recover": mode, "rate": rate, "seed": seed, "loss": round(trainer.evaluate(held_out), 4), "seconds": round(seconds, 1),
        "failures": len(failures), "steps_twice": sum(event["steps_lost"] for event in trainer.events),
        **{how: hows.count(how) for how in ("merge", "copy", "checkpoint")},
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=100, help="steps of each training")
    parser.add_argument("--seeds", type=int, default=3, help="schedules of failures")
    parser.add_argument("--tiny", action="store_true", help="four steps of one schedule")
    options = parser.parse_args()
    torch.set_num_threads(1)
    num_steps, seeds = (4, 1) if options.tiny else (options.steps, options.seeds)
    found = []
    with tempfile.TemporaryDirectory() as name:
        for mode in MODES:
            for rate in RATES:
                for seed in range(seeds if rate else 1):
                    found.append(measure(mode, rate, num_steps, seed, Path(name, f"{mode}-{rate}-{seed}")))
                    if not options.tiny:
                        print(json.dumps(found[-1]), flush=True)
    print(json.dumps({f"{one['recover']} {one['rate']} {one['seed']}": one["loss"] for one in found}))


if __name__ == "__main__":
    main()
