"""The models of the editor, and the functions that query them. Imports no torch by itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from adcreative.creative import Creative
from adcreative.errors import CreativeError
from adcreative.lettering import FillHoles, PreparedCache, TextReading
from adcreative.provenance.consent import ConsentBook
from stylegan.faces.visible_changes import VISIBLE_CHANGES

if TYPE_CHECKING:
    from adcreative.ctr.click_model import ClickModel
    from adcreative.encoders.inpainting import InpaintingModel
    from adcreative.features.extraction import FeatureExtractor
    from stylegan.faces.analysis import FaceAnalyzer, FaceInPicture
    from stylegan.latents.codec import FaceCodec
    from stylegan.latents.directions.labelled import DirectionSet
    from stylegan.photo.session import FaceEditSession

BUTTON_STD = 0.1  # unexplained log-odds of a new button, assumed: ctr/changes.py calibrates words and picture only


class NewLayout(Protocol):
    """A new layout of an ad, composed from its parts. creative: its words; is_message: another message of the ad leads."""

    @property
    def creative(self) -> Creative: ...
    @property
    def is_message(self) -> bool: ...

    def draw(self, creative: Creative) -> np.ndarray:
        """Return the picture [H, W, 3] uint8 of this layout with the words of a creative.

        Raises:
            CreativeError: the words do not fit.
        """


@dataclass(frozen=True)
class FoundLayouts:
    """New layouts of an ad, and why there are no more: the uncertain parts."""

    layouts: tuple[NewLayout, ...] = ()
    why: str = ""


def predict_uplift(
    predictor: ClickModel, creatives: Sequence[Creative], features: Sequence[Any]
) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation of the change in log-odds against the first creative, [N-1] each.

    Both are the predictor's own, calibrated on real pairs of ads. No predictor has learnt the effect of a new button, so
    BUTTON_STD^2 is added to the variance where the button differs.
    """
    mean, std = (np.asarray(part, dtype=np.float64) for part in predictor.predict_change(creatives, features))
    has_new_button = np.array([one.cta != creatives[0].cta for one in creatives[1:]], dtype=np.float64)
    return mean, np.sqrt(np.maximum(std**2 + BUTTON_STD**2 * has_new_button, 0.0))


def pool_opinions(means: np.ndarray, stds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and deviation of several models' predicted changes, [J, N] each -> [N].

        mean = average of the means,   variance = average of the variances + variance of the means

    These are the moments of the models' equal mixture: the models share their uncertainty (all see the same kind of data), and
    disagreement adds to it.
    """
    return means.mean(axis=0), np.sqrt(np.square(stds).mean(axis=0) + means.var(axis=0))


def open_face_session(
    image_u8: np.ndarray, faces: Sequence[Any], models: EditorTools, directions: DirectionSet
) -> FaceEditSession:
    """Open the embedded face editor on a picture, for these directions.

    Raises:
        CreativeError: one of the faces cannot be edited.
    """
    from stylegan.errors import InversionError
    from stylegan.photo.session import FaceEditSession

    try:
        return FaceEditSession(image_u8, faces, models.codec, directions, models.analyzer)
    except InversionError as error:
        raise CreativeError(f"{error}.", "Leave that face out.") from error


def refuse_faces(
    image_u8: np.ndarray, faces: Sequence[FaceInPicture], codec: FaceCodec, directions: DirectionSet
) -> Sequence[FaceInPicture]:
    """Return the faces, with a refusal for bystanders and for faces unsuited to the directions, such as drawings."""
    from stylegan.photo.session import refuse_unfit, spare_bystanders

    return refuse_unfit(image_u8, spare_bystanders(faces), codec, directions)


@dataclass(frozen=True, kw_only=True)
class EditorTools:
    """The loaded models of one edit.

    predictor and judge guide the search and choose among its edits; the auditor, which takes no part in the choice, reports on
    the chosen edit (`decision/judge.py`). Without a copywriter no new words are written, without a scene_painter the background
    is kept, without a text_reader the words in a picture are neither read nor set. compose_layouts: composes new layouts of an
    ad from its parts; None: no new layouts. visible_changes: direction -> least visible change of its measure
    (`stylegan.faces.visible_changes`). prepared: cache of fonts and grounds of the latest pictures, filled by a background
    thread during a search. consents: who permits which face edits; the empty book permits synthetic persons only. today: the
    date of the consent check.
    """

    extractor: FeatureExtractor
    predictor: ClickModel
    judge: ClickModel
    auditor: ClickModel
    analyzer: FaceAnalyzer
    codec: Any
    directions: DirectionSet
    copywriter: Any = None
    scene_painter: InpaintingModel | None = None
    inpainter: FillHoles | None = None
    text_reader: TextReading | None = None
    prepared: PreparedCache | None = None
    compose_layouts: Callable[[Creative, np.ndarray, int], FoundLayouts] | None = None
    visible_changes: Mapping[str, float] = field(default_factory=lambda: VISIBLE_CHANGES)
    open_faces: Callable[[np.ndarray, Sequence[Any], EditorTools, DirectionSet], FaceEditSession] = open_face_session
    refuse_faces: Callable[[np.ndarray, Sequence[Any], Any, DirectionSet], Sequence[Any]] = refuse_faces
    consents: ConsentBook = field(default_factory=ConsentBook)
    today: Callable[[], date] = date.today
