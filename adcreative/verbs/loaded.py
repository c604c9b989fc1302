"""Models of a studio, each loaded once at its first use, also by concurrent threads. Imports no torch."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, replace
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from adcreative.encoders.latest import LatestAnswers
from adcreative.features.cache import FeatureCache, cache_dir
from adcreative.lettering import PreparedCache, forget_words

if TYPE_CHECKING:
    from adcreative.copywriter import Copywriter
    from adcreative.ctr.click_model import ClickModel
    from adcreative.verbs.loading import Judges, Tools


MAX_PICTURES = 64  # pictures whose faces are cached


@dataclass(frozen=True, kw_only=True)
class FoundFace:
    """One face of a picture: bounding box in pixels, and why the face cannot be edited ("" when it can)."""

    box_xyxy_px: tuple[float, float, float, float]
    refusal: str = ""


class Models:
    """The three models of a folder, loaded once at the first use."""

    def __init__(self, model_dir: Path | None) -> None:
        self.model_dir = model_dir
        self._lock = RLock()
        self._judges: Judges | None = None

    @property
    def judges(self) -> Judges:
        """Return the three models.

        Raises:
            ArtifactError: one of them is damaged or missing.
        """
        with self._lock:
            if self._judges is None:
                from adcreative.verbs.loading import load_model

                self._judges = load_model(self.model_dir)
            return self._judges


class Loaded:
    """Encoders and tools, the three models of a folder, and the features of one user, separate from every other Loaded.

    Encoders and models are shared with every other Loaded of the process; cached picture features are shared only between
    objects with the same features folder, such as the user's cache.

    (functools.cached_property has had no lock since Python 3.12.)

    Args:
        model_dir: a folder written by `train`; the shipped models when None. features_dir: folder of the feature cache; the
            user's cache when None.
    """

    def __init__(self, model_dir: Path | None = None, features_dir: Path | None = None) -> None:
        self._models, self._features_dir = Models(model_dir), features_dir
        self.prepared = PreparedCache()  # words in the latest pictures
        self._begin()

    def _begin(self) -> None:
        self._lock = RLock()
        self._tools: Tools | None = None
        self._is_closed = False
        self._faces = LatestAnswers(self._look_for_faces, MAX_PICTURES)

    @property
    def features_dir(self) -> Path:
        """The folder of the feature cache."""
        return self._features_dir or cache_dir() / "features"

    def find_faces(self, image_u8: np.ndarray) -> tuple[FoundFace, ...]:
        """Return the faces of a picture [H, W, 3] uint8, largest first; the latest MAX_PICTURES pictures are cached."""
        return self._faces(image_u8)

    def _look_for_faces(self, image_u8: np.ndarray) -> tuple[FoundFace, ...]:
        found = self.tools.analyzer.analyze(image_u8)
        return tuple(FoundFace(box_xyxy_px=face.box_xyxy_px, refusal=face.refusal or "") for face in found)

    @property
    def tools(self) -> Tools:
        """Return the process's encoders and tools with these features; other threads wait while one thread loads."""
        with self._lock:
            if self._tools is None:
                from adcreative.verbs.loading import load_tools

                self._tools = load_tools(features=self.features_dir)
                if self._is_closed:
                    _close(self._tools)
            return self._tools

    def tools_with(self, copywriter: Copywriter) -> Tools:
        """Return the same tools with another copywriter."""
        return replace(self.tools, copywriter=copywriter)

    @property
    def judges(self) -> Judges:
        """Return the three models. Raises ArtifactError as `Models.judges`."""
        return self._models.judges

    @property
    def predictor(self) -> ClickModel:
        """Return the first of the three models alone, which loads faster.

        Raises:
            ArtifactError: as `judges`.
        """
        from adcreative.verbs.loading import load_predictor

        return load_predictor(self._models.model_dir)

    def with_model(self, model_dir: Path) -> Loaded:
        """Return a copy with the models of another folder, loaded.

        Raises:
            ArtifactError: as `judges`.
        """
        other = copy(self)
        other._models = Models(model_dir)
        _ = other.judges
        return other

    def with_features_in(self, folder: Path) -> Loaded:
        """Return a copy with the same models and a feature cache of its own in a folder."""
        other = copy(self)
        other._features_dir, other.prepared = folder, self.prepared.for_other()
        other._begin()
        return other

    def keep_features_in(self, folder: Path) -> None:
        """Use a folder as feature cache from now on."""
        with self._lock:
            self._features_dir, self._tools = folder, None

    def forget_features(self, *, for_good: bool = False) -> None:
        """Remove the feature cache of this folder, and the cached faces and words in pictures. for_good: store no more, either.

        The blocks of words of the latest few pictures (`lettering.reading.words`) are cached for the whole process: all of
        them are removed, and found again in stored features.
        """
        with self._lock:
            tools, self._is_closed = self._tools, self._is_closed or for_good
        self._faces.forget()
        self.prepared.forget()
        forget_words()
        if tools is not None:
            tools.analyzer.forget()
            if for_good:
                _close(tools)
        FeatureCache(self.features_dir).purge_entries()


def _close(tools: Tools) -> None:
    if isinstance(tools.extractor.cache, FeatureCache):
        tools.extractor.cache.close()


def draw_first_look() -> np.ndarray:
    """Return a picture [256, 256, 3] uint8 with a line of text, to warm up the models that read pictures."""
    image = Image.new("RGB", (256, 256), "white")
    ImageDraw.Draw(image).text((24, 100), "first look", fill="black", font=ImageFont.load_default(40))
    return np.asarray(image)
