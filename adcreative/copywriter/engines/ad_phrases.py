"""Phrases cut from an ad's own words, with which the patterns of the template grammar are filled (rules/grammar.yaml).

Every phrase stands in the brief as it is, apart from its capitals and its article; nothing is added to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from itertools import permutations

from adcreative.copywriter.brief import WORD, Facts, is_known_word
from adcreative.copywriter.lint.substance import offers_of
from adcreative.copywriter.rules import compiled, rule_pack, word_set

_CHUNK_END = re.compile(r"[.;:!?。、！？،؛]+\s*|,\s+(?:and\s+)?|\s+[–—]\s+")
_SECOND_NOUN = re.compile(r"(?i)^((?:a|an|the|your)\s.*?)\s+and\s+((?:a|an|the|your)\s.*)$")  # "a sole and a mesh upper"
_PRODUCT_TAIL = re.compile(r"\s+(?:with|for|that|which|in|from|by|made)\s+.*$|[,;:(].*$")
MAX_PAIRS = 30  # pairs of features to draw from
_PHRASE_END = re.compile(r"[.;:!?,–—]|$")
_SAID_WORDS = (2, 9)  # how long what is said may be
_CLAUSE_WORDS = 3  # a shorter phrase is no headline by itself ("Nobody complaining")


def copy_slots(facts: Facts) -> dict[str, list[str]]:
    """Return the phrases of the brief for each slot of the grammar; lists may be empty."""
    trade = trade_of(facts)
    product = "" if trade else _short_product(facts.product)
    head = trade["head"] if trade else _head_noun(product)
    known = (product.casefold(), facts.brand.casefold(), facts.product.casefold())
    chunks = [chunk for chunk in _chunks(facts) if chunk.casefold() not in known]
    nouns = [chunk for chunk in chunks if re.match(r"(?i)(a|an|the|your)\s", chunk)]
    phrases = [chunk if not facts.is_english else _lower_first(chunk, facts) for chunk in chunks if chunk not in nouns]
    return {
        "brand": [facts.brand] if facts.brand else [],
        "product": [product] if product else [],
        "a_product": [with_article(product)] if product else [],
        "subject": [trade["subject"] if trade else with_article(product)] if trade or product else [],
        "yours": [trade["subject"] if trade else f"your {product}"] if trade or (product and not _is_owned(product)) else [],
        "head": [head] if head else [],
        "a_head": [with_article(head)] if head else [],
        "makes": ["make" if is_plural(head) else "makes"] if head else [],
        "noun": [_lower_first(chunk, facts) for chunk in nouns],
        "feature": [_lower_first(_short_product(chunk), facts) for chunk in nouns],
        "facts": _pairs(chunks),
        "phrase": phrases,
        "clause": [phrase for phrase in phrases if len(WORD.findall(phrase)) >= _CLAUSE_WORDS],
        "do": _said("do", facts),
        "thing": list(dict.fromkeys(_said("thing", facts) + _named(facts))),
        "pain": _said("pain", facts),
        "offer": [_lower_first(_sentence_case(chunk, facts), facts) for chunk in _offers(facts)],
    }


def _said(slot: str, facts: Facts) -> list[str]:
    """Return what stands behind the words of grammar.yaml's `said` in the ad, to the end of the phrase, names left out."""
    if not facts.is_english:
        return []
    opener, found = compiled(rf"\b{rule_pack('grammar')['english']['said'][slot]}\s+"), []
    for text in (facts.headline, facts.description):
        for match in opener.finditer(text):
            rest = text[match.end() :]
            end = _PHRASE_END.search(rest)
            said = _without_brand(rest[: end.start()] if end else rest, facts)
            if _SAID_WORDS[0] <= len(WORD.findall(said)) <= _SAID_WORDS[1]:
                found.append(_lower_first(_sentence_case(said, facts), facts))
    return list(dict.fromkeys(found))


def _named(facts: Facts) -> list[str]:
    """Return the phrases of an English headline that open like a noun: "A gym without mirrors, now at ..."."""
    phrases = (_without_brand(_sentence_case(phrase, facts), facts) for phrase in _phrases(facts.headline))
    return [
        _lower_first(phrase, facts) for phrase in phrases
        if facts.is_english and re.match(r"(?i)(a|an|the|your)\s+\w+", phrase) and len(phrase.split()) <= _SAID_WORDS[1]
        and phrase.split()[-1].casefold() not in _loose_ends() | {"here"}
    ]  # fmt: skip


def _without_brand(text: str, facts: Facts) -> str:
    """Return the text without a "with Brand" or "at Brand" at its end."""
    return re.sub(rf"\s+(?:with|at|from)\s+{re.escape(facts.brand)}\s*$", "", text, flags=re.IGNORECASE).strip()


def _offers(facts: Facts) -> list[str]:
    """Return the short phrases of headline and description that hold an offer (`substance.offers_of`)."""
    chunks = dict.fromkeys(chunk for text in (facts.headline, facts.description) for chunk in _phrases(text))
    return [chunk for chunk in chunks if offers_of(chunk) and len(chunk.split()) <= _SAID_WORDS[1]]


def _sentence_case(text: str, facts: Facts) -> str:
    """Return words set Like This as words like this; names stay."""
    names = {word.casefold() for word in WORD.findall(facts.brand)}
    words = [word for word in WORD.findall(text)[1:] if len(word) > 3 and word.casefold() not in names]
    if not words or not all(word[0].isupper() for word in words):
        return text
    return WORD.sub(lambda m: m[0] if m[0].casefold() in names or not is_known_word(m[0]) else m[0].lower(), text)


def trade_of(facts: Facts) -> dict[str, str] | None:
    """Return how to speak of a product that is only the name of a trade ("travel"), or None."""
    return rule_pack("grammar")["categories"].get(facts.product.casefold()) if facts.is_english else None


def _pairs(chunks: list[str]) -> list[str]:
    """Return features two at a time, in either order, as sentences; a single one alone."""
    pairs = permutations(chunks, min(2, len(chunks))) if chunks else ()
    return [" ".join(f"{chunk[:1].upper()}{chunk[1:]}." for chunk in pair) for pair in pairs][:MAX_PAIRS]


def _is_owned(product: str) -> bool:
    return product.split()[0].casefold() in ("a", "an", "the", "your", "our", "my")


def is_plural(noun: str) -> bool:
    """Say whether a noun looks plural; "glass", "bonus" and "basis" do not."""
    return noun.endswith("s") and not noun.endswith(("ss", "us", "is"))


def _chunks(facts: Facts) -> Iterator[str]:
    """Cut the description into short phrases; without one, the headline is the only phrase. Questions are not phrases."""
    for chunk in _phrases(facts.description or facts.headline):
        words = WORD.findall(chunk)
        if not facts.is_english:
            if 3 <= len(chunk) <= 60:
                yield chunk
        elif (
            2 <= len(words) <= 8 and not {words[0].casefold(), words[-1].casefold()} & _loose_ends()
            and words[0].casefold() not in word_set("language", "question_signs") | word_set("language", "question_words")
        ):  # fmt: skip
            yield chunk


def _phrases(text: str) -> Iterator[str]:
    """Cut a text at its marks, and a noun from a noun."""
    for chunk in _CHUNK_END.split(text):
        pair = _SECOND_NOUN.match(chunk.strip())
        yield from (part.strip(" \"'“”") for part in (pair.groups() if pair else (chunk,)))


def _head_noun(product: str) -> str:
    """Return the noun of a long product ("shoes" of "trail running shoes"); short products stay as they are."""
    return product if len(product) <= 14 or not product else product.split()[-1]


def with_article(product: str) -> str:
    """Return "a desk", "an oat drink", but "shoes" and "coffee": plurals and mass nouns go without."""
    words = product.casefold().split()
    head = words[-1]
    if is_plural(head) or head in word_set("grammar", "mass_nouns") or words[0] in ("a", "an", "the", "your", "our"):
        return product
    return ("an " if words[0][0] in "aeiou" else "a ") + product


@cache
def _loose_ends() -> frozenset[str]:
    """Return words that a phrase may neither open nor end with."""
    may_open = {"a", "an", "the", "your", "keep", "make", "meet", "give", "get", "from", "for", "no", "every", "each", "more"}
    return word_set("language", "dangling") - may_open


def _short_product(product: str) -> str:
    """Return the product without what follows it: "running shoes with a grippy sole" is "running shoes"."""
    short = _PRODUCT_TAIL.sub("", product).strip()
    return short if len(short) >= 3 else product


def _lower_first(text: str, facts: Facts) -> str:
    """Lower the first letter unless the word is a name or an abbreviation."""
    first = text.split()[0] if text.split() else ""
    is_name = any(character.isupper() for character in first[1:]) or first == facts.brand.split(" ")[0]
    return text if is_name else text[:1].lower() + text[1:]
