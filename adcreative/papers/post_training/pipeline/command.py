"""The command `pipeline` of post-training: its options, and a whole training from texts to a folder the copywriter loads."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from adcreative.papers.post_training.data import read_corpus
from adcreative.papers.post_training.model import Model, load_base
from adcreative.papers.post_training.pipeline.recovery import MODES
from adcreative.papers.post_training.pipeline.trainer import PipelineConfig, PipelineTrainer, packed_batches, stage_builder
from adcreative.papers.post_training.pipeline.workers import LocalWorkers, RayWorkers, draw_failures, kill_by_schedule

LEAVE_OUT_EVERY, HELD_OUT_SEQUENCES = 20, 32


def add_pipeline_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `pipeline`."""
    defaults = PipelineConfig()
    parser.add_argument("data", type=Path, help="texts, as pretrain reads them: paragraphs of a text file, .jsonl rows")
    parser.add_argument(
        "--out", type=Path, required=True, help="folder for the checkpoint, the log of recoveries and the model"
    )
    parser.add_argument("--stages", type=int, default=defaults.num_stages, help="parts that the layers are cut into")
    parser.add_argument("--recover", choices=MODES, default=defaults.recover, help="how a lost stage is rebuilt")
    parser.add_argument("--steps", type=int, default=defaults.num_steps, help="steps in all")
    parser.add_argument("--micro-batches", type=int, default=defaults.num_micro, help="micro-batches a step")
    parser.add_argument("--batch", type=int, default=4, help="sequences of a micro-batch")
    parser.add_argument("--length", type=int, default=64, help="tokens of a sequence")
    parser.add_argument("--learning-rate", type=float, default=5e-5, help="of all weights")
    parser.add_argument("--every", type=int, help="steps between checkpoints, 0: none (20 with checkpoint, else none)")
    parser.add_argument("--engine", choices=("local", "ray"), default="local", help="ray: each stage in a process of its own")
    parser.add_argument("--drill", type=int, metavar="SEED", help="kill stages by a schedule drawn from SEED")
    parser.add_argument("--failure-rate", type=float, default=0.05, help="of a drill: chance that a stage dies before a step")
    parser.add_argument("--seed", type=int, default=0, help="draws the batches")
    parser.add_argument("--threads", type=int, default=1)


def load_trainable() -> Model:
    """Return the language model and its tokenizer, float32, whose weights ask for gradients; for trainer and stages."""
    model, tokenizer = load_base()
    return model.requires_grad_(True), tokenizer


def run_pipeline(options: argparse.Namespace) -> dict[str, Any]:
    """Train, and return the losses at both ends, the recoveries, and where the model lies."""
    config = PipelineConfig(
        num_stages=options.stages, num_steps=options.steps, num_micro=options.micro_batches, recover=options.recover,
        every=options.every, learning_rate=options.learning_rate,
    )  # fmt: skip
    model, tokenizer = load_trainable()
    rows = [tokenizer(row["text"] + "\n")["input_ids"] for row in read_corpus(options.data)]
    learnt, left_out = leave_out(rows, options.length)
    batch = packed_batches(learnt, config.num_micro, options.batch, options.length, options.seed)
    held_out = packed_batches(left_out or learnt, 1, HELD_OUT_SEQUENCES, options.length, options.seed)(0)[0]
    engine = RayWorkers if options.engine == "ray" else LocalWorkers
    workers = engine(stage_builder(lambda: load_trainable()[0], config), config.num_workers)
    options.out.mkdir(parents=True, exist_ok=True)
    trainer = PipelineTrainer(model, workers, batch, config, options.out)
    failures = {} if options.drill is None else draw_failures(config.num_steps, config.num_workers, options.failure_rate,
                                                              options.drill)  # fmt: skip
    before = trainer.evaluate(held_out)
    started = time.monotonic()
    trainer.train(before_step=kill_by_schedule(workers, failures), progress=_say)
    seconds = time.monotonic() - started
    after = trainer.evaluate(held_out)
    trainer.collect().save_pretrained(options.out / "model")
    tokenizer.save_pretrained(options.out / "model")
    return {
        "steps": trainer.step, "loss_before": before, "loss_after": after, "last_train_loss": trainer.losses.get(trainer.step),
        "losses_of": "texts left out" if left_out else "texts learnt from", "seconds": round(seconds, 1),
        "recoveries": trainer.events, "model": str(options.out / "model"),
    }  # fmt: skip


def leave_out(rows: Sequence[list[int]], length: int) -> tuple[list[list[int]], list[list[int]]]:
    """Return the texts to learn from and every twentieth, left out; none is of fewer than forty, or where it is too short."""
    left_out = [row for number, row in enumerate(rows) if number % LEAVE_OUT_EVERY == 0]
    if len(rows) < 2 * LEAVE_OUT_EVERY or sum(map(len, left_out)) < 2 * length:
        return list(rows), []
    return [row for number, row in enumerate(rows) if number % LEAVE_OUT_EVERY], left_out


def _say(stage: str, done: int, total: int) -> None:
    if done % 10 == 0:
        print(f"{stage}: {done} of {total}", flush=True)
