"""Other backgrounds for one picture: all that is neither face, product nor text is painted anew before the search.

The painter is any object with `paint` (encoders/inpainting.py wraps `diffusers`). Protected pixels stay bit for bit; around
them the new background fades in, so that no seam shows. Knows pixels; no models, no torch.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from adcreative.creative import Creative
from adcreative.editor.space.protection import Protection

if TYPE_CHECKING:
    from adcreative.encoders.inpainting import InpaintingModel

FADE_SHARE = 0.03  # of the shorter side: over this distance from what is protected the new ground fades in
MIN_GROUND_SHARE = 0.1  # of the picture; less ground than this is not worth painting
NO_CHANGE = 1.0  # mean absolute difference (0..255) below which a scene is the one that was there


@dataclass(frozen=True)
class Scenes:
    """Scenes of one picture, its own left out. pictures: [H, W, 3] uint8 each. weight [H, W, 1]: 0 where the picture stays."""

    pictures: tuple[np.ndarray, ...]
    weight: np.ndarray

    def paste(self, image_u8: np.ndarray, scene_idx: int) -> np.ndarray:
        """Return the picture with a scene behind what is protected; index 0 is its own, and returns it bit for bit."""
        if not scene_idx:
            return image_u8
        scene = self.pictures[scene_idx - 1].astype(np.float32)
        mixed = image_u8.astype(np.float32) * (1.0 - self.weight) + scene * self.weight
        return np.where(self.weight > 0.0, mixed.round().astype(np.uint8), image_u8)


def paint_scenes(
    creative: Creative,
    image_u8: np.ndarray,
    protection: Protection,
    painter: InpaintingModel,
    *,
    num_scenes: int,
    seed: int,
    prompt: str = "",
    should_stop: Callable[[], bool] | None = None,
) -> Scenes | None:
    """Paint other backgrounds; None when the picture has too little background, or none that was painted differs from it."""
    ground = ~protection.mask
    if ground.mean() < MIN_GROUND_SHARE or num_scenes < 1:
        return None
    painted = painter.paint(image_u8, ground, prompt or scene_prompt(creative), num_scenes, seed=seed, should_stop=should_stop)
    new = [one for one in painted if np.abs(one.astype(np.int16) - image_u8)[ground].mean() >= NO_CHANGE]
    if not new:
        return None
    fade_px = max(1.0, FADE_SHARE * min(ground.shape))
    weight = np.clip(ndimage.distance_transform_edt(ground) / fade_px, 0.0, 1.0) if not ground.all() else np.ones(ground.shape)
    return Scenes(tuple(new), weight.astype(np.float32)[:, :, None])


def scene_prompt(creative: Creative) -> str:
    """Return the prompt for the painter: a plain background for a product of the creative's category.

    Only letters of the category are taken, so that a cell of a table cannot say what else to paint.
    """
    category = " ".join(re.findall(r"[^\W\d_]+", creative.category)[:4])
    return f"plain photographic background for {category or 'a product'}, soft light, no people, no text"
