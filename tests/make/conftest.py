"""The small face model of the tests of stylegan."""

from tests.stylegan.conftest import tiny_face_model

__all__ = ["tiny_face_model"]
