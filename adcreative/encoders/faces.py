"""The face networks of `stylegan.faces.analysis`, found through the weights registry; each picture is looked at once."""

from __future__ import annotations

from copy import copy

import numpy as np

from adcreative.encoders.latest import LatestAnswers
from adcreative.encoders.weights import find_weight
from stylegan.faces.analysis import FaceAnalyzer, FaceInPicture, FaceNetworks
from stylegan.faces.versions import VersionFaces

NUM_LATEST = 4  # pictures whose faces are remembered


class LatestFaces(FaceAnalyzer):
    """A finder of faces that remembers those of the latest pictures: of one ad the page, its features and the editor ask alike.

    The answers are those of a FaceAnalyzer, and so is its content hash.
    """

    def __init__(self, networks: FaceNetworks | None = None) -> None:
        super().__init__(networks)
        self._latest = LatestAnswers(self.find, NUM_LATEST)

    def analyze(self, image_u8: np.ndarray, max_faces: int = 12) -> list[FaceInPicture]:
        return self._latest(image_u8)[:max_faces]

    def for_versions(self, image_u8: np.ndarray, *, only_covered: bool = False) -> VersionFaces:
        """Return a finder for many versions of one picture [H, W, 3] uint8, which looks where the picture has faces.

        only_covered: as for `VersionFaces`.
        """
        return VersionFaces(self, image_u8, only_covered=only_covered)

    def apart(self) -> LatestFaces:
        """Return a finder on the same networks that remembers faces of its own."""
        other = copy(self)
        other._latest = LatestAnswers(other.find, NUM_LATEST)
        return other

    def forget(self) -> None:
        """Remember no face any more."""
        self._latest.forget()


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
