"""Logistic regression, the floor: logit = sum over fields of one number each, plus a bias.

The inputs have fields of width 1: a category then has one weight, a number a slope.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from adcreative.ctr.inputs.network_inputs import InputShape, Network, NetworkInputs
from adcreative.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class LinearConfig:
    """No settings."""


class Linear(Network):
    """The sum of fields [B, F, 1].

    Raises:
        ConfigError: the fields are wider than 1.
    """

    def __init__(self, shape: InputShape, config: LinearConfig, *, generator: torch.Generator) -> None:
        super().__init__()
        if shape.field_dim != 1:
            raise ConfigError(f"a linear model reads fields of width 1, got {shape.field_dim}; set embedding_dim to 1.")
        self.bias = nn.Parameter(torch.zeros(()))

    def forward(self, inputs: NetworkInputs) -> Tensor:
        """Return logits [B]."""
        return self.bias + inputs.fields.flatten(1).sum(dim=1)
