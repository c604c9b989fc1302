"""Words in which the reader took one stroke for another: in small type an i is an l ("mlss a penslon") or an I ("it Is so").

Letters that look alike in two scripts are those of the script that they stand in ("ΛCME", "50十", "歌つて").
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from adcreative.encoders.english import english_words
from adcreative.encoders.language import detect_language
from adcreative.lettering.reading.blocks import TextBlock

_WORD = re.compile(r"[A-Za-z]+")
_CAPITALS = str.maketrans("ΛΑΒΕΖΗΙΚΜΝΟΡΤΥΧАВЕКМНОРСТХ", "AABEZHIKMNOPTYXABEKMHOPCTX")  # of Greek and Cyrillic
# what stands for something else where it stands -> that
_ALIKE = (
    (re.compile(r"(?<=[A-Za-z0-9])十(?![\u4e00-\u9fff])|(?<![\u4e00-\u9fff])十(?=[A-Za-z0-9])"), "+"),
    (re.compile(r"(?<=[A-Z])0(?=[A-Z]{2})|(?<=[A-Z]{2})0(?=[A-Z])"), "O"),
    (re.compile(r"(?<=\d)[Oo](?=[\d%])"), "0"),
    (re.compile(r"(?<=[\u3041-\u3096\u4e00-\u9fff])つ(?=[てた])"), "っ"),
    (re.compile(r"(?<![\u30a1-\u30fe])ャ"), "ヤ"),
    (re.compile(r"(?<=[\u3041-\u9fff])·(?=[\u3041-\u9fff])"), "・"),
    (re.compile(r"^· (?=\S)"), "• "),
    (re.compile(r"^\|(?=\d)"), ""),  # a rule beside a date
    (re.compile(r"(?<=[A-Za-z])\((?=[A-Za-z][^()]*$)"), " "),  # the swash of a capital
    (re.compile(r"(?<=[a-z])°$"), ""),  # a trade mark's sign
    (re.compile(r"(?<=[^\W\d_]{2})-(?=\d+\s?%)"), " -"),  # an amount that is taken off
    (re.compile(r"^[一—-](.+\D)[一—-]$"), r"\1"),  # rules beside a line
    (re.compile(r"(?<=[a-z]) I (?=(?:www\.|\w+@))"), " | "),  # a rule before an address
)
_TURKISH, _DOTLESS = re.compile(r"[ğışĞİŞ]"), re.compile(r"\b(?=\w*i)[A-ZÇĞİÖŞÜi]{4,}\b")
# a little word that begins with I in the midst of small ones, where no sentence begins
_LITTLE = re.compile(r"(?<=[a-z,;])(\s+)I(?=[nsft]\s+[a-z])")


@dataclass(frozen=True)
class Fitted:
    """Numbers of this file, chosen on English words: what is shorter comes of too many others."""

    least_letters: int = 4  # of a word that is mended
    least_of_name: int = 6  # of one with a capital, which may be a name
    most_strokes: int = 5  # in a word; rows of more are no word


FITTED = Fitted()


def mend_strokes(blocks: Sequence[TextBlock]) -> list[TextBlock]:
    """Return the blocks of a picture with the words mended of which an i was read as another stroke.

    For an l in English blocks: a word is mended where it is none, and one word alone comes of an i in place of some l. What is
    known stays ("malls"), and what is a word neither way, such as a brand. For an I in any: `mend_capitals`.
    """
    blocks = [_with_lines(block, [mend_look_alikes(line.text) for line in block.lines]) for block in blocks]
    blocks = [_with_lines(block, mend_capitals("\n".join(line.text for line in block.lines)).split("\n")) for block in blocks]
    if any(_TURKISH.search(block.text) for block in blocks):
        blocks = [_with_lines(block, [mend_dots(line.text) for line in block.lines]) for block in blocks]
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


def mend_look_alikes(text: str) -> str:
    """Return a line with letters and marks that were taken for ones of another script replaced by those that they stand for."""
    for pattern, letter in _ALIKE:
        text = pattern.sub(letter, text)
    words = text.split(" ")
    return " ".join(word.translate(_CAPITALS) if _is_latin(word) else word for word in words)


def mend_dots(text: str) -> str:
    """Return a line of a Turkish ad with the dots on capitals: a small i in the midst of capitals is one ("iNDiRiM")."""
    return _DOTLESS.sub(lambda found: found[0].replace("i", "İ"), text)


def _is_latin(word: str) -> bool:
    """Return whether most of a word's letters are Latin, and some may not be."""
    num_latin = sum(letter.isascii() and letter.isalpha() for letter in word)
    return 2 * num_latin > sum(letter.isalpha() for letter in word) > num_latin


def _with_lines(block: TextBlock, texts: Sequence[str]) -> TextBlock:
    lines = tuple(replace(line, text=text) for line, text in zip(block.lines, texts, strict=True))
    return replace(block, lines=lines)


def _mend(word: str) -> str:
    least = FITTED.least_letters if word.islower() else FITTED.least_of_name
    if not 1 <= word.count("l") <= FITTED.most_strokes or len(word) < least or _is_word(word):
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
