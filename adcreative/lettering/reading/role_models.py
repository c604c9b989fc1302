"""The two shipped models of a picture's words: grouping of lines into blocks, and the roles of blocks.

    pairs of near lines -> boosted trees -> probability of one block -> agglomerative clusters
    blocks -> boosted trees -> probability of each role -> the most probable roles within the limits of MOST

Both were trained on drawn ads (`data/make/roles`). Knows features; no pixels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.special import expit, softmax

from adcreative.artifacts import load_artifact
from adcreative.encoders.weights import find_weight
from adcreative.lettering.reading.block_features import BLOCK_FEATURES, LINK_FEATURES, Piece, block_rows, find_pairs, link_rows
from adcreative.lettering.reading.trees import BoostedTrees

ROLES = (
    "headline",
    "subline",
    "offer",
    "price",
    "proof",
    "badge",
    "button",
    "brand",
    "product_print",
    "legal",
    "address",
    "tag",
)
KIND, FORMAT = "roles of words", 1
MOST = {"headline": 1, "button": 2}  # maximum blocks of a role in one picture


@dataclass(frozen=True)
class Fitted:
    """Constants of this module, fitted on the working half of real ads (`tests/real`)."""

    least_chance: float = 1e-6  # lower bound of a role's probability before the logarithm
    no_headline: float = 0.15  # odds of a picture without a headline to one whose best block has probability 1/2
    least_headline: float = 0.1  # minimum probability for an uncertain headline, taken if no block is one
    headline_size: float = 1.4  # exponent of a headline's odds in its size relative to the largest: real ones are larger


FITTED = Fitted()


class RoleModels:
    """Groups lines and names roles.

    Args:
        tensors: arrays of both `BoostedTrees`, "link" and "role"; "link.least" [1]: the minimum probability for joining lines;
            "link.penalty" [1]: the penalty of a pair's score per logarithm of the ratio of its lines' heights, since real ads
            combine lines of very different heights in one message less often than drawn ones;
            "role.flatness" [1]: the temperature of the scores, for calibrated probabilities;
            "role.shift" [K]: the offset of the scores, since roles are distributed differently in real ads and drawn ones.
    """

    def __init__(self, tensors: Mapping[str, np.ndarray]) -> None:
        self._link, self._role = (BoostedTrees.from_tensors(tensors, name) for name in ("link", "role"))
        self._least, self._penalty = float(tensors["link.least"][0]), float(tensors["link.penalty"][0])
        self._flatness = float(tensors["role.flatness"][0])
        self._shift = tensors["role.shift"]

    def join(self, pieces: Sequence[Piece], size: tuple[int, int]) -> tuple[list[list[int]], list[float]]:
        """Return groups of lines that form one block, and the certainty of each, for a picture with `size` (height, width)."""
        pairs = find_pairs(pieces)
        if not pairs:
            return [[place] for place in range(len(pieces))], [1.0] * len(pieces)
        chances = self.link_chances(link_rows(pieces, pairs, size))
        groups = cluster(len(pieces), pairs, chances, self._least)
        return groups, wholeness(groups, pairs, chances)

    def link_chances(self, rows: np.ndarray) -> np.ndarray:
        """Return the probability of one block [P] for pairs of lines with LINK_FEATURES [P, F]."""
        chances: np.ndarray = expit(self._link.score(rows)[:, 0] - self._penalty * rows[:, LINK_FEATURES.index("height ratio")])
        return chances

    def role_chances(self, rows: np.ndarray) -> np.ndarray:
        """Return the probability of each of ROLES [B, K] for blocks with BLOCK_FEATURES [B, F]."""
        chances: np.ndarray = softmax((self._role.score(rows) + self._shift) / self._flatness, axis=1)
        return chances

    def chances(self, pieces: Sequence[Piece], size: tuple[int, int]) -> np.ndarray:
        """Return the probability of each of ROLES [B, K] for the blocks of a picture."""
        if not pieces:
            return np.zeros((0, len(ROLES)))
        rows = block_rows(pieces, size)
        return with_one_headline(self.role_chances(rows), rows[:, BLOCK_FEATURES.index("size to largest")])


def with_one_headline(chances: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Return probabilities [B, K] of a picture's blocks, conditioned on one headline or, at some odds, none.

    sizes: of the blocks' letters, relative to the largest [B].
    """
    head = ROLES.index("headline")
    alone = np.clip(chances[:, head], FITTED.least_chance, 1.0 - FITTED.least_chance)
    odds = alone / (1.0 - alone) * sizes**FITTED.headline_size
    together = odds / (odds.sum() + FITTED.no_headline)
    seen = chances * ((1.0 - together) / (1.0 - alone))[:, None]
    seen[:, head] = together
    return seen


def cluster(num: int, pairs: Sequence[tuple[int, int]], chances: np.ndarray, least: float) -> list[list[int]]:
    """Return clusters of `num` lines by average linkage: the clusters with the highest mean probability are joined first.

    least: the minimum mean probability for joining.
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
    """Return the certainty of each cluster, 0..1: its lines belong together, and no neighbour belongs to it."""
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
    """Return the index of each block's role from probabilities [B, K]: the most probable assignment within MOST."""
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
        WeightsError: the weights are not on this machine. ArtifactError: the weights are damaged.
    """
    return RoleModels(load_artifact(find_weight("roles"), kind=KIND, formats=(FORMAT,)).tensors)
