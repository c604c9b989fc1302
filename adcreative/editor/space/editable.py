"""A creative opened for editing: its contents, the allowed changes, and the objects that change its pixels."""

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

    directions: the requested and permitted face edits, with their allowed range; permission: the consent for
    its faces. extractor: for versions of its picture.

    image_u8: None without a picture. features: CreativeFeatures of the unedited creative. session: its opened faces; None when
    no face may be edited. face_rows: indices of the session's faces in the picture (largest first); face_boxes: their boxes,
    px. faces: number of faces found, and why some are not edited. adjuster: None when exposure, colour and crop are fixed;
    scenes: None when the background is fixed; setter: None when the words in the picture are fixed. unread: a problem about
    words that were not read; None when all were. layouts: new layouts of the ad's parts. spoken: all words in the picture, also
    those that were not read reliably.
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
    spoken: str = ""

    def find_unset(self, edited: Creative) -> tuple[Problem, ...]:
        """Return why words of `edited` cannot be set in place of words read in the picture; empty when all can."""
        changed = [
            field
            for field, text in edited.picture_texts.items()
            if field in self.creative.read_fields and text != self.creative.picture_texts[field]
        ]
        if not changed or self.setter is None:
            return (Problem("words_not_found"),) * bool(changed)
        change = self.setter.change(edited.picture_texts)
        unset = [change.left.get(field, (Problem("words_not_found"),)) for field in changed if field not in change.done]
        return tuple(problem for problems in unset for problem in problems)

    def text_problems(self, edited: Creative) -> tuple[Problem, ...]:
        """Return problems of the words in the picture with the words of `edited`; empty when there are none."""
        return self.setter.change(edited.picture_texts).problems if self.setter is not None else ()
