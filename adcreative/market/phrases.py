"""What the planted response sees in a line of words: one number per phrase feature, each 0..1, by fixed patterns.

A feature is the presence of a pattern (0 or 1) or a smooth fit (length). Which features pay, and how much, is planted in
`truth`; the list itself is public, so that a bench can say which words moved the truth. English only, case-insensitive
unless it says otherwise.
"""

from __future__ import annotations

import re

_PATTERNS: dict[str, str] = {
    "free": r"\bfree\b",
    "how": r"\bhow\b",
    "question": r"\?",
    "number": r"\b\d[\d,.]*\b|\b(?:three|four|five|six|seven|eight|nine|ten)\b",
    "saving": r"\d\s?%|\boff\b|\bsave\b|\bhalf price\b|\bfor the price of\b|\$\d",
    "urgency": r"\btoday\b|\btonight\b|\bnow\b|\blast chance\b|\bonly this week\b|\bends\b|\bdo not miss\b|\bdon['’]t miss\b",
    "novelty": r"\bnew\b|\bmeet\b|\bintroducing\b|\bis here\b|\bfinally\b",
    "you": r"\byou\b|\byour\b|\byours\b",
    "proof": r"\bloved?\b|\brated\b|\bjoin\b|\bcannot be wrong\b|\btrusted\b|\bchoose\b|\breviews?\b",
    "ease": r"\beasy\b|\bsimple[rs]?\b|\bsimply\b|\bin minutes\b|\bwithout\b|\bno more\b|\bsmall changes?\b",
    "curiosity": r"\bsecrets?\b|\btruth\b|\bnobody tells\b|\bnever guess\b|\bwhat \w+ know\b|\bhere is why\b|\bthis is what\b",
    "reason": r"\bwhy\b|\bbecause\b|\breasons?\b",
    "superlative": r"\bbest\b|\bbetter\b|\bmost\b|\bright\b|\bperfect\b",
    "negative": r"\btired of\b|\bstop\b|\bgoodbye\b|\bnever\b|\bmiss\b|\bwrong\b|\bstill\b",
    "exclamation": r"!",
}
_COMPILED = {name: re.compile(pattern, re.IGNORECASE) for name, pattern in _PATTERNS.items()}
PHRASES: tuple[str, ...] = (*_PATTERNS, "brand_named", "shouting")


def read_phrases(text: str, brand_name: str = "") -> dict[str, float]:
    """Return the value of every phrase feature of a line, 0..1; an empty line has none.

    "number" takes digits and small number words; "brand_named" is the brand's name
    as a whole; "shouting" is the share of words of three or more letters set in capitals.
    """
    found = {name: float(bool(pattern.search(text))) for name, pattern in _COMPILED.items()}
    found["brand_named"] = float(bool(brand_name) and brand_name.casefold() in text.casefold())
    words = [word for word in re.findall(r"[^\W\d_]{3,}", text) if word.casefold() != brand_name.casefold()]
    found["shouting"] = sum(word.isupper() for word in words) / len(words) if words else 0.0
    return found


def count_words(text: str) -> int:
    """Count the words of a line, as the length term does."""
    return len(text.split())
