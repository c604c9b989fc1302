"""Effects on the click rate of features of an account's headlines (`effects`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise

import numpy as np

from adcreative.creative import Creative
from adcreative.ctr.account.effects import MIN_TEXTS, TEXTS, estimate_effects, find_telling
from adcreative.ctr.account.table import AccountTable, find_group_column
from adcreative.features.line_features import GENERAL, WORD_PREFIX, LineEffect, has_feature, words_of
from adcreative.features.outcomes import fold

MAX_WORDS = 24
MIN_SHARE, MAX_SHARE = 0.02, 0.7  # of the different lines


@dataclass(frozen=True, kw_only=True)
class SeenLines:
    """Features of the headlines of N ads.

    names: F features, of GENERAL or "word " and words. seen: [N, F] 1 where the headline has it, else 0. lines: [N] folded.
    usual_words: number of words above which a line is "long".
    """

    names: tuple[str, ...]
    seen: np.ndarray
    lines: tuple[str, ...]
    usual_words: float


def measure_word_effects(creatives: Sequence[Creative], table: AccountTable, *, seed: int) -> tuple[LineEffect, ...]:
    """Return the effects of features of an account's headlines, the largest first.

    Features present or absent in fewer than MIN_TEXTS different headlines are left out; so are columns with one value. Empty
    where fewer than 2 MIN_TEXTS different headlines have results.

    Args:
        creatives: with results, in the order of `table`.
        seed: draws the ads where there are more than the mixed model's limit.
    """
    found = see_lines(creatives, table)
    if not found.names:
        return ()
    estimates = estimate_effects(table, found.seen, {TEXTS: found.lines}, seed=seed)
    effects = [
        LineEffect(feature=name, **asdict(estimate), usual_words=found.usual_words if name == "long" else 0.0)
        for name, estimate in zip(found.names, estimates, strict=True)
    ]
    return tuple(sorted(effects, key=lambda one: (not one.is_certain, -abs(one.effect))))


def see_lines(creatives: Sequence[Creative], table: AccountTable) -> SeenLines:
    """Return the compared features of an account's headlines, as `measure_word_effects` chooses them."""
    folded = tuple(fold(creative.headline) for creative in creatives)
    texts = {line for line in folded if line}
    nothing = SeenLines(names=(), seen=np.zeros((len(folded), 0)), lines=folded, usual_words=0.0)
    if len(texts) < 2 * MIN_TEXTS:
        return nothing
    usual_words = float(np.median([len(text.split()) for text in texts]))
    features = (*GENERAL, *(f"{WORD_PREFIX}{word}" for word in frequent_words(sorted(texts))))
    seen = mark_features(creatives, table, features, usual_words)
    kept = find_telling(seen, folded)
    return replace(nothing, names=tuple(features[k] for k in kept), seen=seen[:, kept], usual_words=usual_words)


def mark_features(
    creatives: Sequence[Creative], table: AccountTable, features: Sequence[str], usual_words: float
) -> np.ndarray:
    """Return [N, F] 1 where a headline has a feature, else 0."""
    group_column = find_group_column(table)
    return np.array(
        [
            [
                has_feature(one.headline, name, brand=one.brand, subject=_subject(one, group_column), usual_words=usual_words)
                for name in features
            ]
            for one in creatives
        ],
        np.float64,
    )


def frequent_words(texts: Sequence[str]) -> list[str]:
    """Return words and pairs of words found in MIN_SHARE to MAX_SHARE of different lines, the most frequent first.

    Of several with the same lines the longest is kept: "free delivery" in place of "free" where both always occur together.
    """
    where: dict[str, set[int]] = {}
    for place, text in enumerate(texts):
        words = words_of(text)
        for term in {*words, *(" ".join(pair) for pair in pairwise(words))}:
            where.setdefault(term, set()).add(place)
    least = max(MIN_TEXTS, MIN_SHARE * len(texts))
    common = [term for term, places in where.items() if least <= len(places) <= MAX_SHARE * len(texts) and len(term) > 2]
    longest: dict[frozenset[int], str] = {}
    for term in sorted(common, key=lambda term: (len(term), term)):
        longest[frozenset(where[term])] = term
    ranked = sorted(longest.values(), key=lambda term: (-len(where[term]), term))
    return ranked[:MAX_WORDS]


def _subject(creative: Creative, group_column: str) -> str:
    """Return the product of an ad according to its columns: category and the value of the group column."""
    named = getattr(creative, group_column, "") if hasattr(creative, group_column) else creative.context.get(group_column, "")
    return f"{creative.category} {named}"
