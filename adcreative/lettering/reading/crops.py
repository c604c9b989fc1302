"""Crops of lines, in the input format of the recognition model. Knows pixels; no models."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

HEIGHT_PX, STEP_PX = 48, 8  # height of a line; step of the recognition along it


@dataclass(frozen=True)
class Fitted:
    """Constants of this module, from PP-OCR (its pipeline turns lines in the same way)."""

    upright: float = 1.5  # minimum ratio of height to width of a vertical line


FITTED = Fitted()


def cut_line(image_u8: np.ndarray, quad_xy_px: np.ndarray, rim: float = 0.0, least_px: int = 0) -> np.ndarray:
    """Return the rectified crop [h, w, 3] uint8 of a line from its corners [4, 2] in a picture [H, W, 3].

    Args:
        rim: margin around the line, of its height; pixels outside the picture repeat the nearest pixel.
        least_px: minimum height, to which a lower line is enlarged.
    """
    along, down = quad_xy_px[1] - quad_xy_px[0], quad_xy_px[3] - quad_xy_px[0]
    width, height = (max(1.0, float(np.linalg.norm(one))) for one in (along, down))
    right, below = along / width * rim * height, down * rim
    quad = quad_xy_px + np.array([-right - below, right - below, right + below, below - right])
    quad = quad.clip(0, np.array(image_u8.shape[1::-1]) - 1)
    scale = max(1.0, least_px / min(width, height))
    width, height = (max(1, round(scale * (one + 2 * rim * height))) for one in (width, height))
    corners = tuple(float(value) for place in (0, 3, 2, 1) for value in quad[place])
    turned = Image.fromarray(image_u8).transform((width, height), Image.Transform.QUAD, corners, Image.Resampling.BICUBIC)
    return np.asarray(turned)


def stand_up(crop_u8: np.ndarray) -> np.ndarray:
    """Return a line [H, W, 3], rotated by a quarter if vertical."""
    return np.rot90(crop_u8) if crop_u8.shape[0] >= FITTED.upright * crop_u8.shape[1] else crop_u8


def shape_line(crop_u8: np.ndarray, stretch: float = 1.0) -> np.ndarray:
    """Return an upright line [H, W, 3] as input of the recognition, [HEIGHT_PX, W', 3] uint8, `stretch` times as wide."""
    height, width = crop_u8.shape[:2]
    size = (max(2 * STEP_PX, round(HEIGHT_PX * stretch * width / max(height, 1))), HEIGHT_PX)
    return np.asarray(Image.fromarray(np.ascontiguousarray(crop_u8)).resize(size, Image.Resampling.BICUBIC))


def model_input(line_u8: np.ndarray) -> np.ndarray:
    """Return a line [HEIGHT_PX, W, 3] as the model's input [1, 3, HEIGHT_PX, W] float32, BGR, -1..1."""
    return (line_u8[None, :, :, ::-1].astype(np.float32) / 127.5 - 1.0).transpose(0, 3, 1, 2)
