"""What a page says of numbers."""

from __future__ import annotations

import pytest

from adcreative.problem import Problem
from adcreative.report.words import describe_strength, interplay, reason


@pytest.mark.parametrize(
    ("reasons", "change", "said"),
    [
        ({"words": -2, "faces": -2}, 0.03, ["what they do together +7%"]),
        ({"words": 12, "look": -2}, 0.0, ["what they do together \N{MINUS SIGN}9%"]),
        ({"words": 10}, 0.1, []),
        ({}, 0.3, []),
    ],
)
def test_parts_and_what_they_do_together_make_the_whole(reasons: dict[str, int], change: float, said: list[str]) -> None:
    told = [Problem("part_change", part=part, change=one) for part, one in reasons.items()]
    assert [reason(one) for one in interplay(told, change)] == said


@pytest.mark.parametrize(
    ("strength", "num_others", "said"),
    [
        (1.0, 1, "the strongest of 2"),
        (0.0, 5, "the weakest of 6"),
        (0.4, 5, "stronger than 2 of the 5 others"),
        (0.73, 30, "stronger than 7 of 10 others"),
        (0.97, 30, "stronger than nearly all others"),
        (None, 5, ""),
        (0.5, 0, ""),
    ],
)
def test_strength_is_told_by_counting_where_few_ads_were_compared(strength: float | None, num_others: int, said: str) -> None:
    assert describe_strength(strength, num_others) == said
