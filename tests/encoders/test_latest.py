"""Answers are remembered by shape, type and bytes of what was asked about, the latest so many of them."""

from __future__ import annotations

import numpy as np

from adcreative.encoders.latest import LatestAnswers


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
