"""Sizes of the image codec: the CPU size that ships, and the published size. Loads no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from adcreative.errors import ConfigError

__all__ = ["PUBLISHED_LAMBDAS", "CodecConfig", "published_config"]

PUBLISHED_LAMBDAS = (0.0018, 0.0035, 0.0067, 0.013, 0.025, 0.0483)
MIN_SCALE, MAX_SCALE, NUM_SCALES = 0.11, 256.0, 64  # of the table of standard deviations, log steps
MAX_LIGHT_CHANNELS = 768  # colour values of a block of 16x16 px
STRIDE = 64  # of the hyper latents; pictures are padded to a multiple of it


@dataclass(frozen=True, kw_only=True)
class CodecConfig:
    """Sizes of one codec network.

    widths: channels after each of the first three stride-2 stages. depths: token-mixing blocks after each.
    slices: channels of each slice of y, which lies at 1/16 of the picture's sides; a small first slice (few channels that
    say most) makes the others cheap to predict (He et al. 2022, ELIC). hyper_channels: of z, at 1/64.
    context_channels: of every context and hidden layer of the entropy model. lambdas: weight of the distortion of each rate
    that the one network serves, ascending. skip_scale: symbols predicted with a smaller standard deviation are not coded.
    transforms: "light" (`light`: block cosines plus a small network; widths and depths are those at 1/4, 1/8, 1/16 of the
    sides) or "published" (`transforms`).
    """

    widths: tuple[int, int, int] = (48, 64, 96)
    depths: tuple[int, int, int] = (2, 2, 2)
    slices: tuple[int, ...] = (8, 24, 48, 96, 144)
    hyper_channels: int = 32
    context_channels: int = 64
    transforms: Literal["light", "published"] = "light"
    lambdas: tuple[float, ...] = (0.0035, 0.013, 0.0483, 0.18)
    skip_scale: float = 0.3

    def __post_init__(self) -> None:
        if not self.slices or any(width < 4 or width % 4 for width in (*self.slices, self.context_channels)):
            raise ConfigError(
                f"slices (={list(self.slices)}) and context_channels (={self.context_channels}) must be divisible by 4, since "
                "positions rotate pairs of channels; choose other sizes"
            )
        if self.transforms not in ("light", "published"):
            raise ConfigError(f'transforms are "light" or "published", got "{self.transforms}"; choose one of them')
        if self.transforms == "light" and self.latent_channels > MAX_LIGHT_CHANNELS:
            raise ConfigError(
                f"light transforms have slices of up to {MAX_LIGHT_CHANNELS} channels in all, got {self.latent_channels}"
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
        widths=(192, 192, 192), depths=(1, 1, 1), slices=(32,) * 10, hyper_channels=192, context_channels=224,
        lambdas=PUBLISHED_LAMBDAS, transforms="published",
    )  # fmt: skip
