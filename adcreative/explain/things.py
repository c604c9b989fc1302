"""Where the faces and the lines of text of a picture are, for maps that cover each as a whole."""

from __future__ import annotations

from typing import Any

import numpy as np

from adcreative.encoders.picture_words.reader import has_reader, load_reader

__all__ = ["find_things"]

MAX_THINGS = 6


def find_things(image_u8: np.ndarray, analyzer: Any) -> list[list[float]]:
    """Return boxes x0, y0, x1, y1 (px) of faces, then of lines of text, each from the largest; MAX_THINGS at most.

    Args:
        image_u8: [H, W, 3]. analyzer: finds faces (`features.extraction.FaceFinder`).
    """
    faces = [[float(edge) for edge in face.box_xyxy_px] for face in analyzer.analyze(image_u8)]
    lines = load_reader().find_lines(image_u8).tolist() if has_reader() else []
    return [*sorted(faces, key=_area, reverse=True), *sorted(lines, key=_area, reverse=True)][:MAX_THINGS]


def _area(box_xyxy_px: list[float]) -> float:
    x0, y0, x1, y1 = box_xyxy_px
    return (x1 - x0) * (y1 - y0)
