"""From a genome to final pixels and words, and to a score of exactly those: faces, then scene, then look, at full size."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from adcreative.creative import Creative
from adcreative.editor.scoring.linear_response import Extractor
from adcreative.editor.scoring.objectives import CandidateScorer, Lines
from adcreative.editor.space.genome import CandidateScore, GeneSpace, Individual
from adcreative.errors import CreativeError

if TYPE_CHECKING:
    from adcreative.editor.space.opening import OpenCreative


def compose_creative(opened: OpenCreative, genome: Individual, space: GeneSpace, lines: Lines) -> Creative:
    """Return the creative with a genome's final pixels and words; pixels that no gene reaches are the original's exactly."""
    headline, description, button, scene = (int(idx) for idx in space.choices([genome])[0])
    edited = lines.apply(opened.creative, headline, description, button)
    if opened.image_u8 is None:
        return edited
    image_u8, strengths, look = opened.image_u8, space.strengths([genome])[0], space.looks([genome])[0]
    if opened.session is not None and strengths.any():
        image_u8 = opened.session.compose(strengths.astype(np.float32))
    if opened.scenes is not None:
        image_u8 = opened.scenes.paste(image_u8, scene)
    if opened.look is not None:
        image_u8 = opened.look.apply(image_u8, look)
    return replace(edited, image_u8=image_u8)


class PixelScorer:
    """Scores candidates from their final pixels and words: composed, extracted and predicted like any other creative.

    Gives the same scores as its CandidateScorer for edits of words alone, since those are exact there. An edit whose picture
    cannot be read any more, or lost a face, is not allowed.
    """

    def __init__(self, opened: OpenCreative, lines: Lines, scorer: CandidateScorer, extractor: Extractor) -> None:
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
