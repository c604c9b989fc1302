"""Face landmarks from an upright head crop: FaceMesh (468 points in three dimensions) and the iris network (64 px eyes).

Knows crops and points; `analysis.py` decides where to look and what the points mean. The mesh's x runs to the picture's right,
y down, z away from the camera, all in one unit.

Source:
    Kartynnik et al. 2019, "Real-time Facial Surface Geometry from Monocular Video on Mobile GPUs"; Ablavatski et al. 2020,
    "Real-time Pupil Tracking from Monocular Video"; the networks' model cards for point numbers and input sizes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stylegan.faces.alignment import crop_affine, transform_points
from stylegan.runtime.tflite import TfliteModel

NUM_POINTS = 468
LEFT_EYE_CORNERS, RIGHT_EYE_CORNERS = (33, 133), (362, 263)
MOUTH_CORNERS = (61, 291)
EYE_CROP_SPAN = 2.3
LEFT_EYE = (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246)
RIGHT_EYE = (362, 382, 381, 380, 374, 373, 390, 249, 263, 466, 388, 387, 386, 385, 384, 398)
LIPS = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185)
# points that no expression moves: eye corners, bridge of the nose, forehead, temples, before the ears
SKULL = (33, 133, 362, 263, 168, 6, 197, 195, 10, 151, 9, 8, 127, 356, 234, 454, 93, 323, 21, 251)
# the eye contour of the iris network, lower lid from the outer corner, then upper lid, by the mesh's numbers
LEFT_CONTOUR = (33, 7, 163, 144, 145, 153, 154, 155, 133, 246, 161, 160, 159, 158, 157, 173)
RIGHT_CONTOUR = (263, 249, 390, 373, 374, 380, 381, 382, 362, 466, 388, 387, 386, 385, 384, 398)
FACE_OVAL = (
    10,
    338,
    297,
    332,
    284,
    251,
    389,
    356,
    454,
    323,
    361,
    288,
    397,
    365,
    379,
    378,
    400,
    377,
    152,
    148,
    176,
    149,
    150,
    136,
    172,
    58,
    132,
    93,
    234,
    127,
    162,
    21,
    54,
    103,
    67,
    109,
)


@dataclass(frozen=True)
class Eye:
    """One eye from the iris network: contour [16, 2] (nine lower points from the outer to the inner corner, then seven
    upper ones in the same order) and iris [5, 2] (centre first), in the coordinates of the searched picture."""

    contour: np.ndarray
    iris: np.ndarray


@dataclass(frozen=True)
class FaceLandmarks:
    """points [468, 3] float32 in the coordinates of the searched picture; confidence 0..1 of a face."""

    points: np.ndarray
    confidence: float

    @property
    def left_eye(self) -> np.ndarray:
        """Middle of the picture's left eye, [2]."""
        return self.points[list(LEFT_EYE_CORNERS), :2].mean(axis=0)

    @property
    def right_eye(self) -> np.ndarray:
        """Middle of the picture's right eye, [2]."""
        return self.points[list(RIGHT_EYE_CORNERS), :2].mean(axis=0)


def trace_points(landmarks: FaceLandmarks, eyes: tuple[Eye, Eye]) -> np.ndarray:
    """Return the mesh with the lids of the iris network, followed by five points of each iris, [478, 2].

    The mesh alone hardly follows closing lids and does not track the gaze.
    """
    points = landmarks.points[:, :2].copy()
    points[list(LEFT_CONTOUR)], points[list(RIGHT_CONTOUR)] = eyes[0].contour, eyes[1].contour
    return np.concatenate([points, eyes[0].iris, eyes[1].iris])


class FaceMesh:
    """The mesh network and the iris network: landmarks of a head, then both eyes refined."""

    def __init__(self, mesh_path: Path, iris_path: Path) -> None:
        self._mesh, self._iris = TfliteModel(mesh_path), TfliteModel(iris_path)

    def find_landmarks(self, image_u8: np.ndarray, square: np.ndarray) -> FaceLandmarks:
        """Locate the mesh inside a square of a picture.

        Args:
            image_u8: [H, W, 3] uint8.
            square: [3, 3] affine map from the unit square to picture coordinates; the head should stand upright in it.
        """
        size = self._mesh.size
        to_picture = square @ np.diag([1.0 / size, 1.0 / size, 1.0])
        crop = crop_affine(image_u8, to_picture, size, is_smooth=False)
        raw, logit = self._mesh.compute(crop.astype(np.float32) / 255.0)
        points = raw.reshape(NUM_POINTS, 3)
        depth = points[:, 2:] * np.hypot(to_picture[0, 0], to_picture[1, 0])
        placed = np.concatenate([transform_points(to_picture, points[:, :2]), depth], axis=1)
        confidence = 1.0 / (1.0 + np.exp(-float(np.clip(logit.ravel()[0], -60.0, 60.0))))
        return FaceLandmarks(placed.astype(np.float32), confidence)

    def find_eyes(self, image_u8: np.ndarray, landmarks: FaceLandmarks) -> tuple[Eye, Eye]:
        """Refine both eyes, the picture's left one first; the right one is mirrored for the network, as in its training."""
        left = self._find_eye(image_u8, landmarks.points[list(LEFT_EYE_CORNERS), :2], mirrored=False)
        right = self._find_eye(image_u8, landmarks.points[list(RIGHT_EYE_CORNERS), :2], mirrored=True)
        return left, right

    def _find_eye(self, image_u8: np.ndarray, corners: np.ndarray, *, mirrored: bool) -> Eye:
        across = corners[1] - corners[0]
        half = across / 2 * EYE_CROP_SPAN
        size, middle = self._iris.size, corners.mean(axis=0)
        square = np.eye(3)
        square[:2, 0], square[:2, 1] = 2 * half, 2 * np.array([-half[1], half[0]])
        square[:2, 2] = middle - square[:2, 0] / 2 - square[:2, 1] / 2
        to_picture = square @ np.diag([1.0 / size, 1.0 / size, 1.0])
        crop = crop_affine(image_u8, to_picture, size, is_smooth=False)
        crop = crop[:, ::-1] if mirrored else crop
        contour, iris = self._iris.compute(np.ascontiguousarray(crop, dtype=np.float32) / 255.0)
        parts = []
        for raw, num_points in ((contour, 16), (iris, 5)):
            points = raw.reshape(-1, 3)[:num_points, :2].astype(np.float64)
            if mirrored:
                points[:, 0] = size - points[:, 0]
            parts.append(transform_points(to_picture, points).astype(np.float32))
        return Eye(*parts)


def bone_distance(left: np.ndarray, right: np.ndarray) -> float:
    """Return the difference in shape of two heads, in eye distances: root mean square over points that no expression moves.

    The heads are aligned by the best rotation, shift and scale (Umeyama 1991), so that pose does not count.

    Args:
        left, right: [468, 3] mesh points, any units.
    """
    a, b = (_centred(points) for points in (left, right))
    u, _, vt = np.linalg.svd(b.T @ a)
    flip = np.diag([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    return float(np.sqrt(((b @ (u @ flip @ vt) - a) ** 2).sum(axis=1).mean()))


def _centred(points: np.ndarray) -> np.ndarray:
    """Return the skull's points about their mean, in eye distances, [20, 3]."""
    eyes = [points[list(corners)].mean(axis=0) for corners in (LEFT_EYE_CORNERS, RIGHT_EYE_CORNERS)]
    skull = points[list(SKULL)].astype(np.float64)
    return (skull - skull.mean(axis=0)) / np.linalg.norm(eyes[0] - eyes[1])
