"""FGCNN: a CNN over the stacked fields generates new features; a product network (IPNN) classifies raw and new features.

    layer i:  conv (h_i x 1) along the fields, C_i filters, same padding, tanh -> max-pool (p_i x 1), stride p_i,
              H_i = ceil(H_(i-1) / p_i) -> recombination: flatten, Linear, tanh -> H_i m_i new features of width D
    the pooled map, not the recombined one, feeds the next layer
    classifier: MLP([A flat ; all inner products of two rows of A]),   A = raw fields and new features, F + sum_i H_i m_i rows

The generator has its own table (the view "generator"), so that its gradients and the classifier's do not interfere. The order
of the fields matters to the convolution: it is saved with the model's schema.
Source:
    Liu et al., Feature Generation by Convolutional Neural Network for CTR prediction, WWW 2019.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from adcreative.ctr.config import check_sizes
from adcreative.ctr.inputs.network_inputs import InputShape, Network, NetworkInputs
from adcreative.ctr.nn.layers import build_head, build_linear
from adcreative.ctr.nn.mlp import MLP
from adcreative.errors import ConfigError
from stylegan.networks.unset import build_unset

GENERATOR = "generator"


@dataclass(frozen=True, kw_only=True)
class FGCNNConfig:
    """One entry per layer: filters, height of the kernel, pooling, and new maps m_i; () in `channels` gives the IPNN alone.

    starts_at_zero: the head has no bias and starts at zero, for a network that is added to a linear path.
    """

    channels: tuple[int, ...] = (14, 16, 18, 20)
    kernel_heights: tuple[int, ...] = (7, 7, 7, 7)
    pool_sizes: tuple[int, ...] = (2, 2, 2, 2)
    new_maps: tuple[int, ...] = (3, 3, 3, 3)
    hidden_dims: tuple[int, ...] = (400, 400)
    batch_norm: bool = True
    dropout_prob: float = 0.0
    starts_at_zero: bool = False

    def __post_init__(self) -> None:
        check_sizes(self)
        sizes = [self.channels, self.kernel_heights, self.pool_sizes, self.new_maps]
        if len({len(one) for one in sizes}) != 1 or any(value < 1 for one in sizes for value in one):
            raise ConfigError(
                "channels, kernel_heights, pool_sizes and new_maps need one number of at least 1 for each layer, "
                f"got {[list(one) for one in sizes]}."
            )


class GeneratorLayer(nn.Module):
    """One layer of the generator on a map [B, C, H, D]; out_height = ceil(H / pool)."""

    def __init__(
        self,
        in_channels: int,
        height: int,
        dim: int,
        *,
        channels: int,
        kernel: int,
        pool: int,
        new_maps: int,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.kernel, self.pool, self.out_height = kernel, pool, -(-height // pool)
        self.conv = build_unset(nn.Conv2d, in_channels, channels, (kernel, 1))
        nn.init.xavier_normal_(self.conv.weight, generator=generator)
        assert self.conv.bias is not None
        nn.init.zeros_(self.conv.bias)
        self.new_shape = (self.out_height * new_maps, dim)
        self.recombine = build_linear(channels * self.out_height * dim, self.new_shape[0] * dim, generator=generator)

    def forward(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """Return the pooled map [B, C', H', D] and the new features [B, H' m, D]."""
        above, below = (self.kernel - 1) // 2, self.kernel // 2  # an even kernel has one more row below
        mapped = torch.tanh(self.conv(F.pad(values, (0, 0, above, below))))
        missing = -mapped.shape[2] % self.pool
        padded = F.pad(mapped, (0, 0, 0, missing), value=-torch.inf)
        pooled = F.max_pool2d(padded, (self.pool, 1))
        return pooled, torch.tanh(self.recombine(pooled.flatten(1))).unflatten(1, self.new_shape)


class FGCNN(Network):
    """The network on fields and the view "generator" of the same number and width.

    num_rows: rows of the augmented matrix A.
    """

    def __init__(self, shape: InputShape, config: FGCNNConfig, *, generator: torch.Generator) -> None:
        super().__init__()
        layers, height, channels = [], shape.num_fields, 1
        for settings in zip(config.channels, config.kernel_heights, config.pool_sizes, config.new_maps, strict=True):
            layer = GeneratorLayer(
                channels,
                height,
                shape.field_dim,
                channels=settings[0],
                kernel=settings[1],
                pool=settings[2],
                new_maps=settings[3],
                generator=generator,
            )
            layers.append(layer)
            height, channels = layer.out_height, settings[0]
        self.layers = nn.ModuleList(layers)
        self.num_rows = shape.num_fields + sum(layer.new_shape[0] for layer in layers)
        num_pairs = self.num_rows * (self.num_rows - 1) // 2
        self.tower = MLP(
            self.num_rows * shape.field_dim + num_pairs,
            config.hidden_dims,
            batch_norm=config.batch_norm,
            dropout_prob=config.dropout_prob,
            generator=generator,
        )
        self.head = build_head(self.tower.out_dim, starts_at_zero=config.starts_at_zero, generator=generator)

    def generate(self, fields: Tensor) -> Iterator[Tensor]:
        """Yield the new features [B, H_i m_i, D] of each layer, for the generator's own fields [B, F, D]."""
        values = fields[:, None]
        for layer in self.layers:
            values, new = layer(values)
            yield new

    def forward(self, inputs: NetworkInputs) -> Tensor:
        """Return logits [B]."""
        new = list(self.generate(inputs.views[GENERATOR])) if len(self.layers) else []
        augmented = torch.cat([inputs.fields, *new], dim=1)  # [B, N', D]
        products = augmented @ augmented.transpose(1, 2)
        row, column = torch.triu_indices(self.num_rows, self.num_rows, offset=1, device=products.device)
        return self.head(self.tower(torch.cat([augmented.flatten(1), products[:, row, column]], dim=1)))[:, 0]
