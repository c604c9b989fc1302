"""The models that the editor works with, and what it asks of each. Loads no torch by itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from adcreative.creative import Creative, Prediction
from adcreative.errors import CreativeError
from adcreative.lettering import FillHoles, PreparedCache, TextReading
from adcreative.provenance.consent import ConsentBook
from stylegan.faces.visible_changes import VISIBLE_CHANGES

if TYPE_CHECKING:
    from adcreative.encoders.inpainting import InpaintingModel
    from adcreative.features.extraction import FeatureExtractor
    from stylegan.faces.analysis import FaceAnalyzer
    from stylegan.latents.directions.labelled import DirectionSet
    from stylegan.photo.session import FaceEditSession

MIN_FACE_PX, MAX_YAW = 96, 30  # of a face's longer side; degrees: of smaller ones no edit could be seen on real ads
LEAST_OF_LARGEST = 0.25  # of the largest face's area: on four real ads a bystander and a child were edited
BUTTON_STD = 0.1  # log-odds that a new button leaves unexplained, assumed: ctr/changes.py calibrates words and picture only


class ClickPredictor(Protocol):
    """A click-rate model (ctr.predictor.Predictor)."""

    @property
    def content_hash(self) -> str: ...
    @property
    def searched_share(self) -> float:
        """Share (0..1) of the change predicted for the best of many versions that comes true."""

    @property
    def notes(self) -> Mapping[str, Any]:
        """What fitting wrote down; "word_effects" of a model that learnt from an account."""

    def predict(self, creatives: Sequence[Creative], features: Sequence[Any]) -> list[Prediction]:
        """Return one Prediction per creative."""

    def predict_change(self, creatives: Sequence[Creative], features: Sequence[Any]) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and standard deviation of the change in log-odds against the first creative, [N-1] each."""

    def known_values(self, column: str) -> list[str]:
        """Return the values of a categorical column that training had, folded."""


class NewLayout(Protocol):
    """A new layout of an ad, composed from its parts. creative: its words; is_message: another message of the ad leads."""

    @property
    def creative(self) -> Creative: ...
    @property
    def is_message(self) -> bool: ...

    def draw(self, creative: Creative) -> np.ndarray:
        """Return its picture [H, W, 3] uint8 with the words of a creative.

        Raises:
            CreativeError: they do not fit.
        """


@dataclass(frozen=True)
class FoundLayouts:
    """New layouts of an ad, and why there are no more: parts that are not sure."""

    layouts: tuple[NewLayout, ...] = ()
    why: str = ""


def predict_uplift(
    predictor: ClickPredictor, creatives: Sequence[Creative], features: Sequence[Any]
) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation of the change in log-odds against the first creative, [N-1] each.

    They are the predictor's own, which was calibrated on real pairs of ads. No predictor has learnt how far the effect of a
    new button comes true, so BUTTON_STD^2 is added to the variance where the button differs.
    """
    mean, std = (np.asarray(part, dtype=np.float64) for part in predictor.predict_change(creatives, features))
    has_new_button = np.array([one.cta != creatives[0].cta for one in creatives[1:]], dtype=np.float64)
    return mean, np.sqrt(np.maximum(std**2 + BUTTON_STD**2 * has_new_button, 0.0))


def pool_opinions(means: np.ndarray, stds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and deviation of several models' predicted changes, [J, N] each -> [N].

        mean = average of the means,   variance = average of the variances + variance of the means

    the moments of their equal mixture: what one model does not know the others do not know either (all see the same kind of
    data), and where they contradict each other less is known.
    """
    return means.mean(axis=0), np.sqrt(np.square(stds).mean(axis=0) + means.var(axis=0))


def searched_share(models: Sequence[ClickPredictor]) -> float:
    """Return the share (0..1) of the change predicted for the best of many versions that comes true: the models' mean."""
    return float(np.mean([one.searched_share for one in models]))


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


def spare_bystanders(faces: Sequence[Any]) -> list[Any]:
    """Return the faces, with a refusal on those that are small, or turned away, or small beside the largest: these may be
    anybody, a child among them."""
    largest = max((_area(face) for face in faces), default=0.0)

    def refusal(face: Any) -> str | None:
        x0, y0, x1, y1 = face.box_xyxy_px
        side, yaw = max(x1 - x0, y1 - y0), abs(face.attributes["head_yaw"])
        if side < MIN_FACE_PX:
            return f"face is too small: it measures {side:.0f} px, at least {MIN_FACE_PX} px are edited"
        if _area(face) < LEAST_OF_LARGEST * largest:
            return "face is small beside the largest: bystanders and children are left alone"
        return f"face is turned away: {yaw:.0f} degrees, at most {MAX_YAW} are edited" if yaw > MAX_YAW else None

    return [face if face.refusal is not None else replace(face, refusal=refusal(face)) for face in faces]


def _area(face: Any) -> float:
    x0, y0, x1, y1 = face.box_xyxy_px
    return float((x1 - x0) * (y1 - y0))


def refuse_faces(image_u8: np.ndarray, faces: Sequence[Any], codec: Any, directions: DirectionSet) -> Sequence[Any]:
    """Return the faces, with a refusal on bystanders and on those that the directions were not made for, such as drawings."""
    faces = spare_bystanders(faces)
    if directions.limits is None:
        return faces
    from stylegan.photo.session import refuse_unfit

    return refuse_unfit(image_u8, faces, codec, directions)


@dataclass(frozen=True, kw_only=True)
class EditorTools:
    """The models of one edit, loaded.

    predictor and judge guide the search and choose among what it found; the auditor, which has no part in the choice, reports
    on it (`decision/judge.py`). Without a copywriter no new words are written, without a scene_painter the background stays,
    without a text_reader the words in a picture are not read and not set.
    compose_layouts: makes new layouts of an ad from its parts; None: there are none.
    visible_changes: direction -> least change of its measure that people see (`scoring/visibility.py`).
    prepared: cache of fonts and grounds of the latest pictures; with it a thread works these out beside a search.
    consents: who permits which face edits; the empty book permits synthetic persons only. today: the date they are held to.
    """

    extractor: FeatureExtractor
    predictor: ClickPredictor
    judge: ClickPredictor
    auditor: ClickPredictor
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
