"""After the search: compose the best edits at full size, extract them again from final pixels and words, and pick one."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from adcreative.creative import Creative, Edit
from adcreative.editor.decision.judge import KNEE_SHARE, choose_finalists, pick_knee
from adcreative.editor.decision.panel import Opinion, ask_choosers
from adcreative.editor.scoring.composing import compose_creative
from adcreative.editor.scoring.objectives import Lines
from adcreative.editor.search.registry import SearchResult
from adcreative.editor.settings import EditorConfig, EditorTools
from adcreative.editor.space.genome import GeneSpace, Individual
from adcreative.editor.space.opening import OpenCreative
from adcreative.errors import CreativeError


@dataclass(frozen=True, kw_only=True)
class Finalist:
    """An edit seen again: the creative with its final pixels and words, features extracted from them, and its scores.

    strengths [F, K] of the faces, look [L] of the whole picture. predicted, low: mean and lower bound of predictor and judge
    together, std: their deviation; judged: the judge alone. identity, realism: of the worst face; None without an opened face.
    """

    genome: Individual
    creative: Creative
    features: Any
    strengths: np.ndarray
    identity: float | None
    realism: float | None = None
    look: np.ndarray = field(default_factory=lambda: np.zeros(0))
    predicted: float = 0.0
    low: float = 0.0
    judged: float = 0.0
    std: float = 0.0

    @property
    def opinion(self) -> Opinion:
        return Opinion(self.predicted, self.low, self.judged, self.std)

    @property
    def size(self) -> float:
        return self.genome.fitness.values[2]


@dataclass(frozen=True, kw_only=True)
class Alternative:
    """What can be said of a finalist: uplift and uplift_low (log-odds, from final pixels and words), identity (-1..1) and
    realism (0..1; both None without an opened face), size (standard deviations), its words and its edits."""

    uplift: float
    uplift_low: float
    identity: float | None
    realism: float | None
    size: float
    headline: str
    description: str
    edits: tuple[Edit, ...]


def name_alternative(finalist: Finalist, edits: tuple[Edit, ...]) -> Alternative:
    """Return the record of a finalist with these edits."""
    return Alternative(
        uplift=finalist.predicted, uplift_low=finalist.low, identity=finalist.identity,
        realism=finalist.realism, size=finalist.size,
        headline=finalist.creative.headline, description=finalist.creative.description, edits=edits,
    )  # fmt: skip


def score_finalists(
    opened: OpenCreative,
    found: SearchResult,
    space: GeneSpace,
    lines: Lines,
    tools: EditorTools,
    config: EditorConfig,
) -> list[Finalist]:
    """Compose the finalists of a search, extract them from final pixels and words, and score them anew with two models.

    One that cannot be extracted any more, or whose faces are below a floor, is dropped.
    """
    chosen = choose_finalists(found.front, space, num_finalists=config.num_finalists)
    seen = [compose_edit(opened, genome, space, lines) for genome in chosen]
    extracted = tools.extractor.extract([finalist.creative for finalist in seen]) if seen else []
    finalists = [
        replace(finalist, features=features)
        for finalist, features in zip(seen, extracted, strict=True)
        if not isinstance(features, CreativeError)
        and (finalist.identity is None or finalist.identity >= config.identity_floor)
        and (finalist.realism is None or finalist.realism >= config.realism_floor)
    ]
    if not finalists:
        return []
    creatives = [opened.creative, *(finalist.creative for finalist in finalists)]
    features = [opened.features, *(f.features for f in finalists)]
    opinions = ask_choosers(creatives, features, tools, config)
    return [
        replace(finalist, predicted=opinion.chosen, low=opinion.low, judged=opinion.judged, std=opinion.std)
        for finalist, opinion in zip(finalists, opinions, strict=True)
        if np.isfinite(opinion.low)
    ]


def compose_edit(opened: OpenCreative, genome: Individual, space: GeneSpace, lines: Lines) -> Finalist:
    """Return a genome's edit with its final pixels and words; its features are not extracted and its scores not set."""
    strengths, edited = space.strengths([genome])[0], compose_creative(opened, genome, space, lines)
    identity, realism = None, None
    if opened.session is not None:
        realism = float(opened.session.realism(strengths[None].astype(np.float32))[0])
        identity = float(opened.session.identity(strengths.astype(np.float32))) if strengths.any() else 1.0
    look = space.looks([genome])[0]
    return Finalist(
        genome=genome, creative=edited, features=None, strengths=strengths, identity=identity, realism=realism, look=look
    )


def pick_finalist(finalists: list[Finalist], config: EditorConfig) -> Finalist | None:
    """Return the finalist to put before the auditor: the knee, or the best, of those with a positive lower bound.

    When none has one, the best of all, for the verdict to say so; None when there is no finalist.
    """
    useful = [finalist for finalist in finalists if finalist.low > 0.0]
    if not useful:
        return max(finalists, key=lambda finalist: finalist.low, default=None)
    share = 1.0 if config.pick == "best" else KNEE_SHARE
    return useful[pick_knee([f.low for f in useful], [f.size for f in useful], share=share)]
