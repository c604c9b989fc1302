"""Ranks labels for creatives in four ways, and takes the one that does best on creatives that were left out.

    popular     the labels that most creatives have
    words       cosine of TF-IDF between a creative's words and the label's
    neighbours  labels of creatives with like words, by cosine
    encoder     the trained encoder with tuned labels (`network`)

Floors first: where a floor is as good, it is what is used. Without known pairs only "words" can be.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

from adcreative.delivery.targeting.features import weigh_grams
from adcreative.delivery.targeting.index import LabelIndex
from adcreative.delivery.targeting.network import Inputs, TargetEncoder, TargetingConfig, train_encoder, tune_labels
from adcreative.metrics.labels import inverse_propensities, precision_at, propensity_scored_precision
from adcreative.progress import Count, ShouldStop, never, uncounted

METHODS = ("popular", "words", "neighbours", "encoder")
MIN_POINTS = 40  # creatives with known labels, to train and measure
NUM_NEIGHBOURS = 10
HELD_OUT_PART = 5
ROWS = 256
MIN_GAIN = 0.005  # by which the encoder must beat the best floor
SEARCH_DEPTH = 50


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """Numbers [N, k] and scores [N, k] of labels for every creative; figures: method -> P@1, P@3, PSP@1, PSP@3 on left-out
    ones.

    index, encoder: of the trained encoder, None where another method was taken.
    """

    numbers: np.ndarray
    scores: np.ndarray
    method: str
    figures: dict[str, dict[str, float]]
    num_held_out: int
    index: LabelIndex | None = None
    encoder: TargetEncoder | None = None


def rank_labels(
    points: Inputs, labels: Inputs, names: list[str], truth: csr_matrix, *, num: int, seed: int,
    progress: Count = uncounted,
    should_stop: ShouldStop = never,
) -> Ranking:  # fmt: skip
    """Rank the labels for every creative by the method that is best on left-out creatives.

    Args:
        truth: [N, L] known pairs; creatives without any are ranked all the same. num: labels a creative.
    """
    config = TargetingConfig()
    num = min(num, len(names))
    known = np.flatnonzero(np.diff(truth.indptr) > 0)
    if len(known) < MIN_POINTS:
        numbers, scores = _by_words(points, labels, num)
        return Ranking(numbers=numbers, scores=scores, method="words", figures={}, num_held_out=0)
    order = np.random.default_rng(seed).permutation(known)
    held, learn = order[::HELD_OUT_PART], np.setdiff1d(order, order[::HELD_OUT_PART])
    weights = inverse_propensities(np.asarray(truth[learn].sum(axis=0)).ravel(), len(learn))
    asked, depth = points.take(held), min(max(num, 3), len(names))
    model = _train(points.take(learn), labels, names, truth[learn], config, seed, progress, should_stop)
    lists = {
        "popular": _by_popularity(truth[learn], len(held), depth)[0],
        "words": _by_words(asked, labels, depth)[0],
        "neighbours": _by_neighbours(asked, points.take(learn), truth[learn], depth)[0],
        "encoder": model[1].search(model[0].encode(asked), depth)[0],
    }
    figures = {name: _measure(found, truth[held], weights) for name, found in lists.items()}
    floors = {name: _merit(figures[name]) for name in METHODS[:3]}
    best = max(floors, key=lambda name: floors[name])
    method = "encoder" if _merit(figures["encoder"]) > floors[best] + MIN_GAIN else best
    index = encoder = None
    if method == "encoder":
        encoder, index = _train(points.take(known), labels, names, truth[known], config, seed, progress, should_stop)
        numbers, scores = index.search(encoder.encode(points), num)
    elif method == "words":
        numbers, scores = _by_words(points, labels, num)
    elif method == "neighbours":
        numbers, scores = _by_neighbours(points, points.take(known), truth[known], num)
    else:
        numbers, scores = _by_popularity(truth[known], len(points), num)
    return Ranking(numbers=numbers, scores=scores, method=method, figures=figures, num_held_out=len(held), index=index,
                   encoder=encoder)  # fmt: skip


def _train(
    points: Inputs, labels: Inputs, names: list[str], truth: csr_matrix, config: TargetingConfig, seed: int,
    progress: Count, should_stop: ShouldStop,
) -> tuple[TargetEncoder, LabelIndex]:  # fmt: skip
    encoder = train_encoder(points, labels, truth, config, seed=seed, progress=progress, should_stop=should_stop)
    encoded = encoder.encode(labels)
    tuned = tune_labels(encoder.encode(points), encoded, truth, config, seed=seed, should_stop=should_stop)
    return encoder, LabelIndex(names, encoded, tuned)


def _measure(found: np.ndarray, truth: csr_matrix, weights: np.ndarray) -> dict[str, float]:
    figures = {}
    for k in (1, min(3, found.shape[1])):
        figures[f"P@{k}"] = precision_at(found, truth, k)
        figures[f"PSP@{k}"] = propensity_scored_precision(found, truth, weights, k)
    return figures


def _merit(figures: dict[str, float]) -> float:
    """Return the mean of all figures: heads and tails count alike."""
    return float(np.mean(list(figures.values())))


def _by_popularity(truth: csr_matrix, num_rows: int, num: int) -> tuple[np.ndarray, np.ndarray]:
    counts = np.asarray(truth.sum(axis=0)).ravel()
    first = np.argsort(-counts, kind="stable")[:num]
    return np.tile(first, (num_rows, 1)), np.tile(counts[first] / max(truth.shape[0], 1), (num_rows, 1))


def _by_words(points: Inputs, labels: Inputs, num: int) -> tuple[np.ndarray, np.ndarray]:
    return _top(weigh_grams(points.grams, labels.grams), weigh_grams(labels.grams, labels.grams).T.tocsr(), num)


def _by_neighbours(points: Inputs, known: Inputs, truth: csr_matrix, num: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the labels of the nearest creatives, weighed by cosine; a creative that is its own neighbour counts."""
    asked, others = weigh_grams(points.grams, known.grams), weigh_grams(known.grams, known.grams)
    near, cosine = _top(asked, others.T.tocsr(), min(NUM_NEIGHBOURS, others.shape[0]))
    rows = np.repeat(np.arange(len(near)), near.shape[1])
    weights = csr_matrix((cosine.ravel(), (rows, near.ravel())), shape=(len(near), others.shape[0]))
    return _top(weights, truth, num)


def _top(left: csr_matrix, right: csr_matrix, num: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the columns of the largest cells of left @ right, row by row, and the cells."""
    numbers, scores = [], []
    for start in range(0, left.shape[0], ROWS):
        block = (left[start : start + ROWS] @ right).toarray()
        first = np.argpartition(-block, num - 1, axis=1)[:, :num]
        values = np.take_along_axis(block, first, axis=1)
        order = np.argsort(-values, axis=1, kind="stable")
        numbers.append(np.take_along_axis(first, order, axis=1))
        scores.append(np.take_along_axis(values, order, axis=1))
    return np.concatenate(numbers), np.concatenate(scores)
