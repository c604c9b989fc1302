"""What a new line must keep: a word particular to this ad, and the offer of the line that it replaces.

Without the first rule a search finds the emptiest lines of all ("The room you may not know yet", "Take a closer look"), which
arouse curiosity about nothing; without the second it trades "first month free" for one. Used by lint only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from adcreative.copywriter.brief import WORD, Facts, stem
from adcreative.copywriter.rules import compiled, rule_pack, word_set


def substance_problems(text: str, facts: Facts, kind: str) -> Iterator[str]:
    """Yield what a new line of `kind` lacks beside the ad; an ad without words has no missing words.

    The name of the brand is enough of its own for a headline, but not for a description that had more to say.
    """
    if facts.is_english and not facts.is_empty:
        own = _content_stems(text) - (_trade_stems() - _told_stems(facts))
        brand = {stem(word) for word in WORD.findall(facts.brand)}
        if not own:
            yield "says nothing that is not in any ad"
        elif kind == "description" and own <= brand and not _content_stems(facts.description) <= brand:
            yield "says nothing but the brand's name, and takes the place of a description that does"
    told = offers_of(facts.headline if kind == "headline" else facts.description)
    kept = offers_of(f"{text} | {facts.description}" if kind == "headline" else text)  # new descriptions keep theirs
    for lost in [offer for form, offer in told.items() if form not in kept][:1]:
        yield f"drops the offer {lost!r}"
    if len(facts.brand) > 2 and text.casefold().count(facts.brand.casefold()) > 1:
        yield "names the brand twice"


def offers_of(text: str) -> dict[str, str]:
    """Return the offers in a text (money, percentages, what is free) as {form for comparison: text as written}."""
    found = (match.group(0) for match in compiled(rule_pack("claims")["offers"]["pattern"]).finditer(text))
    return {"".join(one.casefold().split()): one for one in found}


def _told_stems(facts: Facts) -> set[str]:
    """Return the stems of the ad's words without its brand's name: "Oat Table" does not mention a table."""
    told = " | ".join((facts.product, facts.headline, facts.description, *facts.liked))
    named = re.escape(facts.brand)
    return {stem(word) for word in WORD.findall(re.sub(named, " ", told, flags=re.IGNORECASE) if named else told)}


@cache
def _trade_stems() -> frozenset[str]:
    """Return the stems of the nouns by which the grammar speaks of a whole trade ("outfit" of fashion)."""
    trades = rule_pack("grammar")["categories"].values()
    return frozenset(stem(word) for trade in trades for name in ("subject", "head") for word in WORD.findall(trade[name]))


def _content_stems(text: str) -> set[str]:
    words = [word for word in WORD.findall(text) if word.casefold() not in word_set("language", "function_words")]
    return {stem(word) for word in words} - _general_stems()


@cache
def _general_stems() -> frozenset[str]:
    """Return the stems of words that could stand in any ad: a list of them, and what the patterns of the grammar bring."""
    frames = [rule_pack("grammar")["english"][kind].values() for kind in ("headline", "description")]
    patterns = " ".join(pattern for kinds in frames for kind in kinds for pattern in kind)
    brought = WORD.findall(re.sub(r"\{\w+\}", " ", patterns))
    return frozenset(stem(word) for word in (*word_set("language", "general_words"), *brought))
