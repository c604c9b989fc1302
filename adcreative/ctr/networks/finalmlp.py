"""FinalMLP: two plain MLPs made different by context gates, fused by a bilinear term.

    gate i = 1, 2:   g_i = MLP_i(x_i) in R^(F D),   h_i = 2 sigmoid(g_i) * e,   o_i = tower_i(h_i)
    logit = b + w1 . o_1 + w2 . o_2 + sum over heads j of o_1j^T W_j o_2j

e: all fields side by side. x_i: context fields from their own table (a view "context_1" or "context_2"), else one learnt vector
for all rows. A gate is one number a dimension, and starts at exactly 1. The bilinear matrix shrinks from d1 d2 to d1 d2 / k
numbers with k heads; w1, w2 and b are not split.
Source:
    Mao et al., FinalMLP, AAAI 2023, eqs. 4-11. Differs: a learnt x_i starts as N(0, 0.01) in place of 0, where ReLU would
    block all but the gate's last bias.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from adcreative.ctr.config import check_sizes
from adcreative.ctr.inputs.network_inputs import InputShape, Insight, Network, NetworkInputs
from adcreative.ctr.nn.layers import build_linear
from adcreative.ctr.nn.mlp import MLP
from adcreative.errors import ConfigError

CONTEXTS = ("context_1", "context_2")
LEARNT_CONTEXT_DIM, CONTEXT_STD = 10, 0.01  # of the learnt gate input where no context field is given


@dataclass(frozen=True, kw_only=True)
class FinalMLPConfig:
    """Widths of the two towers and of the gates.

    context_1, context_2: names of fields that control the gate of a tower; () = one learnt vector. num_heads divides the widths
    of both towers' last layers. gated=False: two MLPs without gates (DualMLP with a bilinear term). starts_at_zero: the fusion
    is initially zero, for a network that is added to a linear path.
    """

    hidden_dims_1: tuple[int, ...] = (64, 64, 64)
    hidden_dims_2: tuple[int, ...] = (64, 64, 64)
    gate_dims: tuple[int, ...] = (64,)
    context_1: tuple[str, ...] = ()
    context_2: tuple[str, ...] = ()
    num_heads: int = 1
    gated: bool = True
    batch_norm: bool = False
    dropout_prob_1: float = 0.0
    dropout_prob_2: float = 0.0
    starts_at_zero: bool = False

    def __post_init__(self) -> None:
        check_sizes(self)
        for dims in (self.hidden_dims_1, self.hidden_dims_2):
            if not dims or dims[-1] % self.num_heads:
                raise ConfigError(
                    f"num_heads {self.num_heads} must divide the last of hidden_dims {list(dims)}; choose another."
                )


class ContextGate(nn.Module):
    """2 sigmoid(MLP(x)) for the F D dimensions of the fields; 1 everywhere at the start."""

    def __init__(self, context_dim: int, gate_dims: tuple[int, ...], width: int, *, generator: torch.Generator) -> None:
        super().__init__()
        self.context = None
        if not context_dim:
            context_dim = LEARNT_CONTEXT_DIM
            self.context = nn.Parameter(CONTEXT_STD * torch.randn(1, context_dim, generator=generator))
        self.hidden = MLP(context_dim, gate_dims, generator=generator)
        self.last = build_linear(self.hidden.out_dim, width, generator=generator)
        nn.init.zeros_(self.last.weight)

    def forward(self, context: Tensor | None) -> Tensor:
        """Return [B, F D], or [1, F D] for one vector for all rows, in 0..2."""
        values = self.context if self.context is not None else context
        assert values is not None  # a context is given unless a vector was learnt
        return 2.0 * torch.sigmoid(self.last(self.hidden(values)))


class BilinearFusion(nn.Module):
    """b + w1 . o_1 + w2 . o_2 + sum_j o_1j^T W_j o_2j for vectors in k chunks.

    All W_j together are one weight vector of the products o_1a o_2b, so they start as Xavier-normal for a layer of that many
    inputs and one output: N(0, 2 / (number of products + 1)). Xavier for each matrix separately is tens of times larger, and
    the products would dominate the rest.
    """

    def __init__(self, dim_1: int, dim_2: int, num_heads: int, *, generator: torch.Generator) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.first = build_linear(dim_1, 1, generator=generator)
        self.second = build_linear(dim_2, 1, generator=generator, bias=False)
        self.bilinear = nn.Parameter(torch.empty(num_heads, dim_1 // num_heads, dim_2 // num_heads))
        nn.init.normal_(self.bilinear, std=math.sqrt(2.0 / (self.bilinear.numel() + 1)), generator=generator)

    def forward(self, one: Tensor, two: Tensor) -> Tensor:
        """Return logits [B] for [B, dim_1] and [B, dim_2]."""
        chunks_1, chunks_2 = (values.unflatten(1, (self.num_heads, -1)) for values in (one, two))
        mixed = torch.einsum("bki,kij,bkj->b", chunks_1, self.bilinear, chunks_2)
        return (self.first(one) + self.second(two))[:, 0] + mixed


class FinalMLP(Network):
    """The network on the sizes of `shape`; contexts are its views "context_1" and "context_2"."""

    def __init__(self, shape: InputShape, config: FinalMLPConfig, *, generator: torch.Generator) -> None:
        super().__init__()
        self.gates = None
        if config.gated:
            widths = [math.prod(shape.views.get(name, (0, 0))) for name in CONTEXTS]
            self.gates = nn.ModuleList(
                ContextGate(width, config.gate_dims, shape.flat_dim, generator=generator) for width in widths
            )
        self.tower_1, self.tower_2 = (
            MLP(shape.flat_dim, dims, batch_norm=config.batch_norm, dropout_prob=prob, generator=generator)
            for dims, prob in ((config.hidden_dims_1, config.dropout_prob_1), (config.hidden_dims_2, config.dropout_prob_2))
        )
        self.fusion = BilinearFusion(self.tower_1.out_dim, self.tower_2.out_dim, config.num_heads, generator=generator)
        if config.starts_at_zero:
            for weight in self.fusion.parameters():
                nn.init.zeros_(weight)

    def output_bias(self) -> nn.Parameter | None:
        return self.fusion.first.bias

    def gate_values(self, inputs: NetworkInputs) -> tuple[Tensor, Tensor] | None:
        """Return both gates [B, F, D] (B = 1 where no context is read), 0..2 each; None without gates."""
        if self.gates is None:
            return None
        views = (inputs.views.get(name) for name in CONTEXTS)
        found = [
            gate(None if view is None else view.flatten(1)).unflatten(1, inputs.fields.shape[1:])
            for gate, view in zip(self.gates, views, strict=True)
        ]
        return found[0], found[1]

    def show(self, inputs: NetworkInputs) -> Insight:
        return Insight(gates=self.gate_values(inputs))

    def forward(self, inputs: NetworkInputs) -> Tensor:
        """Return logits [B]."""
        gates = self.gate_values(inputs) or (1.0, 1.0)
        one, two = ((gate * inputs.fields).flatten(1) for gate in gates)
        return self.fusion(self.tower_1(one), self.tower_2(two))
