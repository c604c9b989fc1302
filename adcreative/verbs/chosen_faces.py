"""A face finder that leaves out the faces which the user did not choose. Loads no torch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np


@dataclass(frozen=True)
class ChosenFaces:
    """Finds the faces that another finder finds, and refuses those that were not chosen."""

    finder: Any
    chosen: frozenset[int]

    def analyze(self, image_u8: np.ndarray) -> list[Any]:
        faces = self.finder.analyze(image_u8)
        is_open = [number in self.chosen or face.refusal is not None for number, face in enumerate(faces)]
        return [f if ok else replace(f, refusal="it was not chosen") for f, ok in zip(faces, is_open, strict=True)]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.finder, name)
