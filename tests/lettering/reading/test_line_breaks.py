"""Texts are broken into even lines, for drawing and for setting anew, and no word is lost."""

from __future__ import annotations

from itertools import combinations

from adcreative.lettering.reading.line_breaks import break_evenly, split_words, wrap_evenly

TEXT = "One of the quiet ways to a good night"


def narrowest(text: str, num: int) -> int:
    """Return the width of the widest line of the best of all ways to break a text into at most `num` lines."""
    words = text.split()
    ways = [cuts for k in range(num) for cuts in combinations(range(1, len(words)), k)]
    return min(max(len(" ".join(words[a:b])) for a, b in zip((0, *cuts), (*cuts, len(words)), strict=True)) for cuts in ways)


def test_lines_are_as_even_as_the_best_of_all_ways_and_nothing_is_lost() -> None:
    for num in (1, 2, 3, 4):
        lines = break_evenly(TEXT, num, len)
        assert " ".join(lines) == TEXT
        assert len(lines) <= num
        assert max(map(len, lines)) == narrowest(TEXT, num)


def test_of_equally_narrow_breaks_the_calmest_is_taken_and_no_short_word_is_left_over() -> None:
    lines = break_evenly("alpha bravo delta hotel up", 3, len)
    assert len(lines) == 3
    assert max(map(len, lines)) == len("alpha bravo")
    assert lines[-1] == "hotel up"


def test_a_room_takes_the_fewest_lines_and_evens_them_out() -> None:
    lines = wrap_evenly(TEXT, 30, len)
    assert lines == ["One of the quiet", "ways to a good night"]
    assert wrap_evenly(TEXT, 40, len) == [TEXT]
    assert wrap_evenly("", 40, len) == []
    assert wrap_evenly("an extraordinarily long word", 8, len) == ["an", "extraordinarily", "long", "word"]


def test_words_that_have_no_blanks_are_broken_between_signs() -> None:
    assert split_words("よく眠れる夜")[1] == ""
    assert break_evenly("よく眠れる夜", 2, len) == ["よく眠", "れる夜"]
