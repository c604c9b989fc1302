"""What a page says of numbers."""

from __future__ import annotations

import pytest

from adcreative.report.words import interplay


@pytest.mark.parametrize(
    ("reasons", "change", "said"),
    [
        (("words -2 %", "faces -2 %"), 0.03, "what they do together +7%"),
        (("words +12 %", "look -2 %"), 0.0, "what they do together \N{MINUS SIGN}9%"),
        (("words +10 %",), 0.1, ""),
        ((), 0.3, ""),
    ],
)
def test_parts_and_what_they_do_together_make_the_whole(reasons: tuple[str, ...], change: float, said: str) -> None:
    assert interplay(reasons, change) == said
