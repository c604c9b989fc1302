"""The faces of many versions of one picture: looked for where the picture has them, and taken over where nothing changed there.

A face is taken over when its FFHQ square, all that is measured of it, is the picture's own pixel by pixel. Otherwise the
detector sees those tiles alone that touch the square of a known face. A version in which not all of them are found is searched
all over. So a face that a version adds is seen only where one is lost; all else is what `FaceAnalyzer` finds, but for a face
whose detection leans on what changed beside its square.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stylegan.faces.analysis import FaceAnalyzer, FaceInPicture


class VersionFaces:
    """A finder of faces for versions of one picture [H, W, 3] uint8; safe to share between threads."""

    def __init__(self, analyzer: FaceAnalyzer, image_u8: np.ndarray) -> None:
        """Find the faces of the picture itself with `analyzer`."""
        self._known = tuple(analyzer.analyze(image_u8))
        self._image_u8, self._analyzer = image_u8, analyzer.remembering()
        self._boxes = np.array([face.box_xyxy_px for face in self._known], np.float64).reshape(-1, 4)
        self._squares = np.array([_bounds(face) for face in self._known], np.float64).reshape(-1, 4)

    @property
    def content_hash(self) -> str:
        return self._analyzer.content_hash

    def analyze(self, image_u8: np.ndarray, max_faces: int = 12) -> list[FaceInPicture]:
        """Find the faces of a version; as `FaceAnalyzer.analyze`."""
        if image_u8.shape != self._image_u8.shape or len(self._known) >= max_faces:
            return self._analyzer.find(image_u8)[:max_faces]
        if self._is_same(image_u8, self._squares):
            return list(self._known)
        found = self._analyzer.find(image_u8, known_xyxy_px=self._boxes)
        return (found if len(found) == len(self._known) else self._analyzer.find(image_u8))[:max_faces]

    def _is_same(self, image_u8: np.ndarray, boxes_xyxy_px: np.ndarray) -> bool:
        """Tell whether a version is the picture itself inside all of some boxes [N, 4]."""
        height, width = image_u8.shape[:2]
        low = np.clip(np.floor(boxes_xyxy_px[:, :2]), 0, (width, height)).astype(int).tolist()
        high = np.clip(np.ceil(boxes_xyxy_px[:, 2:]), 0, (width, height)).astype(int).tolist()
        return all(
            np.array_equal(image_u8[y0:y1, x0:x1], self._image_u8[y0:y1, x0:x1])
            for (x0, y0), (x1, y1) in zip(low, high, strict=True)
        )


def _bounds(face: FaceInPicture) -> Sequence[float]:
    """Return the box x0, y0, x1, y1 (px) around the square that a face is cut out by."""
    corners = face.alignment.matrix() @ np.array([[0.0, 1.0, 0.0, 1.0], [0.0, 0.0, 1.0, 1.0], [1.0, 1.0, 1.0, 1.0]])
    bounds: list[float] = [*corners[:2].min(axis=1).tolist(), *corners[:2].max(axis=1).tolist()]
    return bounds
