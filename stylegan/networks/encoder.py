"""Embedded inversion encoder: aligned face -> w_plus, through a narrow latent code.

The picture tower is EfficientNet-Lite0 (levels at strides 8, 16 and 32), pooled to 4x4 and squeezed into a code of
`code_dim` numbers, normalised per dimension. Noise on the code during training keeps the latent space smooth, so that
neighbours of a code are faces too; the mapping network samples the same normalised codes (see `prior.py`).
Knows no files; `checkpoints.py` reads and writes it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from stylegan.errors import ShapeError
from stylegan.networks.efficientnet import EfficientNetLevels

LEVEL_CHANNELS = (40, 112, 320)


@dataclass(frozen=True, kw_only=True)
class EncoderConfig:
    """Sizes of the embedded encoder. size: side of the aligned input; the generator's size by convention."""

    size: int
    num_rows: int
    w_dim: int
    code_dim: int = 512
    level_width: int = 48

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


class FaceEncoder(nn.Module):
    """image_f32 [B, 3, size, size] -> code [B, code_dim] -> w_plus [B, R, w_dim]."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.backbone = EfficientNetLevels((2, 3, 4))
        self.levels = nn.ModuleList(nn.Conv2d(channels, config.level_width, 1) for channels in LEVEL_CHANNELS)
        self.to_code = nn.Linear(len(LEVEL_CHANNELS) * config.level_width * 16, config.code_dim)
        self.code_norm = nn.BatchNorm1d(config.code_dim, affine=False)
        self.to_rows = nn.Linear(config.code_dim, config.num_rows * config.w_dim)

    def encode(self, images_f32: Tensor) -> Tensor:
        """Return normalised latent codes, [B, code_dim]; over the training faces each dimension has mean 0, deviation 1.

        Raises:
            ShapeError: the pictures are not [B, 3, size, size].
        """
        size = self.config.size
        if images_f32.ndim != 4 or list(images_f32.shape[1:]) != [3, size, size]:
            raise ShapeError(f"expected aligned faces [B, 3, {size}, {size}], got {list(images_f32.shape)}")
        pooled = [
            F.leaky_relu(F.adaptive_avg_pool2d(level(features), 4), 0.2).flatten(1)
            for level, features in zip(self.levels, self.backbone(images_f32), strict=True)
        ]
        return self.code_norm(self.to_code(torch.cat(pooled, dim=1)))

    def expand(self, code: Tensor) -> Tensor:
        """Return w_plus of latent codes: [B, code_dim] -> [B, R, w_dim]. Linear, so directions may live in either space."""
        return self.to_rows(code).reshape(-1, self.config.num_rows, self.config.w_dim)

    def forward(self, images_f32: Tensor) -> Tensor:
        return self.expand(self.encode(images_f32))
