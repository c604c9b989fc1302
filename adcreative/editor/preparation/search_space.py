"""What the search may change in an opened creative, and how the picture reacts to each change."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from adcreative.editor.scoring.first_order import (
    PROBE_SHARE,
    FaceSurrogate,
    FirstOrderSurrogate,
    PictureSurrogate,
    measure_faces,
    measure_picture,
)
from adcreative.editor.space.editable import EditableCreative
from adcreative.editor.space.genome import ADJUSTMENTS, GeneSpace
from adcreative.editor.space.lines import Lines
from stylegan.faces.visible_changes import measure_reach

if TYPE_CHECKING:
    from adcreative.features.extraction import FeatureExtractor

MESSAGE_SHARE = 0.6  # of a headline's words that stand in the ad's description, where it says another message of the ad


def measure_space(
    opened: EditableCreative, lines: Lines, visible_changes: Mapping[str, float]
) -> tuple[GeneSpace, FirstOrderSurrogate | None]:
    """Return the search space, and the first-order surrogate of the picture; a change that loses a face is left out of both,
    and of the space a change of a face that would not show. Strengths of the session are calibrated on the way.

    The surrogate is None when the picture stays as it is. It knows nothing of words that are set into the picture: what these
    do is seen where a candidate is rendered. visible_changes: as in EditorTools.
    """
    extractor = opened.extractor.for_models(())  # the surrogate knows no lettering and no complexity
    low, high = np.asarray(opened.directions.low), np.asarray(opened.directions.high)
    adjustment_low, adjustment_high, least = np.zeros(0), np.zeros(0), None
    faces: FaceSurrogate | None = None
    if opened.session is not None:
        faces = measure_faces(
            opened.creative, opened.features, opened.session, extractor,
            face_rows=opened.face_rows, low=low, high=high, boxes_xyxy_px=opened.face_boxes,
        )  # fmt: skip
        reach = measure_reach(faces.probes, faces.attributes, opened.directions.names, visible_changes, faces.seen)
        opened.session.set_gains(reach.gains)
        faces = replace(faces, gains=reach.gains)
        low, high = reach.limits(*faces.limits(low, high))
        least = reach.least
    adjustments = _measure_adjustments(opened, extractor)
    if adjustments is not None and opened.adjuster is not None:
        adjustment_low, adjustment_high = adjustments.limits(opened.adjuster.low, opened.adjuster.high)
    scenes = _measure_scenes(opened, extractor)
    space = GeneSpace(
        num_faces=len(opened.face_rows), low=low, high=high, adjustment_low=adjustment_low, adjustment_high=adjustment_high,
        num_headlines=len(lines.headlines), num_descriptions=len(lines.descriptions), num_buttons=max(1, len(lines.buttons)),
        num_scenes=1 + (len(opened.scenes.pictures) if opened.scenes is not None else 0),
        least=least, fits=_fitting(lines), in_picture=_in_picture(opened), messages=find_messages(lines),
    )  # fmt: skip
    is_fixed = faces is None and adjustments is None and scenes is None and opened.setter is None
    return space, None if is_fixed else FirstOrderSurrogate(faces=faces, adjustments=adjustments, scenes=scenes)


def find_messages(lines: Lines) -> frozenset[int]:
    """Return the numbers of headlines that say another message of the ad: more of its description than of its headline."""
    own, below = (_content_words(text) for text in (lines.headlines[0], lines.descriptions[0]))
    said = [_content_words(headline) for headline in lines.headlines]
    return frozenset(
        k for k, words in enumerate(said)
        if k and words and len(words & below) >= MESSAGE_SHARE * len(words) and len(words & below) > len(words & own)
    )  # fmt: skip


def _content_words(text: str) -> set[str]:
    return {word for word in re.findall(r"\w+", text.casefold()) if len(word) > 2}


def _fitting(lines: Lines) -> np.ndarray | None:
    """Return which headline and description may stand in one ad, [headlines, descriptions]; None: all of them."""
    if not lines.unfit:
        return None
    num = range(len(lines.headlines)), range(len(lines.descriptions))
    return np.array([[lines.is_fit(head, below) for below in num[1]] for head in num[0]])


def _in_picture(opened: EditableCreative) -> frozenset[str]:
    """Return which choices change pixels: the background, and the words that were found in the picture."""
    field_blocks = opened.setter.field_blocks if opened.setter is not None else {}
    return frozenset(("scene", *({"cta": "button"}.get(name, name) for name in field_blocks)))


def _measure_adjustments(opened: EditableCreative, extractor: FeatureExtractor) -> PictureSurrogate | None:
    """Return how the picture reacts to each adjustment on either side; None when there is none."""
    adjuster, image_u8 = opened.adjuster, opened.image_u8
    if adjuster is None or image_u8 is None:
        return None

    def compose(idx: int, strength: float) -> np.ndarray:
        return adjuster.apply(image_u8, np.where(np.arange(len(ADJUSTMENTS)) == idx, strength, 0.0))

    probes = PROBE_SHARE * np.stack([adjuster.low, adjuster.high])
    return measure_picture(opened.creative, opened.features, compose, extractor, probes=probes)


def _measure_scenes(opened: EditableCreative, extractor: FeatureExtractor) -> PictureSurrogate | None:
    """Return how the picture's features differ in each scene beside its own; None when there is none."""
    scenes, image_u8 = opened.scenes, opened.image_u8
    if scenes is None or image_u8 is None:
        return None
    num = len(scenes.pictures)
    return measure_picture(
        opened.creative, opened.features, lambda idx, _: scenes.paste(image_u8, idx + 1), extractor,
        probes=np.stack([np.zeros(num), np.ones(num)]),
    )  # fmt: skip
