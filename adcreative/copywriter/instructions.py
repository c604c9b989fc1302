"""Split a user's instructions for new words into facts, tone and other orders, and audience.

In a brief such as "calm tone; for home owners over 50; mention free returns", only the facts may appear in a line. Clauses are
classified one by one by rules (rules/instructions.yaml); a clause that is neither an order nor an audience is a fact.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from adcreative.copywriter.brief import WORD, clean_text
from adcreative.copywriter.rules import compiled, rule_pack, word_set

_CLAUSE_END = re.compile(
    r"(?<=[.!?])\s+|[;\n]+|,\s+(?=(?:and |but )?(?:no|not|never|don't|avoid|for|without|mention|keine?|ohne)\b)"
)


@dataclass(frozen=True)
class Instructions:
    """facts: sentences that a line may use. tone: orders and tone, for a language model only. audience: target readers."""

    facts: str = ""
    tone: str = ""
    audience: str = ""


def read_instructions(text: str) -> Instructions:
    """Split a brief into its three parts; every clause ends up in one of them."""
    facts, tone, audience = list[str](), list[str](), list[str]()
    clauses = (clean_text(raw).strip(" ,;").rstrip(".") for raw in _CLAUSE_END.split(text.replace("\r", "\n")))
    for clause in (piece for whole in clauses for piece in _without_tone(whole)):
        if not WORD.search(clause):
            continue
        if (whom := _behind("audience", clause)) is not None:
            audience.append(whom)
        elif (told := _behind("facts", clause)) is not None and not _is_tone(told):
            facts.append(_sentence(told))
        elif _is_tone(clause) or any(compiled(pattern).search(clause) for pattern in rule_pack("instructions")["orders"]):
            tone.append(clause)
        else:
            facts.append(_sentence(clause))
    return Instructions(" ".join(facts), "; ".join(tone), "; ".join(audience))


def _without_tone(clause: str) -> list[str]:
    """Split words of tone from neighbouring words: "for nurses, calm"."""
    pieces = clause.split(", ")
    is_mixed = any(_is_tone(piece) for piece in pieces) and not _is_tone(clause)
    return pieces if is_mixed else [clause]


def _behind(kind: str, clause: str) -> str | None:
    """Return the text after the words that open a clause of a kind, None if the clause has no such opening."""
    for pattern in rule_pack("instructions")[kind]:
        if found := compiled(pattern).search(clause):
            return str(found.group("rest")).strip()
    return None


def _is_tone(clause: str) -> bool:
    """Return whether a clause consists only of words of tone: "young and cheeky, but not too loud"."""
    words = [word.casefold() for word in WORD.findall(clause)]
    tones = word_set("instructions", "tones")
    return bool(words) and not any(character.isdigit() for character in clause) and all(word in tones for word in words)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}{'' if text[-1:] in '.!?' else '.'}"
