"""Corrects words with a misread stroke: in small type an i is read as l ("mlss a penslon") or I ("it Is so").

Letters that look alike in two scripts become letters of the surrounding script ("ΛCME", "50十", "歌つて").
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from adcreative.encoders.language import detect_language, english_words
from adcreative.lettering.reading.blocks import TextBlock

_WORD = re.compile(r"[A-Za-z]+")
_CAPITALS = str.maketrans("ΛΑΒΕΖΗΙΚΜΝΟΡΤΥΧАВЕКМНОРСТХ", "AABEZHIKMNOPTYXABEKMHOPCTX")  # in Greek and Cyrillic
# pattern of a misread character in its context -> the correct character
_ALIKE = (
    (re.compile(r"(?<=[A-Za-z0-9])十(?![\u4e00-\u9fff])|(?<![\u4e00-\u9fff])十(?=[A-Za-z0-9])"), "+"),
    (re.compile(r"(?<=[A-Z])0(?=[A-Z]{2})|(?<=[A-Z]{2})0(?=[A-Z])"), "O"),
    (re.compile(r"(?<=\d)[Oo](?=[\d%])"), "0"),
    (re.compile(r"(?<=[\u3041-\u3096\u4e00-\u9fff])つ(?=[てた])"), "っ"),
    (re.compile(r"(?<![\u30a1-\u30fe])ャ"), "ヤ"),
    (re.compile(r"(?<=[\u3041-\u9fff])·(?=[\u3041-\u9fff])"), "・"),
    (re.compile(r"^· (?=\S)"), "• "),
    (re.compile(r"\bRS(?=\s?\d[\d.]*,\d\d\b)"), "R$"),  # reais
    (re.compile(r"^\|(?=\d)"), ""),  # a vertical rule before a date
    (re.compile(r"(?<=[A-Za-z])\((?=[A-Za-z][^()]*$)"), " "),  # the swash of a capital
    (re.compile(r"(?<=[a-z])°$"), ""),  # a trademark sign
    (re.compile(r"(?<=[^\W\d_]{2})-(?=\d+\s?%)"), " -"),  # a discount
    (re.compile(r"^[一—-](.+\D)[一—-]$"), r"\1"),  # horizontal rules around a line
    (re.compile(r"(?<=[a-z]) I (?=(?:www\.|\w+@))"), " | "),  # a vertical rule before an address
)
_TURKISH, _DOTLESS = re.compile(r"[ğışĞİŞ]"), re.compile(r"\b(?=\w*i)[A-ZÇĞİÖŞÜi]{4,}\b")
_FRONT = re.compile(r"\b(?=\w*[EİÖÜ])[B-NP-TV-ZÇĞİÖŞÜ]{4,}\b")
# a short word with a capital I between lower-case words, where no sentence begins
_LITTLE = re.compile(r"(?<=[a-z,;])(\s+)I(?=[nsft]\s+[a-z])")


@dataclass(frozen=True)
class Fitted:
    """Constants of this module, chosen on English words: shorter words match too many others."""

    least_letters: int = 4  # minimum letters of a corrected word
    least_of_name: int = 6  # minimum letters of one with a capital, which may be a name
    most_strokes: int = 5  # maximum strokes in a word; longer rows are no word


FITTED = Fitted()


def mend_strokes(blocks: Sequence[TextBlock]) -> list[TextBlock]:
    """Return the blocks of a picture with corrected words in which an i was misread as another stroke.

    For an l in English blocks: a word is corrected if it is unknown, and exactly one known word results from replacing some l
    by i. Known words stay ("malls"), and so do words unknown both ways, such as a brand. For an I in any: `mend_capitals`.
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
    """Return a text with "in", "is", "it" and "if" in lower case inside a sentence, before a lower-case word.

    Lines are separated by "\\n": a capital at the start of a line is corrected only if another line continues in lower case,
    unlike the lines of a list.
    """
    goes_on = re.search(r"\n[a-z]", text) is not None
    return _LITTLE.sub(lambda found: found[0] if "\n" in found[1] and not goes_on else f"{found[1]}i", text)


def mend_look_alikes(text: str) -> str:
    """Return a line with letters and marks of another script replaced by the look-alikes that were meant."""
    for pattern, letter in _ALIKE:
        text = pattern.sub(letter, text)
    words = text.split(" ")
    return " ".join(word.translate(_CAPITALS) if _is_latin(word) else word for word in words)


def mend_dots(text: str) -> str:
    """Return a line of a Turkish ad with dotted capitals: a small i between capitals stands for one ("iNDiRiM").

    So does an I between front vowels alone ("GELIŞTİRİCİ"): vowels of a Turkish word are all front or all back.
    """
    text = _DOTLESS.sub(lambda found: found[0].replace("i", "İ"), text)
    return _FRONT.sub(lambda found: found[0].replace("I", "İ"), text)


def _is_latin(word: str) -> bool:
    """Return whether most of a word's letters are Latin, but not all."""
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
