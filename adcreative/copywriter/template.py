"""The template grammar: seeded copy without a language model, from the brief's own words and a page of patterns.

It claims nothing that the brief does not say, because what it says about the product is cut out of the brief. In other
languages than English only neutral patterns are used: the brief's words and punctuation.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from functools import cache
from itertools import permutations
from string import Formatter

import numpy as np

from adcreative.copywriter.brief import WORD, Brief, Facts, read_facts
from adcreative.copywriter.candidates import ShouldStop
from adcreative.copywriter.lint import KINDS
from adcreative.copywriter.rules import rule_pack, word_set

_CHUNK_END = re.compile(r"[.;:!?。、！？،؛]+\s*|,\s+(?:and\s+)?|\s+[–—]\s+|\s+and\s+(?=(?:a|an|the|your)\s)")
_PRODUCT_TAIL = re.compile(r"\s+(?:with|for|that|which|in|from|by|made)\s+.*$|[,;:(].*$")
MAX_PAIRS = 30  # pairs of features to draw from
_PASSES = 12  # draws per wanted line; most are repeats of an earlier one


class TemplateSource:
    """A LineSource over the grammar in rules/grammar.yaml."""

    engine = "template"

    def propose(
        self, brief: Brief, kind: str, num_lines: int, *, seed: int, should_stop: ShouldStop | None = None
    ) -> list[str]:
        """Return different lines in random order, frames in turn; several times as many as wanted, since lint drops some.

        Lines that say a feature of the brief take turns with the others; what could stand in any ad comes last.
        """
        facts = read_facts(brief)
        grammar = rule_pack("grammar")["english" if facts.is_english else "neutral"]
        slots = copy_slots(facts) | {"moment": list(grammar["moment"])}
        words = "\n".join((facts.brand, facts.product, facts.headline, facts.description))
        digest = hashlib.sha256(words.encode("utf-8", "replace")).digest()
        rng = np.random.default_rng([seed % 2**32, KINDS.index(kind), int.from_bytes(digest[:4], "big")])
        frames = {
            name: [pattern for pattern in patterns if fits_slots(pattern, slots)] for name, patterns in grammar[kind].items()
        }
        bare, featured = frames.pop("bare", []), frames.pop("feature", [])
        plain = [patterns for patterns in frames.values() if patterns]
        turns = [group for patterns in plain or [[]] for group in (featured, patterns) if group]  # features every other time
        lines: dict[str, None] = {}
        for groups in (turns, [bare]):
            for draw in range(_PASSES * num_lines if any(groups) else 0):
                if len(lines) >= 5 * num_lines or (should_stop is not None and should_stop()):
                    break
                patterns = groups[draw % len(groups)]
                lines[fill_slots(patterns[rng.integers(len(patterns))], slots, rng)] = None
        return list(lines)


def copy_slots(facts: Facts) -> dict[str, list[str]]:
    """Return what the brief offers for each slot; lists may be empty."""
    trade = trade_of(facts)
    product = "" if trade else _short_product(facts.product)
    head = trade["head"] if trade else _head_noun(product)
    known = (product.casefold(), facts.brand.casefold(), facts.product.casefold())
    chunks = [chunk for chunk in _chunks(facts) if chunk.casefold() not in known]
    nouns = [chunk for chunk in chunks if re.match(r"(?i)(a|an|the|your)\s", chunk)]
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
        "phrase": [chunk if not facts.is_english else _lower_first(chunk, facts) for chunk in chunks if chunk not in nouns],
    }


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
    """Cut the description into short phrases; without one, the headline is the only phrase."""
    for chunk in _CHUNK_END.split(facts.description or facts.headline):
        words = WORD.findall(chunk)
        if not facts.is_english:
            if 3 <= len(chunk) <= 60:
                yield chunk.strip(" \"'“”")
        elif 2 <= len(words) <= 7 and not {words[0].casefold(), words[-1].casefold()} & _loose_ends():
            yield chunk.strip(" \"'“”")


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
    """Words that a phrase may neither open nor end with: what is left is not a phrase on its own."""
    return word_set("language", "dangling") - {"a", "an", "the", "your", "keep", "make", "meet", "give", "get"}


def _short_product(product: str) -> str:
    """Return the product without what follows it: "running shoes with a grippy sole" is "running shoes"."""
    short = _PRODUCT_TAIL.sub("", product).strip()
    return short if len(short) >= 3 else product


def _lower_first(text: str, facts: Facts) -> str:
    """Lower the first letter unless the word is a name or an abbreviation."""
    first = text.split()[0] if text.split() else ""
    is_name = any(character.isupper() for character in first[1:]) or first == facts.brand.split(" ")[0]
    return text if is_name else text[:1].lower() + text[1:]


@cache
def _slot_names(pattern: str) -> tuple[str, ...]:
    return tuple(name for _, name, _, _ in Formatter().parse(pattern) if name)


def fits_slots(pattern: str, slots: dict[str, list[str]]) -> bool:
    return all(slots[name.lower()] for name in _slot_names(pattern))


def fill_slots(pattern: str, slots: dict[str, list[str]], rng: np.random.Generator) -> str:
    """Fill the slots by draws from `rng`; the words of the brief are inserted as they are, never parsed."""
    values = {}
    for name in _slot_names(pattern):
        choices = slots[name.lower()]
        value = choices[rng.integers(len(choices))]
        values[name] = value[:1].upper() + value[1:] if name[0].isupper() and name != "Brand" else value
    return pattern.format_map(values)
