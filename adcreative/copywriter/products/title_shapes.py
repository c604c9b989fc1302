"""Titles whose shape tells the name: parts between bars or dashes, each in capitals Like These."""

from __future__ import annotations

import re

from adcreative.copywriter.brief import WORD
from adcreative.copywriter.products.title_noise import without_noise
from adcreative.copywriter.products.title_words import thing, things
from adcreative.copywriter.rules import word_set

_LEAST_WORDS, _MOST_WORDS, _MOST_NAME_WORDS, _MOST_WHOLE_WORDS = 2, 8, 10, 12
_SHORT_TITLE, _MOST_BEFORE_DASH = 7, 6  # words
_NAMES = re.compile(r"[A-Z][a-z]+(?: [A-Z][a-z]+){0,2}")
_FITTED = re.compile(r"\b(?:19|20)\d\d\b|\b[A-Z]{2,}-?\d")  # what a part fits: "Honda CBR1000RR-R (2020)"
_LISTED = re.compile(r"(?:[A-Z][\w'-]+, ){1,2}[A-Z][\w'-]+ (?:&|and) [A-Z][\w'-]+(?: [A-Z][\w'-]+){1,2}(?=$|\s*[(|]|\s[-–—]\s)")


def listed_name(title: str) -> str:
    """Return a name that commas are a part of, "Grout, Tile & Stone Cleaner" of a title that begins with it; else ""."""
    found = _LISTED.match(title)
    return found[0] if found else ""


def name_before_dash(title: str, rules: dict[str, str]) -> str:
    """Return the first part of "Maharaja Grand Serving Dome — Solid Brass", a few words Like These before a dash; else "".

    "North Mill – Brown Wallet", names before what they are names of, is a "North Mill Wallet".
    """
    first, *rest = re.split(r"\s+[|–—]\s+|\s+-\s+(?=[A-Z])", title)
    colours = word_set("product_meanings", "colours")
    kind = [word for word in rest[0].split() if word.casefold() not in colours] if len(rest) == 1 else []
    is_kind = 1 <= len(kind) <= _LEAST_WORDS and thing(kind[-1]) in things() - word_set("product_meanings", "vague")
    if is_kind and _NAMES.fullmatch(first) and thing(first.split()[-1]) not in things():
        return "" if {word.casefold() for word in first.split()} & (colours | {"the"}) else f"{first} {' '.join(kind)}"
    words = [word for word in first.split() if word != "&"]
    is_name = (
        bool(rest)
        and not _FITTED.search(" ".join(rest))
        and _LEAST_WORDS <= len(words) <= _MOST_BEFORE_DASH
        and all(word[:1].isupper() or word[:1].isdigit() or word in ("of", "and", "the") for word in words)
        and words[-1][:1].isupper()
        and not re.search(r"[,;()\[\]!:/·]", first)
        and not re.search(rules["noise"], first, re.IGNORECASE)
        and not {word.casefold() for word in words} & word_set("product_meanings", "puff")
    )
    return first if is_name else ""


def part_between_bars(title: str, rules: dict[str, str]) -> str:
    """Return the first part of "Tropical | Straightening Treatment for Gray Hair | 300 ml" that ends with a thing; else ""."""
    for part in re.split(r"\s+\|\s+", title) if "|" in title else ():
        words = WORD.findall(re.split(r"(?i)\s(?:for|with)\s", part)[0])
        is_name = (
            len(words) >= _LEAST_WORDS
            and len(part.split()) <= _MOST_WORDS
            and thing(words[-1]) in things()
            and words[-1].casefold() not in word_set("product_meanings", "vague")
            and all(word[:1].isupper() or len(word) <= len("with") for word in part.split() if word[:1].isalpha())
            and not re.search(rules["noise"], part, re.IGNORECASE)
            and not re.search(r"[,;()\[\]!]", part)
        )
        if is_name:
            return part.strip()
    return ""


def two_parts(title: str, rules: dict[str, str]) -> str:
    """Return a title of two or three parts as it is: "Merlin: Series 3 – Volume 2"; "" for another."""
    parts = [part.strip() for part in re.split(r"\s+[|–—-]\s+", title)]
    is_name = (
        len(parts) in (2, 3)
        and len(" ".join(parts).split()) <= _MOST_WHOLE_WORDS
        and not re.search(rules["noise"], title, re.IGNORECASE)
        and all(part[:1].isupper() for part in parts[:2])
    )
    return " – ".join(parts[:2]) if is_name else ""


def first_part(title: str, rules: dict[str, str]) -> str:
    """Return a title whose parts name nothing that is known as far as its first part goes, in its own capitals."""
    part = without_noise(re.split(rules["segment"], title)[0], rules)
    first = re.sub(rules["cut"], "", f"{part} ", flags=re.IGNORECASE).strip()
    is_told = len(first.split()) >= _LEAST_WORDS
    is_whole = len(title.split()) <= _SHORT_TITLE and not (is_told and re.search(r"[,|(]", title))
    return title if is_whole or not first else " ".join(first.split()[:_MOST_NAME_WORDS])
