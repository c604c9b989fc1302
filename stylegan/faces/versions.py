"""The faces of many versions of one picture: measured anew where the picture has them, taken over where nothing changed there.

A face is taken over when its FFHQ square, all that is measured of it, is the picture's own pixel by pixel. Otherwise the mesh
is placed anew where it was placed last in the picture, as video trackers do: the detector, most of the work, is not asked, and
the mesh hardly ever a second time. A version in which the mesh misses a face is searched all over, unless parts of the picture
were covered in it and nothing else: no face comes up where one was covered. So a face that a version adds is seen only where
one is lost; all else is what `FaceAnalyzer` finds, but for a face that it would begin to look for elsewhere.

Faces of a version stand in the picture's order, the largest there first: two of nearly one size do not change places when one
of them is measured a little larger.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stylegan.faces.analysis import FaceAnalyzer, FaceInPicture
from stylegan.faces.detection import box_overlaps

SAME_PLACE_OVERLAP = 0.3  # intersection over union of two boxes from which a face counts as the one that was there


class VersionFaces:
    """A finder of faces for versions of one picture [H, W, 3] uint8; safe to share between threads."""

    def __init__(self, analyzer: FaceAnalyzer, image_u8: np.ndarray, *, only_covered: bool = False) -> None:
        """Find the faces of the picture itself with `analyzer`.

        only_covered: versions are the picture with parts covered, so that a face that the mesh misses is gone, and is not
        looked for; where the mesh misses one in the picture itself, which the detector alone is sure of, it still is.
        """
        self._known = tuple(analyzer.analyze(image_u8))
        self._image_u8, self._analyzer = image_u8, analyzer.remembering()
        is_meshed = all(not face.refusal or analyzer.find_again(image_u8, face) is not None for face in self._known)
        self._searches = not (only_covered and is_meshed)

    @property
    def content_hash(self) -> str:
        """Not that of a search all over: whoever keeps faces by it would else take the one for the other."""
        return f"{self._analyzer.content_hash} versions"

    @property
    def measures_hash(self) -> str:
        return self._analyzer.measures_hash

    def analyze(self, image_u8: np.ndarray, max_faces: int = 12) -> list[FaceInPicture]:
        """Find the faces of a version, those of the picture first and in its order; else as `FaceAnalyzer.analyze`."""
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
        """Return the found faces that lie where the picture has one, in its order, then the others, largest first."""
        rest, ordered = list(found), list[FaceInPicture]()
        for known in self._known:
            overlaps = [_overlap(known.box_xyxy_px, face.box_xyxy_px) for face in rest]
            if overlaps and max(overlaps) >= SAME_PLACE_OVERLAP:
                ordered.append(rest.pop(overlaps.index(max(overlaps))))
        return [*ordered, *rest]

    def _is_same(self, image_u8: np.ndarray, face: FaceInPicture) -> bool:
        """Tell whether a version is the picture itself around a face's square."""
        height, width = image_u8.shape[:2]
        x0, y0, x1, y1 = face.alignment.bounding_box(height, width)
        return np.array_equal(image_u8[y0:y1, x0:x1], self._image_u8[y0:y1, x0:x1])


def _overlap(box_xyxy_px: Sequence[float], other_xyxy_px: Sequence[float]) -> float:
    """Return intersection over union of two boxes."""
    box, other = (np.asarray(one, np.float64).reshape(2, 2) for one in (box_xyxy_px, other_xyxy_px))
    return float(box_overlaps(box, other[None])[0][0])
