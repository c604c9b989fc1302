"""What can be seen in a line of words in any language: a number, an amount, a question ..., and an account's frequent words.

Each feature is there or not. `LineEffect` is what one was worth in an account's real results, a plain record that models write,
the copywriter orders by and reports show. No torch.
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
_SUBJECT_LETTERS = 5  # of a word of the ad group's name that count as the same word, so that plurals do
_LEAST_SUBJECT_LETTERS = 4


@dataclass(frozen=True, kw_only=True)
class LineEffect:
    """What lines with a feature were worth beside like ads without it.

    feature: of GENERAL, or "word " and one or two words, folded. effect: change of log-odds; low, high: its 90 % interval. ads:
    how many had it. usual_words: number of words that "long" is above.
    """

    feature: str
    effect: float
    low: float
    high: float
    ads: int
    usual_words: float = 0.0

    @property
    def label(self) -> str:
        """What the line has, as a phrase behind "with"."""
        return _LABELS.get(self.feature) or f"“{self.feature.removeprefix(WORD_PREFIX)}”"

    @property
    def is_certain(self) -> bool:
        """True where the interval does not hold 0."""
        return self.low > 0 or self.high < 0

    @property
    def sentence(self) -> str:
        """The evidence in words: "lines with a number: +12 % (3 to 22) in 340 ads"."""
        change, low, high = (100 * math.expm1(value) for value in (self.effect, self.low, self.high))
        return f"lines with {self.label}: {change:+.0f} % ({low:.0f} to {high:.0f}) in {self.ads:,} ads"

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, with the label for those who only show it."""
        return {**asdict(self), "label": self.label}


def has_feature(line: str, feature: str, *, brand: str = "", subject: str = "", usual_words: float = 0.0) -> bool:
    """Say whether a line has a feature; a name that is not known is had by none.

    Args:
        brand: the brand's name, "" for none. subject: what is sold, such as the ad group's name. usual_words: see LineEffect.
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
    """Say whether a line shares a word of four letters or more with the name of what is sold, by its first letters."""
    wanted = {word[:_SUBJECT_LETTERS] for word in words_of(subject) if len(word) >= _LEAST_SUBJECT_LETTERS}
    return any(word[:_SUBJECT_LETTERS] in wanted for word in words_of(line))


def words_of(line: str) -> list[str]:
    """Return the words of a line, folded, in order."""
    return [word.casefold() for word in _WORD.findall(line)]


def expected_change(line: str, effects: Sequence[LineEffect], *, brand: str = "", subject: str = "") -> float:
    """Return what the certain effects say of a line, in log-odds: the sum over the features that it has."""
    return sum(
        one.effect
        for one in effects
        if one.is_certain and has_feature(line, one.feature, brand=brand, subject=subject, usual_words=one.usual_words)
    )


def read_effects(rows: Sequence[Mapping[str, Any]]) -> tuple[LineEffect, ...]:
    """Build effects again from `LineEffect.as_dict`, as a model's notes hold them."""
    return tuple(LineEffect(**{name: value for name, value in row.items() if name != "label"}) for row in rows)
