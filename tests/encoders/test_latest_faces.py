"""The faces of the latest pictures are found once; the answers are those of the finder itself."""

from __future__ import annotations

import numpy as np
import pytest

from adcreative.encoders import faces as latest
from stylegan.faces.analysis import FaceAnalyzer


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """What was looked at, by its first pixel; the finder is none."""
    looked: list[int] = []
    monkeypatch.setattr(FaceAnalyzer, "__init__", lambda self, networks=None: None)
    monkeypatch.setattr(
        FaceAnalyzer, "find", lambda self, image_u8: looked.append(int(image_u8[0, 0, 0])) or [f"face {len(looked)}", "other"]
    )
    return looked


def picture_of(value: int) -> np.ndarray:
    return np.full((8, 8, 3), value, np.uint8)


def test_a_picture_is_looked_at_once_and_its_answer_is_the_asker_s_own(looked: list[int]) -> None:
    finder = latest.LatestFaces()
    first = finder.analyze(picture_of(1))
    first.clear()
    assert finder.analyze(picture_of(1)) == ["face 1", "other"]
    assert finder.analyze(picture_of(1).reshape(4, 16, 3)) == ["face 2", "other"]  # the same bytes in another shape
    assert finder.analyze(picture_of(1), max_faces=1) == ["face 1"]
    assert looked == [1, 1]


def test_only_the_latest_are_remembered_and_all_are_forgotten_when_asked(looked: list[int]) -> None:
    finder = latest.LatestFaces()
    for value in (*range(latest.NUM_LATEST + 1), 0):
        finder.analyze(picture_of(value))
    assert looked == [0, 1, 2, 3, 4, 0]
    finder.forget()
    finder.analyze(picture_of(0))
    assert looked[-2:] == [0, 0]
