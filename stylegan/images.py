"""The only conversion between uint8 HWC and float NCHW pictures.

image_u8: [H, W, 3] uint8, 0..255, sRGB. image_f32: [B, 3, H, W] float32, -1..1. The rest of the package uses
image_f32; files, Pillow and the ad pipeline use image_u8.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from stylegan.errors import ShapeError


def encode_image(images_u8: np.ndarray | Sequence[np.ndarray]) -> Tensor:
    """Convert uint8 pictures to the network's input.

    Args:
        images_u8: one [H, W, 3] uint8 array, or several of one size.
    Returns:
        [B, 3, H, W] float32 in -1..1; 0 maps to -1 and 255 to 1 exactly.
    Raises:
        ShapeError: not uint8, not three channels, or sizes differ.
    """
    batch = [images_u8] if isinstance(images_u8, np.ndarray) and images_u8.ndim == 3 else list(images_u8)
    for image_u8 in batch:
        if image_u8.dtype != np.uint8 or image_u8.ndim != 3 or image_u8.shape[2] != 3:
            raise ShapeError(f"expected uint8 images [H, W, 3], got {image_u8.dtype} {list(image_u8.shape)}")
    if len({image_u8.shape for image_u8 in batch}) != 1:
        raise ShapeError(f"expected images of one size, got {sorted({image_u8.shape[:2] for image_u8 in batch})}")
    stacked = torch.from_numpy(np.stack(batch))
    return stacked.permute(0, 3, 1, 2).contiguous().float() / 127.5 - 1.0  # [B, 3, H, W]


def decode_image(images_f32: Tensor) -> np.ndarray:
    """Convert network output to uint8 pictures, rounded to the nearest level.

    Args:
        images_f32: [B, 3, H, W], nominally -1..1; values outside are clamped.
    Returns:
        [B, H, W, 3] uint8. `decode_image(encode_image(x))` equals `x` for every uint8 picture.
    """
    if images_f32.ndim != 4 or images_f32.shape[1] != 3:
        raise ShapeError(f"expected images [B, 3, H, W], got {list(images_f32.shape)}")
    levels = ((images_f32.detach().float() + 1.0) * 127.5).round().clamp(0, 255)
    return levels.to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()  # [B, H, W, 3]
