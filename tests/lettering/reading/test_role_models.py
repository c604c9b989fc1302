"""Lines are joined to blocks in reading order, the likeliest roles are chosen together, and words are known in any language."""

from __future__ import annotations

import numpy as np
import pytest

from adcreative.lettering.reading import blocks as blocks_module
from adcreative.lettering.reading.blocks import BlockLine, TextBlock, group_lines, join_lines
from adcreative.lettering.reading.role_models import FITTED, ROLES, choose_roles, cluster, wholeness, with_one_headline
from adcreative.lettering.reading.word_marks import MARKS, ends_open, goes_on, mark_words

Box = tuple[int, int, int, int]


def one(text: str, box: Box, colour: tuple[int, int, int] = (20, 20, 20), plate: Box | None = None) -> TextBlock:
    line = BlockLine(text=text, box=box, confidence=0.9, colour=colour)
    return TextBlock(lines=(line,), colour=colour, ground=(255, 255, 255), residual=0.0, plate=plate)


def test_the_surest_lines_are_joined_first_and_a_doubtful_one_needs_all_its_neighbours() -> None:
    pairs = [(0, 1), (1, 2), (0, 2), (2, 3)]
    assert cluster(4, pairs, np.array([0.9, 0.8, 0.1, 0.2]), 0.5) == [[0, 1], [2], [3]]
    assert cluster(4, pairs, np.array([0.9, 0.8, 0.3, 0.2]), 0.5) == [[0, 1, 2], [3]]
    assert cluster(2, [], np.zeros(0), 0.5) == [[0], [1]]


def test_a_block_is_as_sure_as_its_weakest_side() -> None:
    pairs, chances = [(0, 1), (1, 2), (2, 3)], np.array([0.9, 0.2, 0.7])
    assert wholeness([[0, 1], [2, 3], [4]], pairs, chances) == pytest.approx([0.8, 0.7, 1.0])
    assert wholeness([[0, 1, 2, 3], [4]], pairs, chances) == pytest.approx([0.6, 1.0])


@pytest.mark.parametrize(
    ("first", "second", "ends", "follows"),
    [
        ("Made for the", "MUDDY DAYS", True, False),
        ("Luxury Heating", "& Cooling", False, True),
        ("Luxury Heating", "Ducted A/C", False, False),
        ("Heizung für", "jedes Haus", True, True),
        ("Fresh,", "Local", True, False),
        ("Sent free from 25", "€.", False, True),
    ],
)
def test_a_line_may_ask_for_the_next(first: str, second: str, ends: bool, follows: bool) -> None:
    assert (ends_open(first), goes_on(second)) == (ends, follows)


def test_one_block_alone_is_the_headline_and_the_other_what_it_is_next() -> None:
    chances = np.full((3, len(ROLES)), 0.01)
    chances[0, [ROLES.index("headline"), ROLES.index("brand")]] = 0.5, 0.4
    chances[1, [ROLES.index("headline"), ROLES.index("subline")]] = 0.6, 0.1
    chances[2, ROLES.index("button")] = 0.9
    assert [ROLES[role] for role in choose_roles(chances)] == ["brand", "headline", "button"]


def test_the_larger_of_two_like_blocks_is_the_likelier_headline() -> None:
    chances = np.full((2, len(ROLES)), 0.8 / (len(ROLES) - 1))
    chances[:, ROLES.index("headline")] = 0.2
    small, large = with_one_headline(chances, np.array([0.5, 1.0]))[:, ROLES.index("headline")]
    assert large / small == pytest.approx(2.0**FITTED.headline_size)
    assert with_one_headline(chances, np.array([0.5, 1.0])).sum(axis=1) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("role", "lines", "read"),
    [
        ("headline", [("SUPER", (0, 0, 90, 60)), ("weekly offers", (0, 70, 60, 90))], ["SUPER", "weekly offers"]),
        ("brand", [("SUPER", (0, 0, 90, 60)), ("weekly offers", (0, 70, 60, 90))], ["SUPER weekly offers"]),
        ("headline", [("SUPER", (0, 0, 90, 60)), ("offers", (0, 70, 60, 90))], ["SUPER offers"]),  # one word goes on
        ("headline", [("SUPER", (0, 0, 90, 60)), ("weekly offers", (0, 70, 90, 110))], ["SUPER weekly offers"]),  # high
        ("headline", [("this is", (0, 0, 60, 20)), ("SUPER", (0, 30, 90, 90))], ["this is SUPER"]),  # small ones above
        ("headline", [("SUPER", (0, 0, 90, 60)), ("all week", (40, 45, 90, 65))], ["SUPER all week"]),  # within
    ],
)
def test_a_small_line_below_a_headline_is_a_block_of_its_own(
    role: str, lines: list[tuple[str, Box]], read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Joined:
        """Takes all lines for one block with a role."""

        def join(self, pieces, size):
            return [list(range(len(pieces)))], [0.7]

        def chances(self, pieces, size):
            return np.eye(len(ROLES))[[ROLES.index(role)] * len(pieces)]

    monkeypatch.setattr(blocks_module, "load_roles", Joined)
    found = group_lines([one(text, box) for text, box in lines], (200, 200))
    assert [block.text for block in found] == read
    assert {block.whole for block in found} == {0.7}


@pytest.mark.parametrize(
    ("lines", "read"),
    [
        ([("days", (10, 60, 90, 90)), ("Made for", (10, 10, 120, 40))], ["Made for", "days"]),
        ([("days", (130, 12, 200, 41)), ("Made for", (10, 10, 120, 40))], ["Made for days"]),
        ([("שלום", (130, 12, 200, 41)), ("עולם", (10, 10, 120, 40))], ["שלום עולם"]),
        ([("来了", (130, 12, 200, 41)), ("双11", (10, 10, 120, 40)), ("COMING", (10, 60, 90, 90))], ["双11来了", "COMING"]),
        (
            [("lekcje bez", (90, 10, 190, 40)), ("4", (10, 0, 70, 100)), ("ryzyka", (90, 55, 190, 90))],
            ["4", "lekcje bez", "ryzyka"],
        ),
    ],
)
def test_lines_of_a_block_are_in_reading_order(lines: list[tuple[str, Box]], read: list[str]) -> None:
    assert [line.text for line in join_lines([one(*line) for line in lines]).lines] == read


def test_a_coloured_line_keeps_its_ink_and_the_block_has_that_of_most_letters() -> None:
    block = join_lines([one("Made for", (10, 10, 120, 40)), one("muddy", (10, 50, 90, 80), (200, 30, 30))])
    assert block.colour == (20, 20, 20)
    assert [line.colour for line in block.lines] == [(20, 20, 20), (200, 30, 30)]


def test_a_plate_behind_several_lines_is_their_panel() -> None:
    plate = (0, 0, 200, 100)
    block = join_lines([one("20 %", (50, 10, 120, 40), plate=plate), one("OFF", (50, 50, 90, 80), plate=plate)])
    assert (block.plate, block.panel) == (None, plate)
    apart = join_lines([one("20 %", (50, 10, 120, 40), plate=plate), one("OFF", (50, 150, 90, 180))])
    assert (apart.plate, apart.panel) == (None, None)


@pytest.mark.parametrize(
    ("text", "marks"),
    [
        ("Shop now", {"known button"}),
        ("Jetzt bestellen", {"known button"}),
        ("立即购买", {"known button"}),
        ("Скидка 20%", {"known offer", "percent"}),
        ("仅售59元", {"known price", "currency"}),
        ("www.iport.net.ua", {"domain"}),
        ("*акція діє з 1 по 8 квітня", {"small", "known legal"}),
        ("Newton", set()),
    ],
)
def test_words_of_a_role_are_known_in_any_language(text: str, marks: set[str]) -> None:
    told = {name for name, value in zip(MARKS, mark_words(text), strict=True) if value}
    kinds = {name for name in MARKS if name.startswith("known")} | {"percent", "currency", "domain", "small"}
    assert marks <= told & kinds
    assert bool(marks) == bool(told & kinds)
