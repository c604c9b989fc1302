"""The two shipped models of a picture's words: which lines are one block, and what a block is for.

    pairs of near lines -> boosted trees -> chance of one block -> clusters, the surest joined first
    blocks -> boosted trees -> chance of each role -> the likeliest roles with one headline and MAX_BUTTONS buttons at most

Both were trained on drawn ads (`data/make/roles`). Knows rows of features; no pixels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.special import expit, softmax

from adcreative.artifacts import load_artifact
from adcreative.encoders.weights import find_weight
from adcreative.lettering.reading.block_features import LINK_FEATURES, Piece, block_rows, find_pairs, link_rows
from adcreative.lettering.reading.trees import BoostedTrees

ROLES = (
    "headline", "subline", "offer", "price", "proof", "badge", "button", "brand", "product_print", "legal", "address", "tag",
)  # fmt: skip
KIND, FORMAT = "roles of words", 1
MOST = {"headline": 1, "button": 2}  # blocks of a role in one picture


@dataclass(frozen=True)
class Fitted:
    """Numbers of this file, fitted on the working half of real ads (`tests/real`)."""

    least_chance: float = 1e-6  # of a role: no logarithm of less is taken
    no_headline: float = 0.15  # odds of a picture without a headline to one whose likeliest block is it as likely as not
    least_headline: float = 0.1  # chance from which the likeliest block is the headline where no other is; it is no sure one


FITTED = Fitted()


class RoleModels:
    """Joins lines and names roles.

    Args:
        tensors: arrays of both `BoostedTrees`, "link" and "role"; "link.least" [1]: the chance from which lines are joined;
            "link.penalty" [1]: what a pair's score loses by the logarithm of the ratio of its lines' heights, since real ads
            set lines of very different heights in one message less often than drawn ones;
            "role.flatness" [1]: what scores are divided by, so that chances are as often right as they say;
            "role.shift" [K]: what is added to them, since real ads have roles in other shares than drawn ones.
    """

    def __init__(self, tensors: Mapping[str, np.ndarray]) -> None:
        self._link, self._role = (BoostedTrees.from_tensors(tensors, name) for name in ("link", "role"))
        self._least, self._penalty = float(tensors["link.least"][0]), float(tensors["link.penalty"][0])
        self._flatness = float(tensors["role.flatness"][0])
        self._shift = tensors["role.shift"]

    def join(self, pieces: Sequence[Piece], size: tuple[int, int]) -> tuple[list[list[int]], list[float]]:
        """Return the places of lines that are one block, and how sure each is, for a picture of a size (height, width)."""
        pairs = find_pairs(pieces)
        if not pairs:
            return [[place] for place in range(len(pieces))], [1.0] * len(pieces)
        chances = self.link_chances(link_rows(pieces, pairs, size))
        groups = cluster(len(pieces), pairs, chances, self._least)
        return groups, wholeness(groups, pairs, chances)

    def link_chances(self, rows: np.ndarray) -> np.ndarray:
        """Return the chance of one block [P] for pairs of lines, by their LINK_FEATURES [P, F]."""
        chances: np.ndarray = expit(self._link.score(rows)[:, 0] - self._penalty * rows[:, LINK_FEATURES.index("height ratio")])
        return chances

    def role_chances(self, rows: np.ndarray) -> np.ndarray:
        """Return the chance of each of ROLES [B, K] for blocks, by their BLOCK_FEATURES [B, F]."""
        chances: np.ndarray = softmax((self._role.score(rows) + self._shift) / self._flatness, axis=1)
        return chances

    def chances(self, pieces: Sequence[Piece], size: tuple[int, int]) -> np.ndarray:
        """Return the chance of each of ROLES [B, K] for the blocks of a picture."""
        if not pieces:
            return np.zeros((0, len(ROLES)))
        return with_one_headline(self.role_chances(block_rows(pieces, size)))


def with_one_headline(chances: np.ndarray) -> np.ndarray:
    """Return chances [B, K] of a picture's blocks in view of each other: one or, at some odds, none is the headline."""
    head = ROLES.index("headline")
    alone = np.clip(chances[:, head], FITTED.least_chance, 1.0 - FITTED.least_chance)
    odds = alone / (1.0 - alone)
    together = odds / (odds.sum() + FITTED.no_headline)
    seen = chances * ((1.0 - together) / (1.0 - alone))[:, None]
    seen[:, head] = together
    return seen


def cluster(num: int, pairs: Sequence[tuple[int, int]], chances: np.ndarray, least: float) -> list[list[int]]:
    """Return clusters of `num` lines: the two with the highest mean chance of pairs between them are joined first.

    least: the mean chance below which no more are joined.
    """
    groups = {place: [place] for place in range(num)}
    between: dict[tuple[int, int], list[float]] = {}
    for (i, j), chance in zip(pairs, chances, strict=True):
        between.setdefault((min(i, j), max(i, j)), []).append(float(chance))
    while between:
        (a, b), found = max(between.items(), key=lambda item: np.mean(item[1]))
        if np.mean(found) < least:
            break
        groups[a] += groups.pop(b)
        moved: dict[tuple[int, int], list[float]] = {}
        for (i, j), values in between.items():
            i, j = (a if one == b else one for one in (i, j))
            if i != j:
                moved.setdefault((min(i, j), max(i, j)), []).extend(values)
        between = moved
    return list(groups.values())


def wholeness(groups: Sequence[Sequence[int]], pairs: Sequence[tuple[int, int]], chances: np.ndarray) -> list[float]:
    """Return how sure each cluster is one block, 0..1: its lines belong together, and no neighbour belongs to it."""
    home = {place: number for number, group in enumerate(groups) for place in group}
    between: dict[tuple[int, int], list[float]] = {}
    for (i, j), chance in zip(pairs, chances, strict=True):
        between.setdefault((min(home[i], home[j]), max(home[i], home[j])), []).append(float(chance))
    sure = [1.0] * len(groups)
    for (a, b), found in between.items():
        mean = float(np.mean(found))
        for number in {a, b}:
            sure[number] = min(sure[number], mean if a == b else 1.0 - mean)
    return sure


def choose_roles(chances: np.ndarray) -> list[int]:
    """Return the number of each block's role for chances [B, K]: the likeliest together, no more of a role than MOST says."""
    logs = np.log(np.maximum(chances, FITTED.least_chance))
    chosen = logs.argmax(axis=1)
    for role, most in MOST.items():
        number = ROLES.index(role)
        others = np.where(np.arange(len(ROLES)) == number, -np.inf, logs)
        named = [place for place in range(len(chosen)) if chosen[place] == number]
        gains = {place: logs[place, number] - others[place].max() for place in named}
        for place in sorted(named, key=lambda one: -gains[one])[most:]:
            logs[place, number] = -np.inf
            chosen[place] = others[place].argmax()
    head = ROLES.index("headline")
    if len(chosen) and head not in chosen and chances[:, head].max() >= FITTED.least_headline:  # most ads have one
        chosen[chances[:, head].argmax()] = head
    return [int(one) for one in chosen]


@cache
def load_roles() -> RoleModels:
    """Load the shipped models once per process.

    Raises:
        WeightsError: their weights are not on this machine. ArtifactError: they are damaged.
    """
    return RoleModels(load_artifact(find_weight("roles"), kind=KIND, formats=(FORMAT,)).tensors)
