"""Phrase features of a line for the planted response: one number 0..1 per feature, by fixed patterns.

A feature is the presence of a pattern (0 or 1) or a smooth count (specificity). The effects of features are planted in `truth`;
the list itself is public, so that a benchmark can say which words changed the truth. English only, case-insensitive unless
noted. Readers ignore an opening that fits any ad ("This is how you ..."): `skip_empty_opening` removes it before features are
read, and its presence has a cost. The patterns are the market's own, not those of the copywriter's linter, so that the linter
is tested against independent readers.
"""

from __future__ import annotations

import math
import re

from adcreative.market.brands import read_market

SPECIFIC_WORDS = 1.5  # this many words about the product give specificity 1 - 1/e
_EMPTY_OPENING = re.compile(
    r"^\W*(?:this is how(?: you)?|this is what|here is (?:how|what|why)(?: you)?|you (?:may|might) not (?:have met|know)"
    r"(?: yet)?|have you (?:ever )?(?:met|seen|tried|heard)(?: of)?|did you (?:know|see)|why (?:wait|not)|what if you could"
    r"|new to|say hello to|(?:it is|now is the|it's) time (?:to|for)|there is more to|ready (?:for|to|when you are)"
    r"|(?:discover|see) (?:how|what)|find out (?:how|what|why)|the (?:room|one|thing|place) you may not know"
    r"|take a (?:closer )?look at|what would you|a (?:new|better|simpler|calmer) way to)\b[\s,.:?!–—-]*",
    re.IGNORECASE,
)
_EMPTY_END = re.compile(
    r"[\s,.:–—-]*\b(?:may not (?:have met|know)|your way|made for you|worth a (?:closer )?look|(?:has|have) for you"
    r"|than you think)\b(?: yet)?[.!?]*\s*$",
    re.IGNORECASE,
)
_ANY_AD = frozenset(read_market("words")["any_ad"].split())
_WORD = re.compile(r"[^\W_]+(?:[-'’][^\W_]+)*")

_PATTERNS = {name: re.compile(pattern, re.IGNORECASE) for name, pattern in read_market("words")["phrases"].items()}
PHRASES: tuple[str, ...] = (*_PATTERNS, "brand_named", "shouting")


def skip_empty_opening(text: str) -> tuple[str, float]:
    """Return the line without an opening or ending that fits any ad, and its emptiness: 1 with such a part, else 0."""
    said = _EMPTY_END.sub("", _EMPTY_OPENING.sub("", text))
    return said, float(said != text)


def read_specificity(text: str, brand_name: str = "") -> float:
    """Return the specificity of a line, 0..1: 1 - exp(-n / 1.5) of its n different words that do not fit any ad.

    Numbers count; the brand's name does not, since it is in every ad of the brand.
    """
    brand = {word.casefold() for word in _WORD.findall(brand_name)}
    words = {word.casefold() for word in _WORD.findall(text)} - _ANY_AD - brand
    return 1.0 - math.exp(-len(words) / SPECIFIC_WORDS)


def read_phrases(text: str, brand_name: str = "") -> dict[str, float]:
    """Return the value of every phrase feature of a line, 0..1; empty for an empty line.

    "number" matches digits and small number words; "brand_named" the brand's whole name; "shouting" is the share of words of
    three or more letters in capitals.
    """
    found = {name: float(bool(pattern.search(text))) for name, pattern in _PATTERNS.items()}
    found["brand_named"] = float(bool(brand_name) and brand_name.casefold() in text.casefold())
    words = [word for word in re.findall(r"[^\W\d_]{3,}", text) if word.casefold() != brand_name.casefold()]
    found["shouting"] = sum(word.isupper() for word in words) / len(words) if words else 0.0
    return found
