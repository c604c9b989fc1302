from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from adcreative.studio import ChosenFaces


@dataclass(frozen=True)
class Face:
    refusal: str | None = None


class Finder:
    name = "finder"

    def analyze(self, image_u8: np.ndarray) -> list[Face]:
        return [Face(), Face(), Face("it is turned away")]


def test_faces_that_were_not_chosen_are_refused_and_keep_their_place() -> None:
    chosen = ChosenFaces(Finder(), frozenset({1}))
    faces = chosen.analyze(np.zeros((4, 4, 3), np.uint8))
    assert [face.refusal for face in faces] == ["it was not chosen", None, "it is turned away"]
    assert chosen.name == "finder"
