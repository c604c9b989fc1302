"""What a candidate is worth inside the search: batches of genomes in, scores against the unedited creative out.

Faces, look and scene come from the picture's measured answers (response.py), words from tables made before the search, so
that a candidate costs one row of a predictor's batch. The unedited candidate is the original exactly. Everything it needs is
a Protocol; no torch here. Shapes: P population, F faces, K directions, C code width, A attributes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from adcreative.creative import Creative, Prediction
from adcreative.editor.decision.judge import pool_opinions
from adcreative.editor.scoring.linear_response import Extractor, PictureResponse
from adcreative.editor.space.genome import CHOICE_SIZES, CandidateScore, GeneSpace, Individual
from adcreative.errors import CreativeError

if TYPE_CHECKING:
    from adcreative.features.batch import CreativeFeatures

BUTTON_STD = 0.1  # log-odds that a new button leaves unexplained, assumed: changes.py calibrates words and picture only
SHARED_ERROR = 0.9  # assumed correlation of an ensemble's errors on two versions of one creative, when members are not told


class ClickPredictor(Protocol):
    """A click-rate model (ctr.predictor.Predictor)."""

    @property
    def content_hash(self) -> str: ...

    def predict(self, creatives: Sequence[Creative], features: Sequence[Any]) -> list[Prediction]:
        """Return one Prediction per creative."""

    def predict_log_odds(self, creatives: Sequence[Creative], features: Sequence[Any]) -> tuple[Any, Any]:
        """Return mean [N] and standard deviation [N] of the ensemble's log-odds."""


@dataclass(frozen=True, kw_only=True)
class Lines:
    """Lines and buttons to choose from, the creative's own first, with what the encoders make of the lines.

    The features are those of the words alone; None for an own line that has no words. A button is a category, not a text.
    """

    headlines: tuple[str, ...]
    descriptions: tuple[str, ...]
    headline_features: tuple[CreativeFeatures | None, ...]
    description_features: tuple[CreativeFeatures | None, ...]
    buttons: tuple[str, ...] = ()

    def apply(self, creative: Creative, headline_idx: int, description_idx: int, button_idx: int = 0) -> Creative:
        """Return the creative with these lines and this button."""
        return replace(
            creative, headline=self.headlines[headline_idx], description=self.descriptions[description_idx],
            cta=self.buttons[button_idx] if button_idx else creative.cta,
        )  # fmt: skip

    def ordered(self, headline_worth: np.ndarray, description_worth: np.ndarray) -> Lines:
        """Return the same lines, the creative's own still first, the others by their worth, the largest first."""
        heads = [0, *(1 + np.argsort(-headline_worth, kind="stable"))]
        descs = [0, *(1 + np.argsort(-description_worth, kind="stable"))]
        return replace(
            self, headlines=tuple(self.headlines[i] for i in heads),
            headline_features=tuple(self.headline_features[i] for i in heads),
            descriptions=tuple(self.descriptions[i] for i in descs),
            description_features=tuple(self.description_features[i] for i in descs),
        )  # fmt: skip


def encode_lines(creative: Creative, headlines: Sequence[str], descriptions: Sequence[str], extractor: Extractor) -> Lines:
    """Extract the features of each line once; a line that cannot be used, or repeats an earlier one, is left out.

    Args:
        headlines, descriptions: candidates; the creative's own lines are put first here.
    """
    bare = replace(creative, file_name="", image_path=None, image_u8=None)
    heads = [replace(bare, headline=line) for line in dict.fromkeys((creative.headline, *headlines))]
    descs = [replace(bare, description=line) for line in dict.fromkeys((creative.description, *descriptions))]
    with_words = [variant for variant in (*heads, *descs) if variant.has_words]
    extracted = iter(extractor.extract(with_words) if with_words else [])
    seen = [next(extracted) if variant.has_words else None for variant in (*heads, *descs)]
    kept_heads = [pair for i, pair in enumerate(zip(heads, seen, strict=False)) if i == 0 or _is_usable(pair[1])]
    kept_descs = [pair for i, pair in enumerate(zip(descs, seen[len(heads) :], strict=True)) if i == 0 or _is_usable(pair[1])]
    return Lines(
        headlines=tuple(variant.headline for variant, _ in kept_heads),
        descriptions=tuple(variant.description for variant, _ in kept_descs),
        headline_features=tuple(found for _, found in kept_heads),
        description_features=tuple(found for _, found in kept_descs),
    )


def _is_usable(seen: CreativeFeatures | CreativeError | None) -> bool:
    return seen is not None and not isinstance(seen, CreativeError)


def predict_uplift(
    predictor: ClickPredictor, creatives: Sequence[Creative], features: Sequence[Any]
) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation of the change in log-odds against the first creative, [N-1] each.

    A predictor that has learnt how far its changes come true says so itself (`predict_change`). Else

        var(difference) = s_0^2 + s_i^2 - 2 r s_0 s_i,   r = 0.9

    No predictor has learnt how far a new button comes true, so BUTTON_STD^2 is added to the variance where it differs.
    """
    predict_change = getattr(predictor, "predict_change", None)
    if predict_change is not None:
        mean, std = (np.asarray(part, dtype=np.float64) for part in predict_change(creatives, features))
        variance = std**2
    else:
        all_means, stds = (np.asarray(part, dtype=np.float64) for part in predictor.predict_log_odds(creatives, features))
        mean = all_means[1:] - all_means[0]
        variance = stds[0] ** 2 + stds[1:] ** 2 - 2 * SHARED_ERROR * stds[0] * stds[1:]
    has_new_button = np.array([one.cta != creatives[0].cta for one in creatives[1:]], dtype=np.float64)
    return mean, np.sqrt(np.maximum(variance + BUTTON_STD**2 * has_new_button, 0.0))


class CandidateScorer:
    """Score genomes of one creative; the object that search.search_edits calls.

    Args:
        features: of the creative as it is. lines: what the line and button genes index. predictors: whose opinions are
            pooled (`judge.pool_opinions`). response: None when the picture stays as it is. risk_aversion: k of lower bound =
            mean - k * std. identity_floor, realism_floor: below one of them an edit is not allowed.
    """

    def __init__(
        self,
        creative: Creative,
        features: CreativeFeatures,
        *,
        space: GeneSpace,
        lines: Lines,
        predictors: Sequence[ClickPredictor],
        response: PictureResponse | None = None,
        risk_aversion: float = 1.0,
        identity_floor: float = 0.0,
        realism_floor: float = 0.0,
    ) -> None:
        self.creative, self.features, self.space, self.lines = creative, features, space, lines
        self._predictors, self._response = tuple(predictors), response
        self._risk_aversion, self._identity_floor, self._realism_floor = risk_aversion, identity_floor, realism_floor

    def __call__(self, genomes: list[Individual]) -> list[CandidateScore]:
        """Return one score per genome, in order, from the picture's measured answers."""
        choices = self.space.choices(genomes)  # [P, 4]
        seen = [self.features] * len(genomes)
        if self._response is not None:
            strengths, looks = self.space.strengths(genomes), self.space.looks(genomes)  # [P, F, K], [P, L]
            seen = self._response.apply(self.features, strengths, looks, choices[:, 3])
        return self.score_seen(genomes, seen)

    def score_seen(
        self, genomes: list[Individual], seen: Sequence[CreativeFeatures], realism: np.ndarray | None = None
    ) -> list[CandidateScore]:
        """Return one score per genome, in order; `seen` are the features of each one's picture, words come from the table.

        Args:
            realism: [P], from renders; None adds it up from the measured answers.
        """
        amounts, choices = self.space.amounts(genomes), self.space.choices(genomes)  # [P, S], [P, 4]
        identity, realism = self._identity(seen), self._realism(genomes) if realism is None else realism
        creatives = [self.creative] + [self.lines.apply(self.creative, int(h), int(d), int(b)) for h, d, b, _ in choices]
        features = [self._with_words(one, int(h), int(d)) for one, (h, d, _, _) in zip(seen, choices, strict=True)]
        opinions = [predict_uplift(one, creatives, [self.features, *features]) for one in self._predictors]
        mean, std = pool_opinions(*(np.stack(part) for part in zip(*opinions, strict=True)))
        is_edited = np.asarray(np.hstack([amounts != 0.0, choices != 0]).any(axis=1))  # [P]
        sizes = measure_size(self.space.strengths(genomes), self.space.looks(genomes), choices)
        return [
            self._score(float(mean[i]), float(std[i]), float(identity[i]), float(realism[i]), size=float(sizes[i]))
            if is_edited[i]
            else CandidateScore(uplift_mean=0.0, uplift_std=0.0, uplift_low=0.0, identity=1.0, size=0.0)
            for i in range(len(genomes))
        ]

    def _score(self, mean: float, std: float, identity: float, realism: float, *, size: float) -> CandidateScore:
        is_usable = np.isfinite([mean, std]).all()
        lacking = max(0.0, self._identity_floor - identity) + max(0.0, self._realism_floor - realism)
        return CandidateScore(
            uplift_mean=mean if is_usable else 0.0,
            uplift_std=std if is_usable else 0.0,
            uplift_low=mean - self._risk_aversion * std if is_usable else 0.0,
            identity=identity,
            size=size,
            realism=realism,
            violation=lacking if is_usable else 2.0,
        )

    def _identity(self, seen: Sequence[CreativeFeatures]) -> np.ndarray:
        """Return [P]: cosine of each face's code to the original's, of the least recognisable face; 1 without faces."""
        before = self.features.face_codes
        rows = np.flatnonzero(np.isfinite(before).all(axis=1))
        if self._response is None or not len(rows):
            return np.ones(len(seen))
        codes = np.stack([one.face_codes[rows] for one in seen])  # [P, A, C]
        return cosine_similarity(codes, before[None, rows]).min(axis=1)

    def _realism(self, genomes: list[Individual]) -> np.ndarray:
        """Return [P], from the measured answers; 1 where no face is edited."""
        if self._response is None or self._response.faces is None:
            return np.ones(len(genomes))
        return self._response.faces.realism(self.space.strengths(genomes))

    def _with_words(self, seen: CreativeFeatures, headline_idx: int, description_idx: int) -> CreativeFeatures:
        headline = self.lines.headline_features[headline_idx] if headline_idx else None
        body = self.lines.description_features[description_idx] if description_idx else None
        for words, part in ((headline, "headline"), (body, "body")):
            seen = seen if words is None else seen.with_words_of(words, (part,))
        return seen


def with_line_features(lines: Lines, features: CreativeFeatures) -> list[CreativeFeatures]:
    """Return the creative's features with each new headline, then with each new description, in the order of `lines`."""
    heads, bodies = lines.headline_features[1:], lines.description_features[1:]
    seen = [(one, "headline") for one in heads] + [(one, "body") for one in bodies]
    return [features.with_words_of(one, (part,)) if one is not None else features for one, part in seen]


def measure_size(strengths: np.ndarray, looks: np.ndarray, choices: np.ndarray) -> np.ndarray:
    """Return the size of edits [P]: the length of each face's strengths, summed over faces, and of the look, plus CHOICE_SIZES.

    Args:
        strengths [P, F, K], looks [P, L]. choices [P, 4]: indices, 0 for the creative's own.
    """
    of_faces = np.sqrt((strengths**2).sum(axis=2)).sum(axis=1)
    return of_faces + np.sqrt((looks**2).sum(axis=1)) + (choices > 0) @ np.array(CHOICE_SIZES)


def cosine_similarity(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the cosine between vectors along the last axis, 0 where one of them is zero."""
    product = (first * second).sum(axis=-1)
    norms = np.linalg.norm(first, axis=-1) * np.linalg.norm(second, axis=-1)
    return np.divide(product, norms, out=np.zeros_like(product), where=norms > 0)
