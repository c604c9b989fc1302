"""How much a column says about a click, corrected for how many values it has. No torch.

    MI = sum_{v,c} p(v,c) ln( p(v,c) / p(v) p(c) )          natural log; grows with the number of values, also for noise
    score = MI - mean of MI over draws in which column and click have nothing to do with each other

The draws keep both margins: with one row an impression, clicks are dealt to values without replacement, which is what shuffling
all rows does, but needs counts only, so that rows may be streamed in any order. Where a row stands for many impressions (an
ad), rows are shuffled as wholes, since the impressions of an ad share its luck.

The score that OutRank publishes shifts rows instead: H(F shifted | L) - H(F | L), a class by as many rows as it has.
On rows that are sorted by class it is exactly 0 for every column; it is here to compare with.
Source:
    Skrlj & Mramor, OutRank, RecSys 2023, for the idea and the shift. The null by margins is ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy import sparse

NUM_DRAWS = 20
MAX_DRAWN = 400_000  # numbers drawn for a column; those of many values have null draws enough in few
SHIFT_ROWS = 2**14
SURE = 3.0  # deviations of the draws by which a pair must gain more than by chance
MAX_PAIR_ROWS = 200_000


@dataclass(frozen=True)
class Score:
    """information: as counted. null: mean over draws. deviation: of the draws. value = information - null."""

    information: float
    null: float
    deviation: float

    @property
    def value(self) -> float:
        return self.information - self.null


def information_of_counts(totals: np.ndarray, clicks: np.ndarray) -> float:
    """Return the mutual information of a column and clicks, in nats.

    Args:
        totals, clicks: of each value, [V]; clicks <= totals.
    """
    return float(_information(totals[None].astype(np.float64), clicks[None].astype(np.float64))[0])


def _information(totals: np.ndarray, clicks: np.ndarray) -> np.ndarray:
    """Return [D] for [D, V] each."""
    number = totals.sum(axis=1, keepdims=True)
    rate = clicks.sum(axis=1, keepdims=True) / np.maximum(number, 1)
    entropy = _entropy(rate)[:, 0]
    of_values = _entropy(np.divide(clicks, totals, out=np.zeros_like(clicks), where=totals > 0))
    found: np.ndarray = entropy - (totals * of_values).sum(axis=1) / np.maximum(number[:, 0], 1)
    return found


def _entropy(rate: np.ndarray) -> np.ndarray:
    """Return the entropy of a click at each rate, in nats; 0 at 0 and 1."""
    inside = (rate > 0) & (rate < 1)
    safe = np.where(inside, rate, 0.5)
    found: np.ndarray = np.where(inside, -safe * np.log(safe) - (1 - safe) * np.log1p(-safe), 0.0)
    return found


def score_by_margins(totals: np.ndarray, clicks: np.ndarray, *, rng: np.random.Generator, num_draws: int = NUM_DRAWS) -> Score:
    """Score a column from the impressions and clicks of its values, [V] int64 each."""
    is_seen = totals > 0
    totals, clicks = totals[is_seen].astype(np.int64), clicks[is_seen].astype(np.int64)
    information = information_of_counts(totals, clicks)
    if len(totals) < 2:
        return Score(information, 0.0, 0.0)
    num_draws = int(np.clip(MAX_DRAWN // len(totals), min(4, num_draws), num_draws))
    drawn = rng.multivariate_hypergeometric(totals, int(clicks.sum()), size=num_draws, method="marginals")
    null = _information(np.broadcast_to(totals, drawn.shape).astype(np.float64), drawn.astype(np.float64))
    return Score(information, float(null.mean()), float(null.std(ddof=1)))


def score_by_rows(codes: np.ndarray, totals: np.ndarray, clicks: np.ndarray, *, rng: np.random.Generator) -> Score:
    """Score a column whose rows each stand for many impressions; rows are shuffled as wholes.

    Args:
        codes: value of each row [N], from 0. totals, clicks: of each row [N].
    """
    size = int(codes.max(initial=0)) + 1

    def count(of_codes: np.ndarray) -> float:
        return information_of_counts(np.bincount(of_codes, totals, size), np.bincount(of_codes, clicks, size))

    null = [count(rng.permutation(codes)) for _ in range(NUM_DRAWS)]
    return Score(count(codes), float(np.mean(null)), float(np.std(null, ddof=1)))


def shift_score(codes: np.ndarray, labels: np.ndarray) -> float:
    """Return OutRank's published score of a column: rows in the order given, one batch.

    Args:
        codes, labels: [N] int64, from 0. A label with one row is left out.
    """
    total, number = 0.0, len(codes)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        if len(rows) < 2:
            continue
        shifted = codes[(rows + len(rows)) % number]
        total += len(rows) / number * (_entropy_of(shifted) - _entropy_of(codes[rows]))
    return float(total)


def shift_score_in_batches(codes: np.ndarray, labels: np.ndarray) -> float:
    """Return the median of `shift_score` over batches of rows, as published; a short last batch counts like the others."""
    starts = range(0, len(codes), SHIFT_ROWS)
    return float(np.median([shift_score(codes[at : at + SHIFT_ROWS], labels[at : at + SHIFT_ROWS]) for at in starts]))


def _entropy_of(codes: np.ndarray) -> float:
    shares = np.bincount(codes) / max(len(codes), 1)
    shares = shares[shares > 0]
    return float(-(shares * np.log(shares)).sum())


def pair_information(one: np.ndarray, two: np.ndarray) -> float:
    """Return the mutual information of two columns of codes [N], in nats, less what as many values share by chance.

    The correction is Miller's: (V_1 - 1)(V_2 - 1) / 2N, of the values that are there; at least 0.
    """
    first, a = np.unique(one, return_inverse=True)
    second, b = np.unique(two, return_inverse=True)
    joint = _entropy_of(np.unique(a * len(second) + b, return_inverse=True)[1])
    chance = (len(first) - 1) * (len(second) - 1) / (2 * max(len(one), 1))
    return max(_entropy_of(a) + _entropy_of(b) - joint - chance, 0.0)


def find_noise_pairs(ids: np.ndarray, labels: np.ndarray, *, rng: np.random.Generator) -> list[bool]:
    """Return, for each pair of columns as `itertools.combinations` lists them, whether its values say no more than by chance.

    A pair's gain is the log-likelihood that a step for each of its values wins over a logistic model of all columns by
    themselves (score test with a ridge of 1). It counts where it is SURE deviations above the gains of the same values dealt
    to other rows.

    Args:
        ids: codes [N, F]. labels: clicks [N], 0 or 1. Of more than MAX_PAIR_ROWS rows so many are drawn.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import OneHotEncoder

    rows = rng.permutation(len(ids))[:MAX_PAIR_ROWS]
    ids, clicked = ids[rows], labels[rows] > 0
    if clicked.all() or not clicked.any():
        return [True] * (ids.shape[1] * (ids.shape[1] - 1) // 2)
    single: sparse.csr_matrix = OneHotEncoder().fit_transform(ids)
    rate = LogisticRegression(max_iter=300).fit(single, clicked).predict_proba(single)[:, 1]
    missed = np.stack([clicked - rate, rate * (1 - rate)])
    orders = [np.arange(len(ids)), *(rng.permutation(len(ids)) for _ in range(NUM_DRAWS))]
    found = []
    for a, b in combinations(range(ids.shape[1]), 2):
        values = np.unique(ids[:, a].astype(np.int64) * (ids[:, b].max() + 1) + ids[:, b], return_inverse=True)[1]
        sums = [[np.bincount(values, one[order]) for one in missed] for order in orders]
        gains = np.array([float((residual**2 / (variance + 1)).sum()) / 2 for residual, variance in sums])
        found.append(bool(gains[0] <= gains[1:].mean() + SURE * gains[1:].std(ddof=1)))
    return found


def order_without_redundancy(relevance: Sequence[float], redundancy: np.ndarray, joint: np.ndarray) -> list[int]:
    """Return columns in the order of the greedy 3MR: relevance - median redundancy + median joint relation with those chosen.

    Args:
        relevance: score of each column [F]. redundancy [F, F]: information of two columns about each other. joint [F, F]: what
            the pair says about the click beyond the better of the two.
    """
    left, chosen = list(range(len(relevance))), list[int]()
    while left:
        gains = [
            relevance[one]
            - (float(np.median(redundancy[one, chosen])) if chosen else 0.0)
            + (float(np.median(joint[one, chosen])) if chosen else 0.0)
            for one in left
        ]
        best = left[int(np.argmax(gains))]
        chosen.append(best)
        left.remove(best)
    return chosen
