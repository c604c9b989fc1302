"""A six-layer decoder of width 32 and a source of tokens that has something to learn: an order-2 Markov chain."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from adcreative.papers.post_training.pipeline.trainer import (
    PipelineConfig,
    PipelineTrainer,
    packed_batches,
    stage_builder,
)
from adcreative.papers.post_training.pipeline.workers import LocalWorkers

NUM_TOKENS = 16


def load_small(seed: int = 0, num_layers: int = 6) -> LlamaForCausalLM:
    """Return the decoder to begin with; the same weights for the same seed."""
    sizes: dict[str, Any] = {
        "vocab_size": NUM_TOKENS, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": num_layers,
        "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 64, "tie_word_embeddings": True,
        "attn_implementation": "sdpa",
    }  # fmt: skip
    config = LlamaConfig(**sizes)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return LlamaForCausalLM(config)


@cache
def markov_rows(seed: int = 0, length: int = 20_000) -> list[list[int]]:
    """Return one long text of an order-2 Markov source."""
    rng = np.random.default_rng(seed)
    chances = rng.dirichlet(np.full(NUM_TOKENS, 0.1), size=(NUM_TOKENS, NUM_TOKENS))
    row = [0, 1]
    for _ in range(length):
        row.append(int(rng.choice(NUM_TOKENS, p=chances[row[-2], row[-1]])))
    return [row]


def build_trainer(
    out: Path, *, batch: int = 4, load: Callable[[], LlamaForCausalLM] = load_small, **changes: Any
) -> tuple[PipelineTrainer, LocalWorkers]:
    """Return a trainer of the decoder over stages in this process, and the stages. batch: sequences of a micro-batch."""
    config = PipelineConfig(**{"num_stages": 6, "num_steps": 6, "num_micro": 2, "every": 4, "learning_rate": 3e-3} | changes)
    workers = LocalWorkers(stage_builder(load, config), config.num_workers)
    out.mkdir(parents=True, exist_ok=True)
    draw = packed_batches(markov_rows(), config.num_micro, batch, 24, 0)
    return PipelineTrainer(load(), workers, draw, config, out), workers
