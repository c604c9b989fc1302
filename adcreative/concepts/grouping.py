"""Group an account's ads into concepts by the similarity of picture, words and layout.

    log-odds that two ads are of different concepts  =  bias + sum over parts of weight * distance

Words are compared by meaning, if the encoder knows the language, and by letters (TF-IDF over the account, so that words common
to all ads count little). A pair is compared on the parts that both ads have; the weights for each case were fitted to pairs
(see `likeness.yaml`). An account's ads are merged by average linkage of these log-odds, and the tree is cut where pairs of
planted accounts were separated best. Near-duplicates are merged by complete linkage: every two of them look like one ad to a
person who scrolls past.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Any, Protocol

import numpy as np
from scipy import sparse
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import adjusted_rand_score

from adcreative.config import read_packaged_yaml
from adcreative.ctr.account.encoder import NGRAMS
from adcreative.encoders.language import detect_language
from adcreative.features.batch import CreativeFeatures

MAX_ADS = 4_000  # whose pairs are held in memory (64 MB); further ads join the concept of the nearest ad
NUM_RESAMPLES, KEPT = 20, 0.8  # of the ads, for the measure of stability
PICTURE, WORDS, LETTERS, LOOK, LETTERING = PARTS = ("picture", "words", "letters", "look", "lettering")
CASES = (PICTURE, WORDS, LETTERS)  # parts that define the cases of pairs; the other parts come with pictures
_NUMBER = re.compile(r"\d+")
NUM_LOOKS = 4  # brightness, contrast, saturation, warmth: an ad in another aspect ratio is the same ad
BODY_SHARE = 0.3  # share of the distance of words for the lines below the headline, where both ads have such lines


@dataclass(frozen=True, kw_only=True, eq=False)
class Seen:
    """Comparable features of N ads: [N, D] float32 each, NaN rows for missing parts.

    words, body: unit vectors of the headline and of the text below; letters: sparse unit rows, empty for ads without words;
    picture: unit vectors; look, lettering: measures. is_named: [N] whether an ad is known by its name alone. stretch: factor
    on distances of words.
    """

    picture: np.ndarray
    letters: sparse.csr_matrix
    words: np.ndarray
    body: np.ndarray
    look: np.ndarray
    lettering: np.ndarray
    is_named: np.ndarray
    stretch: float = 1.0

    def __len__(self) -> int:
        return len(self.picture)

    def rows(self, idx: np.ndarray) -> Seen:
        """Return the ads `idx`, in the order of `idx`."""
        return Seen(**{name: values if name == "stretch" else values[idx] for name, values in vars(self).items()})


@dataclass(frozen=True, kw_only=True, eq=False)
class Grouping:
    """concept, twin: [N] group numbers from 0, the largest group first; twins belong to one concept. sureness: [N] 0..1,
    probability of an ad's concept by its mean similarity to the others (NaN if alone). stability: adjusted Rand index, <= 1."""

    concept: np.ndarray
    twin: np.ndarray
    sureness: np.ndarray
    stability: float


class EncodesWords(Protocol):
    """An encoder of words (`encoders.text_encoder.TextEncoder`)."""

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Return [N, D] float32 of unit length, NaN rows for texts without words."""


# Unrelated lines of twelve trades, and their distance under the shipped encoder: distances of another encoder are scaled
# to the same distance.
UNRELATED = (
    "Meet a savings plan you can pause",
    "Loved by busy accountants",
    "Say goodbye to last-minute panic",
    "Tired of long delivery times?",
    "Shoes that forgive",
    "When did you last run meetings that end early?",
    "Tired of itchy seams?",
    "When did you last taste the season?",
    "Join 8,000 bakers",
    "Still living with clutter?",
    "Two shirts for $70",
    "Find a room with a view, the easy way",
)
UNRELATED_APART = 0.94


def find_stretch(unrelated: np.ndarray) -> float:
    """Return by what to multiply an encoder's distances (1 - cosine), from its vectors [12, D] of UNRELATED."""
    apart = (1 - unrelated @ unrelated.T)[np.triu_indices(len(unrelated), 1)]
    return UNRELATED_APART / max(float(apart.mean()), 1e-3)


def see(
    lines: Sequence[str],
    features: Sequence[CreativeFeatures],
    encoder: EncodesWords | None = None,
    names: Sequence[str] | None = None,
) -> Seen:
    """Return the comparable features of N ads.

    Args:
        lines: headline of each ad, or all its words. encoder: a multilingual encoder to replace the shipped English encoder.
        names: names of the ads; an ad without words and picture is compared by the letters of its name.
    """
    bare = [not line and one.image is None for line, one in zip(lines, features, strict=True)]
    is_named = np.array(bare) & (names is not None)
    words, stretch = None, 1.0
    if encoder is not None:
        words, stretch = encoder.encode(lines), find_stretch(encoder.encode(UNRELATED))
        shown = [replace(one, body=None) for one in features]
    else:
        known = [detect_language(line) in ("en", "") for line in lines]
        shown = [one if is_known else replace(one, text=None, body=None) for one, is_known in zip(features, known, strict=True)]
    return Seen(
        picture=_stack([one.image for one in features]),
        letters=_letters(_name_unworded(lines, names, is_named)),
        body=_stack([one.body for one in shown]),
        words=_stack([one.text for one in shown]) if words is None else words,
        look=_stack([None if one.look is None else one.look[:NUM_LOOKS] for one in features]),
        is_named=is_named,
        stretch=stretch,
        lettering=_stack([one.lettering for one in features]),
    )


def _name_unworded(lines: Sequence[str], names: Sequence[str] | None, is_named: np.ndarray) -> list[str]:
    """Return the lines, and for ads known by name what tells the name from others: no numbers, no word that most names have."""
    if names is None:
        return list(lines)
    told = {place: _NUMBER.sub(" ", names[place]).split() for place in np.flatnonzero(is_named).tolist()}
    counts = Counter(word for words in told.values() for word in {one.casefold() for one in words})
    rare = {place: [word for word in words if 2 * counts[word.casefold()] <= len(told)] for place, words in told.items()}
    return [" ".join(rare[place] or told[place]) if place in told else line for place, line in enumerate(lines)]


def _letters(lines: Sequence[str]) -> sparse.csr_matrix:
    settings = {**NGRAMS["characters"], "min_df": 1}
    try:
        return TfidfVectorizer(dtype=np.float32, **settings).fit_transform(lines).tocsr()
    except ValueError:  # no letters in any line
        return sparse.csr_matrix((len(lines), 1), dtype=np.float32)


def _stack(values: Sequence[np.ndarray | None]) -> np.ndarray:
    width = next((len(value) for value in values if value is not None), 1)
    blank = np.full(width, np.nan, np.float32)
    return np.stack([blank if value is None else np.asarray(value, np.float32) for value in values])


def part_distances(first: Seen, second: Seen) -> dict[str, np.ndarray]:
    """Return part of PARTS -> distances [A, B] of two sets of ads, NaN if one ad of a pair lacks the part.

    picture, words: 1 - cosine. look, lettering: root mean square of differences in typical deviations.
    """
    words, body = first.stretch * _apart(first.words, second.words), _apart(first.body, second.body)
    both = (1 - BODY_SHARE) * words + BODY_SHARE * body
    found = {PICTURE: _apart(first.picture, second.picture), WORDS: np.where(np.isfinite(both), both, words)}
    has, have = (np.diff(one.letters.indptr) > 0 for one in (first, second))
    alike = np.asarray((first.letters @ second.letters.T).todense(), np.float32)
    found[LETTERS] = np.where(has[:, None] & have, 1 - alike, np.float32(np.nan))
    for name in (LOOK, LETTERING):
        spread = np.array(_fitted()["spread"][name], np.float32)
        own, other = getattr(first, name), getattr(second, name)
        if own.shape[1] != len(spread) or other.shape[1] != len(spread):
            found[name] = np.full((len(own), len(other)), np.nan, np.float32)
            continue
        own, other = own / spread, other / spread
        squares = np.square(own).sum(1)[:, None] + np.square(other).sum(1) - 2 * own @ other.T
        found[name] = np.sqrt(np.maximum(squares, 0) / len(spread))
    return found


def _apart(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return 1 - first @ second.T


@cache
def _fitted() -> Mapping[str, Mapping[str, Any]]:
    return read_packaged_yaml(files(__package__) / "likeness.yaml")


def log_odds_apart(parts: Mapping[str, np.ndarray], kind: str = "concept") -> np.ndarray:
    """Return [A, B] the log-odds that two ads are of different concepts, or no twins (kind "twin"); +inf for pairs without a
    comparable part."""
    has = {name: np.isfinite(parts[name]) for name in CASES}
    found = np.full(has[PICTURE].shape, np.inf, np.float32)
    for case, fitted in _fitted()[kind].items():
        where = np.logical_and.reduce([has[name] == (name in case.split("+")) for name in CASES])
        if not where.any():
            continue
        total = np.full(where.shape, fitted["bias"], np.float32)
        for name, (weight, usual) in fitted["weights"].items():
            # an unmeasured part counts as average for pairs, so that a reader that is not installed changes nothing
            total += np.float32(weight) * np.where(np.isfinite(parts[name]), parts[name], np.float32(usual))
        found = np.where(where, total, found)
    return found


def group(seen: Seen, *, seed: int) -> Grouping:
    """Return the concepts and near-duplicates of N ads. seed: draws the compared ads when there are more than MAX_ADS, and the
    resamples."""
    rng = np.random.default_rng(seed)
    idx = np.arange(len(seen)) if len(seen) <= MAX_ADS else np.sort(rng.choice(len(seen), MAX_ADS, replace=False))
    some = seen.rows(idx)
    parts = part_distances(some, some)
    apart, apart_twins = log_odds_apart(parts), log_odds_apart(parts, "twin")
    concept = _cut(apart, "average")
    twin = _cut(np.where(concept[:, None] == concept, apart_twins, np.inf), "complete")
    kept = []
    for _ in range(NUM_RESAMPLES if len(idx) > 2 else 0):
        half = np.sort(rng.choice(len(idx), max(2, round(KEPT * len(idx))), replace=False))
        kept.append(adjusted_rand_score(concept[half], _cut(apart[np.ix_(half, half)], "average")))
    own = _mean_within(apart, concept)
    if len(idx) < len(seen):
        concept, twin, own = _join_others(seen, some, idx, concept, twin, own)
    order = _by_size(concept)
    twin[seen.is_named] = twin.max() + 1 + np.arange(seen.is_named.sum())  # a name does not show that two ads look alike
    twin = np.unique(twin, return_inverse=True)[1]
    return Grouping(
        concept=order[concept],
        twin=_by_size(twin)[twin],
        sureness=1 / (1 + np.exp(own)),
        stability=float(np.mean(kept)) if kept else 1.0,
    )


BEYOND = 30.0  # log-odds for pairs that cannot be compared


def _cut(apart: np.ndarray, method: str) -> np.ndarray:
    """Return [N] group numbers: linkage below even odds."""
    if len(apart) < 2:
        return np.zeros(len(apart), np.int64)
    height = np.minimum(apart, BEYOND)
    height = (height + height.T) / 2 + BEYOND  # distances must not be negative
    np.fill_diagonal(height, 0)
    tree = linkage(squareform(np.maximum(height, 0), checks=False), method)
    return np.asarray(fcluster(tree, BEYOND, "distance"), np.int64) - 1


def _mean_within(apart: np.ndarray, concept: np.ndarray) -> np.ndarray:
    """Return [N] the mean log-odds of an ad with the other ads of its concept; NaN for a single ad."""
    marks = np.eye(int(concept.max(initial=-1)) + 1, dtype=np.float32)[concept]
    sizes = marks.sum(axis=0)[concept] - 1
    bounded = np.minimum(apart, BEYOND)
    total = ((bounded @ marks) * marks).sum(axis=1) - np.diag(bounded)
    return np.where(sizes > 0, total / np.maximum(sizes, 1), np.nan)


def _join_others(
    seen: Seen, some: Seen, idx: np.ndarray, concept: np.ndarray, twin: np.ndarray, own: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the groups of all ads: ads outside of the sample join the group of the nearest ad, or form their own group."""
    wholes = [np.full(len(seen), -1, np.int64), np.full(len(seen), -1, np.int64)]
    sure = np.full(len(seen), np.nan)
    wholes[0][idx], wholes[1][idx], sure[idx] = concept, twin, own
    others = np.setdiff1d(np.arange(len(seen)), idx)
    for start in range(0, len(others), 256):
        rows = others[start : start + 256]
        parts = part_distances(seen.rows(rows), some)
        for whole, known, kind in zip(wholes, (concept, twin), ("concept", "twin"), strict=True):
            apart = log_odds_apart(parts, kind)
            nearest = apart.argmin(axis=1)
            near = apart[np.arange(len(rows)), nearest]
            alone = whole.max() + 1 + np.arange(len(rows))
            whole[rows] = np.where(near < 0, known[nearest], alone)
            if kind == "concept":
                sure[rows] = np.where(near < 0, near, np.nan)
    return wholes[0], wholes[1], sure


def _by_size(numbers: np.ndarray) -> np.ndarray:
    """Return group number -> rank, the largest group first."""
    sizes = np.bincount(numbers)
    place = np.empty(len(sizes), np.int64)
    place[np.argsort(-sizes, kind="stable")] = np.arange(len(sizes))
    return place
