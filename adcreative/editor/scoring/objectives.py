"""Scores inside the search: a batch of genomes in, one score each out, against the unedited creative.

Features of the edited picture come from its first-order surrogate (`first_order.py`), features of the words from tables made
before the search (`space/lines.py`), so that a candidate costs one row of a predictor's batch. The unedited candidate is the
original exactly. No torch here. Shapes: P population, F faces, A all faces, K directions, L adjustments, C code width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from adcreative.creative import Creative
from adcreative.editor.models import pool_opinions, predict_uplift
from adcreative.editor.scoring.first_order import FirstOrderSurrogate
from adcreative.editor.settings import EditorConfig
from adcreative.editor.space.genome import CHOICE_SIZES, CandidateScore, GeneSpace, Individual
from adcreative.editor.space.lines import Lines

if TYPE_CHECKING:
    from adcreative.ctr.click_model import ClickModel
    from adcreative.features.batch import CreativeFeatures

LIKENESS_DECIMALS = 6  # of identity and realism; finer differences are rounding noise


class CandidateScorer:
    """Score genomes of one creative; the scoring function of `search_edits`.

    Args:
        features: of the unedited creative. lines: indexed by the line and button genes. predictors: models whose predictions
            are pooled (`pool_opinions`). surrogate: None when the picture cannot change. config: the required certainty of a
            gain, and the floors of identity and realism below which an edit is not allowed.
    """

    def __init__(
        self,
        creative: Creative,
        features: CreativeFeatures,
        *,
        space: GeneSpace,
        lines: Lines,
        predictors: Sequence[ClickModel],
        surrogate: FirstOrderSurrogate | None = None,
        config: EditorConfig,
    ) -> None:
        self.creative, self.features, self.space, self.lines = creative, features, space, lines
        self._predictors, self._surrogate = tuple(predictors), surrogate
        self._config = config

    def __call__(self, genomes: list[Individual]) -> list[CandidateScore]:
        """Return one score per genome, in order, from the picture's surrogate."""
        choices = self.space.choices(genomes)  # [P, 4]
        seen = [self.features] * len(genomes)
        if self._surrogate is not None:
            strengths, adjustments = self.space.strengths(genomes), self.space.adjustments(genomes)  # [P, F, K], [P, L]
            seen = self._surrogate.apply(self.features, strengths, adjustments, choices[:, 3])
        return self.score_seen(genomes, seen)

    def score_seen(
        self, genomes: list[Individual], seen: Sequence[CreativeFeatures], realism: np.ndarray | None = None
    ) -> list[CandidateScore]:
        """Return one score per genome, in order. seen: features of each picture; features of words come from the table.

        Args:
            realism: [P], measured on renders; None: estimated by the surrogate.
        """
        decoded, choices = self.space.decode(genomes), self.space.choices(genomes)  # [P, S], [P, 4]
        strengths, adjustments = self.space.strengths(genomes), self.space.adjustments(genomes)
        realism = self._realism(genomes) if realism is None else realism
        realism = as_likeness(realism, is_changed=np.asarray(strengths.any(axis=(1, 2))))
        identity = as_likeness(self._identity(seen), is_changed=np.asarray(decoded.any(axis=1) | (choices[:, 3] > 0)))
        creatives = [self.creative] + [self.lines.apply(self.creative, int(h), int(d), int(b)) for h, d, b, _ in choices]
        features = [self._with_words(one, int(h), int(d)) for one, (h, d, _, _) in zip(seen, choices, strict=True)]
        opinions = [predict_uplift(one, creatives, [self.features, *features]) for one in self._predictors]
        mean, std = pool_opinions(*(np.stack(part) for part in zip(*opinions, strict=True)))
        is_edited = np.asarray(np.hstack([decoded != 0.0, choices != 0]).any(axis=1))  # [P]
        sizes = measure_size(strengths, adjustments, choices)
        scores = [
            self._score(float(mean[i]), float(std[i]), float(identity[i]), float(realism[i]), size=float(sizes[i]))
            if is_edited[i]
            else CandidateScore(uplift_mean=0.0, uplift_std=0.0, uplift_low=0.0, identity=1.0, size=0.0)
            for i in range(len(genomes))
        ]
        is_fit = [self.lines.is_fit(int(h), int(d)) for h, d, _, _ in choices]
        return [one if fit else replace(one, violation=one.violation + 1.0) for one, fit in zip(scores, is_fit, strict=True)]

    def _score(self, mean: float, std: float, identity: float, realism: float, *, size: float) -> CandidateScore:
        is_usable = np.isfinite([mean, std]).all()
        lacking = max(0.0, self._config.identity_floor - identity) + max(0.0, self._config.realism_floor - realism)
        return CandidateScore(
            uplift_mean=mean if is_usable else 0.0,
            uplift_std=std if is_usable else 0.0,
            uplift_low=mean - self._config.risk_aversion * std if is_usable else 0.0,
            identity=identity,
            size=size,
            realism=realism,
            violation=lacking if is_usable else 2.0,
        )

    def _identity(self, seen: Sequence[CreativeFeatures]) -> np.ndarray:
        """Return [P]: cosine of the least recognisable face's code to the original's; 1 without faces."""
        before = self.features.face_codes
        rows = np.flatnonzero(np.isfinite(before).all(axis=1))
        if self._surrogate is None or not len(rows):
            return np.ones(len(seen))
        codes = np.stack([one.face_codes[rows] for one in seen])  # [P, A, C]
        return cosine_similarity(codes, before[None, rows]).min(axis=1)

    def _realism(self, genomes: list[Individual]) -> np.ndarray:
        """Return [P], from the surrogate; 1 where no face is edited."""
        if self._surrogate is None or self._surrogate.faces is None:
            return np.ones(len(genomes))
        return self._surrogate.faces.realism(self.space.strengths(genomes))

    def _with_words(self, seen: CreativeFeatures, headline_idx: int, description_idx: int) -> CreativeFeatures:
        headline = self.lines.headline_features[headline_idx] if headline_idx else None
        body = self.lines.description_features[description_idx] if description_idx else None
        for words, part in ((headline, "headline"), (body, "body")):
            seen = seen if words is None else seen.with_words_of(words, (part,))
        return seen


def as_likeness(values: np.ndarray, *, is_changed: np.ndarray) -> np.ndarray:
    """Return identity or realism [P] without rounding noise: exactly 1 where the picture is unchanged, else six decimals.

    The last bits differ from process to process (BLAS sums in an order that depends on where an array lies in memory). Left in,
    they would decide which of two otherwise equal edits dominates, and the same seed would find different edits.
    """
    return np.where(is_changed, np.round(values, LIKENESS_DECIMALS), 1.0)


def measure_size(strengths: np.ndarray, adjustments: np.ndarray, choices: np.ndarray) -> np.ndarray:
    """Return the size of edits [P]: Euclidean norms of each face's strengths and of the adjustments, plus CHOICE_SIZES.

    Args:
        strengths [P, F, K], adjustments [P, L]. choices [P, 4]: indices, 0 for the creative's own.
    """
    of_faces = np.sqrt((strengths**2).sum(axis=2)).sum(axis=1)
    return of_faces + np.sqrt((adjustments**2).sum(axis=1)) + (choices > 0) @ np.array(CHOICE_SIZES)


def cosine_similarity(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the cosine between vectors along the last axis; 0 where one of the vectors is zero."""
    product = (first * second).sum(axis=-1)
    norms = np.linalg.norm(first, axis=-1) * np.linalg.norm(second, axis=-1)
    return np.divide(product, norms, out=np.zeros_like(product), where=norms > 0)
