"""The face networks of `stylegan.faces.analysis` from the weights registry, with a cache of the latest pictures."""

from __future__ import annotations

from copy import copy

import numpy as np

from adcreative.encoders.latest import LatestAnswers
from adcreative.encoders.weights import find_weight
from stylegan.faces.analysis import FaceAnalyzer, FaceInPicture, FaceNetworks
from stylegan.faces.versions import VersionFaces

NUM_LATEST = 4  # pictures whose faces are cached


class LatestFaces(FaceAnalyzer):
    """A face analyzer with a cache of the latest pictures, since page, features and editor analyze the same ad.

    Results and content hash are those of a FaceAnalyzer.
    """

    def __init__(self, networks: FaceNetworks | None = None) -> None:
        super().__init__(networks)
        self._latest = LatestAnswers(self.find, NUM_LATEST)

    def analyze(self, image_u8: np.ndarray, max_faces: int = 12) -> list[FaceInPicture]:
        return self._latest(image_u8)[:max_faces]

    def for_versions(self, image_u8: np.ndarray, *, only_covered: bool = False) -> VersionFaces:
        """Return a finder for many versions of one picture [H, W, 3] uint8, which searches at the picture's face positions.

        only_covered: as for `VersionFaces`.
        """
        return VersionFaces(self, image_u8, only_covered=only_covered)

    def apart(self) -> LatestFaces:
        """Return an analyzer on the same networks with its own cache."""
        other = copy(self)
        other._latest = LatestAnswers(other.find, NUM_LATEST)
        return other

    def forget(self) -> None:
        """Clear the cache."""
        self._latest.forget()


def load_face_analyzer() -> LatestFaces:
    """Load detector, mesh and iris network from the registry.

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
