"""Post-training from the command line.

python -m adcreative.papers.post_training pretrain corpus.txt --out RUN/1                     a brand's texts
python -m adcreative.papers.post_training sft approved.jsonl --out RUN/2 [--start RUN/1/adapter]
python -m adcreative.papers.post_training dpo pairs.jsonl --out RUN/3 --start RUN/2/adapter
python -m adcreative.papers.post_training checkfree corpus.txt --out RUN/4 --stages 5 --plus --drill 7
"""

from __future__ import annotations

import argparse
import json
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import torch

from adcreative.errors import AdCreativeError
from adcreative.papers.post_training.checkfree import CheckFreeConfig, draw_losses, train_decoder
from adcreative.papers.post_training.data import read_approved, read_corpus, read_preferences
from adcreative.papers.post_training.model import load_base
from adcreative.papers.post_training.training import CONFIGS, STAGES, run_stage

LEAVE_OUT_EVERY = 20  # one in this many texts is held out for measurement
READERS = {"pretrain": read_corpus, "sft": read_approved, "dpo": read_preferences}


def main() -> None:
    """Run one stage from the command line; what cannot be done is one sentence and exit code 2."""
    parser = argparse.ArgumentParser(
        prog="python -m adcreative.papers.post_training",
        description="Teach a small language model to write a brand's lines, in stages.",
    )
    stages = parser.add_subparsers(dest="stage", required=True)
    for stage in STAGES:
        command = stages.add_parser(stage)
        command.add_argument("data", type=Path)
        command.add_argument("--out", type=Path, required=True, help="folder for checkpoints and the adapter")
        command.add_argument("--start", type=Path, help="adapter folder to go on with")
        for name, kind in (
            ("learning-rate", float),
            ("num-epochs", float),
            ("max-steps", int),
            ("batch-examples", int),
            ("beta", float),
            ("chosen-weight", float),
            ("seed", int),
        ):
            command.add_argument(f"--{name}", type=kind, default=getattr(CONFIGS[stage], name.replace("-", "_")))
        command.add_argument("--threads", type=int, default=torch.get_num_threads())
    defaults = CheckFreeConfig()
    command = stages.add_parser("checkfree", help="pretrain all weights, some of which a drill takes away")
    command.add_argument("data", type=Path, help="texts, as pretrain reads them: paragraphs of a text file, .jsonl rows")
    command.add_argument("--out", type=Path, required=True, help="folder for the model")
    for name, field in (
        ("stages", "num_stages"),
        ("steps", "num_steps"),
        ("length", "length"),
        ("batch", "batch"),
        ("learning-rate", "learning_rate"),
        ("seed", "seed"),
    ):
        kind = type(getattr(defaults, field))
        command.add_argument(f"--{name}", dest=field, type=kind, default=getattr(defaults, field))
    command.add_argument("--plus", dest="is_plus", action="store_true", help="CheckFree+: stages at the edge may be lost too")
    command.add_argument("--drill", type=int, metavar="SEED", help="lose stages by a schedule drawn from SEED")
    command.add_argument("--failure-rate", type=float, default=0.05, help="of a drill: chance of a loss before a step")
    command.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    try:
        print(json.dumps(run_checkfree(arguments), indent=2) if arguments.stage == "checkfree" else run_tuning(arguments))
    except AdCreativeError as error:
        parser.exit(2, f"{parser.prog}: {error}\n")


def run_tuning(arguments: argparse.Namespace) -> Path:
    """Run one of STAGES and return what it says."""
    stage = arguments.stage
    changes = {k: v for k, v in vars(arguments).items() if k not in ("data", "out", "start", "stage", "threads")}
    config = replace(CONFIGS[stage], **changes)
    return run_stage(stage, READERS[stage](arguments.data), arguments.out, config, start=arguments.start)


def run_checkfree(arguments: argparse.Namespace) -> dict[str, Any]:
    """Train the embedded model with CheckFree, write it in the copywriter's format, and return the figures."""
    config = CheckFreeConfig(**{field.name: getattr(arguments, field.name) for field in fields(CheckFreeConfig)})
    model, tokenizer = load_base()
    texts = [tokenizer(row["text"] + "\n")["input_ids"] for row in read_corpus(arguments.data)]
    held_out = [token for text in texts[::LEAVE_OUT_EVERY] for token in text]
    learnt = [token for place, text in enumerate(texts) if place % LEAVE_OUT_EVERY for token in text]
    losses = {}
    if arguments.drill is not None:
        losses = draw_losses(config.num_steps, config.num_stages, arguments.failure_rate, arguments.drill)
    model.requires_grad_(True)
    said = train_decoder(model, learnt, arguments.out, config, losses=losses, held_out=held_out)
    model.save_pretrained(arguments.out / "model")
    tokenizer.save_pretrained(arguments.out / "model")
    return {**said, "model": str(arguments.out / "model")}


if __name__ == "__main__":
    main()
