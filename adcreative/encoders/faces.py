"""The face networks of `stylegan.faces.analysis`, found through the weights registry."""

from __future__ import annotations

from adcreative.encoders.weights import find_weight
from stylegan.faces.analysis import FaceAnalyzer, FaceNetworks


def load_face_analyzer() -> FaceAnalyzer:
    """Load detector, mesh and iris network from where the registry finds them.

    Raises:
        WeightsError: one of them is missing or changed.
    """
    return FaceAnalyzer(
        FaceNetworks(
            full_range=find_weight("blazeface-full-range"),
            back_camera=find_weight("blazeface"),
            mesh=find_weight("face-mesh"),
            iris=find_weight("iris"),
        )
    )
