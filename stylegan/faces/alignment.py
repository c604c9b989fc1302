"""From a picture to the FFHQ face square and back: one similarity transform, its crop and its exact inverse.

Coordinates are continuous picture pixels: (0, 0) is the outer corner of the first pixel, whose centre is (0.5, 0.5). The
square's own frame runs from (0, 0) to (1, 1), so that it has no resolution; crops choose one. Knows no detector.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch.nn import functional as F

from stylegan.errors import ShapeError

EYE_SPAN = 2.0
MOUTH_SPAN = 1.8
CENTRE_SHIFT = 0.1

Box = tuple[int, int, int, int]
Point = tuple[float, float]


@dataclass(frozen=True)
class Alignment:
    """The FFHQ square of one face: its centre and the half-side vectors to its right and lower edges, in picture pixels.

        corner(u, v) = centre + (2u - 1) * x_axis + (2v - 1) * y_axis,   0 <= u, v <= 1,   y_axis = rot90(x_axis)

    Source:
        Karras et al. 2019 (FFHQ), the alignment described there; x_axis and y_axis stay perpendicular and equally long, so
        the map has an exact inverse.
    """

    centre: Point
    x_axis: Point

    @classmethod
    def from_landmarks(
        cls, left_eye_xy: np.ndarray, right_eye_xy: np.ndarray, mouth_left_xy: np.ndarray, mouth_right_xy: np.ndarray
    ) -> Alignment:
        """Place the square by the eyes and the corners of the mouth ("left" is the picture's left).

            x_axis = unit(eye_to_eye - rot90(eye_to_mouth)) * max(2.0 |eye_to_eye|, 1.8 |eye_to_mouth|)
            centre = eye_mean + 0.1 * eye_to_mouth

        Raises:
            ShapeError: the points coincide or are not finite, so no square exists.
        """
        points = [np.asarray(p, dtype=np.float64) for p in (left_eye_xy, right_eye_xy, mouth_left_xy, mouth_right_xy)]
        left_eye, right_eye, mouth_left, mouth_right = points
        eye_to_eye = right_eye - left_eye
        eye_mean = (left_eye + right_eye) / 2
        eye_to_mouth = (mouth_left + mouth_right) / 2 - eye_mean
        direction = eye_to_eye - np.array([-eye_to_mouth[1], eye_to_mouth[0]])
        length = float(np.hypot(*direction))
        if not np.isfinite(np.stack(points)).all() or length < 1e-6:
            raise ShapeError(f"eyes and mouth must be four distinct finite points, got {[p.tolist() for p in points]}")
        half_side = max(EYE_SPAN * float(np.hypot(*eye_to_eye)), MOUTH_SPAN * float(np.hypot(*eye_to_mouth)))
        x_axis, centre = direction / length * half_side, eye_mean + CENTRE_SHIFT * eye_to_mouth
        return cls(centre=(float(centre[0]), float(centre[1])), x_axis=(float(x_axis[0]), float(x_axis[1])))

    @property
    def y_axis(self) -> Point:
        return (-self.x_axis[1], self.x_axis[0])

    @property
    def side_px(self) -> float:
        """Side of the square in picture pixels."""
        return 2.0 * math.hypot(*self.x_axis)

    def matrix(self, size: float = 1.0) -> np.ndarray:
        """Return the [3, 3] float64 affine map from a `size`-pixel crop's coordinates to picture coordinates."""
        x, y, c = np.array(self.x_axis), np.array(self.y_axis), np.array(self.centre)
        affine = np.eye(3)
        affine[:2, 0], affine[:2, 1], affine[:2, 2] = 2.0 * x / size, 2.0 * y / size, c - x - y
        return affine

    def inverse_matrix(self, size: float = 1.0) -> np.ndarray:
        """Return the [3, 3] float64 affine map from picture coordinates to a `size`-pixel crop's coordinates."""
        scale = size / (2.0 * (self.x_axis[0] ** 2 + self.x_axis[1] ** 2))
        affine = np.eye(3)
        affine[0, :2], affine[1, :2] = np.array(self.x_axis) * scale, np.array(self.y_axis) * scale
        affine[:2, 2] = size / 2.0 - affine[:2, :2] @ np.array(self.centre)
        return affine

    def to_picture(self, points_xy: np.ndarray, size: float = 1.0) -> np.ndarray:
        """Map points [N, 2] of a `size`-pixel crop to the picture, float64."""
        return transform_points(self.matrix(size), points_xy)

    def outside_fraction(self, height: int, width: int) -> float:
        """Return the share (0..1) of the square's area outside a picture of this size."""
        steps = (np.arange(64) + 0.5) / 64
        u, v = np.meshgrid(steps, steps)
        x, y = self.to_picture(np.stack([u.ravel(), v.ravel()], axis=1)).T
        return float(1.0 - ((x >= 0) & (x < width) & (y >= 0) & (y < height)).mean())

    def bounding_box(self, height: int, width: int) -> Box:
        """Return the part of the picture that the square can touch, (x0, y0, x1, y1), x1 and y1 exclusive; may be empty."""
        corners = self.to_picture(np.array([[0, 0], [1, 0], [1, 1], [0, 1]]))
        low, high = np.floor(corners.min(axis=0)).astype(int), np.ceil(corners.max(axis=0)).astype(int)
        x0, y0 = int(np.clip(low[0], 0, width)), int(np.clip(low[1], 0, height))
        return x0, y0, max(x0, int(np.clip(high[0], 0, width))), max(y0, int(np.clip(high[1], 0, height)))

    def crop(self, image_u8: np.ndarray, size: int) -> np.ndarray:
        """Cut the square out of a picture, upright.

        Args:
            image_u8: [H, W, 3] uint8.
            size: side of the result in pixels.
        Returns:
            [size, size, 3] uint8; area-averaged when the square is larger than `size`, bicubic when it is smaller; what
            lies outside the picture is mirrored at its border.
        Raises:
            ShapeError: not a uint8 [H, W, 3] picture.
        """
        return crop_affine(image_u8, self.matrix(size), size)

    def aligned_grid(self, box: Box) -> np.ndarray:
        """Return the position of each pixel centre of a picture box in the square, [h, w, 2] float32, square = 0..1."""
        x0, y0, x1, y1 = box
        affine = self.inverse_matrix()
        x, y = np.arange(x0, x1) + 0.5, (np.arange(y0, y1) + 0.5)[:, None]
        u = affine[0, 0] * x + affine[0, 1] * y + affine[0, 2]
        v = affine[1, 0] * x + affine[1, 1] * y + affine[1, 2]
        return np.stack([u, v], axis=2).astype(np.float32)


def transform_points(affine: np.ndarray, points_xy: np.ndarray) -> np.ndarray:
    """Apply a [3, 3] affine map to points [N, 2], in float64."""
    return np.asarray(points_xy, dtype=np.float64) @ affine[:2, :2].T + affine[:2, 2]


def crop_affine(image_u8: np.ndarray, affine: np.ndarray, size: int, *, is_smooth: bool = True) -> np.ndarray:
    """Resample a similarity-transformed square of a picture, antialiased, mirrored at the border.

    Args:
        image_u8: [H, W, 3] uint8.
        affine: [3, 3], from the crop's pixel coordinates to the picture's.
        size: side of the crop in pixels.
        is_smooth: enlarge bicubically and shrink with four by four samples a pixel; without it, for networks that only look,
            bilinearly and with two by two, at a third of the time.
    Returns:
        [size, size, 3] uint8.
    """
    if image_u8.dtype != np.uint8 or image_u8.ndim != 3 or image_u8.shape[2] != 3:
        raise ShapeError(f"expected a uint8 image [H, W, 3], got {image_u8.dtype} {list(image_u8.shape)}")
    step = math.hypot(affine[0, 0], affine[1, 0])  # picture pixels per crop pixel
    finest = 4 if is_smooth else 2
    reduction = max(1, math.ceil(step / finest - 1e-6))
    margin = 2 * reduction + 2
    corners = transform_points(affine, np.array([[0, 0], [size, 0], [size, size], [0, size]]))
    low = np.floor(corners.min(axis=0)).astype(int) - margin
    high = np.ceil(corners.max(axis=0)).astype(int) + margin
    region = Image.fromarray(_mirrored_region(image_u8, low, high))
    supersampling = max(1, math.ceil(step / reduction - 1e-6))
    if reduction > 1:
        region = region.reduce(reduction)
    local = affine.copy()
    local[:2, 2] -= low
    local[:2] /= reduction
    local[:2, :2] /= supersampling
    filter_ = Image.Resampling.BICUBIC if step < 1.0 and is_smooth else Image.Resampling.BILINEAR
    fine = (size * supersampling, size * supersampling)
    crop = region.transform(fine, Image.Transform.AFFINE, tuple(local[:2].ravel()), resample=filter_)
    return np.asarray(crop.reduce(supersampling) if supersampling > 1 else crop)


def sample(map_f32: np.ndarray, coordinates: np.ndarray) -> np.ndarray:
    """Sample a map bicubically, repeating its border.

    Args:
        map_f32: [H, W, C] float32.
        coordinates: [h, w, 2] (x, y); 0..1 spans the map from edge to edge.
    Returns:
        [h, w, C] float32; at the centres of the map's own pixels exactly its values (to float rounding).
    """
    if coordinates.size == 0:
        return np.zeros((*coordinates.shape[:2], map_f32.shape[2]), dtype=np.float32)
    planes = torch.from_numpy(np.ascontiguousarray(map_f32.transpose(2, 0, 1), dtype=np.float32))[None]
    grid = torch.from_numpy(np.asarray(coordinates, dtype=np.float32) * 2.0 - 1.0)[None]
    sampled = F.grid_sample(planes, grid, mode="bicubic", padding_mode="border", align_corners=False)
    return sampled[0].permute(1, 2, 0).contiguous().numpy()


def _mirrored_region(image_u8: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Return image_u8[low:high] for a box (x, y order) that may leave the picture, mirrored at the border."""
    height, width = image_u8.shape[:2]
    if low[0] >= 0 and low[1] >= 0 and high[0] <= width and high[1] <= height:
        return np.ascontiguousarray(image_u8[low[1] : high[1], low[0] : high[0]])
    columns, rows = _mirror(np.arange(low[0], high[0]), width), _mirror(np.arange(low[1], high[1]), height)
    top, bottom = int(rows.min()), int(rows.max()) + 1
    source = image_u8[top:bottom]  # a row or column without mirroring is copied as a slice
    inside = slice(*np.clip((low[0], high[0]), 0, width) - low[0])
    region = np.empty((bottom - top, len(columns), 3), np.uint8)
    region[:, inside] = source[:, slice(*np.clip((low[0], high[0]), 0, width))]
    for beside in (slice(0, inside.start), slice(inside.stop, len(columns))):
        bytes_of = (3 * columns[beside, None] + np.arange(3)).ravel()
        region[:, beside] = source.reshape(len(source), -1).take(bytes_of, axis=1).reshape(len(source), -1, 3)
    return region if len(rows) == len(source) and rows[0] <= rows[-1] else region.take(rows - top, axis=0)


def _mirror(index: np.ndarray, length: int) -> np.ndarray:
    """Fold any integer index into 0..length-1 by reflection about the border pixels' centres."""
    period = max(2 * (length - 1), 1)
    folded = np.abs(index) % period
    return np.minimum(folded, period - folded)
