"""Faces of a picture: detection, mesh, alignment, attributes, identity; FaceAnalyzer and FaceCodec put them together."""

from stylegan.faces.analysis import FaceAnalyzer as FaceAnalyzer
from stylegan.faces.analysis import FaceCodec as FaceCodec
from stylegan.faces.analysis import FaceInPicture as FaceInPicture
from stylegan.faces.analysis import FaceNetworks as FaceNetworks

__all__ = ["FaceAnalyzer", "FaceCodec", "FaceInPicture", "FaceNetworks"]
