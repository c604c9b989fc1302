"""The faces of many versions of one picture: measured again where the picture has them, reused where pixels are unchanged.

A face is reused when its FFHQ square, the input of all measurements, is unchanged pixel by pixel. Otherwise the mesh is
placed again from its last square in the picture, as in video tracking: the detector, most of the work, is not run, and the
mesh hardly ever a second time. A version without a confirmed face is searched completely, unless the only changes are covered
parts of the picture, which cannot add a face. So a face that a version adds is found only if another is lost; apart from that
and from different starting squares, the results equal those of `FaceAnalyzer`.

Faces of a version are in the picture's order, largest first in the picture: two of nearly equal size do not change places
when one of them is measured a little larger.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stylegan.faces.analysis import FaceAnalyzer, FaceInPicture
from stylegan.faces.detection import box_overlaps

SAME_PLACE_OVERLAP = 0.3  # minimum intersection over union of two boxes of the same face


class VersionFaces:
    """A finder of faces for versions of one picture [H, W, 3] uint8; safe to share between threads."""

    def __init__(self, analyzer: FaceAnalyzer, image_u8: np.ndarray, *, only_covered: bool = False) -> None:
        """Find the faces of the picture itself with `analyzer`.

        only_covered: versions are the picture with parts covered, so that a face that the mesh misses is gone, and no search is
        made; except if the mesh misses a face in the picture itself, which only the detector found.
        """
        self._known = tuple(analyzer.analyze(image_u8))
        self._image_u8, self._analyzer = image_u8, analyzer.remembering()
        is_meshed = all(not face.refusal or analyzer.find_again(image_u8, face) is not None for face in self._known)
        self._searches = not (only_covered and is_meshed)

    @property
    def content_hash(self) -> str:
        """Different from the hash of a complete search, so that caches do not mix both."""
        return f"{self._analyzer.content_hash} versions"

    @property
    def measures_hash(self) -> str:
        return self._analyzer.measures_hash

    def analyze(self, image_u8: np.ndarray, max_faces: int = 12) -> list[FaceInPicture]:
        """Find the faces of a version, those of the picture first and in its order; otherwise as `FaceAnalyzer.analyze`."""
        if image_u8.shape != self._image_u8.shape:
            return self._analyzer.find(image_u8)[:max_faces]
        if len(self._known) >= max_faces:
            return self._in_known_order(self._analyzer.find(image_u8))[:max_faces]
        faces: list[FaceInPicture] = []
        for known in self._known:
            face = known if self._is_same(image_u8, known) else self._analyzer.find_again(image_u8, known)
            if face is not None:
                faces.append(face)
            elif self._searches:
                return self._in_known_order(self._analyzer.find(image_u8))[:max_faces]
        return faces

    def _in_known_order(self, found: list[FaceInPicture]) -> list[FaceInPicture]:
        """Return the found faces: those at a face of the picture in its order, then the others, largest first."""
        rest, ordered = list(found), list[FaceInPicture]()
        for known in self._known:
            overlaps = [_overlap(known.box_xyxy_px, face.box_xyxy_px) for face in rest]
            if overlaps and max(overlaps) >= SAME_PLACE_OVERLAP:
                ordered.append(rest.pop(overlaps.index(max(overlaps))))
        return [*ordered, *rest]

    def _is_same(self, image_u8: np.ndarray, face: FaceInPicture) -> bool:
        """Return whether a version equals the picture around a face's square."""
        height, width = image_u8.shape[:2]
        x0, y0, x1, y1 = face.alignment.bounding_box(height, width)
        return np.array_equal(image_u8[y0:y1, x0:x1], self._image_u8[y0:y1, x0:x1])


def _overlap(box_xyxy_px: Sequence[float], other_xyxy_px: Sequence[float]) -> float:
    """Return intersection over union of two boxes."""
    box, other = (np.asarray(one, np.float64).reshape(2, 2) for one in (box_xyxy_px, other_xyxy_px))
    return float(box_overlaps(box, other[None])[0][0])
