"""What losing pipeline stages costs: loss, seconds and steps done twice, by way of recovery.

    python -m tests.bench.recovery                  a six-layer decoder on an order-2 Markov source, stages in this process
    python -m tests.bench.recovery --texts FILE     SmolLM2-135M, all weights, in five stages, on texts as `pretrain` reads them
    python -m tests.bench.recovery --tiny           a few steps, no figure means anything

A drill kills one stage at three moments of the training (after a quarter, a half and three quarters of the steps); without a
drill none dies. Stages, or the ends with embedding and head, differ by seed. Losses are of held-out sequences, with the stages
in their true order; seconds are of the training, checkpoints included.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from adcreative.papers.post_training.data import read_corpus
from adcreative.papers.post_training.pipeline.command import leave_out, load_trainable
from adcreative.papers.post_training.pipeline.recovery import MODES
from adcreative.papers.post_training.pipeline.trainer import PipelineConfig, PipelineTrainer, packed_batches, stage_builder
from adcreative.papers.post_training.pipeline.workers import LocalWorkers, kill_by_schedule
from tests.papers.post_training.pipeline.small import build_trainer, markov_rows

EVERY, NUM_STAGES_OF_LLM = 20, 5
Start = tuple[PipelineTrainer, LocalWorkers, Tensor]


def draw_kills(num_steps: int, num_workers: int, seed: int) -> dict[int, int]:
    """Return step -> worker that dies before it: at a quarter, a half and three quarters, each worker with equal chance."""
    drawn = np.random.default_rng(seed).integers(num_workers, size=3)
    return {num_steps * (number + 1) // 4: int(one) for number, one in enumerate(drawn)}


def start_small(mode: str, num_steps: int, out: Path) -> Start:
    trainer, workers = build_trainer(
        out, batch=16, recover=mode, num_steps=num_steps, learning_rate=5e-3, every=EVERY if mode == "checkpoint" else None
    )
    return trainer, workers, packed_batches(markov_rows(), 1, 64, 24, 99)(0)[0]


def start_llm(texts: Path, mode: str, num_steps: int, out: Path) -> Start:
    config = PipelineConfig(
        num_stages=NUM_STAGES_OF_LLM, num_steps=num_steps, num_micro=2, recover=mode, learning_rate=5e-5,
        every=EVERY if mode == "checkpoint" else None,
    )  # fmt: skip
    model, tokenizer = load_trainable()
    rows = [tokenizer(row["text"] + "\n")["input_ids"] for row in read_corpus(texts)]
    learnt, left_out = leave_out(rows, 20)
    workers = LocalWorkers(stage_builder(lambda: load_trainable()[0], config), config.num_workers)
    out.mkdir(parents=True, exist_ok=True)
    trainer = PipelineTrainer(model, workers, packed_batches(learnt, 2, 4, 20, 0), config, out)
    return trainer, workers, packed_batches(left_out, 1, 64, 20, 0)(0)[0]


def measure(start: Start, failures: dict[int, int]) -> dict[str, Any]:
    """Train once; return the held-out loss before and after, seconds, how stages were rebuilt, and steps done twice."""
    trainer, workers, held_out = start
    before, began, worked = trainer.evaluate(held_out), time.monotonic(), time.process_time()
    trainer.train(before_step=kill_by_schedule(workers, failures))
    seconds, processor = time.monotonic() - began, time.process_time() - worked
    return {
        "killed": failures, "before": round(before, 4), "loss": round(trainer.evaluate(held_out), 4),
        "seconds": round(seconds, 1), "processor_s": round(processor, 1),
        "steps_twice": sum(one["steps_lost"] for one in trainer.events), "rebuilt": [one["how"] for one in trainer.events],
        "rebuilding_s": round(sum(one["seconds"] for one in trainer.events), 2),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=Path, help="train SmolLM2-135M on them in place of the small decoder")
    parser.add_argument("--steps", type=int, default=100, help="steps of each training")
    parser.add_argument("--seeds", type=int, default=3, help="drills, each with other stages")
    parser.add_argument("--tiny", action="store_true", help="four steps of one drill")
    options = parser.parse_args()
    torch.set_num_threads(1)
    num_steps, seeds = (4, 1) if options.tiny else (options.steps, options.seeds)
    found = {}
    for mode in MODES:
        for seed in (None, *range(seeds)):
            with tempfile.TemporaryDirectory() as name:
                start = start_llm(options.texts, mode, num_steps, Path(name)) if options.texts else (
                    start_small(mode, num_steps, Path(name)))  # fmt: skip
                failures = {} if seed is None else draw_kills(num_steps, (NUM_STAGES_OF_LLM if options.texts else 6) + 1, seed)
                row = measure(start, failures)
            found[f"{mode} {'calm' if seed is None else seed}"] = row["loss"]
            if not options.tiny:
                print(json.dumps({"recover": mode, "drill": seed, **row}), flush=True)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
