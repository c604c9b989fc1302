"""Is it still the same person: a face-recognition network where one is installed, the geometry of the mesh always.

Three measures, because each is blind somewhere: dlib's ResNet (99.4 % on LFW) was trained to tell people apart but is an extra
(`pip install dlib-bin face_recognition_models`); the mesh compares bones alone, whatever the light; the cosine of latent codes
(`FaceCodec`) is what the editor can afford for every candidate. `data.make.face_evaluation` reports all three on the same
faces and gives the cosine at which the recognition network begins to see another person.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
from PIL import Image

from stylegan.faces.mesh import LEFT_EYE_CORNERS, RIGHT_EYE_CORNERS, SKULL

SAME_PERSON_DISTANCE = 0.6  # dlib's published threshold
INPUT_PX = 256
FACE_BOX = (0.2, 0.25, 0.8, 0.9)  # left, top, right, bottom of a face in the FFHQ square


class FaceRecognizer:
    """dlib's face-recognition ResNet on aligned crops; Euclidean distance below 0.6 means the same person (King 2017)."""

    def __init__(self, landmarks_path: Path, network_path: Path) -> None:
        import dlib

        self._rectangle = dlib.rectangle
        self._find_landmarks = dlib.shape_predictor(str(landmarks_path))
        self._network = dlib.face_recognition_model_v1(str(network_path))

    @classmethod
    def installed(cls) -> FaceRecognizer | None:
        """Load it from the packages dlib-bin and face_recognition_models, or return None when one is not installed."""
        spec = importlib.util.find_spec("face_recognition_models")
        if spec is None or spec.origin is None or importlib.util.find_spec("dlib") is None:
            return None
        folder = Path(spec.origin).parent / "models"
        return cls(folder / "shape_predictor_5_face_landmarks.dat", folder / "dlib_face_recognition_resnet_model_v1.dat")

    def embed(self, crop_u8: np.ndarray) -> np.ndarray:
        """Return the descriptor [128] of an aligned crop [S, S, 3] uint8 (FFHQ square)."""
        image = np.asarray(Image.fromarray(crop_u8).resize((INPUT_PX, INPUT_PX), Image.Resampling.LANCZOS))
        box = self._rectangle(*(round(edge * INPUT_PX) for edge in FACE_BOX))
        return np.array(self._network.compute_face_descriptor(image, self._find_landmarks(image, box)))


def bone_distance(left: np.ndarray, right: np.ndarray) -> float:
    """Return how differently two heads are built, in eye distances: root mean square over points that no expression moves.

    The heads are laid over each other with the rotation, shift and scale that fit best (Umeyama 1991), so pose does not count.

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
