"""English words in which the reader took an i for an l, which in small type are one stroke: "mlss a penslon"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

from adcreative.encoders.english import english_words
from adcreative.encoders.language import detect_language
from adcreative.encoders.picture_words.blocks import TextBlock

LEAST_LETTERS, LEAST_OF_NAME = 4, 6  # of a word that is mended; of one with a capital, which may be a name
MOST_STROKES = 5  # in a word; rows of more are no word
_WORD = re.compile(r"[A-Za-z]+")


def mend_strokes(blocks: Sequence[TextBlock]) -> list[TextBlock]:
    """Return the blocks of a picture, in English ones the words of which an i was read as l; others as they are.

    A word is mended where it is none, and one word alone comes of an i in place of some l. What is known stays ("malls"), and
    what is a word neither way, such as a brand.
    """
    if detect_language(" ".join(block.text for block in blocks)) != "en":
        return list(blocks)
    return [
        replace(
            block, lines=tuple(replace(line, text=_WORD.sub(lambda found: _mend(found[0]), line.text)) for line in block.lines)
        )
        for block in blocks
    ]


def _mend(word: str) -> str:
    least = LEAST_LETTERS if word.islower() else LEAST_OF_NAME
    if not 1 <= word.count("l") <= MOST_STROKES or len(word) < least or _is_word(word):
        return word
    places = [place for place, letter in enumerate(word) if letter == "l"]
    found = [
        "".join("i" if place in chosen else letter for place, letter in enumerate(word))
        for num in range(1, len(places) + 1)
        for chosen in combinations(places, num)
    ]
    words = [one for one in found if _is_word(one)]
    return words[0] if len(words) == 1 else word


def _is_word(word: str) -> bool:
    folded = word.casefold()
    return folded in english_words() or (folded.endswith("s") and folded[:-1] in english_words())
