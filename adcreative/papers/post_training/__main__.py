"""Post-training from the command line.

python -m adcreative.papers.post_training pretrain corpus.txt --out RUN/1                     a brand's texts
python -m adcreative.papers.post_training sft approved.jsonl --out RUN/2 [--start RUN/1/adapter]
python -m adcreative.papers.post_training dpo packages.parquet --out RUN/3 --start RUN/2/adapter
python -m adcreative.papers.post_training pipeline corpus.txt --out RUN/4 --stages 4 --recover neighbours --drill 7
python -m adcreative.papers.post_training evaluate packages.parquet --adapter RUN/3/adapter [--export DIR]
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import torch

from adcreative.papers.post_training.card import evaluate_and_export
from adcreative.papers.post_training.data import read_approved, read_corpus, read_preferences
from adcreative.papers.post_training.pipeline.command import add_pipeline_options, run_pipeline
from adcreative.papers.post_training.training import CONFIGS, STAGES, run_stage

READERS = {"pretrain": read_corpus, "sft": read_approved, "dpo": read_preferences}


def main() -> None:
    """Run one stage from the command line, or measure an adapter."""
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
        for name, kind in (("learning-rate", float), ("num-epochs", float), ("max-steps", int), ("batch-examples", int),
                           ("beta", float), ("chosen-weight", float), ("seed", int)):  # fmt: skip
            command.add_argument(f"--{name}", type=kind, default=getattr(CONFIGS[stage], name.replace("-", "_")))
        command.add_argument("--threads", type=int, default=torch.get_num_threads())
    command = stages.add_parser("pipeline", help="pretrain all weights over stages, of which a drill takes some away")
    add_pipeline_options(command)
    command = stages.add_parser("evaluate")
    command.add_argument("data", type=Path, help="parquet file of headline tests; figures are of its held-out part")
    command.add_argument("--adapter", type=Path, required=True)
    command.add_argument("--export", type=Path, help="copy the adapter there, with a card of the figures")
    command.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.stage == "evaluate":
        print(json.dumps(evaluate_and_export(arguments.data, arguments.adapter, arguments.export), indent=2))
        return
    if arguments.stage == "pipeline":
        print(json.dumps(run_pipeline(arguments), indent=2))
        return
    stage = arguments.stage
    changes = {k: v for k, v in vars(arguments).items() if k not in ("data", "out", "start", "stage", "threads")}
    config = replace(CONFIGS[stage], **changes)
    print(run_stage(stage, READERS[stage](arguments.data), arguments.out, config, start=arguments.start))


if __name__ == "__main__":
    main()
