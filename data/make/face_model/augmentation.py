"""Small random changes of training faces, against memorisation of few faces."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def jitter(images_f32: Tensor, *, generator: torch.Generator) -> Tensor:
    """Mirror half of the faces, and slightly shift, scale, rotate and brighten all: 1,400 faces are few."""
    batch = images_f32.shape[0]

    def draw(spread: float) -> Tensor:
        return (torch.rand(batch, generator=generator) * 2 - 1) * spread

    mirror = torch.where(torch.rand(batch, generator=generator) < 0.5, -1.0, 1.0)
    angle, scale = draw(0.07), 1.0 + draw(0.05)
    theta = torch.zeros(batch, 2, 3)
    theta[:, 0, 0], theta[:, 0, 1] = mirror * scale * angle.cos(), -scale * angle.sin()
    theta[:, 1, 0], theta[:, 1, 1] = mirror * scale * angle.sin(), scale * angle.cos()
    theta[:, 0, 2], theta[:, 1, 2] = draw(0.04), draw(0.04)
    grid = F.affine_grid(theta, list(images_f32.shape), align_corners=False)
    images_f32 = F.grid_sample(images_f32, grid, mode="bilinear", padding_mode="reflection", align_corners=False)
    gain, shift, tint = 1.0 + draw(0.1), draw(0.08), torch.rand(batch, 3, 1, 1, generator=generator) * 0.06 - 0.03
    return (images_f32 * gain.reshape(-1, 1, 1, 1) + shift.reshape(-1, 1, 1, 1) + tint).clamp(-1, 1)
