"""Training losses of pictures: features of a frozen picture network, weighted towards the face; a discriminator."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from data.make.face_model.discriminator import ProjectedDiscriminator, hinge_loss
from stylegan.networks.efficientnet import EfficientNetLevels, load_backbone


class PerceptualDistance(nn.Module):
    """Squared distance of channel-normalised features of a frozen picture network, [B, 3, H, W] x 2 -> scalar."""

    def __init__(self, backbone_state: dict[str, Tensor]) -> None:
        super().__init__()
        self.network = EfficientNetLevels((0, 1, 2, 3))
        load_backbone(self.network, backbone_state)
        self.network.eval().requires_grad_(False)

    @property
    def feature_channels(self) -> list[int]:
        return self.network.feature_channels

    def features(self, images_f32: Tensor) -> list[Tensor]:
        """Return features of [B, 3, H, W] at strides 2, 4, 8 and 16."""
        return self.network(images_f32)

    def forward(self, features: list[Tensor], target_features: list[Tensor]) -> Tensor:
        distances = []
        for ours, theirs in zip(features, target_features, strict=True):
            squared = (F.normalize(ours, dim=1) - F.normalize(theirs, dim=1)).square().sum(dim=1)
            distances.append((face_weight(ours.shape[-1])[0] * squared).mean())
        return torch.stack(distances).sum()


def face_weight(size: int) -> Tensor:
    """Return [1, 1, size, size] with mean 1: four times the border's weight around eyes, nose and mouth of an aligned face.

    The eyes themselves count seven times as much: a few pixels of colour that a discriminator tends to lighten.
    """
    y, x = torch.meshgrid(torch.linspace(-1, 1, size), torch.linspace(-1, 1, size), indexing="ij")
    weight = 1.0 + 3.0 * torch.exp(-0.5 * ((x / 0.3).square() + ((y - 0.12) / 0.35).square()))
    for side in (-0.24, 0.24):
        weight = weight + 3.0 * torch.exp(-0.5 * (((x - side) / 0.09).square() + ((y + 0.06) / 0.06).square()))
    return (weight / weight.mean())[None, None]


def step_discriminator(
    discriminator: ProjectedDiscriminator, optimizer: torch.optim.Optimizer, real: list[Tensor], fake: list[Tensor]
) -> dict[str, float]:
    """Train a discriminator on one batch of features per level; fake ones must be detached. Return its loss as "hinge"."""
    loss = hinge_loss(discriminator(real), discriminator(fake))
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    return {"hinge": loss.item()}
