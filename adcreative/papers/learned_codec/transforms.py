"""Sizes of the codec, and from pixels to latents and back by token-mixing blocks. Knows no entropy and no files.

Shapes: B pictures, H W pixels (multiples of 64), M latent channels.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from adcreative.errors import ConfigError

PUBLISHED_LAMBDAS = (0.0018, 0.0035, 0.0067, 0.013, 0.025, 0.0483)
MIN_SCALE, MAX_SCALE, NUM_SCALES = 0.11, 256.0, 64  # of the table of standard deviations, log steps
STRIDE = 64  # of the hyper latents; pictures are padded to a multiple of it


@dataclass(frozen=True, kw_only=True)
class CodecConfig:
    """Sizes of one codec network.

    widths: channels after each of the first three stride-2 stages. depths: token-mixing blocks after each.
    slices: channels of each slice of y, at 1/16 of the picture's sides; a small first slice (few channels with the most
    information) makes the others cheap to predict (He et al. 2022, ELIC). hyper_channels: of z, at 1/64.
    context_channels: of every context and hidden layer of the entropy model. lambdas: weight of the distortion of each rate
    of the network, ascending. skip_scale: symbols predicted with a smaller standard deviation are not coded.
    """

    widths: tuple[int, int, int] = (48, 64, 96)
    depths: tuple[int, int, int] = (2, 2, 2)
    slices: tuple[int, ...] = (8, 24, 48, 96, 144)
    hyper_channels: int = 32
    context_channels: int = 64
    lambdas: tuple[float, ...] = (0.0035, 0.013, 0.0483, 0.18)
    skip_scale: float = 0.3

    def __post_init__(self) -> None:
        if not self.slices or any(width < 4 or width % 4 for width in (*self.slices, self.context_channels)):
            raise ConfigError(
                f"slices (={list(self.slices)}) and context_channels (={self.context_channels}) must be divisible by 4, since "
                "positions rotate pairs of channels; choose other sizes"
            )
        if not self.lambdas or list(self.lambdas) != sorted(set(self.lambdas)) or self.lambdas[0] <= 0:
            raise ConfigError(f"lambdas must be positive and ascending, got {list(self.lambdas)}; list each rate once")

    @property
    def latent_channels(self) -> int:
        """Channels of y, M."""
        return sum(self.slices)


def published_config() -> CodecConfig:
    """Return the published size: N = 192, M = 320 in ten slices of 32, hyper latents of 192 channels.

    The paper trains one network for each lambda; here one network serves all of them by gains.

    Source:
        Jiang et al. 2025 (MLICv2), section 4; sizes as in MLIC++.
    """
    return CodecConfig(
        widths=(192, 192, 192),
        depths=(1, 1, 1),
        slices=(32,) * 10,
        hyper_channels=192,
        context_channels=224,
        lambdas=PUBLISHED_LAMBDAS,
    )


class ChannelNorm(nn.Module):
    """Divide each position's channels by their root mean square, and scale them."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(channels, 1, 1))

    def forward(self, image: Tensor) -> Tensor:
        return image * (image.square().mean(dim=1, keepdim=True) + 1e-5).rsqrt() * self.gain


class TokenMixingBlock(nn.Module):
    """Mix neighbours by a depth-wise 5x5 convolution, then channels by a gated feed-forward; both with a skip connection.

    x = x + depthwise(norm(x));   x = x + out(gelu(a) * b) with a, b = in(norm(x))
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.mixer_norm, self.forward_norm = ChannelNorm(channels), ChannelNorm(channels)
        self.mixer = nn.Conv2d(channels, channels, 5, padding=2, groups=channels)
        self.widen = nn.Conv2d(channels, 4 * channels, 1)
        self.narrow = nn.Conv2d(2 * channels, channels, 1)
        nn.init.zeros_(self.narrow.weight)

    def forward(self, image: Tensor) -> Tensor:
        image = image + self.mixer(self.mixer_norm(image))
        gate, value = self.widen(self.forward_norm(image)).chunk(2, dim=1)
        return image + self.narrow(functional.gelu(gate) * value)


def upsample(in_channels: int, out_channels: int) -> nn.Sequential:
    """Double both sides: a convolution to four times the channels, rearranged as 2x2 pixels."""
    return nn.Sequential(nn.Conv2d(in_channels, 4 * out_channels, 3, padding=1), nn.PixelShuffle(2))


class Analysis(nn.Module):
    """Four stride-2 stages: [B, 3, H, W] in 0..1 -> y [B, M, H/16, W/16]."""

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        for width, depth in zip(config.widths, config.depths, strict=True):
            layers.append(nn.Conv2d(channels, width, 5 if channels == 3 else 3, stride=2, padding=2 if channels == 3 else 1))
            layers += [TokenMixingBlock(width) for _ in range(depth)]
            channels = width
        layers.append(nn.Conv2d(channels, config.latent_channels, 3, stride=2, padding=1))
        self.layers = nn.Sequential(*layers)

    def forward(self, image: Tensor) -> Tensor:
        return self.layers(image - 0.5)


class Synthesis(nn.Module):
    """Inverse of the analysis: y [B, M, H/16, W/16] -> [B, 3, H, W], about 0..1, not clipped."""

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = config.latent_channels
        for width, depth in zip(reversed(config.widths), reversed(config.depths), strict=True):
            layers.append(upsample(channels, width))
            layers += [TokenMixingBlock(width) for _ in range(depth)]
            channels = width
        layers.append(upsample(channels, 3))
        self.layers = nn.Sequential(*layers)

    def forward(self, latents: Tensor) -> Tensor:
        return self.layers(latents) + 0.5
