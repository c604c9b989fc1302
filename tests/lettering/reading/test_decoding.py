"""A line's text comes from the likeliest letters, and blanks that are half seen between them are set."""

from __future__ import annotations

import numpy as np
import pytest

from adcreative.lettering.reading.decoding import FITTED, decode_line

LETTERS = ["", "a", "b", " "]


def chances(*steps: dict[str, float]) -> np.ndarray:
    """Probabilities [T, 4] of steps that name some letters; the rest is no letter."""
    rows = np.array([[step.get(letter, 0.0) for letter in LETTERS] for step in steps])
    rows[:, 0] = 1.0 - rows[:, 1:].sum(axis=1)
    return rows


def test_runs_of_a_letter_are_one_and_nothing_between_them_parts_two() -> None:
    read = decode_line(chances({"a": 0.9}, {"a": 0.8}, {}, {"a": 0.7}, {"b": 0.6}), LETTERS)
    assert read.text == "aab"
    assert read.confidence == pytest.approx((0.9 + 0.7 + 0.6) / 3)


@pytest.mark.parametrize(("seen", "text"), [(FITTED.half_seen + 0.01, "a b"), (FITTED.half_seen - 0.01, "ab"), (0.9, "a b")])
def test_a_blank_that_is_half_seen_is_set_once(seen: float, text: str) -> None:
    assert decode_line(chances({"a": 0.9}, {" ": seen}, {" ": seen / 2}, {"b": 0.9}), LETTERS).text == text


def test_nothing_seen_is_no_text() -> None:
    assert decode_line(chances({}, {" ": 0.2}), LETTERS).text == ""
    assert decode_line(chances({}, {" ": 0.2}), LETTERS).confidence == 0.0
