"""The face networks of `stylegan.faces.analysis`, found through the weights registry; each picture is looked at once."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from threading import Lock

import numpy as np

from adcreative.encoders.weights import find_weight
from stylegan.faces.analysis import FaceAnalyzer, FaceInPicture, FaceNetworks

NUM_LATEST = 4  # pictures whose faces are remembered


class LatestFaces(FaceAnalyzer):
    """A finder of faces that remembers those of the latest pictures: of one ad the page, its features and the editor ask alike.

    The answers are those of a FaceAnalyzer, and so is its content hash.
    """

    def __init__(self, networks: FaceNetworks | None = None) -> None:
        super().__init__(networks)
        self._latest: OrderedDict[tuple[object, ...], tuple[FaceInPicture, ...]] = OrderedDict()
        self._lock = Lock()

    def analyze(self, image_u8: np.ndarray, max_faces: int = 12) -> list[FaceInPicture]:
        pixels = np.ascontiguousarray(image_u8)
        key = (hashlib.blake2b(pixels.reshape(-1).data, digest_size=16).digest(), pixels.shape, pixels.dtype.str, max_faces)
        with self._lock:
            known = self._latest.get(key)
        if known is None:
            known = tuple(super().analyze(image_u8, max_faces))
            with self._lock:
                self._latest[key] = known
                if len(self._latest) > NUM_LATEST:
                    self._latest.popitem(last=False)
        return list(known)

    def forget(self) -> None:
        """Remember no face any more."""
        with self._lock:
            self._latest.clear()


def load_face_analyzer() -> LatestFaces:
    """Load detector, mesh and iris network from where the registry finds them.

    Raises:
        WeightsError: one of them is missing or changed.
    """
    return LatestFaces(
        FaceNetworks(
            full_range=find_weight("blazeface-full-range"),
            back_camera=find_weight("blazeface"),
            mesh=find_weight("face-mesh"),
            iris=find_weight("iris"),
        )
    )
