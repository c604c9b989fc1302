"""Features of a line of words in any language: a number, an amount, a question ..., and an account's frequent words.

Each feature is present or absent. `LineEffect` is the effect of a feature in an account's real results: a plain record that
models write, the copywriter sorts by and reports show. No torch.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_PATTERNS: Mapping[str, re.Pattern[str]] = {
    "number": re.compile(r"\d"),
    "amount": re.compile(r"\d\s?%|[$€£¥₹]\s?\d|\d\s?[$€£¥₹]"),
    "question": re.compile(r"[?？؟]"),
    "exclamation": re.compile(r"[!！]"),
}
_LABELS: Mapping[str, str] = {
    "number": "a number",
    "amount": "an amount or a percentage",
    "question": "a question",
    "exclamation": "an exclamation mark",
    "brand": "the brand's name",
    "subject": "the name of what is sold",
    "long": "more words than most of this account's",
}
GENERAL: tuple[str, ...] = tuple(_LABELS)
WORD_PREFIX = "word "
_SUBJECT_LETTERS = 5  # leading letters of a word of the ad group's name to compare, so that plurals match
_LEAST_SUBJECT_LETTERS = 4


@dataclass(frozen=True, kw_only=True)
class LineEffect:
    """Effect of a feature of lines against similar ads without the feature.

    feature: of GENERAL, or "word " and one or two words, folded. effect: change of log-odds; low, high: its 90 % interval. ads:
    number of ads with the feature. usual_words: number of words above which a line is "long".
    """

    feature: str
    effect: float
    low: float
    high: float
    ads: int
    usual_words: float = 0.0

    @property
    def label(self) -> str:
        """The feature as a phrase after "with"."""
        return _LABELS.get(self.feature) or f"“{self.feature.removeprefix(WORD_PREFIX)}”"

    @property
    def is_certain(self) -> bool:
        """True where the interval excludes 0."""
        return self.low > 0 or self.high < 0

    @property
    def sentence(self) -> str:
        """The evidence in words: "lines with a number: +12 % (3 to 22) in 340 ads"."""
        change, low, high = (100 * math.expm1(value) for value in (self.effect, self.low, self.high))
        return f"lines with {self.label}: {change:+.0f} % ({low:.0f} to {high:.0f}) in {self.ads:,} ads"

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, with the label for display."""
        return {**asdict(self), "label": self.label}


def has_feature(line: str, feature: str, *, brand: str = "", subject: str = "", usual_words: float = 0.0) -> bool:
    """Return whether a line has a feature; False for an unknown feature name.

    Args:
        brand: the brand's name, "" for none. subject: the product, such as the ad group's name. usual_words: see LineEffect.
    """
    if feature in _PATTERNS:
        return bool(_PATTERNS[feature].search(line))
    if feature == "brand":
        return bool(brand.strip()) and brand.strip().casefold() in line.casefold()
    if feature == "subject":
        return names_subject(line, subject)
    if feature == "long":
        return len(line.split()) > usual_words > 0
    return feature.startswith(WORD_PREFIX) and f" {feature.removeprefix(WORD_PREFIX)} " in f" {' '.join(words_of(line))} "


def names_subject(line: str, subject: str) -> bool:
    """Return whether a line shares a word of four letters or more with the product's name, by its first letters."""
    wanted = {word[:_SUBJECT_LETTERS] for word in words_of(subject) if len(word) >= _LEAST_SUBJECT_LETTERS}
    return any(word[:_SUBJECT_LETTERS] in wanted for word in words_of(line))


def words_of(line: str) -> list[str]:
    """Return the words of a line, folded, in order."""
    return [word.casefold() for word in _WORD.findall(line)]


def expected_change(line: str, effects: Sequence[LineEffect], *, brand: str = "", subject: str = "") -> float:
    """Return the sum of the certain effects over the features of a line, in log-odds."""
    return sum(
        one.effect
        for one in effects
        if one.is_certain and has_feature(line, one.feature, brand=brand, subject=subject, usual_words=one.usual_words)
    )


def read_effects(rows: Sequence[Mapping[str, Any]]) -> tuple[LineEffect, ...]:
    """Rebuild effects from `LineEffect.as_dict`, as stored in a model's notes."""
    return tuple(LineEffect(**{name: value for name, value in row.items() if name != "label"}) for row in rows)
