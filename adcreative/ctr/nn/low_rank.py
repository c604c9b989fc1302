"""A linear layer of low rank, and its installation in a network.

y = U (A x + a) + c,  A [r, in],  U [out, r]:  r (in + out) multiplications in place of in * out
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from stylegan.networks.unset import build_unset


class FactoredLinear(nn.Module):
    """Two consecutive linear layers, rank numbers between them, no activation."""

    def __init__(self, first: nn.Linear, second: nn.Linear) -> None:
        super().__init__()
        self.first, self.second = first, second

    @classmethod
    def empty(cls, in_dim: int, out_dim: int, rank: int) -> FactoredLinear:
        """Return a layer of these sizes with uninitialised weights."""
        return cls(build_unset(nn.Linear, in_dim, rank), build_unset(nn.Linear, rank, out_dim))

    @property
    def rank(self) -> int:
        return self.first.out_features

    @property
    def in_features(self) -> int:
        return self.first.in_features

    @property
    def out_features(self) -> int:
        return self.second.out_features

    def forward(self, values: Tensor) -> Tensor:
        """Return [..., out] for values [..., in]."""
        found: Tensor = self.second(self.first(values))
        return found

    def fold(self) -> nn.Linear:
        """Return a single linear layer with the same outputs."""
        layer = build_unset(nn.Linear, self.in_features, self.out_features)
        with torch.no_grad():
            layer.weight.copy_(self.second.weight @ self.first.weight)
            layer.bias.copy_(self.second.weight @ self.first.bias + self.second.bias)
        return layer


def factored_layers(network: nn.Module) -> Iterator[tuple[str, FactoredLinear]]:
    """Yield every factored layer of a network with its module name."""
    return ((name, one) for name, one in network.named_modules() if isinstance(one, FactoredLinear))


def replace_layer(network: nn.Module, name: str, layer: nn.Module) -> None:
    """Replace the layer `name` (as in `named_modules`) of a network."""
    parent, _, own = name.rpartition(".")
    setattr(network.get_submodule(parent), own, layer)
