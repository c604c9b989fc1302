"""From pixels to latents and back: analysis, synthesis, and the transforms of the hyper latents. Knows no entropy and no files.

Shapes: B pictures, H W pixels (multiples of 64), M latent channels.
Source:
    Jiang et al. 2025 (MLICv2): token-mixing block in place of residual blocks.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from adcreative.codec.config import CodecConfig
from adcreative.codec.grid import snap

__all__ = ["Analysis", "HyperAnalysis", "HyperSynthesis", "Synthesis", "TokenMixingBlock"]


class ChannelNorm(nn.Module):
    """Divide each position's channels by their root mean square, and scale them."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(channels, 1, 1))

    def forward(self, image: Tensor) -> Tensor:
        return image * (image.square().mean(dim=1, keepdim=True) + 1e-5).rsqrt() * self.gain


class TokenMixingBlock(nn.Module):
    """Mix neighbours by a depth-wise 5x5 convolution, then channels by a gated feed-forward; both beside a skip connection.

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


def _up(in_channels: int, out_channels: int) -> nn.Sequential:
    """Double both sides: a convolution to four times the channels, laid out as 2x2 pixels."""
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
    """The way back: y [B, M, H/16, W/16] -> [B, 3, H, W], about 0..1, not cut."""

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = config.latent_channels
        for width, depth in zip(reversed(config.widths), reversed(config.depths), strict=True):
            layers.append(_up(channels, width))
            layers += [TokenMixingBlock(width) for _ in range(depth)]
            channels = width
        layers.append(_up(channels, 3))
        self.layers = nn.Sequential(*layers)

    def forward(self, latents: Tensor) -> Tensor:
        return self.layers(latents) + 0.5


class HyperAnalysis(nn.Module):
    """y [B, M, H/16, W/16] -> z [B, hyper_channels, H/64, W/64]."""

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        width, hyper = config.context_channels, config.hyper_channels
        self.layers = nn.Sequential(
            nn.Conv2d(config.latent_channels, width, 3, padding=1), nn.GELU(),
            nn.Conv2d(width, width, 3, stride=2, padding=1), nn.GELU(),
            nn.Conv2d(width, hyper, 3, stride=2, padding=1),
        )  # fmt: skip

    def forward(self, latents: Tensor) -> Tensor:
        return self.layers(latents)


class HyperSynthesis(nn.Module):
    """z [B, hyper_channels, H/64, W/64] -> what the entropy model reads of it, [B, 2 context_channels, H/16, W/16]; exact."""

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        width = config.context_channels
        self.first, self.second = _up(config.hyper_channels, width), _up(width, 2 * width)
        self.last = nn.Conv2d(2 * width, 2 * width, 1)

    def forward(self, hyper_latents: Tensor) -> Tensor:
        features = snap(functional.leaky_relu(self.first(hyper_latents), 0.125))
        features = snap(functional.leaky_relu(self.second(features), 0.125))
        return snap(self.last(features))
