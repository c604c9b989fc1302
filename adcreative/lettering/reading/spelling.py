"""Words in which the reader took one stroke for another: in small type an i is an l ("mlss a penslon") or an I ("it Is so")."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

from adcreative.encoders.english import english_words
from adcreative.encoders.language import detect_language
from adcreative.lettering.reading.blocks import TextBlock

LEAST_LETTERS, LEAST_OF_NAME = 4, 6  # of a word that is mended; of one with a capital, which may be a name
MOST_STROKES = 5  # in a word; rows of more are no word
_WORD = re.compile(r"[A-Za-z]+")
# a little word that begins with I in the midst of small ones, where no sentence begins
_LITTLE = re.compile(r"(?<=[a-z,;])(\s+)I(?=[nsft]\s+[a-z])")


def mend_strokes(blocks: Sequence[TextBlock]) -> list[TextBlock]:
    """Return the blocks of a picture with the words mended of which an i was read as another stroke.

    For an l in English blocks: a word is mended where it is none, and one word alone comes of an i in place of some l. What is
    known stays ("malls"), and what is a word neither way, such as a brand. For an I in any: `mend_capitals`.
    """
    blocks = [_with_lines(block, mend_capitals("\n".join(line.text for line in block.lines)).split("\n")) for block in blocks]
    if detect_language(" ".join(block.text for block in blocks)) != "en":
        return blocks
    return [
        _with_lines(block, [_WORD.sub(lambda found: _mend(found[0]), line.text) for line in block.lines]) for block in blocks
    ]


def mend_capitals(text: str) -> str:
    """Return a text with "in", "is", "it" and "if" small where they stand in the midst of a sentence, before a small word.

    Lines are told apart by "\\n": a capital at the head of one is mended only where another line goes on in small letters, as
    those of a list do not.
    """
    goes_on = re.search(r"\n[a-z]", text) is not None
    return _LITTLE.sub(lambda found: found[0] if "\n" in found[1] and not goes_on else f"{found[1]}i", text)


def _with_lines(block: TextBlock, texts: Sequence[str]) -> TextBlock:
    lines = tuple(replace(line, text=text) for line, text in zip(block.lines, texts, strict=True))
    return replace(block, lines=lines)


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
