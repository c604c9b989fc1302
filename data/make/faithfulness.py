"""Faithfulness of the reasons given for rates: deletion of the top-ranked parts is compared with deletion of random parts.

    a case = (creative, random set of as many words or cells);   won when the top-ranked set moves the log-odds more

A fifth of a headline's words, or a tenth of a picture's cells, are deleted at once, so that the comparison differs from the
leave-one-out weights themselves. Intervals (95 %) resample whole creatives. Loads no torch until it is called.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from adcreative.creative import Creative
from adcreative.errors import CreativeError
from adcreative.metrics.bootstrap import draw_group_counts, percentile_interval
from adcreative.progress import Count, uncounted

if TYPE_CHECKING:
    from adcreative.ctr.predictor import Predictor
    from adcreative.features.batch import CreativeFeatures
    from adcreative.features.extraction import FeatureExtractor

WORDS_DELETED, CELLS_DELETED = 0.2, 0.1
MIN_WORDS = 4
NUM_DRAWS = 10
NUM_BOOTSTRAP = 2000
PROMISED = 0.8
LEAVE_ONE_OUT, GRADIENTS, OCCLUSION = "words, leave-one-out", "words, integrated gradients", "picture, occlusion"


def judge_words(
    creatives: Sequence[Creative], extractor: FeatureExtractor, predictor: Predictor, *, seed: int, progress: Count = uncounted
) -> dict[str, dict[str, float]]:
    """Return method -> figures of `summarise_wins`, for the headlines of creatives with at least MIN_WORDS words.

    Deleted words are removed completely: the shorter headline is encoded again by every encoder.
    """
    from adcreative.explain.perturbation import read_words, remove_words, weigh_words
    from adcreative.explain.word_gradients import has_gradients, integrate_words

    rng = np.random.default_rng(seed)
    score = partial(_score, predictor)
    wins: dict[str, list[float]] = {LEAVE_ONE_OUT: []}
    for number, creative in enumerate(creatives, start=1):
        (features,) = extractor.extract([creative])
        if isinstance(features, CreativeError) or len(creative.headline.split()) < MIN_WORDS:
            continue
        read: CreativeFeatures = features
        found = {LEAVE_ONE_OUT: weigh_words(creative, read, extractor.extract, score, ("headline",))}
        if has_gradients(extractor):
            alone = replace(creative, primary_text="", description="")  # the body stays in `read`
            found[GRADIENTS] = integrate_words(alone, read, predictor, extractor)

        def drops(sets: Sequence[Sequence[int]], creative: Creative = creative, read: CreativeFeatures = read) -> np.ndarray:
            shorter = [remove_words(creative, [("headline", place) for place in places]) for places in sets]
            log_odds = score([creative, *shorter], [read, *read_words(shorter, read, extractor.extract)])
            return log_odds[0] - log_odds[1:]

        num_words = len(found[LEAVE_ONE_OUT])
        weights = [[word.log_odds for word in words] for words in found.values()]
        num_deleted = max(1, round(WORDS_DELETED * num_words))
        shares = deletion_wins(weights, drops, num_deleted=num_deleted, num_draws=NUM_DRAWS, rng=rng)
        for name, share in zip(found, shares, strict=True):
            wins.setdefault(name, []).append(share)
        progress(number, len(creatives))
    return {name: summarise_wins(shares, rng=rng) for name, shares in wins.items()}


def judge_heat(
    creatives: Sequence[Creative], extractor: FeatureExtractor, predictor: Predictor, *, seed: int, progress: Count = uncounted
) -> dict[str, dict[str, float]]:
    """Return the figures of `summarise_wins` for the heat maps of creatives with a readable picture."""
    from adcreative.catalog.images import picture
    from adcreative.explain.perturbation import find_things, map_heat, occlusion_drops, shrink_picture

    rng = np.random.default_rng(seed)
    score = partial(_score, predictor)
    wins: list[float] = []
    for number, creative in enumerate(creatives, start=1):
        image_u8 = picture(creative)
        if image_u8 is None:
            continue
        small = shrink_picture(image_u8)
        extract = extractor.for_versions(small, only_covered=True).extract
        heat = map_heat(creative, small, extract, score, find_things(small, extractor.analyzer)).cells
        cells = list(np.ndindex(*heat.shape))

        covered = partial(occlusion_drops, creative, small, extract=extract, score=score)

        def drops(
            sets: Sequence[Sequence[int]],
            covered: Callable[..., np.ndarray] = covered,
            cells: Sequence[tuple[int, ...]] = cells,
        ) -> np.ndarray:
            return covered([[cells[place] for place in places] for places in sets])

        num_deleted = max(1, round(CELLS_DELETED * heat.size))
        wins += deletion_wins([heat.ravel().tolist()], drops, num_deleted=num_deleted, num_draws=NUM_DRAWS, rng=rng)
        progress(number, len(creatives))
    return {OCCLUSION: summarise_wins(wins, rng=rng)}


def summarise_wins(shares: Sequence[float], *, rng: np.random.Generator) -> dict[str, float]:
    """Return creatives, cases, share of cases won, and its 95 % interval over creatives (low, high); shares of each [N]."""
    values = np.asarray(shares, float)
    if not len(values):
        return {"creatives": 0, "cases": 0}
    means = draw_group_counts(len(values), NUM_BOOTSTRAP, rng=rng) @ values / len(values)
    low, high = percentile_interval(means, 0.95) or (float("nan"), float("nan"))
    return {
        "creatives": len(values),
        "cases": len(values) * NUM_DRAWS,
        "won": float(values.mean()),
        "low": low,
        "high": high,
    }


def _score(predictor: Predictor, creatives: Sequence[Creative], features: Sequence[Any]) -> np.ndarray:
    return predictor.predict_log_odds(creatives, features)[0]


def top_ranked(weights: Sequence[float], num: int) -> list[int]:
    """Return the `num` top-ranked positions, rising: those that raise the score most or those that lower it most, whichever
    have the larger sum."""
    values = np.asarray(weights)
    order = np.argsort(-values, kind="stable")
    up, down = order[:num], order[len(order) - num :]
    return sorted((up if values[up].sum() >= -values[down].sum() else down).tolist())


def deletion_wins(
    weights: Sequence[Sequence[float]],
    drops: Callable[[Sequence[Sequence[int]]], np.ndarray],
    *,
    num_deleted: int,
    num_draws: int,
    rng: np.random.Generator,
) -> list[float]:
    """Measure faithfulness: how often deleting the top-ranked items changes the score more than deleting random others.

    Args:
        weights: one list per explanation, one weight per item (word or cell); all are compared with the same random sets.
        drops: lists of positions that are deleted together -> log-odds lost, one for each list.
    Returns:
        for each explanation the share (0..1) of `num_draws` random sets of the same size, other than the top one, that change
        the score less, up or down; a tie counts half.
    """
    num_items = len(weights[0])
    top = [top_ranked(one, num_deleted) for one in weights]
    chosen = [sorted(rng.choice(num_items, num_deleted, replace=False).tolist()) for _ in range(num_draws)]
    moved = np.abs(drops([*top, *chosen]))
    shares = []
    for number, positions in enumerate(top):
        others = np.array([moved[len(top) + k] for k, one in enumerate(chosen) if one != positions])
        wins = (moved[number] > others) + 0.5 * (moved[number] == others)
        shares.append(float(wins.mean()) if len(wins) else 0.5)
    return shares
