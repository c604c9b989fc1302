"""Boxes of the faces and the lines of text of a picture, for heat maps that cover each as a whole."""

from __future__ import annotations

from typing import Any

import numpy as np

from adcreative.lettering import has_reader, load_reader

MAX_THINGS = 6
HELD_SHARE = 0.9


def find_things(image_u8: np.ndarray, analyzer: Any) -> list[list[float]]:
    """Return boxes x0, y0, x1, y1 (px) of faces, then of lines of text, each from the largest; MAX_THINGS at most.

    A detected line that contains a face is false (the rim of a photograph, say) and left out: it would outweigh all windows.

    Args:
        image_u8: [H, W, 3]. analyzer: finds faces (`features.extraction.FaceFinder`).
    """
    faces = [[float(edge) for edge in face.box_xyxy_px] for face in analyzer.analyze(image_u8)]
    found = load_reader().find_lines(image_u8).tolist() if has_reader() else []
    lines = [line for line in found if not any(_holds(line, face) for face in faces)]
    return [*sorted(faces, key=_area, reverse=True), *sorted(lines, key=_area, reverse=True)][:MAX_THINGS]


def _holds(box_xyxy_px: list[float], other_xyxy_px: list[float]) -> bool:
    """Return whether the first box contains almost all of the other."""
    (x0, y0, x1, y1), (u0, v0, u1, v1) = box_xyxy_px, other_xyxy_px
    inside = max(0.0, min(x1, u1) - max(x0, u0)) * max(0.0, min(y1, v1) - max(y0, v0))
    return inside > HELD_SHARE * _area(other_xyxy_px)


def _area(box_xyxy_px: list[float]) -> float:
    x0, y0, x1, y1 = box_xyxy_px
    return (x1 - x0) * (y1 - y0)
