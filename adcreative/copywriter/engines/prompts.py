"""The prompt of a local model: example ads, the brief in the same layout, and the first words of each line.

A small model continues better than it obeys, so there are no instructions in the prompt at all, and nothing that instructions
in a brief could change.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from adcreative.copywriter.brief import Facts
from adcreative.copywriter.engines.ad_phrases import copy_slots, trade_of
from adcreative.copywriter.engines.template import fill_slots, fits_slots
from adcreative.copywriter.engines.vocabulary import field_of
from adcreative.copywriter.lint.substance import offers_of
from adcreative.copywriter.rules import rule_pack

_TITLES = {"headline": "Headlines:", "description": "Descriptions:"}
_MARKUP = str.maketrans("<>|{}[]", "       ")  # nothing that a tokenizer takes for a control token


@dataclass(frozen=True)
class Start:
    """The first words of a line, possibly none, and the frame they set."""

    frame: str
    text: str

    def finish(self, continuation: str, kind: str) -> str:
        """Return the whole line with the mark at its end that its kind and frame ask for."""
        line = f"{self.text}{continuation}".strip()
        if not line[-1:].isalnum():
            return line
        is_question = self.frame == "question" and "?" not in line
        return f"{line}?" if is_question else f"{line}." if kind == "description" else line


@cache
def examples_prompt(kind: str) -> str:
    """Return the part that is the same for every brief."""
    pack = rule_pack("prompts")
    blocks = [_block(ad["brand"], ad["product"], ad["about"], kind, ad[kind]) for ad in pack["examples"]]
    return pack["preamble"] + "\n\n" + "\n".join(blocks)


def brief_prompt(facts: Facts, kind: str) -> str:
    """Return the brief in the layout of the examples, up to the first line's dash."""
    about = facts.description if kind == "headline" and facts.description else facts.headline or facts.description
    trade = trade_of(facts)
    return "\n" + _block(facts.brand, trade["named"] if trade else facts.product, about, kind, [])


def example_lines() -> list[str]:
    """Return every example line; one that comes back as an answer is a leak."""
    return [line for ad in rule_pack("prompts")["examples"] for kind in _TITLES for line in ad[kind]]


def choose_starts(facts: Facts, kind: str, num_rows: int, rng: np.random.Generator) -> list[Start]:
    """Return `num_rows` first words: those of the brief's fields first, then the frames in turn, each in random order.

    Where the line in whose place they stand has an offer, they hold it.
    """
    slots, frames = copy_slots(facts), {}
    if offers_of(facts.headline if kind == "headline" else facts.description):
        frames = {"offer": rule_pack("prompts")["offer_starts"][kind]}
    if not frames or not slots["offer"]:
        frames = {"field": _field_starts(facts) if kind == "headline" else [], **rule_pack("prompts")["starts"][kind]}
    queues = []
    for frame, patterns in frames.items():
        usable = [pattern for pattern in patterns if fits_slots(pattern, slots)]
        queues.append([(frame, usable[index]) for index in rng.permutation(len(usable))])
    chosen: list[Start] = []
    while len(chosen) < num_rows and any(queues):
        for queue in queues:
            if queue and len(chosen) < num_rows:
                frame, pattern = queue.pop(0)
                chosen.append(Start(frame, fill_slots(pattern, slots, rng)))
    chosen = chosen or [Start("open", "")]
    repeats = -(-num_rows // len(chosen))  # more rows than first words: begin again, the draws will differ
    return (chosen * repeats)[:num_rows]


def _field_starts(facts: Facts) -> list[str]:
    return list(rule_pack("prompts")["fields"].get(field_of(facts), ()))


def _block(brand: str, product: str, about: str, kind: str, lines: list[str]) -> str:
    rows = [("Brand", brand), ("Product", product), ("About", about)]
    head = "".join(f"{name}: {value.translate(_MARKUP)}\n" for name, value in rows if value)
    return head + _TITLES[kind] + "\n" + "".join(f"- {line}\n" for line in lines)
