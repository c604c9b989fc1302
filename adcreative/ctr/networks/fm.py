"""FM, the factorisation machine: logit = b + sum_f w_f + sum over pairs f < g of <v_f, v_g>.

w_f come from a view "first_order" of width 1: a weight of its own for each category.
Source:
    Rendle, Factorization Machines, ICDM 2010, with its linear-time form of the pair sum.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from adcreative.ctr.inputs.network_inputs import InputShape, Network, NetworkInputs

FIRST_ORDER = "first_order"


@dataclass(frozen=True, kw_only=True)
class FMConfig:
    """No settings besides the width of the fields.

    starts_at_zero: the pairs alone, times a factor that starts at zero, for a network that is added to a linear path.
    """

    starts_at_zero: bool = False


class FM(Network):
    """The machine on fields [B, F, D] and the view "first_order" [B, F, 1]."""

    def __init__(self, shape: InputShape, config: FMConfig, *, generator: torch.Generator) -> None:
        super().__init__()
        self.bias = None if config.starts_at_zero else nn.Parameter(torch.zeros(()))
        self.factor = nn.Parameter(torch.zeros(1)) if config.starts_at_zero else None

    def forward(self, inputs: NetworkInputs) -> Tensor:
        """Return logits [B]."""
        total, squares = inputs.fields.sum(dim=1), inputs.fields.square().sum(dim=1)
        pairs = 0.5 * (total.square() - squares).sum(dim=1)
        if self.factor is not None:
            return self.factor * pairs
        assert self.bias is not None
        return self.bias + inputs.views[FIRST_ORDER].flatten(1).sum(dim=1) + pairs
