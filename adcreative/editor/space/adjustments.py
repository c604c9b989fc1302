"""Global adjustments of a picture: exposure, warmth, contrast, saturation, and a crop that cuts nothing which matters.

They are a vector of strengths, one per name of `genome.ADJUSTMENTS`, -1..1 (crop 0..1); 0 leaves all as it was, bit for bit.
Light and colour are locked where a change would spoil an ad: white, black, grey, skin, the colours that it is drawn in. Applied
at full size on final pixels, after faces and scene. Knows pixels and protected parts; no models.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageEnhance

from adcreative.editor.space.protection import Protection

EXPOSURE_STOPS = 0.4  # per unit of strength; a stop doubles the values
WARMTH_GAIN = 0.08  # per unit: gain of red over grey
CONTRAST_STOPS, SATURATION_STOPS = 0.35, 0.5  # per unit: the factor's logarithm, base 2
MAX_CROP = 0.15  # of either side, at strength 1
SAFE_MARGIN = 0.03  # of either side, kept around faces, text and product when the picture is cropped
MIN_CROP = 0.1  # of a side: a crop that may take less than this is not offered; half of it, at the usual reach, is just seen
NEUTRAL, COLOURFUL = 14, 44  # chroma (largest less least of R, G, B) up to which a pixel stays; from which it is free
SKIN_CB, SKIN_CR, SKIN_SOFT = (77, 127), (133, 173), 16  # Chai & Ngan 1999, section III; levels beyond until a pixel is free
DRAWN, DRAWN_SOFT = 20, 24  # levels from a colour that the ad is drawn in, up to which a pixel stays; beyond, until it is free
_RED, _GREEN, _BLUE = 0.2126, 0.7152, 0.0722  # ITU-R BT.709


class PictureAdjuster:
    """Applies global adjustments to one picture. low, high [5]: the range of each; both are 0 for what it does not allow."""

    def __init__(
        self, image_u8: np.ndarray, protection: Protection, reach: float = 1.0, drawn: Sequence[Sequence[int]] = ()
    ) -> None:
        """Find the tightest crop of the picture [H, W, 3] that cuts none of what is protected.

        Args:
            reach: share (0..1) of each range that may be used. drawn: RGB of the brand, of plates and of letters, which stay.
        """
        self._drawn = drawn
        height, width = image_u8.shape[:2]
        self._tightest = tightest_crop(protection.frame(), height, width)
        x0, _, x1, _ = self._tightest
        can_crop = 1.0 - (x1 - x0) / width >= MIN_CROP
        self.low = reach * np.array([-1.0, -1.0, -1.0, -1.0, 0.0])
        self.high = reach * np.array([1.0, 1.0, 1.0, 1.0, float(can_crop)])

    def apply(self, image_u8: np.ndarray, adjustments: np.ndarray) -> np.ndarray:
        """Return the picture [H, W, 3], uint8, with adjustments [5] applied; same size.

        The crop keeps the shape of the frame and is scaled back to its size.
        """
        exposure, warmth, contrast, saturation, crop = (float(strength) for strength in adjustments)
        if not any((exposure, warmth, contrast, saturation, crop)):
            return image_u8
        is_coloured = any((exposure, warmth, contrast, saturation))
        picture = Image.fromarray(warm(image_u8, warmth) if warmth else image_u8)
        if exposure:
            picture = ImageEnhance.Brightness(picture).enhance(2.0 ** (EXPOSURE_STOPS * exposure))
        if contrast:
            picture = ImageEnhance.Contrast(picture).enhance(2.0 ** (CONTRAST_STOPS * contrast))
        if saturation:
            picture = ImageEnhance.Color(picture).enhance(2.0 ** (SATURATION_STOPS * saturation))
        if is_coloured:
            free = find_free(image_u8, self._drawn)[:, :, None]
            mixed = image_u8 + free * (np.asarray(picture, np.float32) - image_u8)
            picture = Image.fromarray(mixed.round().astype(np.uint8))
        if crop:
            box = self.crop_box(crop, *image_u8.shape[:2])
            picture = picture.resize(picture.size, Image.Resampling.BILINEAR, box=box)
        return np.array(picture)

    def crop_box(self, strength: float, height: int, width: int) -> tuple[int, int, int, int]:
        """Return the box x0, y0, x1, y1 (px) that a crop of this strength (0..1) keeps: between the frame and the tightest."""
        whole, tight = np.array([0, 0, width, height]), np.array(self._tightest)
        x0, y0, x1, y1 = whole + strength * (tight - whole)
        return int(np.floor(x0)), int(np.floor(y0)), int(np.ceil(x1)), int(np.ceil(y1))


def find_free(image_u8: np.ndarray, drawn: Sequence[Sequence[int]] = ()) -> np.ndarray:
    """Return how free the light and colour of each pixel of a picture [H, W, 3] are, [H, W] 0..1; 0 for what must stay.

    Args:
        drawn: RGB of colours that stay beside white, black, grey and skin.
    """
    chroma = image_u8.max(axis=2).astype(np.float32) - image_u8.min(axis=2)
    free = (chroma - NEUTRAL) / (COLOURFUL - NEUTRAL)
    tones = np.asarray(Image.fromarray(image_u8).convert("YCbCr"), np.float32)
    off = [np.maximum(low - tones[..., k], tones[..., k] - high) for k, (low, high) in ((1, SKIN_CB), (2, SKIN_CR))]
    free = np.minimum(free, np.maximum(*off) / SKIN_SOFT)
    for colour in drawn:
        distance = np.abs(image_u8.astype(np.int16) - np.array(colour, np.int16)).max(axis=2)
        free = np.minimum(free, (distance - DRAWN) / DRAWN_SOFT)
    return free.clip(0.0, 1.0)


def tightest_crop(protected_xyxy_px: tuple[int, int, int, int], height: int, width: int) -> tuple[int, int, int, int]:
    """Return the smallest box of the frame's shape that keeps `protected` and a margin, and at least 1 - MAX_CROP of each side.

    It lies as near to the frame's middle as the protected box lets it.
    """
    x0, y0, x1, y1 = protected_xyxy_px
    left, right = max(0.0, x0 - SAFE_MARGIN * width), min(float(width), x1 + SAFE_MARGIN * width)
    top, bottom = max(0.0, y0 - SAFE_MARGIN * height), min(float(height), y1 + SAFE_MARGIN * height)
    share = max(1.0 - MAX_CROP, (right - left) / width, (bottom - top) / height)
    crop_width, crop_height = share * width, share * height
    x_start = min(max((width - crop_width) / 2, right - crop_width, 0.0), left, width - crop_width)
    y_start = min(max((height - crop_height) / 2, bottom - crop_height, 0.0), top, height - crop_height)
    x0, y0 = int(np.floor(x_start)), int(np.floor(y_start))
    return x0, y0, min(width, int(np.ceil(x_start + crop_width))), min(height, int(np.ceil(y_start + crop_height)))


def warm(image_u8: np.ndarray, strength: float) -> np.ndarray:
    """Return the picture [H, W, 3] with red raised against blue (lowered for a negative strength); grey keeps its luma.

    Gains of the channels (von Kries); the green one makes up for what the other two do to luma.
    """
    gain = WARMTH_GAIN * strength
    green = 1.0 - gain * (_RED - _BLUE) / _GREEN
    matrix = (1.0 + gain, 0.0, 0.0, 0.0, 0.0, green, 0.0, 0.0, 0.0, 0.0, 1.0 - gain, 0.0)
    return np.asarray(Image.fromarray(image_u8).convert("RGB", matrix))
