"""Mutual information of a column and clicks, corrected for the number of values. Does not import torch.

    MI = sum_{v,c} p(v,c) ln( p(v,c) / p(v) p(c) )          natural log; grows with the number of values, also for noise
    score = MI - mean of MI over draws in which column and click are independent

The draws keep both margins: with one row per impression, clicks are dealt to values without replacement, which is equivalent to
shuffling all rows, but needs counts only, so that rows may be streamed in any order. If a row stands for many impressions (an
ad), whole rows are shuffled, since the impressions of an ad are correlated.

OutRank's published score shifts rows instead: H(F shifted | L) - H(F | L), a class by its number of rows.
On rows sorted by class this score is exactly 0 for every column; it is included for comparison.
Source:
    Skrlj & Mramor, OutRank, RecSys 2023, for the idea and the shift. The null distribution by margins is ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy import sparse

NUM_DRAWS = 20
MAX_DRAWN = 400_000  # random numbers per column; columns with many values need few null draws
SHIFT_ROWS = 2**14
SURE = 3.0  # standard deviations of the draws by which a pair's gain must exceed chance
MAX_PAIR_ROWS = 200_000


@dataclass(frozen=True)
class Score:
    """information: as counted. null, deviation: mean and standard deviation of the draws. value = information - null."""

    information: float
    null: float
    deviation: float

    @property
    def value(self) -> float:
        return self.information - self.null


def information_of_counts(totals: np.ndarray, clicks: np.ndarray) -> float:
    """Return the mutual information of a column and clicks, in nats.

    Args:
        totals, clicks: [V] of each value; clicks <= totals.
    """
    return float(_information(totals[None].astype(np.float64), clicks[None].astype(np.float64))[0])


def _information(totals: np.ndarray, clicks: np.ndarray) -> np.ndarray:
    """Return [D] the mutual information for [D, V] totals and clicks."""
    number = totals.sum(axis=1, keepdims=True)
    rate = clicks.sum(axis=1, keepdims=True) / np.maximum(number, 1)
    entropy = _entropy(rate)[:, 0]
    of_values = _entropy(np.divide(clicks, totals, out=np.zeros_like(clicks), where=totals > 0))
    found: np.ndarray = entropy - (totals * of_values).sum(axis=1) / np.maximum(number[:, 0], 1)
    return found


def _entropy(rate: np.ndarray) -> np.ndarray:
    """Return the entropy of a click at each rate, in nats; 0 at rates 0 and 1."""
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
    """Score a column whose rows each stand for many impressions; whole rows are shuffled.

    Args:
        codes: value of each row [N], from 0. totals, clicks: of each row [N].
    """
    size = int(codes.max(initial=0)) + 1

    def count(of_codes: np.ndarray) -> float:
        return information_of_counts(np.bincount(of_codes, totals, size), np.bincount(of_codes, clicks, size))

    null = [count(rng.permutation(codes)) for _ in range(NUM_DRAWS)]
    return Score(count(codes), float(np.mean(null)), float(np.std(null, ddof=1)))


def shift_score(codes: np.ndarray, labels: np.ndarray) -> float:
    """Return OutRank's published score of a column: rows in the given order, one batch.

    Args:
        codes, labels: [N] int64, from 0. A label with only one row is left out.
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
    """Return the median of `shift_score` over batches of rows, as published; a short last batch has full weight."""
    starts = range(0, len(codes), SHIFT_ROWS)
    return float(np.median([shift_score(codes[at : at + SHIFT_ROWS], labels[at : at + SHIFT_ROWS]) for at in starts]))


def _entropy_of(codes: np.ndarray) -> float:
    shares = np.bincount(codes) / max(len(codes), 1)
    shares = shares[shares > 0]
    return float(-(shares * np.log(shares)).sum())


def pair_information(one: np.ndarray, two: np.ndarray) -> float:
    """Return the mutual information of two columns of codes [N], in nats, less the expected information by chance.

    The correction is Miller's: (V_1 - 1)(V_2 - 1) / 2N, with the occurring values; at least 0.
    """
    first, a = np.unique(one, return_inverse=True)
    second, b = np.unique(two, return_inverse=True)
    joint = _entropy_of(np.unique(a * len(second) + b, return_inverse=True)[1])
    chance = (len(first) - 1) * (len(second) - 1) / (2 * max(len(one), 1))
    return max(_entropy_of(a) + _entropy_of(b) - joint - chance, 0.0)


def find_noise_pairs(ids: np.ndarray, labels: np.ndarray, *, rng: np.random.Generator) -> list[bool]:
    """Return, for each pair of columns in the order of `itertools.combinations`, whether the pair adds no more than chance.

    A pair's gain is the gain in log-likelihood of one step for each of its values over a logistic model of all single columns
    (score test with a ridge of 1). A gain counts if it is SURE standard deviations above the gains of the same values assigned
    to other rows.

    Args:
        ids: codes [N, F]. labels: clicks [N], 0 or 1. Above MAX_PAIR_ROWS rows, a random sample is used.
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
    """Return columns in the order of the greedy 3MR: relevance - median redundancy + median joint relation to the selected.

    Args:
        relevance: score of each column [F]. redundancy [F, F]: mutual information of two columns. joint [F, F]: the pair's
            information about the click beyond the better column.
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
