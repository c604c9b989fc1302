"""The small face model, the face networks and portrait of the tests of stylegan; the tiny language model of the copywriter."""

from tests.copywriter.conftest import tiny_model_dir
from tests.stylegan.conftest import analyzer, astronaut, portrait, tiny_face_model

__all__ = ["analyzer", "astronaut", "portrait", "tiny_face_model", "tiny_model_dir"]
