"""Lines out of an answer, whole or broken off."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adcreative.copywriter.engines.answer_lines import Answer, read_answer, read_finished

TEXTS = st.text(st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from('"\\\\[]{},: ')), max_size=12)
ITEMS = st.lists(st.one_of(TEXTS, st.none(), st.integers(), st.lists(TEXTS, max_size=2)), max_size=5)
VALUES = st.one_of(ITEMS, TEXTS, st.dictionaries(TEXTS, ITEMS, max_size=2))
ANSWERS = st.one_of(ITEMS, st.dictionaries(TEXTS, VALUES, max_size=4))


@given(ANSWERS, st.booleans())
def test_texts_of_any_json_answer_are_read(value, is_ascii: bool) -> None:
    answer = read_answer(json.dumps(value, ensure_ascii=is_ascii))
    lists = [value] if isinstance(value, list) else [one for one in value.values() if isinstance(one, list)]
    texts = sorted(text.strip() for one in lists for text in one if isinstance(text, str) and text.strip())
    assert sorted(answer.lines) == texts or (not texts and answer.lines == [json.dumps(value, ensure_ascii=is_ascii)])


def test_the_lists_of_an_answer_are_taken_in_turn() -> None:
    content = json.dumps({"benefit": ["a", "b", "c"], "proof": [], "story": ["d", "e"]})
    assert read_answer(content) == Answer(["a", "d", "b", "e", "c"], is_whole=True)
    assert read_answer(content[: content.index('"e"')]) == Answer(["a", "d", "b", "c"], is_whole=False)


@given(st.lists(TEXTS, min_size=1, max_size=5), st.floats(0, 1))
def test_an_answer_cut_anywhere_keeps_what_was_finished(texts: list[str], share: float) -> None:
    content = json.dumps({"lines": texts})
    cut = content[: int(share * len(content))]
    ends = [len(json.dumps({"lines": texts[: number + 1]})) - 2 for number in range(len(texts))]
    finished = [text.strip() for text, end in zip(texts, ends, strict=True) if end <= len(cut)]
    assert read_finished(cut) == [text for text in finished if text]


@pytest.mark.parametrize(
    ("content", "lines", "is_whole"),
    [
        ('{"lines": ["a b", "c d", "e', ["a b", "c d"], False),
        ('{"lines": ["a b", "c d",]}', ["a b", "c d"], False),
        ('{"lines": ["a b", "c \\q d"]}', ["a b"], False),
        ('["a b", "c', ["a b"], False),
        ('Use {brand} [x]: {"n": 1, "lines": ["a b"]} ok?', ["a b"], False),
        ('{"notes": [], "lines": ["a \\"b\\" [c"]}', ['a "b" [c'], True),
        ('{"lines": ["a b"]} {"lines": ["c d"]}', ["a b", "c d"], False),
        ('Say [maybe "x"] to shoes', ['Say [maybe "x"] to shoes'], True),
    ],
)
def test_faulty_json_gives_its_finished_lines(content: str, lines: list[str], is_whole: bool) -> None:
    assert read_answer(content) == Answer(lines, is_whole)


@pytest.mark.parametrize(
    "content", ["[" * 90_000 + '"a",' * 90_000, '["a"] ' * 90_000 + '["a",' + '"a",' * 90_000, '["["' + ',"["' * 90_000]
)
def test_a_hundred_thousand_lists_are_read_once(content: str) -> None:
    """Read once for each bracket, or once for each place of the longest list, they would take hours."""
    assert len(read_finished(content)) >= 90_000
