"""Bits of a picture at a fixed quality: a measure of visual complexity. Knows pixels only.

The encoder is JPEG's at one quality on a copy of one size, so the number depends on the picture and not on its file. WebP's
bits are no better and take ten times as long.
"""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

COMPLEXITY_STATS = ("bits",)
MEASURED_BY = "jpeg 75 of 256 px"  # name of the measure in the cache
SIDE_PX, QUALITY = 256, 75


def complexity_stats(image_u8: np.ndarray) -> np.ndarray:
    """Return the COMPLEXITY_STATS of a picture, [1] float32.

    bits: ln of the bits per pixel of its copy with SIDE_PX on the long side.

    Args:
        image_u8: [H, W, 3].
    """
    picture = Image.fromarray(np.ascontiguousarray(image_u8))
    scale = SIDE_PX / max(picture.size)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    packed = io.BytesIO()
    picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0).save(packed, "JPEG", quality=QUALITY)
    return np.array([np.log(8 * packed.tell() / (size[0] * size[1]))], np.float32)
