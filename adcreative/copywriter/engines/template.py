"""The template grammar: seeded copy without a language model, from the brief's own words and a page of patterns.

It claims nothing that the brief does not say, because what it says about the product is cut out of the brief. In other
languages than English only neutral patterns are used: the brief's words and punctuation.
"""

from __future__ import annotations

import hashlib
from functools import cache
from string import Formatter

import numpy as np

from adcreative.copywriter.brief import Brief, read_facts
from adcreative.copywriter.candidates import ShouldStop
from adcreative.copywriter.engines.ad_phrases import copy_slots
from adcreative.copywriter.lint.checks import KINDS
from adcreative.copywriter.rules import rule_pack

_PASSES = 12  # draws per wanted line; most are repeats of an earlier one
_OWN_FRAMES = ("do", "feature", "thing", "offer", "pain")  # patterns whose slots hold what the ad says


class TemplateSource:
    """A LineSource over the grammar in rules/grammar.yaml."""

    engine = "template"

    def propose(
        self, brief: Brief, kind: str, num_lines: int, *, seed: int, should_stop: ShouldStop | None = None
    ) -> list[str]:
        """Return different lines in random order, frames in turn; several times as many as wanted, since lint drops some.

        Two lines in three say what the ad says (an offer, a feature, what it lets the reader do); what could stand in any ad
        comes last.
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
        bare = frames.pop("bare", [])
        own = [patterns for name in _OWN_FRAMES if (patterns := frames.pop(name, []))]
        plain = [patterns for patterns in frames.values() if patterns]
        turns = [group for number, patterns in enumerate(plain or [[]]) for group in (*_turn(own, number), patterns) if group]
        lines: dict[str, None] = {}
        for groups in (turns, [bare]):
            for draw in range(_PASSES * num_lines if any(groups) else 0):
                if len(lines) >= 5 * num_lines or (should_stop is not None and should_stop()):
                    break
                patterns = groups[draw % len(groups)]
                lines[fill_slots(patterns[rng.integers(len(patterns))], slots, rng)] = None
        return list(lines)


def _turn(groups: list[list[str]], number: int) -> list[list[str]]:
    """Return the next two of `groups`, taking turns."""
    return [groups[(2 * number + k) % len(groups)] for k in range(min(2, len(groups)))]


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
