"""The words of a picture as rows that a person corrects, and back."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from adcreative.lettering.reading.rows import UNREAD, find_fault, is_measured, rows_of_words, words_of_rows
from adcreative.lettering.reading.words import PictureWords, read_words
from tests.lettering.reading.drawn_ads import BODY, HEADLINE, INK, LABEL, LINES, KnownReader, drawn_ad, line

Rows = list[dict[str, str]]
THAI = replace(line("", 30, 400, 200, 430, 0.97), script="Thai")


def as_table(words: PictureWords) -> Rows:
    """Return the rows as a table gives them back: texts."""
    return [{name: str(cell) for name, cell in row.items()} for row in rows_of_words(words, "en")]


@pytest.fixture(scope="module")
def words() -> PictureWords:
    odd = replace(LINES[0], confidence=1 / 3, script="Latin")  # no short decimal
    return read_words(drawn_ad(), KnownReader([odd, *LINES[1:], THAI]))


def test_rows_that_nobody_touched_are_the_words_themselves(words: PictureWords) -> None:
    rows = as_table(words)
    assert [(row["block"], row["role"], row["text"]) for row in rows[1:]] == [
        ("2", "headline", HEADLINE),
        ("3", "subline", BODY),
        ("4", "button", LABEL),
        ("5", UNREAD, ""),
    ]
    assert (rows[0]["script"], rows[1]["box"], rows[1]["ink"], rows[4]["script"]) == (
        "Latin",
        "30 120 279 219",
        "#{:02x}{:02x}{:02x}".format(*INK),
        "Thai",
    )
    back = words_of_rows(rows)
    assert back.blocks == words.blocks
    assert back.size == words.size
    for ours, theirs in ((back.lines, words.lines), (back.unread, words.unread)):
        assert [(one.text, one.confidence, one.script) for one in ours] == [(o.text, o.confidence, o.script) for o in theirs]
        assert all(np.array_equal(one.quad_xy_px, other.quad_xy_px) for one, other in zip(ours, theirs, strict=True))
    assert (back.unread_note, back.hides_words) == (words.unread_note, words.hides_words)


def test_a_picture_without_words_has_a_row_that_says_so() -> None:
    rows = as_table(PictureWords(size=(90, 160)))
    assert [(row["block"], row["role"], row["text"]) for row in rows] == [("1", "", "")]
    assert words_of_rows(rows) == PictureWords(size=(90, 160))


def test_a_corrected_row_is_sure_and_stands_where_the_letters_are(words: PictureWords) -> None:
    rows = as_table(words)
    rows[0] |= {"role": "price"}
    rows[1] |= {"text": "Sleep better this night"}
    rows[2] |= {"text": ""}  # a print on a shirt
    logo, headline, button = words_of_rows(rows).blocks
    assert (logo.text, logo.role, logo.confidence) == ("Somnia", "price", 1.0)
    assert [one.text for one in headline.lines] == ["Sleep better", "this night"]
    assert (headline.box, headline.confidence) == (words.blocks[1].box, 1.0)
    assert button == words.blocks[3]  # nobody touched it


@pytest.mark.parametrize("sureness", ["", "1"])
def test_a_row_that_somebody_calls_right_is_sure(words: PictureWords, sureness: str) -> None:
    read = replace(words, blocks=tuple(replace(one, chance=0.4) for one in words.blocks))
    rows = as_table(read)
    rows[1] |= {"sureness": sureness}
    logo, headline, *_ = words_of_rows(rows).blocks
    assert (logo.is_sure, headline.text, headline.is_sure) == (False, HEADLINE, True)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("Ring now", ["Ring", "now"]),
        ("Ring", ["Ring"]),
        ("A B C D E F", ["A B C D", "E F"]),
        ("A longestwordthere", ["A", "longestwordthere"]),
    ],
)
def test_other_words_are_shared_out_by_the_room_of_the_lines(words: PictureWords, text: str, lines: list[str]) -> None:
    rows = as_table(words)
    rows[1]["text"] = text
    assert [one.text for one in words_of_rows(rows).blocks[1].lines] == lines


def test_an_unread_line_that_somebody_types_is_a_block_and_unread_no_more(words: PictureWords) -> None:
    rows = as_table(words)
    rows[4] |= {"text": "ลดราคา", "role": "price"}
    back = words_of_rows(rows, drawn_ad())
    assert (back.blocks[-1].text, back.blocks[-1].role, back.unread) == ("ลดราคา", "price", ())


def test_a_row_with_a_box_of_its_own_is_measured_in_the_picture() -> None:
    x0, y0, x1, y1 = (round(edge) for edge in LINES[4].box_xyxy_px)
    row = dict.fromkeys(("block", "script", "language", "sureness", "ink", "measured"), "")
    row |= {"text": LABEL, "role": "button", "box": f"{x0} {y0} {x1} {y1}"}
    assert (find_fault(row), is_measured([row])) == ("", False)
    (known,) = words_of_rows([row]).blocks
    (block,) = words_of_rows([row], drawn_ad()).blocks
    assert (known.text, known.role, known.confidence) == (LABEL, "button", 1.0)
    assert block.plate is not None
    assert block.contrast > 4


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"role": "headlin"}, 'is "headlin". Did you mean "headline"'),
        ({"role": UNREAD}, 'the role of "Somnia" is "unread"'),
        ({"measured": "{"}, "its last column was changed"),
        ({"measured": json.dumps({"version": 0})}, "of another version"),
        ({"measured": "", "box": "10 10 5 30"}, "left top right bottom"),
        ({"sureness": "very"}, 'its sureness is "very"'),
    ],
)
def test_what_is_wrong_with_a_row_is_said(words: PictureWords, change: dict[str, str], said: str) -> None:
    row = as_table(words)[0]
    assert find_fault(row) == find_fault(row | {"sureness": "0,5"}) == ""
    assert said in find_fault(row | change)
