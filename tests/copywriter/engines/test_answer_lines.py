"""Lines out of an answer, whole or in pieces: both ways must find the same."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adcreative.copywriter.engines.answer_lines import Answer, LineScanner, read_answer, stream_answer

TEXTS = st.text(st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from('"\\\\[]{},: ')), max_size=12)
ITEMS = st.lists(st.one_of(TEXTS, st.none(), st.integers(), st.lists(TEXTS, max_size=2)), max_size=5)
VALUES = st.one_of(ITEMS, TEXTS, st.dictionaries(TEXTS, ITEMS, max_size=2))
ANSWERS = st.one_of(ITEMS, st.dictionaries(TEXTS, VALUES, max_size=4))


def _streamed(content: str, size: int) -> tuple[list[str], Answer]:
    *early, last = stream_answer(content[start : start + size] for start in range(0, len(content), size))
    assert isinstance(last, Answer)
    return [str(line) for line in early], last


@given(ANSWERS, st.integers(1, 9), st.booleans())
def test_lines_of_any_json_answer_come_early_and_are_those_of_the_whole(value, size: int, is_ascii: bool) -> None:
    content = json.dumps(value, ensure_ascii=is_ascii)
    early, answer = _streamed(content, size)
    assert answer == read_answer(content)
    if isinstance(value, dict) or answer.lines:
        assert early == answer.lines


@given(ANSWERS, st.integers(1, 9), st.floats(0, 1))
def test_an_answer_cut_anywhere_keeps_what_was_finished(value, size: int, share: float) -> None:
    content = json.dumps(value)
    content = content[: int(share * len(content))]
    early, answer = _streamed(content, size)
    assert answer == read_answer(content)
    if not answer.is_whole:
        assert early == answer.lines


@pytest.mark.parametrize(
    ("content", "lines", "is_whole"),
    [
        ('{"lines": ["a b", "c d", "e', ["a b", "c d"], False),
        ('{"lines": ["a b", "c d",]}', ["a b", "c d"], True),
        ('{"lines": ["a b", "c \\q d"]}', ["a b"], True),
        ('["a b", "c', ["a b"], False),
        ('Use {brand} [x]: {"n": 1, "lines": ["a b"]} ok?', ["a b"], True),
        ('{"notes": [], "lines": ["a \\"b\\" [c"]}', ['a "b" [c'], True),
        ('{"lines": ["a b"]} {"lines": ["c d"]}', ["a b"], True),
        ('Say [maybe "x"] to shoes', ['Say [maybe "x"] to shoes'], True),
    ],
)
def test_faulty_json_gives_its_finished_lines(content: str, lines: list[str], is_whole: bool) -> None:
    assert read_answer(content) == Answer(lines, is_whole)
    assert _streamed(content, 1) == (lines if content[0] != "S" else [], Answer(lines, is_whole))


def test_nothing_is_waited_for_behind_the_closed_object() -> None:
    asked = []

    def pieces():
        for piece in ('{"lines": ["a b"', ', "c d"]', "}", "and so on"):
            asked.append(piece)
            yield piece

    assert list(stream_answer(pieces())) == ["a b", "c d", Answer(["a b", "c d"], is_whole=True)]
    assert len(asked) == 3


def test_each_line_comes_with_its_closing_mark() -> None:
    scanner = LineScanner()
    found = [scanner.feed(piece) for piece in ('{"lines": ["a', " b", '"', ', "c d", "e', ' f"]', "}")]
    assert found == [[], [], ["a b"], ["c d"], ["e f"], []]
    assert scanner.is_whole
