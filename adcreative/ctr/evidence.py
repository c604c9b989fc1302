"""The evidence behind a predicted rate: the source of each modality, and the distance of a creative from the training data.

The grade of a modality is its evidence: "measured" (real clicks), "simulated" (a simulated market), "none". For one
creative a measured modality that is far from the training data, or a category missing there, is "extrapolated"; the
creative's own grade is the weakest of its parts. OODScore is the mean cosine distance to the nearest training embeddings,
relative to held-out creatives of the same kind.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from adcreative.creative import Creative, Evidence, add_clause
from adcreative.encoders.language import LANGUAGES, detect_language
from adcreative.errors import ConfigError
from adcreative.features.batch import CATEGORICAL_FIELDS, MODALITIES, CreativeFeatures
from adcreative.problem import Problem

GRADES = ("measured", "simulated", "none")
ROW_GRADES = ("measured", "extrapolated", "simulated", "none")  # strongest first
GRADED = ("words", "picture", "faces", "context")
PART_OF = {"words": "words", "picture": "picture", "look": "picture", "faces": "faces"}  # reason -> part that it is about
MIN_REASON = 0.005  # smaller relative differences are not reported
_PHRASES = {"measured": "real clicks", "simulated": "simulated market", "none": "never seen in training"}
MAX_REFERENCE_ROWS = 1024
NUM_NEIGHBOURS = 5
OOD_QUANTILE = 0.99
KNOWN, MAX_NAME = "known_creatives", 60  # key in the manifest's notes, and most characters of a name there
FAR = "far from anything it was trained on"  # the app and readers of tables search for the first three words


class KnowsCategories(Protocol):
    """Object that knows the category values of the training data (features.builder.FeatureBuilder)."""

    def unseen(self, creative: Creative) -> dict[str, str]:
        """Return column -> value of the creative's categories missing in the training data."""


@dataclass(frozen=True)
class OODScore:
    """Out-of-distribution score of one modality by its nearest neighbours (kNN).

    Unit-length training embeddings reference [N, D] float16 of one modality, and the largest usual distance.

    chosen: indices of the reference among the training embeddings, known only right after fitting.
    """

    reference: np.ndarray
    threshold: float
    chosen: np.ndarray | None = None

    def distance(self, embedding: np.ndarray) -> float:
        """Return the mean cosine distance (0..2) to the nearest NUM_NEIGHBOURS training embeddings."""
        return float(self.distances(embedding[None])[0])

    def distances(self, embeddings: np.ndarray) -> np.ndarray:
        """Return the distances of embeddings [N, D], [N]."""
        return _distances(self._wide_reference, embeddings)

    @cached_property
    def _wide_reference(self) -> np.ndarray:
        return self.reference.astype(np.float32)  # widening a megabyte takes ten times as long as one creative's distances

    def is_far(self, embedding: np.ndarray) -> bool:
        """True when the creative is farther from the training data than 99 % of held-out creatives."""
        return self.distance(embedding) > self.threshold


def parse_provenance(provenance: Mapping[str, str] | None, trained: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Return modality -> (grade, phrase), for every modality.

    Args:
        provenance: modality -> "grade" or "grade: phrase", such as "measured: real headline tests". For a missing
            modality "look" follows "picture"; others count as measured when trained on, otherwise as none.
        trained: modalities of the training data.
    Raises:
        ConfigError: no such modality or grade.
    """
    given = dict(provenance or {})
    unknown = sorted(set(given) - set(MODALITIES))
    if unknown:
        raise ConfigError(f"provenance names no modality {unknown[0]!r}; known: {', '.join(MODALITIES)}")
    if "picture" in given:
        given.setdefault("look", given["picture"])
    grades: dict[str, tuple[str, str]] = {}
    for modality in MODALITIES:
        grade, _, phrase = given.get(modality, "measured").partition(":")
        if grade.strip() not in GRADES:
            raise ConfigError(f"provenance of {modality} has grade {grade.strip()!r}; known: {', '.join(GRADES)}")
        grade = grade.strip() if modality in trained else "none"
        grades[modality] = (grade, (phrase.strip() if grade != "none" else "") or _PHRASES[grade])
    return grades


def fit_ood_score(train: np.ndarray, held_out: np.ndarray, *, rng: np.random.Generator, least: float = 0.0) -> OODScore | None:
    """Fit the score on training embeddings [N, D] and usual distances of held-out ones; None with fewer than 20.

    least: lower bound (0..2) of the usual distance, for training data that are all alike.
    """
    if len(train) < 20 or len(held_out) < 1:
        return None
    chosen = np.sort(rng.choice(len(train), min(len(train), MAX_REFERENCE_ROWS), replace=False))
    reference = _unit(train[chosen]).astype(np.float16)
    usual = 1e-4 + float(np.quantile(_distances(reference, held_out), OOD_QUANTILE))
    return OODScore(reference, max(usual, least), chosen)


def describe_known(creatives: Sequence[Creative], chosen: Sequence[int]) -> dict[str, list[Any]]:
    """Return names, impressions and clicks of the training creatives in a score's reference, in order, so that an explanation
    can name the nearest; plain values, for the note KNOWN.

    Args:
        creatives: those whose embeddings the score was fitted to, in order; all have results. chosen: `OODScore.chosen`.
    """
    rows = [creatives[row] for row in chosen]
    return {
        "names": [creative.name[:MAX_NAME] for creative in rows],
        "impressions": [creative.impressions for creative in rows],
        "clicks": [creative.clicks for creative in rows],
    }


def find_far(features: CreativeFeatures, ood_scores: Mapping[str, OODScore]) -> dict[str, str]:
    """Return modality -> "" for modalities whose embeddings are far from all training data."""
    embeddings = _embeddings_of(features).items()
    return {name: "" for name, value in embeddings if name in ood_scores and ood_scores[name].is_far(value)}


def render_evidence(
    creative: Creative,
    features: CreativeFeatures,
    *,
    grades: Mapping[str, Sequence[str]],
    far: Mapping[str, str],
    builder: KnowsCategories,
    is_skilled: bool,
) -> str:
    """Return one sentence: the source of each modality of the creative, then the creative's unusual properties.

    Args:
        far: modality -> reason, for modalities far from the training data, as `find_far` returns.
    """
    parts = _render_grades(creative, features, grades)
    if not is_skilled:
        parts.append("on held-out creatives of this kind it did no better than the mean rate")
    if far:
        why = "; ".join(filter(None, far.values()))
        parts.append(f"{_join(list(far))} {FAR}" + (f" ({why})" if why else ""))
    unseen = [f'{name} "{value[:40]}"' for name, value in builder.unseen(creative).items()]
    if unseen:
        verb = "was" if len(unseen) == 1 else "were"
        parts.append(f"{_join(unseen)} {verb} not in the training data, so trust the order more than the level")
    return Evidence(*parts)


def note_foreign_words(said: str, creative: Creative) -> str:
    """Return a sentence of evidence with the language of the words appended, where an English model does not know it."""
    language = detect_language(creative.text)
    if language in ("", "en"):
        return said
    known = "what it knows of words is English: its headline score is left out"
    return add_clause(said, f"the words are in {LANGUAGES[language]}, and {known}")


def grade_row(
    creative: Creative,
    features: CreativeFeatures,
    *,
    grades: Mapping[str, Sequence[str]],
    far: Mapping[str, str],
    builder: KnowsCategories,
) -> dict[str, str]:
    """Return modality -> one of ROW_GRADES for the creative's parts ("words", "picture", "faces", "context"), and "row" -> the
    weakest grade; "none" for a creative without parts.

    Args:
        grades: modality -> (grade, phrase), as `parse_provenance` returns and a predictor's notes store. far: as for
            `render_evidence`.
    """
    found = {modality: grades[modality][0] for modality in _modalities_of(creative, features)}
    new = (*far, "context") if builder.unseen(creative) else tuple(far)
    found |= {name: "extrapolated" for name in new if found.get(name) == "measured"}
    return {**found, "row": max(found.values(), key=ROW_GRADES.index, default="none")}


def _modalities_of(creative: Creative, features: CreativeFeatures) -> list[str]:
    has = {
        "words": features.text is not None or features.body is not None or features.appeal is not None,
        "picture": features.image is not None or features.look is not None,
        "faces": len(features.face_shares) > 0,
        "context": any(getattr(creative, name).strip() for name in CATEGORICAL_FIELDS),
    }
    return [modality for modality, is_there in has.items() if is_there]


def render_reasons(
    effects: Mapping[str, np.ndarray], creatives: Sequence[Creative], features: Sequence[CreativeFeatures]
) -> list[tuple[Problem, ...]]:
    """Return the effect of each part, such as "words +12 %", for each creative, the largest first, without missing parts.

    Args:
        effects: modality -> [N], relative difference of the rate to the rate without the modality.
    """
    reasons = []
    for row, (creative, one) in enumerate(zip(creatives, features, strict=True)):
        there = _modalities_of(creative, one)
        absent = {name for name, part in PART_OF.items() if part not in there}
        found = {name: float(effect[row]) for name, effect in effects.items() if name not in absent}
        order = sorted(found, key=lambda name: -abs(np.log1p(found[name])))
        told = [(name, round(100 * found[name])) for name in order if abs(found[name]) >= MIN_REASON]
        reasons.append(tuple(Problem("part_change", part=name, change=change) for name, change in told))
    return reasons


def _embeddings_of(features: CreativeFeatures) -> dict[str, np.ndarray]:
    found = {"picture": features.image, "words": features.text}
    return {name: value for name, value in found.items() if value is not None}


def _render_grades(creative: Creative, features: CreativeFeatures, grades: Mapping[str, Sequence[str]]) -> list[str]:
    by_phrase: dict[str, list[str]] = {}
    for modality in _modalities_of(creative, features):
        by_phrase.setdefault(grades[modality][1], []).append(modality)
    return [f"{_join(names)}: {phrase}" for phrase, names in by_phrase.items()] or ["nothing to go by"]


def _join(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _unit(embeddings: np.ndarray) -> np.ndarray:
    norms = np.linalg.norm(embeddings, axis=1, keepdims=True)
    return embeddings / np.maximum(norms, 1e-12)


def _distances(reference: np.ndarray, embeddings: np.ndarray) -> np.ndarray:
    similarity = _unit(np.asarray(embeddings, np.float32)) @ np.asarray(reference, np.float32).T
    nearest = min(NUM_NEIGHBOURS, reference.shape[0])
    return 1.0 - np.sort(similarity, axis=1)[:, -nearest:].mean(axis=1)
