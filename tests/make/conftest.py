"""The small face model, the real face networks and the portrait of the tests of stylegan."""

from tests.stylegan.conftest import analyzer, astronaut, portrait, tiny_face_model

__all__ = ["analyzer", "astronaut", "portrait", "tiny_face_model"]
