"""Identity of a person by a face-recognition network, if one is installed.

Three measurements are used, because each has a weakness: dlib's ResNet (99.4 % on LFW) was trained to distinguish people but is
an extra (`pip install dlib-bin face_recognition_models`); the mesh compares bones alone, independent of light
(`stylegan.faces.mesh`); the cosine of latent codes (`FaceCodec`) is fast enough for every candidate.
`data.make.face_evaluation` reports all three on the same faces and the cosine at which the network sees another person.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
from PIL import Image

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
        """Load it from the packages dlib-bin and face_recognition_models; return None if one is not installed."""
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
