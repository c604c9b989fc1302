"""StyleGAN2's residual discriminator at our sizes; used by training only.

Source: Karras et al. 2020, residual variant, minibatch standard deviation before the last convolution; the differentiable
augmentation that 1,400 faces need is Zhao et al. 2020 (DiffAugment: colour, translation, cutout).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from stylegan.ops import scaled_leaky_relu


class EqualConv(nn.Module):
    """Convolution with equalised learning rate, scaled leaky ReLU unless `linear`."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, *, linear: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, kernel_size, kernel_size))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.weight_gain = 1.0 / math.sqrt(in_channels * kernel_size**2)
        self.linear = linear

    def forward(self, features: Tensor) -> Tensor:
        weight = (self.weight * self.weight_gain).to(features.dtype)
        features = F.conv2d(features, weight, padding=self.weight.shape[-1] // 2)
        return features if self.linear else scaled_leaky_relu(features, self.bias.to(features.dtype))


class Discriminator(nn.Module):
    """image_f32 [B, 3, size, size] -> logit [B]; larger means more like the training faces."""

    def __init__(self, *, size: int, channels: dict[int, int]) -> None:
        super().__init__()
        self.from_rgb = EqualConv(3, channels[size], 1)
        self.blocks = nn.ModuleList()
        resolution = size
        while resolution > 4:
            here, below = channels[resolution], channels[resolution // 2]
            self.blocks.append(
                nn.ModuleList([EqualConv(here, here, 3), EqualConv(here, below, 3), EqualConv(here, below, 1, linear=True)])
            )
            resolution //= 2
        self.last_conv = EqualConv(channels[4] + 1, channels[4], 3)
        self.head = nn.Sequential(nn.Linear(channels[4] * 16, 256), nn.LeakyReLU(0.2), nn.Linear(256, 1))

    def forward(self, images_f32: Tensor) -> Tensor:
        features = self.from_rgb(images_f32)
        for block in self.blocks:
            conv, down, skip = block.children()
            halved = F.avg_pool2d(features, 2)
            features = (F.avg_pool2d(down(conv(features)), 2) + skip(halved)) / math.sqrt(2.0)
        deviation = features.float().std(dim=0, unbiased=False).mean().to(features.dtype)
        features = torch.cat([features, deviation.expand(features.shape[0], 1, 4, 4)], dim=1)
        return self.head(self.last_conv(features).flatten(1).float()).squeeze(1)


def augment(images_f32: Tensor, *, generator: torch.Generator) -> Tensor:
    """Change brightness, saturation, contrast, position and cut a patch, differentiably, per sample (DiffAugment).

    Args:
        images_f32: [B, 3, H, W].
        generator: source of the random draws; the same state gives the same change.
    """
    batch, _, height, width = images_f32.shape

    def draw(low: float, high: float) -> Tensor:
        return torch.rand(batch, 1, 1, 1, generator=generator) * (high - low) + low

    images_f32 = images_f32 + draw(-0.5, 0.5)
    grey = images_f32.mean(dim=1, keepdim=True)
    images_f32 = grey + (images_f32 - grey) * draw(0.0, 2.0)
    mean = images_f32.mean(dim=(1, 2, 3), keepdim=True)
    images_f32 = mean + (images_f32 - mean) * draw(0.5, 1.5)
    theta = torch.zeros(batch, 2, 3)
    theta[:, 0, 0] = theta[:, 1, 1] = 1.0
    theta[:, :, 2] = torch.cat([draw(-0.25, 0.25), draw(-0.25, 0.25)], dim=1).reshape(batch, 2)
    grid = F.affine_grid(theta, list(images_f32.shape), align_corners=False)
    images_f32 = F.grid_sample(images_f32, grid, align_corners=False)
    rows, columns = torch.arange(height).reshape(1, 1, -1, 1), torch.arange(width).reshape(1, 1, 1, -1)
    top, left = draw(-0.2, 1.0) * height, draw(-0.2, 1.0) * width
    cut = (rows >= top) & (rows < top + 0.4 * height) & (columns >= left) & (columns < left + 0.4 * width)
    return images_f32 * (~cut).float()
