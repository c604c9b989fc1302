"""DNN: all fields side by side through one MLP. The baseline of every interaction network."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from adcreative.ctr.config import check_sizes
from adcreative.ctr.inputs.network_inputs import InputShape, Network, NetworkInputs
from adcreative.ctr.nn.layers import build_head
from adcreative.ctr.nn.mlp import MLP


@dataclass(frozen=True, kw_only=True)
class DNNConfig:
    """Widths of the hidden layers, activation, normalisation and dropout."""

    hidden_dims: tuple[int, ...] = (400, 400, 400)
    activation: str = "relu"
    batch_norm: bool = False
    dropout_prob: float = 0.0
    starts_at_zero: bool = False

    def __post_init__(self) -> None:
        check_sizes(self)


class DNN(Network):
    """logit = w . MLP([fields]) + b."""

    def __init__(self, shape: InputShape, config: DNNConfig, *, generator: torch.Generator) -> None:
        super().__init__()
        self.tower = MLP(
            shape.flat_dim,
            config.hidden_dims,
            activation=config.activation,
            batch_norm=config.batch_norm,
            dropout_prob=config.dropout_prob,
            generator=generator,
        )
        self.head = build_head(self.tower.out_dim, starts_at_zero=config.starts_at_zero, generator=generator)

    def forward(self, inputs: NetworkInputs) -> Tensor:
        """Return logits [B]."""
        return self.head(self.tower(inputs.fields.flatten(1)))[:, 0]
