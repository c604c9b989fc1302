"""Transforms for a CPU: a linear block transform, and beside it a small network that begins as nothing. Knows no entropy.

    y = linear(x) + net(x);   x = linear'(y) + net'(y, linear'(y))

The linear part starts as a cosine transform (`basis.block_basis`), and the last layer of each network at zero, so that training
starts from a working transform coder. Networks run at 1/4, 1/8 and 1/16 of the sides, where a block of the same cost is wider.

Shapes: B pictures, H W pixels (multiples of 64), M latent channels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from adcreative.codec.basis import BLOCK_PX, block_basis
from adcreative.codec.config import CodecConfig
from adcreative.codec.transforms import TokenMixingBlock

__all__ = ["LightAnalysis", "LightSynthesis"]


def _blocks(width: int, depth: int) -> list[nn.Module]:
    return [TokenMixingBlock(width) for _ in range(depth)]


def _scaled_basis(num_functions: int) -> tuple[Tensor, Tensor]:
    """Return the basis [M, 3, 16, 16] and the scale [M] that brings coefficients half way to unit variance."""
    functions, deviation = block_basis(num_functions)
    return torch.tensor(functions), torch.tensor(deviation) ** -0.5


class LightAnalysis(nn.Module):
    """[B, 3, H, W] in 0..1 -> y [B, M, H/16, W/16]."""

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        quarter, eighth, sixteenth = config.widths
        num_channels = config.latent_channels
        self.linear = nn.Conv2d(3, num_channels, BLOCK_PX, stride=BLOCK_PX)
        self.net = nn.Sequential(
            nn.PixelUnshuffle(4), nn.Conv2d(48, quarter, 1), *_blocks(quarter, config.depths[0]),
            nn.Conv2d(quarter, eighth, 3, stride=2, padding=1), *_blocks(eighth, config.depths[1]),
            nn.Conv2d(eighth, sixteenth, 3, stride=2, padding=1), *_blocks(sixteenth, config.depths[2]),
        )  # fmt: skip
        self.last = nn.Conv2d(sixteenth, num_channels, 1)
        functions, scale = _scaled_basis(num_channels)
        with torch.no_grad():
            self.linear.weight.copy_(functions * scale[:, None, None, None])
        nn.init.zeros_(self.linear.bias)  # type: ignore[arg-type]
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)  # type: ignore[arg-type]

    def forward(self, image: Tensor) -> Tensor:
        centred = image - 0.5
        return self.linear(centred) + self.last(self.net(centred))


class LightSynthesis(nn.Module):
    """The way back: y [B, M, H/16, W/16] -> [B, 3, H, W], about 0..1, not cut. The network sees the linear picture, too."""

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        quarter, eighth, sixteenth = config.widths
        num_channels = config.latent_channels
        self.linear = nn.Conv2d(num_channels, 3 * BLOCK_PX**2, 1)
        self.deep = nn.Sequential(
            nn.Conv2d(num_channels, sixteenth, 1), *_blocks(sixteenth, config.depths[2]),
            nn.Conv2d(sixteenth, 4 * eighth, 1), nn.PixelShuffle(2), *_blocks(eighth, config.depths[1]),
            nn.Conv2d(eighth, 4 * quarter, 1), nn.PixelShuffle(2),
        )  # fmt: skip
        self.join = nn.Conv2d(48, quarter, 3, padding=1)
        self.fine = nn.Sequential(*_blocks(quarter, config.depths[0]))
        self.last = nn.Conv2d(quarter, 48, 3, padding=1)
        functions, scale = _scaled_basis(num_channels)
        with torch.no_grad():
            self.linear.weight.copy_((functions / scale[:, None, None, None]).flatten(1).T[:, :, None, None])
        nn.init.zeros_(self.linear.bias)  # type: ignore[arg-type]
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)  # type: ignore[arg-type]

    def forward(self, latents: Tensor) -> Tensor:
        linear = functional.pixel_shuffle(self.linear(latents), BLOCK_PX)
        features = self.deep(latents) + self.join(functional.pixel_unshuffle(linear, 4))
        return linear + functional.pixel_shuffle(self.last(self.fine(features)), 4) + 0.5
