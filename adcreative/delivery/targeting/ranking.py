"""Rank labels for creatives by several methods, and use the method that is best on held-out creatives.

    popular     the most frequent labels
    words       cosine of hashed n-grams between a creative's words and the label's
    neighbours  labels of creatives with similar words, by cosine

A further method is used only if it beats these baselines. Without known pairs only "words" is possible. Word n-grams (1 and 2)
and character n-grams (3 to 5) of any language are hashed into 2^16 columns, rows scaled to length 1. Does not import torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix, hstack
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.preprocessing import normalize

from adcreative.metrics.ranking import inverse_propensities, precision_at, propensity_scored_precision

MIN_POINTS = 40  # creatives with known labels, for training and evaluation
NUM_NEIGHBOURS = 10
HELD_OUT_PART = 5
ROWS = 256
MIN_GAIN = 0.005  # by which a further method must beat the best baseline


@dataclass(frozen=True, kw_only=True)
class Task:
    """Creatives and candidate labels: words as n-grams, points [N, V] and labels [L, V]; known pairs, truth [N, L]."""

    points: csr_matrix
    labels: csr_matrix
    truth: csr_matrix

    @property
    def known(self) -> np.ndarray:
        """Rows of creatives with a label."""
        return np.flatnonzero(np.diff(self.truth.indptr) > 0)


# of a task, rows of queries, rows of training creatives, and k -> numbers [n, k] and scores [n, k] of labels
Method = Callable[[Task, np.ndarray, np.ndarray, int], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """Numbers [N, k] and scores [N, k] of labels for every creative; method -> P@1, P@3, PSP@1, PSP@3 on held-out creatives."""

    numbers: np.ndarray
    scores: np.ndarray
    method: str
    figures: dict[str, dict[str, float]]
    num_held_out: int


def rank_labels(task: Task, *, num: int, seed: int, also: Mapping[str, Method] | None = None) -> Ranking:
    """Rank the labels for every creative by the method that is best on held-out creatives.

    Args:
        num: labels per creative. also: further methods by name.
    """
    num, num_labels = min(num, task.labels.shape[0]), task.labels.shape[0]
    everybody, known = np.arange(task.points.shape[0]), task.known
    if len(known) < MIN_POINTS:
        numbers, scores = _by_words(task, everybody, known, num)
        return Ranking(numbers=numbers, scores=scores, method="words", figures={}, num_held_out=0)
    order = np.random.default_rng(seed).permutation(known)
    held, learn = order[::HELD_OUT_PART], np.setdiff1d(order, order[::HELD_OUT_PART])
    weights = inverse_propensities(np.asarray(task.truth[learn].sum(axis=0)).ravel(), len(learn))
    methods = {**FLOORS, **(also or {})}
    figures = {
        name: _measure(method(task, held, learn, min(max(num, 3), num_labels))[0], task.truth[held], weights)
        for name, method in methods.items()
    }
    merits = {name: _merit(found) - (0 if name in FLOORS else MIN_GAIN) for name, found in figures.items()}
    best = max(merits, key=lambda name: merits[name])
    numbers, scores = methods[best](task, everybody, known, num)
    return Ranking(numbers=numbers, scores=scores, method=best, figures=figures, num_held_out=len(held))


def _measure(found: np.ndarray, truth: csr_matrix, weights: np.ndarray) -> dict[str, float]:
    figures = {}
    for k in (1, min(3, found.shape[1])):
        figures[f"P@{k}"] = precision_at(found, truth, k)
        figures[f"PSP@{k}"] = propensity_scored_precision(found, truth, weights, k)
    return figures


def _merit(figures: dict[str, float]) -> float:
    """Return the mean of all metrics: head and tail labels have equal weight."""
    return float(np.mean(list(figures.values())))


def _by_popularity(task: Task, asked: np.ndarray, learn: np.ndarray, num: int) -> tuple[np.ndarray, np.ndarray]:
    counts = np.asarray(task.truth[learn].sum(axis=0)).ravel()
    first = np.argsort(-counts, kind="stable")[:num]
    return np.tile(first, (len(asked), 1)), np.tile(counts[first] / max(len(learn), 1), (len(asked), 1))


def _by_words(task: Task, asked: np.ndarray, learn: np.ndarray, num: int) -> tuple[np.ndarray, np.ndarray]:
    labels = weigh_grams(task.labels, task.labels)
    return _top(weigh_grams(task.points[asked], task.labels), labels.T.tocsr(), num)


def _by_neighbours(task: Task, asked: np.ndarray, learn: np.ndarray, num: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the labels of the nearest creatives, weighted by cosine; a creative may be its own neighbour."""
    known = task.points[learn]
    others = weigh_grams(known, known)
    near, cosine = _top(weigh_grams(task.points[asked], known), others.T.tocsr(), min(NUM_NEIGHBOURS, len(learn)))
    rows = np.repeat(np.arange(len(near)), near.shape[1])
    weights = csr_matrix((cosine.ravel(), (rows, near.ravel())), shape=(len(near), len(learn)))
    return _top(weights, task.truth[learn], num)


def _top(left: csr_matrix, right: csr_matrix, num: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the columns of the largest cells of left @ right, row by row, and the cell values."""
    numbers, scores = [], []
    for start in range(0, left.shape[0], ROWS):
        block = (left[start : start + ROWS] @ right).toarray()
        first = np.argpartition(-block, num - 1, axis=1)[:, :num]
        values = np.take_along_axis(block, first, axis=1)
        order = np.argsort(-values, axis=1, kind="stable")
        numbers.append(np.take_along_axis(first, order, axis=1))
        scores.append(np.take_along_axis(values, order, axis=1))
    return np.concatenate(numbers), np.concatenate(scores)


FLOORS: Mapping[str, Method] = {"popular": _by_popularity, "words": _by_words, "neighbours": _by_neighbours}


NUM_GRAMS = 2**16
_WORDS = HashingVectorizer(n_features=NUM_GRAMS // 2, ngram_range=(1, 2), alternate_sign=False, dtype=np.float32)
_PIECES = HashingVectorizer(
    n_features=NUM_GRAMS // 2, analyzer="char_wb", ngram_range=(3, 5), alternate_sign=False, dtype=np.float32
)


def read_grams(texts: Sequence[str]) -> csr_matrix:
    """Return [N, 65536] float32 rows of length 1; an empty text is a row of zeros."""
    texts = list(texts)
    return csr_matrix(normalize(hstack([_WORDS.transform(texts), _PIECES.transform(texts)], format="csr")))


def weigh_grams(grams: csr_matrix, reference: csr_matrix) -> csr_matrix:
    """Return TF-IDF rows, with document frequencies from the rows of `reference`, scaled to length 1."""
    seen = np.asarray((reference > 0).sum(axis=0)).ravel()
    weights = np.log((1 + reference.shape[0]) / (1 + seen)) + 1
    return csr_matrix(normalize(grams.multiply(weights[None, :]).tocsr()))
