"""Final pixels and words of an edit, and their score: faces, scene, words, adjustments, in this order, at full size."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from adcreative.creative import Creative
from adcreative.editor.scoring.objectives import CandidateScorer
from adcreative.editor.space.editable import EditableCreative
from adcreative.editor.space.genome import CandidateScore, EditPlan, Individual
from adcreative.editor.space.lines import Lines
from adcreative.errors import CreativeError


def compose_creative(opened: EditableCreative, plan: EditPlan, lines: Lines) -> Creative:
    """Return the creative with a plan's final pixels and words; unedited pixels are exactly the original's."""
    if plan.layout:
        return with_pixels(opened, plan, opened.layouts[plan.layout - 1].creative)
    return with_pixels(opened, plan, lines.apply(opened.creative, *plan.lines))


def with_pixels(opened: EditableCreative, plan: EditPlan | None, edited: Creative) -> Creative:
    """Return `edited` with a plan's final pixels (None: the original's), set with its own words in place of the plan's."""
    if opened.image_u8 is None:
        return edited
    if plan is not None and plan.layout:
        return replace(edited, image_u8=opened.layouts[plan.layout - 1].draw(edited))
    image_u8 = opened.image_u8
    if opened.session is not None and plan is not None and plan.faces.any():
        image_u8 = opened.session.compose(plan.faces.astype(np.float32))
    if opened.scenes is not None and plan is not None:
        image_u8 = opened.scenes.paste(image_u8, plan.scene)
    if opened.setter is not None:
        image_u8 = opened.setter.change(edited.picture_texts).apply(image_u8)
    if opened.adjuster is not None and plan is not None:
        image_u8 = opened.adjuster.apply(image_u8, plan.look)
    return replace(edited, image_u8=image_u8)


class PixelScorer:
    """Scores candidates from their final pixels and words: composed, extracted and predicted like any other creative.

    For edits of words beside the picture the scores equal those of the CandidateScorer, which are exact there. An edit is not
    allowed when its picture cannot be read, or a face is no longer found.
    """

    def __init__(self, opened: EditableCreative, lines: Lines, scorer: CandidateScorer) -> None:
        self._opened, self._lines, self._scorer = opened, lines, scorer

    def __call__(self, genomes: list[Individual]) -> list[CandidateScore]:
        """Return one score per genome, in order."""
        space, features = self._scorer.space, self._opened.features
        creatives = [compose_creative(self._opened, plan, self._lines) for plan in space.plans(genomes)]
        found: list[Any] = self._opened.extractor.extract(creatives) if creatives else []
        is_lost = [isinstance(one, CreativeError) or len(one.face_codes) != len(features.face_codes) for one in found]
        seen = [features if lost else one for one, lost in zip(found, is_lost, strict=True)]
        session, realism = self._opened.session, None
        if session is not None:
            realism = session.realism(space.strengths(genomes).astype(np.float32))
        scores = self._scorer.score_seen(genomes, seen, realism)
        return [
            replace(score, uplift_mean=0.0, uplift_low=0.0, violation=2.0) if lost else score
            for score, lost in zip(scores, is_lost, strict=True)
        ]
