"""The models of a studio, loaded once by whoever needs them first, also when two threads come together. Loads no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from adcreative.editor.picture.kept_grounds import KeptGrounds
from adcreative.encoders.latest import LatestAnswers
from adcreative.encoders.picture_words.words import forget_words
from adcreative.features.cache import FeatureCache

if TYPE_CHECKING:
    from adcreative.ctr.click_model import ClickModel
    from adcreative.verbs.loading import Judges, Tools


MAX_PICTURES = 64  # whose faces are remembered


@dataclass(frozen=True, kw_only=True)
class FoundFace:
    """One face of a picture: its box in pixels, and why it cannot be edited ("" when it can)."""

    box_xyxy_px: tuple[float, float, float, float]
    refusal: str = ""


class Loaded:
    """Encoders and tools, and the three models of a folder.

    (functools.cached_property has had no lock since Python 3.12.)

    Args:
        model_dir: a folder written by `train`; the shipped models when None. features_dir: where features are kept; the
            user's cache when None.
    """

    def __init__(self, model_dir: Path | None = None, features_dir: Path | None = None) -> None:
        self._model_dir, self._features_dir = model_dir, features_dir
        self._lock = RLock()
        self._tools: Tools | None = None
        self._judges: Judges | None = None
        self._faces = LatestAnswers(self._look_for_faces, MAX_PICTURES)
        self.grounds = KeptGrounds()  # of the words in the latest pictures

    def find_faces(self, image_u8: np.ndarray) -> tuple[FoundFace, ...]:
        """Return the faces of a picture [H, W, 3] uint8, largest first; those of the latest MAX_PICTURES are remembered."""
        return self._faces(image_u8)

    def _look_for_faces(self, image_u8: np.ndarray) -> tuple[FoundFace, ...]:
        found = self.tools.analyzer.analyze(image_u8)
        return tuple(FoundFace(box_xyxy_px=face.box_xyxy_px, refusal=face.refusal or "") for face in found)

    @property
    def tools(self) -> Tools:
        """Return the encoders and tools that the process shares; others wait while one thread loads them."""
        with self._lock:
            if self._tools is None:
                from adcreative.verbs.loading import load_tools

                tools = load_tools()
                if self._features_dir is not None:
                    tools.extractor.cache = FeatureCache(self._features_dir)
                self._tools = tools
            return self._tools

    @property
    def judges(self) -> Judges:
        """Return the three models.

        Raises:
            ArtifactError: one of them is damaged or missing.
        """
        with self._lock:
            if self._judges is None:
                from adcreative.verbs.loading import load_model

                self._judges = load_model(self._model_dir)
            return self._judges

    @property
    def predictor(self) -> ClickModel:
        """Return the first of the three models alone, which is there sooner.

        Raises:
            ArtifactError: as `judges`.
        """
        from adcreative.verbs.loading import load_predictor

        return load_predictor(self._model_dir)

    def with_model(self, model_dir: Path) -> Loaded:
        """Return the same with the models of another folder, loaded.

        Raises:
            ArtifactError: as `judges`.
        """
        other = Loaded(model_dir, self._features_dir)
        _ = other.judges
        return other

    def keep_features_in(self, folder: Path) -> None:
        """Keep features in a folder from now on, and look for them there."""
        with self._lock:
            self._features_dir = folder
            if self._tools is not None:
                self._tools.extractor.cache = FeatureCache(folder)

    def forget_features(self) -> None:
        """Remove the features that are kept, and what is remembered of faces and of words in pictures."""
        with self._lock:
            tools = self._tools
        self._faces.forget()
        self.grounds.forget()
        forget_words()
        if tools is None:
            return
        tools.analyzer.forget()
        if tools.extractor.cache is not None:
            tools.extractor.cache.purge_entries()


def draw_first_look() -> np.ndarray:
    """Return a picture [256, 256, 3] uint8 with a line of text, so that whatever reads pictures has something to read."""
    image = Image.new("RGB", (256, 256), "white")
    ImageDraw.Draw(image).text((24, 100), "first look", fill="black", font=ImageFont.load_default(40))
    return np.asarray(image)
