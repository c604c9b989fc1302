"""Texts that an account's model learnt from: languages, letters, lengths; and why another text is unknown to the model.
Knows texts; no embeddings (`ctr.evidence`), no rates.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any

import numpy as np

from adcreative.creative import Creative
from adcreative.encoders.language import chance_of_languages, detect_language

QUANTILE = 0.01  # share of the account's own texts that may be beyond a limit


@dataclass(frozen=True, kw_only=True)
class TextLimits:
    """The strictest limits for new texts, where an account's own texts are all alike.

    Origin: the account of invoicing software in `tests/ctr/account/worded_accounts.py`, 20 sensible lines and 20 bad ones.
    Checked on: its hotel (`tests/ctr/account/test_confidence_marks.py`), and a Dutch account on a search network
    (`tests/real/test_confidence_marks.py`).

    distance: cosine distance (0..2) to the nearest five headlines; sensible lines 0.29 to 0.75, bad ones from 0.79
        (but one that is too long).
    language_chance: probability (0..1) of the account's languages; the account's own lines from 0.43, sensible lines from 0.71,
        Dutch headlines of two words from 0.18, noise to 0.27, other languages to 0.01.
    letters: share (0..1) of letters among characters other than spaces; "50% off 24 plans" 0.77, "BUY NOW!!! FREE $$$ MONEY!!!"
    0.63. longest: longest text relative to the longest training text. chars: a shorter text is never too long. run: equal
    characters in a row; "..." is 3.
    judged_letters: letters needed to detect a language.
    own_share: least share of an account's ads in a language of the account; own_ads: and least number of ads.
    """

    distance: float = 0.77
    language_chance: float = 0.15
    letters: float = 0.65
    longest: float = 2.0
    chars: int = 200
    run: int = 4
    judged_letters: int = 8
    own_share: float = 0.03
    own_ads: int = 3


LIMITS = TextLimits()
# Tags, entities, addresses, and names that a template should have replaced: "<br>", "&nbsp;", "{{price}}", "%%price%%".
MARKUP = re.compile(r"<[/!?]?[a-z][^<>]*(?:>|$)|<!--|&(?:[a-z]{2,8}|#\d{2,6});|\{\{|\$\{|\{%|%%\w+%%|https?://", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class LearntTexts:
    """Limits of a model's training texts: languages (ISO 639-1), empty when the texts were too short; least
    probability of these; least share of letters; most characters; most equal characters in a row; markup: more than QUANTILE
    have some."""

    languages: tuple[str, ...]
    language_chance: float
    letters: float
    chars: int
    run: int
    markup: bool = False

    @classmethod
    def of(cls, creatives: Sequence[Creative]) -> LearntTexts | None:
        """Fit the limits to the training ads of a model; None when they have no words."""
        texts = sorted({text for creative in creatives for text in texts_of(creative)})
        if not texts:
            return None
        counts = Counter(filter(None, (detect_language(creative.text) for creative in creatives)))
        least = max(LIMITS.own_ads, LIMITS.own_share * counts.total())
        languages = tuple(sorted(language for language, num in counts.items() if num >= least))
        chances = [chance_of_languages(text, languages) for text in texts if count_letters(text) >= LIMITS.judged_letters]
        return cls(
            languages=languages,
            language_chance=_lower(LIMITS.language_chance, chances),
            letters=_lower(LIMITS.letters, map(share_of_letters, texts)),
            chars=max(LIMITS.chars, round(LIMITS.longest * max(map(len, texts)))),
            run=max(LIMITS.run, *map(longest_run, texts)),
            markup=sum(map(has_markup, texts)) > QUANTILE * len(texts),
        )

    def doubt(self, creative: Creative) -> str:
        """Return why an ad's words are unlike the training texts, as a phrase; "" when they are similar."""
        return next(filter(None, map(self._doubt_text, texts_of(creative))), "")

    def _doubt_text(self, text: str) -> str:
        if len(text) > self.chars:
            return f"{len(text):,} characters, and it learnt from at most {self.chars:,}"
        if longest_run(text) > self.run:
            return "one character over and over"
        if not self.markup and has_markup(text):
            return "markup, an address or a placeholder"
        if share_of_letters(text) < self.letters:
            return "too few letters"
        is_told = bool(self.languages) and count_letters(text) >= LIMITS.judged_letters
        if is_told and chance_of_languages(text, self.languages) < self.language_chance:
            return "in no language that it learnt from"
        return ""

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "languages": list(self.languages)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> LearntTexts:
        return cls(**{**values, "languages": tuple(values["languages"])})


def texts_of(creative: Creative) -> list[str]:
    """Return the ad's non-empty texts."""
    texts = (creative.headline, creative.primary_text, creative.description)
    return [text.strip() for text in texts if text.strip()]


def has_markup(text: str) -> bool:
    """Return whether a text has a tag, an entity, an address of the web or a placeholder in it."""
    return MARKUP.search(text) is not None


def count_letters(text: str) -> int:
    """Return the number of letters; a letter with a combining mark (as in Thai and Hindi) counts as one."""
    return sum(unicodedata.category(one)[0] in "LM" for one in text)


def share_of_letters(text: str) -> float:
    """Return the share (0..1) of letters among characters other than spaces."""
    return count_letters(text) / max(sum(not one.isspace() for one in text), 1)


def longest_run(text: str) -> int:
    """Return the length of the longest run of one character, spaces excluded."""
    return max((len(list(run)) for one, run in groupby(text) if not one.isspace()), default=0)


def _lower(limit: float, values: Iterable[float]) -> float:
    """Return the limit, or the QUANTILE of the values where that is lower."""
    known = list(values)
    return min(limit, float(np.quantile(known, QUANTILE))) if known else limit
