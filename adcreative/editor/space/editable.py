"""A creative ready to be edited: what was found in it, and the tools that change its pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from adcreative.creative import Creative, FaceReport
from adcreative.editor.models import FaceSession
from adcreative.editor.space.adjustments import PictureAdjuster
from adcreative.editor.space.scene import Scenes
from adcreative.lettering import TextSetter


@dataclass(frozen=True, kw_only=True)
class EditableCreative:
    """A creative with its features, its opened faces, and whatever else of its picture may change.

    image_u8: None without a picture. features: CreativeFeatures of the creative as it is. session: its opened faces; None when
    no face may be edited. face_rows: which faces of the picture (largest first) the session edits. faces: how many were found,
    and why some are not edited. adjuster: None when exposure, colour and crop stay; scenes: None when the background stays;
    setter: None when the words in the picture stay. unread: what is said of words that were not read; "" when all were.
    """

    creative: Creative
    image_u8: np.ndarray | None
    features: Any
    session: FaceSession | None
    face_rows: tuple[int, ...]
    faces: FaceReport
    adjuster: PictureAdjuster | None = None
    scenes: Scenes | None = None
    setter: TextSetter | None = None
    unread: str = ""

    def text_note(self, edited: Creative) -> str:
        """Return what became of the words in the picture with the words of `edited`, in a sentence; "" for nothing to say."""
        return self.setter.change(edited.picture_texts).note if self.setter is not None else ""
