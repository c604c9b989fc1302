"""Projected discriminator: judges pictures by the features of a frozen picture network; used in training only.

A discriminator that learns its own features from 1,400 faces memorises them; on frozen features only small heads are
trained. Source: Sauer et al. 2021 (Projected GANs converge faster): fixed random channel mixing, one head per level,
spectral normalisation, hinge loss. The heads here output a map of logits, so that every patch is judged.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm


class ProjectedDiscriminator(nn.Module):
    """features [[B, C_l, H_l, W_l], ...] -> logits [[B, H_l W_l / 4], ...], one per patch; larger means more like a real face.

    Args:
        feature_channels: channels of each level of the frozen network.
        width: channels of the heads.
    """

    def __init__(self, feature_channels: list[int], *, width: int = 48) -> None:
        super().__init__()
        self.heads = nn.ModuleList()
        for level, channels in enumerate(feature_channels):
            self.register_buffer(f"mixing_{level}", torch.randn(width, channels, 1, 1) / math.sqrt(channels))
            self.heads.append(
                nn.Sequential(
                    spectral_norm(nn.Conv2d(width, width, 3, padding=1)),
                    nn.LeakyReLU(0.2),
                    spectral_norm(nn.Conv2d(width, width, 4, stride=2, padding=1)),
                    nn.LeakyReLU(0.2),
                    spectral_norm(nn.Conv2d(width, 1, 3, padding=1)),
                )
            )

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        levels = enumerate(zip(self.heads, features, strict=True))
        return [head(F.conv2d(f, self.get_buffer(f"mixing_{level}"))).flatten(1) for level, (head, f) in levels]


def hinge_loss(real_logits: list[Tensor], fake_logits: list[Tensor]) -> Tensor:
    """Return the discriminator's loss, mean over levels: real logits above 1, fake ones below -1."""
    losses = [F.relu(1.0 - r).mean() + F.relu(1.0 + f).mean() for r, f in zip(real_logits, fake_logits, strict=True)]
    return torch.stack(losses).mean()


def generator_loss(fake_logits: list[Tensor]) -> Tensor:
    """Return the generator's loss, mean over levels: the negative logit."""
    return -torch.stack([logits.mean() for logits in fake_logits]).mean()
