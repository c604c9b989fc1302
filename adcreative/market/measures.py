"""Picture measures used by the planted response: a few numbers read from final pixels, never from latents or file names."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from stylegan.faces.analysis import FaceAnalyzer

FACE_ATTRIBUTES = ("smile", "eyes_open", "gaze_x", "gaze_y", "head_pitch")
LOOKS = ("brightness", "contrast", "saturation", "warmth")
_LOOK_SIDE_PX = 160


@dataclass(frozen=True, kw_only=True)
class PictureMeasures:
    """Measures of a picture used by the planted response.

    look: LOOKS -> raw value. face_shares [F]: each face box's share of the picture's area, 0..1. face_attributes
    [F, len(FACE_ATTRIBUTES)]: raw units of the face reader.
    """

    look: dict[str, float]
    face_shares: np.ndarray = field(default_factory=lambda: np.zeros(0))
    face_attributes: np.ndarray = field(default_factory=lambda: np.zeros((0, len(FACE_ATTRIBUTES))))


def measure_look(image_u8: np.ndarray) -> dict[str, float]:
    """Measure the picture as a whole, on a copy of at most about 160 px a side (box average).

    brightness  mean luma, 0..1                  contrast  standard deviation of luma, 0..0.5
    saturation  mean of max - min channel, 0..1  warmth    mean of red minus blue, -1..1
    """
    factor = max(1, max(image_u8.shape[:2]) // _LOOK_SIDE_PX)
    small = np.asarray(Image.fromarray(image_u8).reduce(factor), np.float32) / 255.0  # [h, w, 3]
    luma = small @ np.array([0.299, 0.587, 0.114], np.float32)
    return {
        "brightness": float(luma.mean()),
        "contrast": float(luma.std()),
        "saturation": float((small.max(axis=2) - small.min(axis=2)).mean()),
        "warmth": float((small[..., 0] - small[..., 2]).mean()),
    }


def measure_picture(image_u8: np.ndarray, face_reader: FaceAnalyzer) -> PictureMeasures:
    """Read look and faces from final pixels; faces excluded from edits (too small, turned) still count for viewers."""
    height, width = image_u8.shape[:2]
    shares, attributes = [], []
    for face in face_reader.analyze(image_u8):
        left, top, right, bottom = (float(v) for v in face.box_xyxy_px)
        inside_w = min(right, width) - max(left, 0.0)
        inside_h = min(bottom, height) - max(top, 0.0)
        if inside_w > 0 and inside_h > 0:
            shares.append(inside_w * inside_h / (width * height))
            attributes.append([float(face.attributes[name]) for name in FACE_ATTRIBUTES])
    return PictureMeasures(
        look=measure_look(image_u8),
        face_shares=np.array(shares),
        face_attributes=np.array(attributes).reshape(-1, len(FACE_ATTRIBUTES)),
    )
