"""English articles, plurals and trade names, for patterns filled with the words of an ad or a record."""

from __future__ import annotations

from adcreative.copywriter.brief import Facts, is_known_word
from adcreative.copywriter.rules import rule_pack, word_set

_MOST_ABBREVIATION_CHARS = 4
_SPELT = ("LED", "US", "IT", "AM")  # abbreviations that are also words


def trade_of(facts: Facts) -> dict[str, str] | None:
    """Return the phrases for a product that is only a trade ("travel"), or None."""
    return rule_pack("grammar")["categories"].get(facts.product.casefold()) if facts.is_english else None


def is_plural(noun: str) -> bool:
    """Return whether a noun looks plural; "glass", "bonus" and "basis" do not."""
    return noun.endswith("s") and not noun.endswith(("ss", "us", "is"))


def with_article(product: str) -> str:
    """Return "a desk", "an oat drink", but "shoes" and "coffee": plurals and mass nouns get no article."""
    words = product.casefold().split()
    head = words[-1]
    if is_plural(head) or head in word_set("grammar", "mass_nouns") or words[0] in ("a", "an", "the", "your", "our"):
        return product
    return ("an " if _opens_with_vowel(product.split()[0]) else "a ") + product


def _opens_with_vowel(word: str) -> bool:
    """Return whether a word takes "an", by sound: "an LED lamp", "a UV coating", "an hour", "a useful box"."""
    folded = word.casefold().split("-")[0]
    first = word.split("-")[0]
    if first.isupper() and len(first) <= _MOST_ABBREVIATION_CHARS and (not is_known_word(first) or first in _SPELT):
        return word[0] in "AEFHILMNORSX"
    if folded in word_set("language", "vowel_exceptions") or folded in word_set("language", "consonant_exceptions"):
        return folded in word_set("language", "consonant_exceptions")
    return folded[:1] in "aeiou" or folded in ("8", "11", "18")
