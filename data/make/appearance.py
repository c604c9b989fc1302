"""Appearance of a face beyond its geometry: colours, hair and light, measured on the pixels of an aligned crop."""

from __future__ import annotations

import numpy as np

from stylegan.faces.mesh import FACE_OVAL

PIXEL_MEASURES = ("skin_red", "skin_green", "skin_blue", "brightness", "hair_lightness", "light_side")
LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
CHEEKS = (50, 280, 205, 425)
LEFT_CHEEK, RIGHT_CHEEK = (50, 205, 187, 123), (280, 425, 411, 352)
BRIDGE_OF_NOSE = 168
HAIR_RINGS = (1.2, 1.3, 1.4)


def measure_pixels(crop_u8: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Measure PIXEL_MEASURES of an aligned face.

        skin_*         = mean colour of four cheek patches
        brightness     = mean of the whole crop
        hair_lightness = median luma on rings around the upper half of the face oval
        light_side     = log luma of the right cheek - log luma of the left one; + lit from the picture's right

    Args:
        crop_u8: [S, S, 3] uint8.
        points: [468, 2] mesh in the crop's pixels.
    Returns:
        [6] float32; colours and lumas 0..1.
    """
    crop = crop_u8.astype(np.float32) / 255.0
    oval = points[list(FACE_OVAL)]
    centre, upper = oval.mean(axis=0), oval[oval[:, 1] < points[BRIDGE_OF_NOSE, 1]]
    rings = np.concatenate([centre + growth * (upper - centre) for growth in HAIR_RINGS])
    rings = rings[((rings > 1) & (rings < crop.shape[0] - 2)).all(axis=1)]
    hair = float(np.median(_patches(crop, rings, reach=1) @ LUMA)) if len(rings) else float("nan")
    left, right = (_patches(crop, points[list(cheek)], reach=2) @ LUMA for cheek in (LEFT_CHEEK, RIGHT_CHEEK))
    side = np.log(max(float(right.mean()), 0.02)) - np.log(max(float(left.mean()), 0.02))
    skin = _patches(crop, points[list(CHEEKS)], reach=2).mean(axis=0)
    return np.array([*skin, crop.mean(), hair, side], dtype=np.float32)


def _patches(crop: np.ndarray, places: np.ndarray, *, reach: int) -> np.ndarray:
    """Return the pixels within `reach` of each place (x, y), [P * (2 reach + 1)^2, 3]; places are moved inside the crop."""
    x, y = np.clip(places.round().astype(int), reach, crop.shape[0] - 1 - reach).T
    step = np.arange(-reach, reach + 1)
    return crop[y[:, None, None] + step[:, None], x[:, None, None] + step].reshape(-1, 3)
