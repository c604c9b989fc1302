"""Eight bits a weight: tables and layers of any model take a quarter of their size on disk; the last of several methods."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from adcreative.ctr.compression.tuning import Work
from adcreative.ctr.inputs.embedding_tables import find_tables
from adcreative.ctr.log_network import LogModel
from adcreative.ctr.nn.int8 import quantise
from adcreative.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class Int8Config:
    """min_numbers: smaller tensors are left unchanged. tables, layers: what to quantise."""

    min_numbers: int = 256
    tables: bool = True
    layers: bool = True


def compress_int8(model: LogModel, work: Work, config: Int8Config) -> dict[str, Any]:
    """Round the weights of a model's tables (a scale per column) and linear layers (a scale per row) to eight bits, in place.

    Returns:
        numbers of rounded tensors and weights, and the largest error as a share of the largest weight of its tensor.
    Raises:
        ConfigError: no tensor is large enough.
    """
    of_tables = {id(part) for _, group in find_tables(model.network) for part in group.parameters()}
    of_layers = {id(one.weight) for one in model.network.modules() if isinstance(one, nn.Linear)}
    num_tensors, num_numbers, worst = 0, 0, 0.0
    with torch.no_grad():
        for weight in model.network.parameters():
            is_wanted = (config.tables and id(weight) in of_tables) or (config.layers and id(weight) in of_layers)
            if weight.ndim != 2 or weight.numel() < config.min_numbers or not is_wanted:
                continue
            rounded = quantise(weight, 1 if id(weight) in of_tables else 0)
            worst = max(worst, float((rounded - weight).abs().max() / weight.abs().max().clamp_min(1e-30)))
            weight.copy_(rounded)
            num_tensors, num_numbers = num_tensors + 1, num_numbers + weight.numel()
    if not num_tensors:
        raise ConfigError(f"no table or layer of this model has {config.min_numbers} numbers; there is nothing to round")
    return {"tensors": num_tensors, "numbers": num_numbers, "largest_error": worst}
