"""Answers are remembered by shape, type and bytes of the input, the latest so many of them; faces likewise."""

from __future__ import annotations

import numpy as np
import pytest

from adcreative.encoders import faces as latest
from adcreative.encoders.latest import LatestAnswers
from stylegan.faces.analysis import FaceAnalyzer


def test_the_same_input_is_asked_about_once_and_any_other_anew() -> None:
    asked: list[tuple[int, ...]] = []

    def ask(*arrays: np.ndarray) -> int:
        asked.append(arrays[0].shape)
        return len(asked)

    once = LatestAnswers(ask, 8)
    zeros = np.zeros((4, 6), np.uint8)
    assert [once(zeros, zeros), once(zeros.copy(), zeros)] == [1, 1]
    assert [once(zeros), once(zeros.reshape(6, 4)), once(zeros.astype(bool)), once(zeros, zeros + 1)] == [2, 3, 4, 5]
    once.forget()
    assert once(zeros) == 6


def test_what_was_not_asked_about_longest_is_forgotten_first() -> None:
    asked: list[int] = []

    def ask(array: np.ndarray) -> int:
        asked.append(int(array[0]))
        return asked[-1]

    latest = LatestAnswers(ask, 2)
    for number in (1, 2, 1, 3, 1, 2):
        assert latest(np.array([number])) == number
    assert asked == [1, 2, 3, 2]


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
