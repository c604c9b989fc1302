"""Pictures that are not what was hoped for: each is edited as it should be, or refused in one sentence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image
from skimage import color, data, filters

from adcreative.encoders.weights import embedded_dir
from stylegan.errors import InversionError, ShapeError
from stylegan.faces.analysis import FaceAnalyzer, FaceInPicture
from stylegan.faces.detection import Detection
from stylegan.latents.codec import FaceCodec
from stylegan.latents.directions.labelled import DirectionSet
from stylegan.networks.checkpoints import load_face_model
from stylegan.photo.session import CHIN, FaceEditSession, refuse_unfit, spare_bystanders


@pytest.fixture(scope="module")
def codec() -> FaceCodec:
    return FaceCodec(load_face_model(embedded_dir("faces")))


@pytest.fixture(scope="module")
def directions() -> DirectionSet:
    return DirectionSet.load(embedded_dir("directions"))


def as_picture(grey: np.ndarray) -> np.ndarray:
    return np.repeat((np.clip(grey, 0, 1) * 255).astype(np.uint8)[:, :, None], 3, axis=2)


def refusals(picture: np.ndarray, analyzer: FaceAnalyzer, codec: FaceCodec, directions: DirectionSet) -> list[str | None]:
    return [face.refusal for face in refuse_unfit(picture, analyzer.analyze(picture), codec, directions)]


@pytest.mark.parametrize(
    "picture",
    [
        np.zeros((64, 64), np.uint8),
        np.zeros((64, 64, 4), np.uint8),
        np.zeros((64, 64, 3), np.float32),
        np.zeros((0, 64, 3), np.uint8),
    ],
    ids=["grey", "with alpha", "floats", "no pixels"],
)
def test_arrays_that_are_no_picture_are_refused(analyzer: FaceAnalyzer, picture: np.ndarray) -> None:
    with pytest.raises(ShapeError, match=r"expected a picture \[H, W, 3\] uint8, got .*convert it to RGB first"):
        analyzer.analyze(picture)


def test_a_photograph_and_its_grey_copy_are_edited(
    analyzer: FaceAnalyzer, codec: FaceCodec, directions: DirectionSet, astronaut: np.ndarray
) -> None:
    grey = as_picture(color.rgb2gray(astronaut))
    assert refusals(astronaut, analyzer, codec, directions) == [None]
    assert refusals(grey, analyzer, codec, directions) == [None]
    session = FaceEditSession(grey, analyzer.analyze(grey), codec, directions, analyzer)
    edited = session.compose(session.strengths(smile=2.0))
    assert np.ptp(edited.astype(int), axis=2).max() < 40  # a grey face stays nearly grey


def test_a_line_drawing_is_refused(
    analyzer: FaceAnalyzer, codec: FaceCodec, directions: DirectionSet, astronaut: np.ndarray
) -> None:
    drawing = as_picture(1.0 - 6.0 * filters.sobel(color.rgb2gray(astronaut)))
    (refusal,) = refusals(drawing, analyzer, codec, directions)
    assert refusal is not None
    assert refusal.startswith("face is unlike the photographs that the face model knows: ")


def test_a_refused_face_opens_no_session(
    analyzer: FaceAnalyzer, codec: FaceCodec, directions: DirectionSet, astronaut: np.ndarray
) -> None:
    drawing = as_picture(1.0 - 6.0 * filters.sobel(color.rgb2gray(astronaut)))
    faces = refuse_unfit(drawing, analyzer.analyze(drawing), codec, directions)
    with pytest.raises(InversionError, match="a face cannot be edited: face is unlike the photographs"):
        FaceEditSession(drawing, faces, codec, directions, analyzer)


@pytest.mark.slow
def test_a_6000_px_picture_is_edited_in_full_size(
    analyzer: FaceAnalyzer, codec: FaceCodec, directions: DirectionSet, astronaut: np.ndarray
) -> None:
    large = np.asarray(Image.fromarray(astronaut[:260, :400]).resize((6000, 3900), Image.Resampling.BICUBIC))
    (face,) = analyzer.analyze(large)
    assert face.refusal is None
    assert face.alignment.side_px > 2000
    session = FaceEditSession(large, [face], codec, directions, analyzer)
    edited = session.compose(session.strengths(smile=1.0))
    assert edited.shape == large.shape
    assert (edited != large).any()


def test_no_face_is_no_error(analyzer: FaceAnalyzer, codec: FaceCodec, directions: DirectionSet) -> None:
    assert refusals(np.ascontiguousarray(data.coffee()), analyzer, codec, directions) == []


def _seen(
    box_xyxy_px: tuple[int, int, int, int],
    yaw: float = 0.0,
    refusal: str | None = None,
    *,
    pitch: float = 0.0,
    score: float = 0.95,
) -> FaceInPicture:
    """A face whose chin lies its whole height below its brow."""
    unused: Any = None
    points = np.zeros((468, 2), np.float32)
    points[CHIN, 1] = box_xyxy_px[3]
    return FaceInPicture(
        box_xyxy_px=box_xyxy_px,
        attributes={"head_yaw": yaw, "head_pitch": pitch},
        refusal=refusal,
        detection=Detection((0, 0, 1, 1), (0, 0), (1, 0), score),
        landmarks_px=points,
        alignment=unused,
    )


def test_only_large_faces_that_look_at_us_are_edited_beside_the_largest() -> None:
    large, half, child = _seen((0, 0, 200, 240)), _seen((0, 0, 100, 122)), _seen((0, 0, 90, 100))
    small, turned, refused = _seen((0, 0, 70, 95)), _seen((0, 0, 150, 150), yaw=-31.0), _seen((0, 0, 200, 200), refusal="no")
    bowed, statue = _seen((0, 0, 150, 150), pitch=33.0), _seen((0, 0, 150, 150), score=0.71)
    said = [one.refusal or "" for one in spare_bystanders([large, half, child, small, turned, refused, bowed, statue])]
    assert said[:2] == ["", ""]
    assert "small beside the largest" in said[2]
    assert "95 px from chin to brow, at least 96 px" in said[3]
    assert "turned away: 31 degrees" in said[4]
    assert said[5] == "no"
    assert "turned away: 33 degrees" in said[6]
    assert "a statue or a drawing" in said[7]
    assert spare_bystanders([child])[0].refusal is None
    assert spare_bystanders([]) == []
