"""A creative opened for editing: what was found in it, what may change, and what changes its pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from adcreative.creative import Creative, FaceReport
from adcreative.editor.models import NewLayout
from adcreative.editor.space.whole_picture import PictureAdjuster, Scenes
from adcreative.lettering import TextSetter
from adcreative.problem import Problem
from adcreative.provenance.consent import Permission

if TYPE_CHECKING:
    from adcreative.features.extraction import FeatureExtractor
    from stylegan.latents.directions.labelled import DirectionSet
    from stylegan.photo.session import FaceEditSession


@dataclass(frozen=True, kw_only=True)
class EditableCreative:
    """A creative with its features, its opened faces, and whatever else of its picture may change.

    directions: of the face edits that are asked for and permitted, with the range that may be used; permission: what consent
    says of its faces. extractor: for versions of its picture.

    image_u8: None without a picture. features: CreativeFeatures of the creative as it is. session: its opened faces; None when
    no face may be edited. face_rows: which faces of the picture (largest first) the session edits; face_boxes: theirs, px.
    faces: how many were found, and why some are not edited. adjuster: None when exposure, colour and crop stay; scenes: None
    when the background stays; setter: None when the words in the picture stay. unread: what is said of words that were not
    read; None when all were. layouts: new ones of the ad's parts.
    """

    creative: Creative
    image_u8: np.ndarray | None
    features: Any
    extractor: FeatureExtractor
    permission: Permission
    directions: DirectionSet
    session: FaceEditSession | None
    face_rows: tuple[int, ...]
    face_boxes: tuple[tuple[float, ...], ...]
    faces: FaceReport
    adjuster: PictureAdjuster | None = None
    scenes: Scenes | None = None
    setter: TextSetter | None = None
    unread: Problem | None = None
    layouts: tuple[NewLayout, ...] = ()

    def find_unset(self, edited: Creative) -> tuple[Problem, ...]:
        """Return why words of `edited` cannot be shown that replace words read in the picture; nothing when all can."""
        changed = [
            field for field, text in edited.picture_texts.items()
            if field in self.creative.read_fields and text != self.creative.picture_texts[field]
        ]  # fmt: skip
        if not changed or self.setter is None:
            return (Problem("words_not_found"),) * bool(changed)
        change = self.setter.change(edited.picture_texts)
        unset = [change.left.get(field, (Problem("words_not_found"),)) for field in changed if field not in change.done]
        return tuple(problem for problems in unset for problem in problems)

    def text_problems(self, edited: Creative) -> tuple[Problem, ...]:
        """Return what becomes of the words in the picture with the words of `edited`; nothing when there is nothing to say."""
        return self.setter.change(edited.picture_texts).problems if self.setter is not None else ()
