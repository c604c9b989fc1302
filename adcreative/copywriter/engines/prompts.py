"""The prompt of a local model: example ads, the brief in the same layout, and the first words of each line.

A small model continues text better than it follows instructions, so the prompt has no instructions, and instructions injected
in a brief have nothing to override.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from adcreative.copywriter.brief import Facts
from adcreative.copywriter.engines.ad_parts import read_parts
from adcreative.copywriter.engines.ad_phrases import trade_of
from adcreative.copywriter.rules import rule_pack

_TITLES = {"headline": "Headlines:", "description": "Descriptions:"}
_MARKUP = str.maketrans("<>|{}[]", "       ")  # removes everything that a tokenizer may take for a control token


@dataclass(frozen=True)
class Start:
    """The first words of a line, possibly none, and their sentence frame."""

    frame: str
    text: str

    def finish(self, continuation: str, kind: str) -> str:
        """Return the whole line with the final mark of its kind and frame."""
        line = f"{self.text}{continuation}".strip()
        if not line[-1:].isalnum():
            return line
        is_question = self.frame == "question" and "?" not in line
        return f"{line}?" if is_question else f"{line}." if kind == "description" else line


@cache
def examples_prompt(kind: str) -> str:
    """Return the part of the prompt that is the same for every brief."""
    pack = rule_pack("prompts")
    blocks = [_block(ad["brand"], ad["product"], ad["about"], kind, ad[kind]) for ad in pack["examples"]]
    return pack["preamble"] + "\n\n" + "\n".join(blocks)


def brief_prompt(facts: Facts, kind: str) -> str:
    """Return the brief in the layout of the examples, up to the first line's dash."""
    about = facts.description if kind == "headline" and facts.description else facts.headline or facts.description
    trade = trade_of(facts)
    return "\n" + _block(facts.brand, trade["named"] if trade else facts.product, about, kind, [])


def example_lines() -> list[str]:
    """Return every example line; an example line in an answer is a leak."""
    return [line for ad in rule_pack("prompts")["examples"] for kind in _TITLES for line in ad[kind]]


def choose_starts(facts: Facts, kind: str, num_rows: int, rng: np.random.Generator) -> list[Start]:
    """Return `num_rows` starts: empty, or the offer of the replaced line if that line has one."""
    parts = read_parts(facts)
    told = parts.headline if kind == "headline" else parts.rest
    offers = [part.text for part in told if part.is_offer and not part.refers_back] if facts.is_english else []
    starts = [Start("offer", f"{offer}{end}") for offer in offers for end in rule_pack("prompts")["offer_ends"][kind]]
    chosen = [starts[place] for place in rng.permutation(len(starts))] or [Start("open", "")]
    return (chosen * -(-num_rows // len(chosen)))[:num_rows]


def _block(brand: str, product: str, about: str, kind: str, lines: list[str]) -> str:
    rows = [("Brand", brand), ("Product", product), ("About", about)]
    head = "".join(f"{name}: {value.translate(_MARKUP)}\n" for name, value in rows if value)
    return head + _TITLES[kind] + "\n" + "".join(f"- {line}\n" for line in lines)
