"""IR-SE 50 encoder of e4e: aligned face -> w_plus, layer for layer as published, so that its weights load strictly.

Knows no files. `Encoder4Editing` is the bare network with the parameter names of the published weights;
`E4EEncoder` adds the mean latent and the interface of `stylegan.networks.encoder.FaceEncoder`.
Sources: Deng et al. 2019 (ArcFace, IR-SE 50), Richardson et al. 2021 (pSp, map-to-style heads), Tov et al. 2021 (e4e).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from stylegan.errors import ShapeError
from stylegan.networks.generator import EqualLinear

NUM_BLOCKS = (3, 4, 14, 3)
TAPS = (6, 20, 23)  # last blocks of the stages at strides 4, 8 and 16
NUM_COARSE_ROWS, FIRST_FINE_ROW = 3, 7
INPUT_SIZE = 256


@dataclass(frozen=True, kw_only=True)
class E4EConfig:
    """Sizes of an e4e encoder. size: side of the aligned input, 256; stage_channels: 64, 128, 256, 512 as published."""

    num_rows: int
    w_dim: int = 512
    size: int = INPUT_SIZE
    stage_channels: tuple[int, ...] = (64, 128, 256, 512)
    squeeze_channels: tuple[int, ...] = (4, 8, 16, 32)

    def __post_init__(self) -> None:
        object.__setattr__(self, "stage_channels", tuple(self.stage_channels))
        object.__setattr__(self, "squeeze_channels", tuple(self.squeeze_channels))
        if len(self.stage_channels) != len(NUM_BLOCKS) or len(self.squeeze_channels) != len(NUM_BLOCKS):
            raise ShapeError(f"an IR-SE 50 has {len(NUM_BLOCKS)} stages, got channels {list(self.stage_channels)}")

    @property
    def code_dim(self) -> int:
        """Width of a code: all W+ rows, one after the other."""
        return self.num_rows * self.w_dim

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


class SqueezeExcite(nn.Module):
    """Scale each channel by a gate computed from the means of all channels."""

    def __init__(self, channels: int, squeeze_channels: int) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(channels, squeeze_channels, 1, bias=False)
        self.fc2 = nn.Conv2d(squeeze_channels, channels, 1, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        gate = self.fc2(F.relu(self.fc1(features.mean(dim=(2, 3), keepdim=True))))
        return features * torch.sigmoid(gate)


class Bottleneck(nn.Module):
    """Improved residual block: normalise, convolve, PReLU, convolve with stride, normalise, gate; plus the shortcut."""

    def __init__(self, in_channels: int, out_channels: int, *, squeeze_channels: int, stride: int) -> None:
        super().__init__()
        self.shortcut_layer: nn.Module = nn.MaxPool2d(1, stride)
        if in_channels != out_channels:
            self.shortcut_layer = nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 1, stride, bias=False), nn.BatchNorm2d(out_channels)
            )
        self.res_layer = nn.Sequential(
            nn.BatchNorm2d(in_channels),
            nn.Conv2d(in_channels, out_channels, 3, 1, 1, bias=False),
            nn.PReLU(out_channels),
            nn.Conv2d(out_channels, out_channels, 3, stride, 1, bias=False),
            nn.BatchNorm2d(out_channels),
            SqueezeExcite(out_channels, squeeze_channels),
        )

    def forward(self, features: Tensor) -> Tensor:
        return self.res_layer(features) + self.shortcut_layer(features)


class GradualStyleBlock(nn.Module):
    """Halve a feature map [B, C, S, S] with strided convolutions down to one vector, then one linear layer: [B, w_dim]."""

    def __init__(self, in_channels: int, w_dim: int, *, num_halvings: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for i in range(num_halvings):
            layers += [nn.Conv2d(in_channels if i == 0 else w_dim, w_dim, 3, 2, 1), nn.LeakyReLU(0.01)]
        self.convs = nn.Sequential(*layers)
        self.linear = EqualLinear(w_dim, w_dim)

    def forward(self, features: Tensor) -> Tensor:
        return self.linear(self.convs(features).flatten(1))


class Encoder4Editing(nn.Module):
    """image_f32 [B, 3, 256, 256] -> latent relative to the mean latent, [B, R, w_dim].

    row 0 = w0;   row i = w0 + delta_i,   delta from 16x16 features (rows 1-2), 32x32 (3-6), 64x64 (7 and up)
    """

    def __init__(self, config: E4EConfig) -> None:
        super().__init__()
        channels = config.stage_channels
        self.input_layer = nn.Sequential(
            nn.Conv2d(3, channels[0], 3, 1, 1, bias=False), nn.BatchNorm2d(channels[0]), nn.PReLU(channels[0])
        )
        blocks: list[nn.Module] = []
        below = channels[0]
        for here, squeeze, num_blocks in zip(channels, config.squeeze_channels, NUM_BLOCKS, strict=True):
            for i in range(num_blocks):
                blocks.append(Bottleneck(below, here, squeeze_channels=squeeze, stride=2 if i == 0 else 1))
                below = here
        self.body = nn.Sequential(*blocks)
        self.styles = nn.ModuleList(
            GradualStyleBlock(channels[3], config.w_dim, num_halvings=4 + (row >= NUM_COARSE_ROWS) + (row >= FIRST_FINE_ROW))
            for row in range(config.num_rows)
        )
        self.latlayer1 = nn.Conv2d(channels[2], channels[3], 1)
        self.latlayer2 = nn.Conv2d(channels[1], channels[3], 1)

    def features(self, images_f32: Tensor) -> list[Tensor]:
        """Return backbone features of [B, 3, H, W] at strides 4, 8 and 16."""
        features, taken = self.input_layer(images_f32), []
        for i, block in enumerate(self.body):
            features = block(features)
            if i in TAPS:
                taken.append(features)
        return taken

    def forward(self, images_f32: Tensor) -> Tensor:
        fine, middle, coarse = self.features(images_f32)
        middle = upsample_add(coarse, self.latlayer1(middle))
        fine = upsample_add(middle, self.latlayer2(fine))
        rows = [self.styles[0](coarse)]
        for i in range(1, len(self.styles)):
            level = coarse if i < NUM_COARSE_ROWS else middle if i < FIRST_FINE_ROW else fine
            rows.append(rows[0] + self.styles[i](level))
        return torch.stack(rows, dim=1)  # [B, R, w_dim]


def upsample_add(coarse: Tensor, fine: Tensor) -> Tensor:
    """Resize `coarse` to the size of `fine` (bilinear, align_corners) and add: both [B, C, ., .]."""
    return F.interpolate(coarse, size=fine.shape[2:], mode="bilinear", align_corners=True) + fine


class E4EEncoder(nn.Module):
    """The network plus the mean latent; the value of `FaceModel.encoder` for a converted e4e checkpoint.

    A code is the flattened W+ latent: code [B, R * w_dim].
    """

    def __init__(self, config: E4EConfig) -> None:
        super().__init__()
        self.config = config
        self.network = Encoder4Editing(config)
        self.register_buffer("latent_avg", torch.zeros(config.num_rows, config.w_dim))
        self.latent_avg: Tensor

    def backbone(self, images_f32: Tensor) -> list[Tensor]:
        """Return picture features of [B, 3, H, W] at strides 4, 8 and 16."""
        return self.network.features(images_f32)

    def encode(self, images_f32: Tensor) -> Tensor:
        """Return latent codes [B, R * w_dim] of aligned faces [B, 3, 256, 256] in -1..1.

        Raises:
            ShapeError: the pictures are not [B, 3, size, size].
        """
        size = self.config.size
        if images_f32.ndim != 4 or list(images_f32.shape[1:]) != [3, size, size]:
            raise ShapeError(f"expected aligned faces [B, 3, {size}, {size}], got {list(images_f32.shape)}")
        return (self.network(images_f32) + self.latent_avg).flatten(1)

    def expand(self, code: Tensor) -> Tensor:
        """Return the W+ rows of latent codes: [B, R * w_dim] -> [B, R, w_dim]."""
        return code.reshape(-1, self.config.num_rows, self.config.w_dim)

    def forward(self, images_f32: Tensor) -> Tensor:
        return self.expand(self.encode(images_f32))
