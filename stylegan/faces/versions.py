"""The faces of many versions of one picture: measured anew where the picture has them, taken over where nothing changed there.

A face is taken over when its FFHQ square, all that is measured of it, is the picture's own pixel by pixel. Otherwise the mesh
is placed anew where it was placed last in the picture, as video trackers do: the detector, most of the work, is not asked, and
the mesh hardly ever a second time. A version in which the mesh misses a face is searched all over. So a face that a version
adds is seen only where one is lost; all else is what `FaceAnalyzer` finds, but for a face that it would begin to look for
elsewhere.
"""

from __future__ import annotations

import numpy as np

from stylegan.faces.analysis import FaceAnalyzer, FaceInPicture


class VersionFaces:
    """A finder of faces for versions of one picture [H, W, 3] uint8; safe to share between threads."""

    def __init__(self, analyzer: FaceAnalyzer, image_u8: np.ndarray) -> None:
        """Find the faces of the picture itself with `analyzer`."""
        self._known = tuple(analyzer.analyze(image_u8))
        self._image_u8, self._analyzer = image_u8, analyzer.remembering()

    @property
    def content_hash(self) -> str:
        return self._analyzer.content_hash

    def analyze(self, image_u8: np.ndarray, max_faces: int = 12) -> list[FaceInPicture]:
        """Find the faces of a version; as `FaceAnalyzer.analyze`."""
        if image_u8.shape != self._image_u8.shape or len(self._known) >= max_faces:
            return self._analyzer.find(image_u8)[:max_faces]
        faces: list[FaceInPicture] = []
        for known in self._known:
            face = known if self._is_same(image_u8, known) else self._analyzer.find_again(image_u8, known)
            if face is None:
                return self._analyzer.find(image_u8)[:max_faces]
            faces.append(face)
        return sorted(faces, key=lambda face: -face.alignment.side_px)

    def _is_same(self, image_u8: np.ndarray, face: FaceInPicture) -> bool:
        """Tell whether a version is the picture itself around a face's square."""
        height, width = image_u8.shape[:2]
        x0, y0, x1, y1 = face.alignment.bounding_box(height, width)
        return np.array_equal(image_u8[y0:y1, x0:x1], self._image_u8[y0:y1, x0:x1])
