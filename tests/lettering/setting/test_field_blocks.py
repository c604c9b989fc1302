"""A text whose lines were read as several blocks is found whole; what stands between or beside is left to itself."""

from __future__ import annotations

import pytest

from adcreative.lettering import Box, Words
from adcreative.lettering.setting.field_blocks import find_field_blocks, regroup
from tests.lettering.reading.test_words import block

BLUE, RED, SAID = (20, 70, 140), (190, 40, 60), {"headline": "Luxury heating & cooling"}
ROWS = (("Luxury", (10, 10, 90, 40)), ("heating", (10, 50, 100, 80)), ("&cooling", (10, 90, 120, 128)))


def read(*rows: tuple[str, Box]) -> Words:
    """Return each line as a block of its own, every other one in another ink."""
    blocks = [block(text, box, colour=RED if place % 2 else BLUE) for place, (text, box) in enumerate(rows)]
    return Words(blocks=tuple(blocks), size=(400, 400))


def test_lines_in_several_inks_are_one_text_and_keep_the_breaks_that_were_read() -> None:
    words = read(("SOMNIA", (10, 0, 60, 8)), *ROWS, ("Ducted", (10, 200, 90, 230)))
    found = find_field_blocks(words, SAID)
    assert [line.text for line in found["headline"].lines] == ["Luxury", "heating", "& cooling"]
    assert [one.text for one in regroup(words, found).blocks] == ["SOMNIA", SAID["headline"], "Ducted"]


def test_pieces_of_one_row_are_one_line() -> None:
    words = read(("heating &", (100, 10, 190, 40)), ("Luxury", (10, 10, 90, 40)), ("cooling", (10, 50, 100, 80)))
    first, _ = find_field_blocks(words, SAID)["headline"].lines
    assert (first.text, first.box) == ("Luxury heating &", (10, 10, 190, 40))
    assert len(regroup(words, find_field_blocks(words, SAID)).blocks) == 1


@pytest.mark.parametrize("last", [(10, 240, 120, 278), (10, 90, 300, 190)], ids=["far", "larger"])
def test_lines_far_apart_or_of_other_sizes_are_no_text(last: Box) -> None:
    words = read(*ROWS[:2], ("&cooling", last))
    assert find_field_blocks(words, SAID) == {}
    assert regroup(words, {}) is words
