"""QIN: sparse target attention over the history, then the quadratic network, then one logit.

    o = attention(target, sequence);   x = quadratic network([fields ; target ; o]);   logit = w . x + b

A history without a real item gives o = target exactly. Knows tensors only: the same network reads creatives and logs.
Source:
    QIN 2025 (EReL@MIR challenge at WWW 2025, 2nd place), released code. 31,244,293 parameters on MicroLens_1M_x1 with R = 4 and
    27,045,893 with R = 3, embedding layer included, as logged by the authors.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor, nn

from adcreative.ctr.config import check_sizes
from adcreative.ctr.inputs.network_inputs import InputShape, KeyValueCache, Network, NetworkInputs
from adcreative.ctr.nn.layers import QuadraticNetwork, SparseTargetAttention, build_head


@dataclass(frozen=True, kw_only=True)
class QINConfig:
    """num_layers, num_rows: of the quadratic network; num_rows=3 is the authors' stable fallback.

    starts_at_zero: the head has no bias and starts at zero, for a network that is added to a linear path.
    """

    num_layers: int = 4
    num_rows: int = 4
    dropout_prob: float = 0.1
    starts_at_zero: bool = False

    def __post_init__(self) -> None:
        check_sizes(self)


class QIN(Network):
    """The network on the sizes of `shape`, which includes a target and a history."""

    def __init__(self, shape: InputShape, config: QINConfig, *, generator: torch.Generator) -> None:
        super().__init__()
        width = shape.flat_dim + 2 * shape.target_dim
        self.attention = SparseTargetAttention(shape.target_dim, shape.sequence_dim, generator=generator)
        self.quadratic = QuadraticNetwork(
            width, num_layers=config.num_layers, num_rows=config.num_rows, dropout_prob=config.dropout_prob, generator=generator
        )
        self.head = build_head(width, starts_at_zero=config.starts_at_zero, generator=generator)
        self._folded: list[nn.Module] = []  # a list, so that it is no submodule and not saved

    def encode_sequence(self, sequence: Tensor) -> KeyValueCache:
        """Return keys and values of history items [U, S], for any number of targets."""
        return KeyValueCache(*self.attention.encode_items(sequence))

    def forward(self, inputs: NetworkInputs, cache: KeyValueCache | None = None) -> Tensor:
        """Return logits [B].

        Args:
            cache: keys and values of the items indexed by `inputs.place`; `inputs.sequence` is then not read.
        """
        target = attended = inputs.find_target()
        if inputs.mask is not None and cache is not None and inputs.place is not None:
            keys, values = cache.keys[inputs.place], cache.values[inputs.place]  # [B, T, A]
            attended = self.attention.attend(target, keys, values, inputs.mask)
        elif inputs.mask is not None:
            attended = self.attention(target, inputs.spread_sequence(), inputs.mask)
        quadratic = self._folded[0] if self._folded else self.quadratic
        x = torch.cat([inputs.fields.flatten(1), target, attended], dim=1)
        return self.head(quadratic(x))[:, 0]

    def fold(self) -> None:
        """Switch to eval mode with the R rows of each quadratic layer summed and batch norm folded; `train()` switches back."""
        super().fold()
        self._folded = [self.quadratic.fold()]

    def train(self, mode: bool = True) -> Self:
        self._folded = []
        return super().train(mode)
