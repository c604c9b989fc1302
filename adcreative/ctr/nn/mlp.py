"""The multi-layer perceptron that click-rate networks share, with its activations.

each layer:  Linear -> batch norm (optional) -> activation -> dropout
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from adcreative.ctr.nn.layers import SeededDropout, SharedBatchNorm, build_linear
from adcreative.errors import ConfigError

ACTIVATIONS = ("relu", "dice", "prelu", "tanh")
EPS, MOMENTUM = 1e-8, 0.1  # of the statistics of Dice


class Dice(nn.Module):
    """Activation that bends at the mean of the data: f(s) = p s + (1 - p) a s,  p = sigmoid((s - E[s]) / sqrt(Var[s] + eps)).

    Mean and variance are the batch's in training and running averages afterwards, both without masked entries.

    Args:
        width: channels, each with its own slope `a`, initially 0.
    Source:
        Zhou et al., Deep Interest Network, KDD 2018, eqs. 4-5.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.zeros(width))
        self.running_mean: Tensor
        self.running_var: Tensor
        self.register_buffer("running_mean", torch.zeros(width))
        self.register_buffer("running_var", torch.ones(width))

    def forward(self, values: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return [..., width] for values [..., width]; entries where mask [...] is 0 do not enter the statistics."""
        mean, variance = self.running_mean, self.running_var
        if self.training:
            rows = values.flatten(0, -2) if mask is None else values[mask > 0]
            if len(rows):
                mean, variance = rows.mean(dim=0), rows.var(dim=0, unbiased=False)
                with torch.no_grad():
                    self.running_mean.lerp_(mean, MOMENTUM)
                    self.running_var.lerp_(variance, MOMENTUM)
        share = torch.sigmoid((values - mean) / torch.sqrt(variance + EPS))
        return share * values + (1 - share) * self.slope * values


def build_activation(name: str, width: int) -> nn.Module:
    """Build an activation on `width` channels.

    Raises:
        ConfigError: no such activation.
    """
    if name == "dice":
        return Dice(width)
    simple = {"relu": nn.ReLU, "prelu": nn.PReLU, "tanh": nn.Tanh}
    if name not in simple:
        raise ConfigError(f'no activation named "{name}"; known: {", ".join(ACTIVATIONS)}.')
    return simple[name]()


class MLP(nn.Module):
    """Layers of the widths `hidden_dims`, each Linear -> batch norm -> activation -> dropout; no layer: the identity.

    out_dim: width of the output.
    """

    def __init__(
        self,
        in_dim: int,
        hidden_dims: Sequence[int],
        *,
        activation: str = "relu",
        batch_norm: bool = False,
        dropout_prob: float = 0.0,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        widths = [in_dim, *hidden_dims]
        self.out_dim = widths[-1]
        self.linears = nn.ModuleList(build_linear(a, b, generator=generator) for a, b in itertools.pairwise(widths))
        self.norms = nn.ModuleList(SharedBatchNorm(width) if batch_norm else nn.Identity() for width in hidden_dims)
        self.activations = nn.ModuleList(build_activation(activation, width) for width in hidden_dims)
        self.dropout = SeededDropout(dropout_prob, generator)

    def forward(self, values: Tensor, extra: Tensor | None = None) -> Tensor:
        """Return [B, out_dim] for values [B, in_dim]; extra [B, hidden_dims[0]] is added to the first layer's sums."""
        for number, (linear, norm, activation) in enumerate(zip(self.linears, self.norms, self.activations, strict=True)):
            sums = linear(values)
            if number == 0 and extra is not None:
                sums = sums + extra
            values = self.dropout(activation(norm(sums)))
        return values
