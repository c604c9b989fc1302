"""Reads lines of text in a picture with RapidOCR (PP-OCR models on onnxruntime, inside its wheel): nothing is fetched.

Knows pixels; no blocks, no roles. The packages belong to the extra "picture" and are loaded at the first picture.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any, Protocol

import numpy as np
from PIL import Image

from adcreative.errors import WeightsError

MIN_CONFIDENCE = 0.6  # lines that the recognition is less sure of are not text that a reader would read
MIN_SIDE_PX, MAX_SIDE_PX = 640, 1440  # sides that a picture is brought to before text is looked for; the longer one is a limit
_RESAMPLING = Image.Resampling.BICUBIC
NEEDS_PACKAGES = (
    'reading words in pictures needs rapidocr and onnxruntime; install them with: pip install "adcreative[picture]"'
)


@dataclass(frozen=True, kw_only=True)
class TextLine:
    """A line of text found in a picture. quad_xy_px [4, 2]: its corners from the top left, clockwise, a loose fit."""

    text: str
    quad_xy_px: np.ndarray
    confidence: float

    @property
    def box_xyxy_px(self) -> tuple[float, float, float, float]:
        """The upright box around the corners."""
        (x0, y0), (x1, y1) = self.quad_xy_px.min(axis=0), self.quad_xy_px.max(axis=0)
        return float(x0), float(y0), float(x1), float(y1)

    @property
    def angle_deg(self) -> float:
        """Slope of the line's upper edge, clockwise; 0 for an upright line."""
        dx, dy = self.quad_xy_px[1] - self.quad_xy_px[0]
        return float(np.degrees(np.arctan2(dy, dx)))


class TextReading(Protocol):
    """Reads text in pictures (PictureReader; tests have their own)."""

    def read(self, image_u8: np.ndarray) -> list[TextLine]:
        """Return the lines found in the picture [H, W, 3]."""

    def read_lines(self, crops_u8: Sequence[np.ndarray]) -> list[str]:
        """Return the text of pictures that hold one line each."""


class PictureReader:
    """Text detection and recognition on one thread; the same pixels give the same lines."""

    def __init__(self, engine: Any) -> None:
        self._engine = engine

    @property
    def content_hash(self) -> str:
        """The version of the package that carries the models."""
        return f"rapidocr-{version('rapidocr')}"

    def read(self, image_u8: np.ndarray) -> list[TextLine]:
        """Return the lines of text in the picture [H, W, 3] uint8, from top to bottom."""
        height, width = image_u8.shape[:2]
        scale = min(max(1.0, MIN_SIDE_PX / min(height, width)), MAX_SIDE_PX / max(height, width))
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        scaled = image_u8 if size == (width, height) else np.asarray(Image.fromarray(image_u8).resize(size, _RESAMPLING))
        found = self._engine(np.ascontiguousarray(scaled[:, :, ::-1]), use_det=True, use_cls=False, use_rec=True)
        if getattr(found, "boxes", None) is None or found.txts is None:
            return []
        lines = [
            TextLine(text=text.strip(), quad_xy_px=np.asarray(quad, np.float32) / (size[0] / width), confidence=float(score))
            for quad, text, score in zip(found.boxes, found.txts, found.scores, strict=True)
            if text.strip() and score >= MIN_CONFIDENCE
        ]
        return sorted(lines, key=lambda line: (line.box_xyxy_px[1], line.box_xyxy_px[0]))

    def read_lines(self, crops_u8: Sequence[np.ndarray]) -> list[str]:
        """Return the text of pictures [H, W, 3] uint8 that hold one upright line each; empty where none is read."""
        texts = []
        for crop in crops_u8:
            found = self._engine(np.ascontiguousarray(crop[:, :, ::-1]), use_det=False, use_cls=False, use_rec=True)
            texts.append(" ".join(found.txts or ()).strip())
        return texts


def has_reader() -> bool:
    """Return whether the packages that read pictures are installed."""
    return find_spec("rapidocr") is not None and find_spec("onnxruntime") is not None


@lru_cache(maxsize=1)
def load_reader() -> PictureReader:
    """Load the reader once per process.

    Raises:
        WeightsError: its packages are not installed.
    """
    if not has_reader():
        raise WeightsError(f"{NEEDS_PACKAGES}.")
    from rapidocr import RapidOCR

    threads = {f"EngineConfig.onnxruntime.{kind}_op_num_threads": 1 for kind in ("intra", "inter")}
    sides = {"Det.limit_type": "max", "Det.limit_side_len": MAX_SIDE_PX}
    engine = RapidOCR(params={"Global.log_level": "error", **sides, **threads})
    logging.getLogger("RapidOCR").setLevel(logging.ERROR)
    return PictureReader(engine)
