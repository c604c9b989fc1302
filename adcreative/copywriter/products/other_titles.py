"""Titles of feeds in languages other than English: the name is the first part, and the other parts are told as they are.

"FIETSKAR - 2-zits - schokbrekers - 5-punts gordels" is a "Fietskar", with "2-zits", "schokbrekers" and "5-punts gordels". What
a part means is not known here, so none is turned into a sentence.
"""

from __future__ import annotations

import re

from adcreative.copywriter.rules import word_set

_MOST_NAME_WORDS, _MOST_WHOLE_WORDS, _MOST_REST, _MOST_REST_WORDS = 7, 10, 4, 9
_MOST_UNCUT_WORDS = 12  # a name in another language may end with its noun: it is cut where it must be
_SHORT_WORD = 3
_TWO_NAMES = re.compile(r"[^\W\d_]+ [-–] [A-ZÀ-Þ][^\W\d_A-ZÀ-Þ]+")  # "Sapin - Nordmann"
_DECIMAL_COMMA = re.compile(r"(?<=\d),(?=\d)")
_STAND_IN = "\ue000"  # of a comma inside a number, while a title is cut at commas
_CODE = re.compile(r"(?!LED|USB|[2-5]?X{0,3}[SL]$|M$)[A-Z]{1,3}\d{0,2}")  # of a variant, at a title's end: "BLU4"
_RUN_OF_HYPHENS = re.compile(r"\b[^\W\d_]{2,}(?:-[^\W\d_]+){2,}\b")  # "grenen-planken-met-agro-textiel"


def read_other_title(title: str, rules: dict[str, str]) -> tuple[str, tuple[str, ...]]:
    """Return the name and up to four other parts of a title without its brand; a name has seven words at most, alone ten."""
    if len(title.split()) <= _MOST_NAME_WORDS and re.fullmatch(r"[^,]+, (?=[^\W\dA-Z])[^,;|()\[\]–—•·:-]+", title):
        return title, ()  # "Romance, nuit d'été et crème glacée"
    if _TWO_NAMES.fullmatch(title):
        return title, ()
    parts = [part.replace(_STAND_IN, ",") for part in re.split(rules["segment"], _DECIMAL_COMMA.sub(_STAND_IN, title))]
    parts = [_plain(part) for part in parts if re.search(r"\w", part) and not part.rstrip().endswith("...")]
    if len(parts) > 1 and _CODE.fullmatch(parts[-1]):
        parts = parts[:-1]
    if not parts:
        return title, ()
    name = _name(parts[0], rules, _MOST_NAME_WORDS if parts[1:] else _MOST_WHOLE_WORDS)
    rest: dict[str, str] = {}
    for part in parts[1:]:
        is_whole = len(part.split()) <= _MOST_REST_WORDS and len(part) > 1 and not part.endswith("…")
        if is_whole and part.casefold() not in name.casefold():
            rest.setdefault(part.casefold(), part)
    return name, tuple(rest.values())[:_MOST_REST]


def _name(part: str, rules: dict[str, str], most: int) -> str:
    """Return a first part as it is where it is short, else as far as "with" or "for" or five words."""
    words = part.split()
    if len(words) > most:
        words = re.sub(rules["cut"], "", f"{part} ", flags=re.IGNORECASE).split()
        words = words if len(words) <= _MOST_UNCUT_WORDS else words[: int(rules["most_words"])]
    joints = word_set("product_meanings", "joints")
    while len(words) > 1 and (words[-1].casefold() in joints or words[-1] in ("-", "–", "/", "&", "+")):
        words = words[:-1]
    return " ".join(words)


def _plain(part: str) -> str:
    """Return a part without runs of hyphens, and not in capitals."""
    part = _RUN_OF_HYPHENS.sub(lambda found: found[0].replace("-", " "), part).strip(" -–,&/+.:")
    words, joints = part.split(), word_set("product_meanings", "joints")
    letters = [word for word in words if any(character.isalpha() for character in word)]
    if not letters or not all(word.isupper() for word in letters) or all(len(word) <= _SHORT_WORD for word in letters):
        return part
    return " ".join(
        word.lower() if place and word.casefold() in joints else word.capitalize() if _is_word(word) else word
        for place, word in enumerate(words)
    )


def _is_word(word: str) -> bool:
    return len(word) > _SHORT_WORD and not any(character.isdigit() for character in word)
