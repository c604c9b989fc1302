"""Final pixels and words of a genome, and a score of exactly those: faces, scene, words, adjustments, in turn, at full size."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from adcreative.creative import Creative
from adcreative.editor.models import Extractor
from adcreative.editor.scoring.objectives import CandidateScorer
from adcreative.editor.space.editable import EditableCreative
from adcreative.editor.space.genome import CandidateScore, GeneSpace, Individual
from adcreative.editor.space.lines import Lines
from adcreative.errors import CreativeError


def compose_creative(opened: EditableCreative, genome: Individual, space: GeneSpace, lines: Lines) -> Creative:
    """Return the creative with a genome's final pixels and words; pixels that no gene reaches are the original's exactly."""
    headline, description, button = (int(idx) for idx in space.choices([genome])[0][:3])
    return with_pixels(opened, genome, space, lines.apply(opened.creative, headline, description, button))


def with_pixels(opened: EditableCreative, genome: Individual, space: GeneSpace, edited: Creative) -> Creative:
    """Return `edited` with a genome's final pixels and its own words in them, whatever words the genome has."""
    if opened.image_u8 is None:
        return edited
    image_u8, strengths, adjustments = opened.image_u8, space.strengths([genome])[0], space.adjustments([genome])[0]
    scene = int(space.choices([genome])[0][3])
    if opened.session is not None and strengths.any():
        image_u8 = opened.session.compose(strengths.astype(np.float32))
    if opened.scenes is not None:
        image_u8 = opened.scenes.paste(image_u8, scene)
    if opened.setter is not None:
        image_u8 = opened.setter.change(edited.picture_texts).apply(image_u8)
    if opened.adjuster is not None:
        image_u8 = opened.adjuster.apply(image_u8, adjustments)
    return replace(edited, image_u8=image_u8)


class PixelScorer:
    """Scores candidates from their final pixels and words: composed, extracted and predicted like any other creative.

    For edits of words beside the picture the scores equal those of the CandidateScorer, which are exact there. An edit after
    which the picture cannot be read, or a face is not found any more, is not allowed.
    """

    def __init__(self, opened: EditableCreative, lines: Lines, scorer: CandidateScorer, extractor: Extractor) -> None:
        self._opened, self._lines, self._scorer, self._extractor = opened, lines, scorer, extractor

    def __call__(self, genomes: list[Individual]) -> list[CandidateScore]:
        """Return one score per genome, in order."""
        space, features = self._scorer.space, self._opened.features
        creatives = [compose_creative(self._opened, genome, space, self._lines) for genome in genomes]
        found = self._extractor.extract(creatives) if creatives else []
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
