"""A product as in a shop's record. The words are data and never followed as instructions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache

from adcreative.copywriter.brief import NUMBER, WORD, stem
from adcreative.copywriter.rules import rule_pack, word_set

_TOKEN = re.compile(rf"{WORD.pattern}|{NUMBER.pattern}")
_HYPHEN = re.compile(r"(?<=\w)[-–](?=\w)")
Tokens = tuple[str, ...]


@dataclass(frozen=True)
class Attribute:
    """A name and a value. is_shown: shoppers see the name (an option, a line of the text), in the record's language."""

    name: str
    value: str
    is_shown: bool = False


@dataclass(frozen=True)
class Product:
    """A product for sale. title and text (HTML or plain) are the shop's; avoid: words of the brand kit; key: its id."""

    title: str
    key: str = ""
    brand: str = ""
    category: str = ""
    attributes: tuple[Attribute, ...] = ()
    language: str = ""
    avoid: tuple[str, ...] = ()
    text: str = ""


@lru_cache(maxsize=65_536)
def tokenize(text: str) -> Tokens:
    """Return stems and numbers in order: hyphens separate, spellings of one unit are one token ("500ml" is 500, ml)."""
    found = []
    for token in _TOKEN.findall(_HYPHEN.sub(" ", text)):
        folded = token.casefold()
        found.append(unit_spellings().get(folded) or (folded if folded[0].isdigit() else stem(folded)))
    return tuple(found)


def content(tokens: Tokens) -> Tokens:
    """Return the tokens that are not function words."""
    return tuple(token for token in tokens if token not in _function_stems())


@cache
def unit_spellings() -> dict[str, str]:
    """Return spelling -> unit."""
    return {word: unit for unit, words in rule_pack("products")["units"].items() for word in (unit, *words.split())}


@cache
def kind_of(name: str) -> str:
    """Return the kind of an attribute by its name in any language ("farbe" is colour), else the casefolded name."""
    return _kinds().get(name.casefold(), name.casefold())


@cache
def _kinds() -> dict[str, str]:
    return {alias.casefold(): name for name, found in rule_pack("feeds")["names"].items() for alias in (name, *found)}


@cache
def _function_stems() -> frozenset[str]:
    """Stems of function words, except "one", which counts things."""
    return frozenset(stem(word) for word in word_set("language", "function_words") - {"one", "no", "not"})
