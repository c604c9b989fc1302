"""Find faces of any size in a picture: BlazeFace run on the whole picture and on overlapping tiles of smaller copies.

Two published networks share the work: the "back camera" one (256 px) sees the whole picture and finds faces up to frame
filling, the sparse full-range one (192 px) runs on tiles and finds faces down to about a dozen pixels of its input. Knows
pixels and boxes; knows nothing of landmarks, identity or edits.

Source:
    Bazarevsky et al. 2019, "BlazeFace: Sub-millisecond Neural Face Detection on Mobile GPUs" (anchors, blending of
    overlapping boxes instead of dropping them); the networks' model cards.
"""

from __future__ import annotations

import copy
import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from stylegan.runtime.tflite import TfliteModel

MIN_SCORE = 0.4
BLEND_OVERLAP = 0.3
INSIDE_OVERLAP = 0.6
MARGIN_PX = 32
TILE_STRIDE_PX = 150
SMALLEST_FACE_PX = 24
SMALLEST_INPUT_PX = 14
MAX_LEVEL_PX = 900


@dataclass(frozen=True)
class Detection:
    """A detected face, in picture pixels; "left" is the picture's left."""

    box_xyxy_px: tuple[float, float, float, float]
    left_eye_xy: tuple[float, float]
    right_eye_xy: tuple[float, float]
    score: float


def anchor_centres(size: int, layers: tuple[tuple[int, int], ...]) -> np.ndarray:
    """Return the anchors' centres [A, 2] in input pixels for layers of (stride, anchors per cell), row by row."""
    centres = []
    for stride, num_anchors in layers:
        cells = (np.arange(size // stride) + 0.5) * stride
        x, y = np.meshgrid(cells, cells)
        centres.append(np.repeat(np.stack([x.ravel(), y.ravel()], axis=1), num_anchors, axis=0))
    return np.concatenate(centres).astype(np.float32)


def decode_boxes(raw: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Turn regressor rows into candidates, in input pixels.

    Args:
        raw: [N, 16]: box centre, box size, then six key points, all but the size relative to the anchor.
        centres: [N, 2], the anchors of these rows.
    Returns:
        [N, 4, 2] float32: upper left corner, lower right corner, left eye, right eye.
    """
    points = raw.reshape(-1, 8, 2)
    middle, half = points[:, 0] + centres, points[:, 1] / 2
    return np.stack([middle - half, middle + half, points[:, 2] + centres, points[:, 3] + centres], axis=1)


def blend_overlapping(candidates: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Merge candidates of one face into one, best first.

    The best remaining candidate absorbs all candidates that overlap it (intersection over union > 0.3) into their mean,
    weighted by score. A candidate mostly inside a better one (a face cut by a tile, or a part mistaken for a face) is
    dropped without weight.

    Args:
        candidates: [N, 4, 2], the first two points being the box. scores: [N].
    Returns:
        ([M, 4, 2], [M]) ordered by score.
    """
    merged, merged_scores = [], []
    order = np.argsort(-scores, kind="stable")
    candidates, scores = candidates[order], scores[order]
    while len(scores):
        union_share, inside_share = box_overlaps(candidates[0], candidates)
        group = union_share > BLEND_OVERLAP
        group[0] = True
        weights = scores[group] / scores[group].sum()
        merged.append((candidates[group] * weights[:, None, None]).sum(axis=0))
        merged_scores.append(scores[0])
        rest = ~(group | (inside_share > INSIDE_OVERLAP))
        candidates, scores = candidates[rest], scores[rest]
    return np.array(merged, dtype=np.float32).reshape(-1, 4, 2), np.array(merged_scores, dtype=np.float32)


def box_overlaps(box: np.ndarray, boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return intersection over union, and over the smaller box, of one box with many (corners in the first two points)."""
    low, high = np.maximum(box[0], boxes[:, 0]), np.minimum(box[1], boxes[:, 1])
    intersection = np.clip(high - low, 0.0, None).prod(axis=1)
    area, areas = (box[1] - box[0]).prod(), (boxes[:, 1] - boxes[:, 0]).prod(axis=1)
    union = np.maximum(area + areas - intersection, 1e-6)
    return intersection / union, intersection / np.maximum(np.minimum(area, areas), 1e-6)


def level_sides(longer_px: int, input_px: int) -> list[int]:
    """Return the longer sides of the copies to search, largest first; neighbours differ by at most a factor of two.

    On the largest, a face of SMALLEST_FACE_PX picture pixels measures SMALLEST_INPUT_PX; the smallest fits one input.
    """
    largest = min(longer_px * SMALLEST_INPUT_PX // SMALLEST_FACE_PX, MAX_LEVEL_PX)
    sides = [input_px]
    while sides[0] < largest:
        sides.insert(0, min(2 * sides[0], largest))
    return sides


class BlazeFace:
    """Detector over a pyramid of tiles; `detect` returns every face once, best first."""

    def __init__(self, full_range_path: Path, back_camera_path: Path) -> None:
        self._full_range = TfliteModel(full_range_path)
        self._back_camera = TfliteModel(back_camera_path)
        self._full_range_centres = anchor_centres(self._full_range.size, ((4, 1),))
        self._back_camera_centres = anchor_centres(self._back_camera.size, ((16, 2), (32, 6)))
        self._known: dict[bytes, tuple[np.ndarray, np.ndarray]] | None = None

    def remembering(self) -> BlazeFace:
        """Return the same detector with a cache of tiles, for pictures that differ in one place: equal results, faster."""
        other = copy.copy(self)
        other._known = {}
        return other

    def detect(self, image_u8: np.ndarray) -> list[Detection]:
        """Find faces from 24 px (or 1/64 of the longer side, if that is more) to the whole frame.

        Args:
            image_u8: [H, W, 3] uint8.
        Returns:
            Detections with score >= 0.4, best first; heads rolled by up to 45 degrees are found upright enough.
        """
        level = Image.fromarray(image_u8)
        longer, found = max(image_u8.shape[:2]), [self._detect_whole(level)]
        for level_px in level_sides(longer, self._full_range.size):
            level = _resize(level, image_u8.shape, level_px / longer)
            found.append(self._detect_tiles(np.asarray(level), level_px / longer))
        candidates = np.concatenate([points for points, _ in found])
        scores = np.concatenate([score for _, score in found])
        return [_detection(points, score) for points, score in zip(*blend_overlapping(candidates, scores), strict=True)]

    def _detect_whole(self, image: Image.Image) -> tuple[np.ndarray, np.ndarray]:
        """Run the back-camera network on the whole picture inside a margin, so that frame-filling faces fit its anchors."""
        size = self._back_camera.size
        scale = (size - 2 * MARGIN_PX) / max(image.size)
        small = np.asarray(_resize(image, (image.height, image.width), scale))
        offset = np.array([(size - small.shape[1]) // 2, (size - small.shape[0]) // 2])
        canvas = np.zeros((size, size, 3), dtype=np.uint8)
        canvas[offset[1] : offset[1] + small.shape[0], offset[0] : offset[0] + small.shape[1]] = small
        candidates, scores = _candidates(self._back_camera, self._back_camera_centres, _as_input(canvas))
        return (candidates - offset) / scale, scores

    def _detect_tiles(self, level_u8: np.ndarray, scale: float) -> tuple[np.ndarray, np.ndarray]:
        """Run the full-range network on overlapping tiles of one scaled copy; faces cut by an inner tile edge are dropped."""
        size = self._full_range.size
        found: list[tuple[np.ndarray, np.ndarray]] = [(np.zeros((0, 4, 2), np.float32), np.zeros(0, np.float32))]
        height, width = level_u8.shape[:2]
        padding = ((0, max(size - height, 0)), (0, max(size - width, 0)), (0, 0))
        padded_u8 = np.pad(level_u8, padding)
        level_f32 = _as_input(padded_u8)  # once for all tiles, which overlap
        for y in _tile_starts(height, size):
            for x in _tile_starts(width, size):
                place = slice(y, y + size), slice(x, x + size)
                candidates, scores = self._look_at_tile(padded_u8[place], level_f32[place])
                low, high = candidates[:, 0], candidates[:, 1]
                cut = ((low < 0) & (np.array([x, y]) > 0)).any(axis=1)
                cut |= ((high > size) & (np.array([x, y]) + size < [width, height])).any(axis=1)
                found.append(((candidates[~cut] + [x, y]) / scale, scores[~cut]))
        return np.concatenate([points for points, _ in found]), np.concatenate([score for _, score in found])

    def _look_at_tile(self, tile_u8: np.ndarray, tile_f32: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the candidates of one tile and their scores, from the cache if present."""
        if self._known is None:
            return _candidates(self._full_range, self._full_range_centres, tile_f32)
        key = hashlib.blake2b(np.ascontiguousarray(tile_u8).data, digest_size=16).digest()  # costs a twentieth of the network
        if key not in self._known:
            self._known[key] = _candidates(self._full_range, self._full_range_centres, tile_f32)
        return self._known[key]


def _detection(points: np.ndarray, score: float) -> Detection:
    (x0, y0), (x1, y1), left_eye, right_eye = points.tolist()
    return Detection((x0, y0, x1, y1), (left_eye[0], left_eye[1]), (right_eye[0], right_eye[1]), float(score))


def _as_input(image_u8: np.ndarray) -> np.ndarray:
    """Return pixels [H, W, 3] uint8 as the detectors read them, float32 from -1 to 1."""
    image_f32 = image_u8.astype(np.float32)
    image_f32 /= 127.5
    image_f32 -= 1.0
    return image_f32


def _candidates(model: TfliteModel, centres: np.ndarray, tile_f32: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Run a detector on one input-sized tile; returns candidates [N, 4, 2] in its pixels and their scores [N]."""
    raw, logits = model.compute(tile_f32)
    scores = 1.0 / (1.0 + np.exp(-np.clip(logits[:, 0], -60.0, 60.0)))
    keep = scores >= MIN_SCORE
    return decode_boxes(raw[keep], centres[keep]), scores[keep]


def _tile_starts(length: int, size: int) -> list[int]:
    """Return tile origins that cover `length` with at least size - TILE_STRIDE_PX overlap."""
    if length <= size:
        return [0]
    num_tiles = -(-(length - size) // TILE_STRIDE_PX) + 1
    return [round(i * (length - size) / (num_tiles - 1)) for i in range(num_tiles)]


def _resize(level: Image.Image, shape: tuple[int, ...], scale: float) -> Image.Image:
    """Resize a (possibly already smaller) copy of a picture [H, W, ...] to `scale` of the picture, antialiased."""
    height, width = shape[:2]
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return level.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)
