"""New lines from two others: where they are cut, and what is asked before one is used."""

from __future__ import annotations

import numpy as np

from adcreative.copywriter.variants import cross_lines

JOINTS = frozenset({"a", "at", "for", "of", "the", "your"})


def test_lines_cross_behind_two_words_or_at_a_clause_that_both_have() -> None:
    lines = ("Dry feet in the rain, all day", "Run in the snow, all year", "Boots")
    found = cross_lines(lines, 9, joints=JOINTS, rng=np.random.default_rng(0), is_fit=lambda line: True)
    assert set(found) == {
        "Dry feet in the snow, all year",
        "Run in the rain, all day",  # behind "in the"
        "Dry feet in the rain, all year",
        "Run in the snow, all day",  # at the comma
    }
    assert len(found) == 4  # each once, and none of the parents


def test_lines_do_not_cross_at_one_word_or_at_different_marks() -> None:
    lines: tuple[str, ...] = (
        "What to look for in a bag",
        "A bag for your day",
        "Time for a bag? Start with Rove.",
        "Made for you, by Rove",
    )
    lines += ("See a warm lamp up close", "How a warm lamp fits into your day")  # what follows a noun may be anything
    lines += ("Is this your kind of bag?", "Find your kind of day")
    assert cross_lines(lines, 9, joints=JOINTS, rng=np.random.default_rng(0), is_fit=lambda line: True) == ()


def test_crossed_lines_are_asked_about_and_counted() -> None:
    lines = ("Dry feet in the rain, all day", "Run in the snow, all year")
    fit = cross_lines(lines, 9, joints=JOINTS, rng=np.random.default_rng(0), is_fit=lambda line: line.startswith("Run"))
    assert set(fit) == {"Run in the rain, all day", "Run in the snow, all day"}
    assert len(cross_lines(lines, 1, joints=JOINTS, rng=np.random.default_rng(0), is_fit=lambda line: True)) == 1
    assert cross_lines(lines, 4, joints=JOINTS, rng=np.random.default_rng(5), is_fit=lambda line: True) == cross_lines(
        lines, 4, joints=JOINTS, rng=np.random.default_rng(5), is_fit=lambda line: True
    )
    assert cross_lines((), 4, joints=JOINTS, rng=np.random.default_rng(0), is_fit=lambda line: True) == ()
