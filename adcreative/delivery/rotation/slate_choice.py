"""Fill slates from a posterior: greedy, Thompson sampling, in-slate Thompson sampling, top-two; without duplicates.

    greedy    the k highest means
    ts        one joint draw of all creatives, its k highest
    in-slate  k independent joint draws, each ranked; read rank by rank (first of each draw, then second of each ...), the
              first k that are new: position j normally comes from draw j, so that a slate mixes draws
    top-two   ts, but the first position goes to the second best with probability 1/2
    uniform   k at random

Creatives of one kind (`kinds`, near-duplicates) count as the same: a slate shows at most one of them, as long as others are
left. Does not import torch. Source: Eide, Leslie & Frigessi 2022, section 5 (in-slate); Russo 2016 (top-two).
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from adcreative.delivery.rotation.policies import TOP_TWO_SHARE, check_policy
from adcreative.errors import ConfigError

SLATE_POLICIES = ("in-slate", "ts", "top-two", "greedy", "uniform")
SAME_WORDS = 0.9  # cosine of character n-grams
CHUNK = 1000


class Attractions(Protocol):
    """Model used to fill slates: of all readers, or of one reader."""

    @property
    def attraction(self) -> np.ndarray:
        """[N] means."""

    def draw(self, num: int, *, rng: np.random.Generator) -> np.ndarray:
        """Return [num, N] joint draws of the posterior."""


def choose_slates(
    model: Attractions, size: int, num: int, *, policy: str, rng: np.random.Generator, kinds: np.ndarray | None = None
) -> np.ndarray:
    """Return [num, size] the creatives of each slate.

    Args:
        kinds: [N] int; equal numbers are near-duplicates. None: all different.
    Raises:
        ConfigError: unknown policy, or fewer creatives than positions.
    """
    check_policy(policy, SLATE_POLICIES)
    num_items = len(model.attraction)
    if not 1 <= size <= num_items:
        raise ConfigError(f"a slate of {size} places needs at least as many creatives; there are {num_items}")
    kinds = np.arange(num_items) if kinds is None else kinds
    return np.stack([_fill(_order(model, size, policy, rng), size, kinds) for _ in range(num)])


def read_ranks(draws: np.ndarray, depth: int) -> np.ndarray:
    """Return the creatives of draws [k, N] rank by rank: the best of every draw, then the second of every draw ...
    [k * depth]."""
    ranked = _top(draws, depth)  # [k, depth]
    return ranked.T.ravel()


def _order(model: Attractions, size: int, policy: str, rng: np.random.Generator) -> np.ndarray:
    """Return creatives in the order in which a slate uses them, each at least once."""
    num_items = len(model.attraction)
    if policy == "uniform":
        return rng.permutation(num_items)
    if policy == "greedy":
        return np.argsort(-model.attraction, kind="stable")
    depth = min(num_items, 4 * size + 8)
    if policy == "in-slate":
        draws = model.draw(size, rng=rng)
        return np.concatenate([read_ranks(draws, depth), np.argsort(-draws[0], kind="stable")])
    order = np.argsort(-model.draw(1, rng=rng)[0], kind="stable")
    if policy == "top-two" and num_items > 1 and rng.random() < 1 - TOP_TWO_SHARE:
        order[[0, 1]] = order[[1, 0]]
    return order


def _top(draws: np.ndarray, depth: int) -> np.ndarray:
    first = np.argpartition(-draws, depth - 1, axis=1)[:, :depth]
    values = np.take_along_axis(draws, first, axis=1)
    return np.take_along_axis(first, np.argsort(-values, axis=1, kind="stable"), axis=1)


def _fill(order: np.ndarray, size: int, kinds: np.ndarray) -> np.ndarray:
    """Return the first `size` creatives of different kinds; a kind is repeated only if no other is left."""
    chosen: list[int] = []
    taken: set[int] = set()
    for item in order:
        if kinds[item] not in taken:
            chosen.append(int(item))
            taken.add(int(kinds[item]))
            if len(chosen) == size:
                return np.array(chosen)
    for item in order:
        if item not in chosen:
            chosen.append(int(item))
            if len(chosen) == size:
                break
    return np.array(chosen)


def place_shares(slates: np.ndarray, num_items: int) -> np.ndarray:
    """Return [size, N] the frequency of each creative at each position of slates [num, size]: its propensity there."""
    return np.stack([np.bincount(column, minlength=num_items) for column in slates.T]) / len(slates)


def find_kinds(words: list[str], groups: np.ndarray) -> np.ndarray:
    """Return [N] numbers of near-duplicates: creatives of one group whose words have a cosine of 0.9 or more.

    Args:
        words: [N] all words of each creative, and its picture's name. groups: [N] int.
    """
    kinds = np.arange(len(words))
    if not any(text.strip() for text in words):
        return kinds
    grams = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), min_df=1, dtype=np.float32).fit_transform(words)
    for group in np.unique(groups):
        members = np.flatnonzero(groups == group)
        for start in range(0, len(members), CHUNK):
            close = (grams[members[start : start + CHUNK]] @ grams[members].T).tocoo()
            for row, column, cosine in zip(close.row, close.col, close.data, strict=True):
                if column < row + start and cosine >= SAME_WORDS:
                    kinds[members[row + start]] = min(kinds[members[row + start]], kinds[members[column]])
    return kinds
