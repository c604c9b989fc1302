"""stylegan: faces and their latents. Knows nothing of ads; never imports adcreative.

    from stylegan import DirectionSet, FaceAnalyzer, FaceCodec, FaceEditSession, load_face_model

The names below are imported at their first use, so that `import stylegan` and its errors need no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stylegan.faces.analysis import FaceAnalyzer as FaceAnalyzer
    from stylegan.foreign.conversion import convert_weights as convert_weights
    from stylegan.foreign.direction_files import read_direction_file as read_direction_file
    from stylegan.latents.codec import FaceCodec as FaceCodec
    from stylegan.latents.directions.labelled import DirectionSet as DirectionSet
    from stylegan.latents.inversion import invert as invert
    from stylegan.networks.checkpoints import load_face_model as load_face_model
    from stylegan.photo.session import FaceEditSession as FaceEditSession

_HOMES = {
    "DirectionSet": "stylegan.latents.directions.labelled",
    "FaceAnalyzer": "stylegan.faces.analysis",
    "FaceCodec": "stylegan.latents.codec",
    "FaceEditSession": "stylegan.photo.session",
    "convert_weights": "stylegan.foreign.conversion",
    "invert": "stylegan.latents.inversion",
    "load_face_model": "stylegan.networks.checkpoints",
    "read_direction_file": "stylegan.foreign.direction_files",
}
__all__ = list(_HOMES)


def __getattr__(name: str) -> object:
    """Import a public name from its module (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module 'stylegan' has no attribute {name!r}; it offers {', '.join(_HOMES)}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
