"""Words of which an i was read as l are mended in English texts, and nothing else is."""

from __future__ import annotations

import pytest

from adcreative.encoders.picture_words.spelling import mend_strokes
from tests.encoders.picture_words.test_words import block


def mended(*texts: str) -> list[str]:
    return [one.text for one in mend_strokes([block(text, (0, 20 * k, 200, 20 * k + 16)) for k, text in enumerate(texts)])]


@pytest.mark.parametrize(
    ("read", "said"),
    [
        ("Do not mlss a penslon you can understand", "Do not miss a pension you can understand"),
        ("More sunsets, fewer worrles", "More sunsets, fewer worries"),
        ("The Kltchen that families love", "The Kitchen that families love"),
        ("All malls are open until eight", "All malls are open until eight"),  # known, though mails are a thing
        ("Ella paints with Palmtrlps all week", "Ella paints with Palmtrlps all week"),  # names
        ("The lllllllllllllllllllllllll of the house", "The lllllllllllllllllllllllll of the house"),
    ],
)
def test_words_are_mended_where_one_word_alone_comes_of_it(read: str, said: str) -> None:
    assert mended(read, "A loan with one clear price. Your deposits are protected.")[0] == said


def test_other_languages_stay_as_they_were_read() -> None:
    said = ["Die Straße der schnellen Alls", "Viel Spiel und Spaß für die ganze Familie, jeden Sonntag im Garten."]
    assert mended(*said) == said


def test_what_is_known_of_a_block_stays() -> None:
    (one,) = mend_strokes([block("Your penslon in one quiet place", (3, 4, 200, 30), role="headline")])
    assert (one.text, one.role, one.box) == ("Your pension in one quiet place", "headline", (3, 4, 200, 30))
