"""Edit the faces of one picture: from direction strengths to the edited picture and its measurements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from stylegan.errors import InversionError, ShapeError
from stylegan.faces.analysis import MIN_CONFIDENCE, FaceAnalyzer, FaceInPicture
from stylegan.faces.mesh import LEFT_EYE, LIPS, NUM_POINTS, RIGHT_EYE, bone_distance
from stylegan.latents.codec import FaceCodec, inversion_errors
from stylegan.latents.directions.labelled import DirectionSet
from stylegan.latents.realism import measure_realism
from stylegan.photo.paste import FaceChange, open_region, paste_change, paste_render

TRACE_SIZE = 256
EYES = (*LEFT_EYE, *RIGHT_EYE, *range(NUM_POINTS, NUM_POINTS + 10))  # with both irises
# part of the face changed by a direction: gains move that part further and leave side effects (a smile opens the eyes a little)
PARTS = {"smile": LIPS, "mouth_open": LIPS, "eyes_open": EYES, "gaze_x": EYES, "gaze_y": EYES}
PART_SIZE = 0.08  # of the square, at which a gain has fallen to 37 %: half a mouth's width, so that cheeks move along
PART_REACH = 0.14  # of the square, at which the change itself has fallen to 37 %: the cheeks follow, nose and brows hardly
ODD = ("head_yaw", "light_side")  # directions that change both halves of the face differently
MIN_FACE_PX, MAX_TURN = 96, 30  # chin to brow; degrees: on smaller faces no edit was visible in real ads
CHIN, BROW = 152, 9  # points of the mesh
LEAST_SCORE = 0.86  # of the detector: in real ads a statue had 0.71, emoji 0.47 to 0.77, a finger before a mouth 0.84, adults
# who face the camera 0.87 and more (of 36 synthetic ones three less)
LEAST_OF_LARGEST = 0.25  # of the largest face's area: on four real ads a bystander and a child were edited


@dataclass(frozen=True)
class _Unedited:
    """A face in the picture and in its inversion, [S, S, 3] uint8 each, and the inversion's points [N, 2]."""

    crop_u8: np.ndarray
    inverted_u8: np.ndarray
    points: np.ndarray


def spare_bystanders(faces: Sequence[FaceInPicture]) -> list[FaceInPicture]:
    """Return the faces, with a refusal for faces that are small, turned away, or small relative to the largest, which may be
    bystanders or children; and for faces with a low detector score, such as statues."""
    sizes = [(x1 - x0, y1 - y0) for x0, y0, x1, y1 in (face.box_xyxy_px for face in faces)]
    largest = max((float(width * height) for width, height in sizes), default=0.0)

    def refusal(face: FaceInPicture, width: float, height: float) -> str | None:
        side = float(np.linalg.norm(face.landmarks_px[CHIN] - face.landmarks_px[BROW]))
        turn = max(abs(face.attributes["head_yaw"]), abs(face.attributes["head_pitch"]))
        if side < MIN_FACE_PX:
            return f"face is too small: it measures {side:.0f} px from chin to brow, at least {MIN_FACE_PX} px are edited"
        if face.detection.score < LEAST_SCORE:
            return "face is unclear: it may be covered, a statue or a drawing"
        if width * height < LEAST_OF_LARGEST * largest:
            return "face is small beside the largest: bystanders and children are left alone"
        return f"face is turned away: {turn:.0f} degrees, at most {MAX_TURN} are edited" if turn > MAX_TURN else None

    return [f if f.refusal is not None else replace(f, refusal=refusal(f, *size)) for f, size in zip(faces, sizes, strict=True)]


def refuse_unfit(
    image_u8: np.ndarray, faces: Sequence[FaceInPicture], codec: FaceCodec, directions: DirectionSet
) -> list[FaceInPicture]:
    """Return the faces of a picture with a refusal for faces outside the domain of the directions.

    The analyzer refuses by geometry; this function checks the face model's inversion: a face with covered eyes, a drawing or
    a statue that the model cannot render is refused.
    """
    if directions.limits is None or not faces:
        return list(faces)
    codes = codec.encode([face.alignment.crop(image_u8, codec.size) for face in faces])
    crops = [face.alignment.crop(image_u8, codec.look_size) for face in faces]
    refusals = directions.limits.refusals(codes, inversion_errors(crops, codec.render(codes, size=codec.look_size)))
    return [replace(f, refusal=f.refusal or refusal) for f, refusal in zip(faces, refusals, strict=True)]


class FaceEditSession:
    """The faces of one picture, aligned and inverted, ready to be edited. F faces, K directions, C code numbers, P candidates.

    Strengths are in standard deviations of the directions; a face with only zero strengths stays unchanged.
    """

    def __init__(
        self,
        image_u8: np.ndarray,
        faces: Sequence[FaceInPicture],
        codec: FaceCodec,
        directions: DirectionSet,
        analyzer: FaceAnalyzer,
    ) -> None:
        """Crop and invert the faces.

        Raises:
            InversionError: a face was refused by the analyzer.
        """
        for face in faces:
            if face.refusal is not None:
                raise InversionError(f"a face cannot be edited: {face.refusal}")
        self.image_u8, self.faces = image_u8, tuple(faces)
        self._codec, self._directions, self._analyzer = codec, directions, analyzer
        height, width = image_u8.shape[:2]
        self._regions = [open_region(self._face_points(face), face.alignment, height, width) for face in faces]
        self.codes = codec.encode(self._aligned(image_u8))  # [F, C]
        self._gains = np.ones((2, len(self.faces), len(directions.names)), dtype=np.float32)
        self._unedited: dict[int, list[_Unedited]] = {}
        self._latest: tuple[tuple[bool, bytes, bytes], np.ndarray] | None = None

    def strengths(self, **named: float) -> np.ndarray:
        """Return strengths [F, K]: the named directions on every face, zero for all others.

        Raises:
            DirectionError: an unknown name.
        """
        row = np.zeros(len(self._directions.names), dtype=np.float32)
        for name, value in named.items():
            row[self._directions.index(name)] = value
        return np.tile(row, (len(self.faces), 1))

    def set_gains(self, gains: np.ndarray) -> None:
        """Set the moves of the picture's points relative to the render's from now on: gains [2, F, K] for negative and for
        positive strengths, initially 1.

        A direction has less effect on some faces than on others; with gains, equal strengths have equal effects. The picture's
        own pixels are moved further, since they stay sharp where the generator no longer renders well.
        """
        if gains.shape != self._gains.shape or not np.isfinite(gains).all() or (gains <= 0.0).any():
            raise ShapeError(f"expected positive gains {list(self._gains.shape)}, got {list(gains.shape)}")
        self._gains = gains.astype(np.float32)

    def _reach(self, row: int, strengths: np.ndarray) -> np.ndarray:
        """Return the move of each point of a face for strengths [K], relative to the render's, [N].

        1 + sum over k of share of k in the edit * (gain of k - 1) * closeness to the part changed by k
        """
        gains = np.where(strengths < 0.0, self._gains[0, row], self._gains[1, row])
        return 1.0 + self._spread(row, strengths, gains - 1.0, PART_SIZE)

    def _spread(self, row: int, strengths: np.ndarray, values: np.ndarray, size: float) -> np.ndarray:
        """Return the sum over k of share of k in the edit * values [K] * closeness to k's part, for each point, [N]."""
        points, shares = self._regions[row].points, np.abs(strengths) / np.abs(strengths).sum()
        found = np.zeros(len(points))
        for k in np.flatnonzero(strengths):
            part = points[list(PARTS.get(self._directions.names[k], range(len(points))))]
            apart = np.linalg.norm(points[:, None] - part[None], axis=2).min(axis=1)
            found += shares[k] * values[k] * np.exp(-((apart / size) ** 2))
        return found

    def compose(self, strengths: np.ndarray, *, is_draft: bool = False) -> np.ndarray:
        """Return the picture [H, W, 3] uint8 with strengths [F, K] applied.

        Outside the mask every pixel equals the original; zero strengths return the original bit for bit.

        Args:
            is_draft: render faces at most at the encoder's input size, for pictures that are only measured.
        """
        strengths = self._checked(strengths)
        edited_rows = np.flatnonzero((strengths != 0.0).any(axis=1))
        if not len(edited_rows):
            return self.image_u8.copy()
        key = (is_draft, strengths.tobytes(), self._gains.tobytes())
        latest = self._latest
        if latest is None or latest[0] != key:  # the delivered picture is measured several times
            latest = self._latest = key, self._compose(strengths, edited_rows, is_draft=is_draft)
        return latest[1].copy()

    def _compose(self, strengths: np.ndarray, edited_rows: np.ndarray, *, is_draft: bool) -> np.ndarray:
        size = self._codec.look_size if is_draft else self._codec.render_size
        renders, unedited = (
            self._codec.render(self._directions.apply(self.codes[edited_rows], strengths[edited_rows]), size=size),
            self._render_at(size),
        )
        picture_f32 = self.image_u8.astype(np.float32)
        for row, edited_u8 in zip(edited_rows, renders, strict=True):
            face = unedited[row]
            after = self._points(edited_u8, otherwise=face.points)
            change = FaceChange(
                face.crop_u8,
                face.inverted_u8,
                edited_u8,
                face.points,
                after,
                reach=self._reach(row, strengths[row]),
                part=self._spread(row, strengths[row], np.ones(len(strengths[row])), PART_REACH),
                is_even=not any(strengths[row, self._directions.index(name)] for name in ODD if name in self._directions.names),
            )
            paste_change(picture_f32, self._regions[row], change)
        return picture_f32.round().astype(np.uint8)

    def control(self) -> np.ndarray:
        """Return the picture with each face replaced, inside its mask, by its unedited inversion."""
        picture_f32 = self.image_u8.astype(np.float32)
        for region, face in zip(self._regions, self._render_at(self._codec.render_size), strict=True):
            paste_render(picture_f32, region, face.inverted_u8)
        return picture_f32.round().astype(np.uint8)

    def mask(self) -> np.ndarray:
        """Return the mask of pixels that an edit may change, [H, W] bool."""
        allowed = np.zeros(self.image_u8.shape[:2], dtype=bool)
        for region in self._regions:
            x0, y0, x1, y1 = region.box
            allowed[y0:y1, x0:x1] |= region.mask[:, :, 0] > 0.0
        return allowed

    def identity(self, strengths: np.ndarray) -> float:
        """Return the cosine similarity (-1..1) of the composed faces' codes to the original ones', minimum over the faces."""
        codes = self._codec.encode(self._aligned(self.compose(strengths)))
        norms = np.linalg.norm(codes, axis=1) * np.linalg.norm(self.codes, axis=1)
        return float(((codes * self.codes).sum(axis=1) / np.maximum(norms, 1e-9)).min(initial=1.0))

    def bones(self, image_u8: np.ndarray) -> np.ndarray:
        """Return the change in shape of the heads in a composed picture, [F] (`bone_distance`); infinite for a lost face."""
        found = np.full(len(self.faces), np.inf)
        for row, face in enumerate(self.faces):
            landmarks = self._analyzer.locate_aligned(face.alignment.crop(image_u8, TRACE_SIZE))
            if landmarks.confidence >= MIN_CONFIDENCE:
                found[row] = bone_distance(self._bones[row], landmarks.points)
        return found

    @cached_property
    def _bones(self) -> list[np.ndarray]:
        crops = [face.alignment.crop(self.image_u8, TRACE_SIZE) for face in self.faces]
        return [self._analyzer.locate_aligned(crop).points for crop in crops]

    def atypicality(self, strengths: np.ndarray) -> np.ndarray:
        """Return the atypicality of candidates' rendered faces, [P, F, 2, C] float64 (x_1 and x_2 of `latents/realism.py`).

        Args:
            strengths: [P, F, K].
        """
        strengths = np.asarray(strengths, dtype=np.float32)
        found = np.tile(self._unedited_atypicality, (len(strengths), 1, 1, 1))
        edited = (strengths != 0.0).any(axis=2)  # [P, F]
        if edited.any():
            found[edited] = self._atypicality(self._directions.apply(self.codes[np.nonzero(edited)[1]], strengths[edited]))
        return found

    def realism(self, strengths: np.ndarray) -> np.ndarray:
        """Return the realism of the rendered faces of candidates [P, F, K] relative to the unedited ones, [P], 0..1."""
        return measure_realism(self._unedited_atypicality, self.atypicality(strengths))

    @cached_property
    def _unedited_atypicality(self) -> np.ndarray:
        return self._atypicality(self.codes)

    def _atypicality(self, codes: np.ndarray) -> np.ndarray:
        """Return the atypicality of rendered codes [B, C], [B, 2, C]."""
        misread = self._codec.encode(self._codec.render(codes, size=self._codec.look_size)) - codes
        return np.stack([self._codec.whiten(codes), self._codec.whiten(misread, is_difference=True)], axis=1)

    def _checked(self, strengths: np.ndarray) -> np.ndarray:
        strengths = np.asarray(strengths, dtype=np.float32)
        expected = (len(self.faces), len(self._directions.names))
        if strengths.shape != expected:
            raise ShapeError(f"expected strengths {list(expected)}, got {list(strengths.shape)}")
        return strengths

    def _aligned(self, image_u8: np.ndarray) -> list[np.ndarray]:
        return [face.alignment.crop(image_u8, self._codec.size) for face in self.faces]

    def _face_points(self, face: FaceInPicture) -> np.ndarray:
        """Trace a face of the picture, [478, 2]; on a crop, for comparability with renders."""
        traced = self._analyzer.trace_aligned(face.alignment.crop(self.image_u8, TRACE_SIZE))
        if traced is None:
            raise InversionError("a face cannot be edited: it is not seen when cropped")
        return traced

    def _render_at(self, size: int) -> list[_Unedited]:
        """Return renders of the unedited faces at `size` px, one per face."""
        if size not in self._unedited:
            self._unedited[size] = [
                _Unedited(face.alignment.crop(self.image_u8, size), render, self._points(render, otherwise=region.points))
                for face, render, region in zip(
                    self.faces, self._codec.render(self.codes, size=size), self._regions, strict=True
                )
            ]
        return self._unedited[size]

    def _points(self, render_u8: np.ndarray, *, otherwise: np.ndarray) -> np.ndarray:
        """Trace a render [478, 2]; `otherwise` if the mesh finds no face in it, so that nothing moves."""
        traced = self._analyzer.trace_aligned(render_u8)
        return otherwise if traced is None else traced
