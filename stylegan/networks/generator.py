"""StyleGAN2 generator: z -> w -> w_plus -> image.

Knows no files, no pictures on disk and no ads. Parameter names show the consumer of each row of a W+ latent; see
`SynthesisNetwork.forward`; `checkpoints.py` maps foreign names to these.

Rows (R = 2 log2(size) - 2): row 0 drives the 4-px convolution; at resolution index j = 0.. (8, 16, ... px), row 2j+1 drives
the up-sampling convolution and the ToRGB below it, row 2j+2 the second convolution, row 2j+3 the ToRGB of this resolution.
Source: Karras et al. 2020 (StyleGAN2), skip architecture.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from stylegan.errors import ShapeError
from stylegan.networks.ops import modulated_conv2d, scaled_leaky_relu, upsample2x


@dataclass(frozen=True, kw_only=True)
class GeneratorConfig:
    """Sizes of one generator; everything needed to rebuild it from a checkpoint.

    size: pixels on a side, a power of two from 8. channels: resolution -> channels. mapping_rows: 1 for StyleGAN2 proper (one
    w for all rows); R for a mapping network fitted to W+ codes, which writes every row itself.
    """

    size: int
    z_dim: int = 512
    w_dim: int = 512
    num_mapping_layers: int = 8
    mapping_rows: int = 1
    mapping_lr_multiplier: float = 0.01
    normalize_z: bool = True
    conv_clamp: float | None = None
    channels: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.size < 8 or self.size & (self.size - 1):
            raise ShapeError(f"generator size must be a power of two of at least 8, got {self.size}")
        if not self.channels:
            object.__setattr__(self, "channels", {r: min(32768 // r, 512) for r in self.resolutions})
        object.__setattr__(self, "channels", {int(r): int(c) for r, c in self.channels.items()})
        if set(self.channels) != set(self.resolutions):
            raise ShapeError(f"channels must name resolutions {self.resolutions}, got {sorted(self.channels)}")

    @property
    def resolutions(self) -> list[int]:
        """Sides of the intermediate pictures, 4, 8, ... size."""
        return [2**power for power in range(2, int(math.log2(self.size)) + 1)]

    @property
    def num_rows(self) -> int:
        """Rows of a W+ latent, R."""
        return 2 * int(math.log2(self.size)) - 2

    def num_steps_to(self, size: int) -> int:
        """Return the number of doublings from 4 px to `size`.

        Raises:
            ShapeError: the generator has no intermediate picture of that size.
        """
        if size not in self.resolutions:
            raise ShapeError(f"a {self.size} px generator makes pictures of {self.resolutions} px, {size} px was asked for")
        return self.resolutions.index(size)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


class EqualLinear(nn.Module):
    """Linear layer whose weight is scaled at run time (equalised learning rate, Karras et al. 2018)."""

    def __init__(self, in_dim: int, out_dim: int, *, lr_multiplier: float = 1.0, bias_init: float = 0.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_dim, in_dim) / lr_multiplier)
        self.bias = nn.Parameter(torch.full((out_dim,), bias_init / lr_multiplier))
        self.weight_gain = lr_multiplier / math.sqrt(in_dim)
        self.bias_gain = lr_multiplier

    def forward(self, vectors: Tensor) -> Tensor:
        return nn.functional.linear(vectors, self.weight * self.weight_gain, self.bias * self.bias_gain)


class MappingNetwork(nn.Module):
    """z [B, z_dim] -> w [B, w_dim], or w_plus [B, R, w_dim] for a mapping fitted row by row.

    StyleGAN2: normalise z to unit mean square, then layers of (equalised linear, leaky ReLU 0.2, gain sqrt 2). With
    `mapping_rows` > 1 the last layer is linear and writes all rows.
    """

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.num_rows, self.z_dim, self.w_dim = config.mapping_rows, config.z_dim, config.w_dim
        self.normalize_z = config.normalize_z
        out_dims = [config.w_dim] * (config.num_mapping_layers - 1) + [config.w_dim * config.mapping_rows]
        in_dims = [config.z_dim, *out_dims[:-1]]
        self.layers = nn.ModuleList(
            EqualLinear(i, o, lr_multiplier=config.mapping_lr_multiplier) for i, o in zip(in_dims, out_dims, strict=True)
        )
        self.register_buffer("w_avg", torch.zeros(config.mapping_rows, config.w_dim))
        self.w_avg: Tensor

    def forward(self, z: Tensor) -> Tensor:
        if z.ndim != 2 or z.shape[1] != self.z_dim:
            raise ShapeError(f"expected z [B, {self.z_dim}], got {list(z.shape)}")
        hidden = z * torch.rsqrt(z.square().mean(dim=1, keepdim=True) + 1e-8) if self.normalize_z else z
        for i, layer in enumerate(self.layers):
            hidden = layer(hidden)
            if self.num_rows == 1 or i < len(self.layers) - 1:
                hidden = nn.functional.leaky_relu(hidden, 0.2) * math.sqrt(2.0)
        return hidden if self.num_rows == 1 else hidden.reshape(-1, self.num_rows, self.w_dim)


class StyledConv(nn.Module):
    """Modulated 3x3 convolution, fixed noise, bias, scaled leaky ReLU."""

    def __init__(self, in_channels: int, out_channels: int, config: GeneratorConfig, *, size: int, upsample: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, 3, 3))
        self.affine = EqualLinear(config.w_dim, in_channels, bias_init=1.0)
        self.noise_strength = nn.Parameter(torch.zeros(()))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.register_buffer("noise_const", torch.zeros(size, size))
        self.noise_const: Tensor
        self.weight_gain = 1.0 / math.sqrt(in_channels * 9)
        self.upsample, self.clamp = upsample, config.conv_clamp

    def forward(self, features: Tensor, w: Tensor) -> Tensor:
        style = self.affine(w)
        features = modulated_conv2d(features, self.weight * self.weight_gain, style, upsample=self.upsample)
        features = features + (self.noise_const * self.noise_strength).to(features.dtype)
        features = scaled_leaky_relu(features, self.bias.to(features.dtype))
        return features if self.clamp is None else features.clamp(-self.clamp, self.clamp)


class ToRGB(nn.Module):
    """Modulated 1x1 convolution to three channels, without demodulation."""

    def __init__(self, in_channels: int, config: GeneratorConfig) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(3, in_channels, 1, 1))
        self.affine = EqualLinear(config.w_dim, in_channels, bias_init=1.0)
        self.bias = nn.Parameter(torch.zeros(3))
        self.weight_gain = 1.0 / math.sqrt(in_channels)
        self.clamp = config.conv_clamp

    def forward(self, features: Tensor, w: Tensor) -> Tensor:
        rgb = modulated_conv2d(features, self.weight * self.weight_gain, self.affine(w), demodulate=False)
        rgb = rgb + self.bias.reshape(1, 3, 1, 1).to(rgb.dtype)
        return rgb if self.clamp is None else rgb.clamp(-self.clamp, self.clamp)


class SynthesisNetwork(nn.Module):
    """w_plus [B, R, w_dim] -> image [B, 3, size, size]."""

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.config = config
        self.const = nn.Parameter(torch.randn(config.channels[4], 4, 4))
        self.convs = nn.ModuleList([StyledConv(config.channels[4], config.channels[4], config, size=4, upsample=False)])
        self.to_rgbs = nn.ModuleList([ToRGB(config.channels[4], config)])
        for resolution in config.resolutions[1:]:
            below, here = config.channels[resolution // 2], config.channels[resolution]
            self.convs.append(StyledConv(below, here, config, size=resolution, upsample=True))
            self.convs.append(StyledConv(here, here, config, size=resolution, upsample=False))
            self.to_rgbs.append(ToRGB(here, config))

    def forward(self, w_plus: Tensor, *, size: int | None = None) -> Tensor:
        """Render [B, R, w_dim] as [B, 3, size, size]; a smaller `size` than the network's stops at that resolution.

        Raises:
            ShapeError: w_plus has other rows or another width, or the network has no picture of that size.
        """
        _, rgb = self.stage(w_plus, size=self.config.size if size is None else size)
        return rgb

    def stage(self, w_plus: Tensor, *, size: int) -> tuple[Tensor, Tensor]:
        """Return features [B, C, size, size] and picture [B, 3, size, size] of one resolution; see `forward`."""
        expected = [self.config.num_rows, self.config.w_dim]
        if w_plus.ndim != 3 or list(w_plus.shape[1:]) != expected:
            raise ShapeError(f"expected w_plus [B, {expected[0]}, {expected[1]}], got {list(w_plus.shape)}")
        features = self.const.expand(w_plus.shape[0], -1, -1, -1)
        features = self.convs[0](features, w_plus[:, 0])
        rgb = self.to_rgbs[0](features, w_plus[:, 1])
        for j in range(self.config.num_steps_to(size)):
            features, rgb = self.step(j, features, rgb, w_plus)
        return features, rgb

    def step(self, j: int, features: Tensor, rgb: Tensor, w_plus: Tensor) -> tuple[Tensor, Tensor]:
        """Double the resolution: step j computes features and picture of 8 * 2^j px from those of half the size."""
        features = self.convs[2 * j + 1](features, w_plus[:, 2 * j + 1])
        features = self.convs[2 * j + 2](features, w_plus[:, 2 * j + 2])
        return features, upsample2x(rgb) + self.to_rgbs[j + 1](features, w_plus[:, 2 * j + 3])


class Generator(nn.Module):
    """Mapping and synthesis network: `map` converts z to latents, `synthesize` latents to pictures."""

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        if config.mapping_rows not in (1, config.num_rows):
            raise ShapeError(f"mapping_rows must be 1 or {config.num_rows}, got {config.mapping_rows}")
        self.config = config
        self.mapping = MappingNetwork(config)
        self.synthesis = SynthesisNetwork(config)

    def map(self, z: Tensor, *, truncation: float = 1.0) -> Tensor:
        """Map z to a W+ latent.

            w = w_avg + truncation * (mapping(z) - w_avg)

        Args:
            z: [B, z_dim], standard normal.
            truncation: 1 samples the whole distribution, 0 gives the mean face.
        Returns:
            [B, R, w_dim].
        """
        w = self.mapping(z)
        w_plus = w[:, None].expand(-1, self.config.num_rows, -1) if w.ndim == 2 else w
        return torch.lerp(self.w_plus_avg.expand_as(w_plus), w_plus, truncation)

    @property
    def w_plus_avg(self) -> Tensor:
        """The mean latent, [1, R, w_dim]."""
        return self.mapping.w_avg.expand(self.config.num_rows, -1)[None]

    def synthesize(self, w_plus: Tensor, *, size: int | None = None) -> Tensor:
        """Render W+ latents [B, R, w_dim] as images [B, 3, size, size], nominally -1..1, not clamped.

        size: of the pictures; None is the generator's own, a smaller power of two stops at that resolution.
        """
        return self.synthesis(w_plus, size=size)
