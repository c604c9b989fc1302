"""Faces of versions of a picture: taken over where nothing changed, found in fewer looks where something did, never missed."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from skimage import data

from stylegan.faces import detection
from stylegan.faces.analysis import FaceAnalyzer
from stylegan.faces.versions import VersionFaces

SIDE_PX, HEAD_PX = 900, 38


@pytest.fixture(scope="module")
def analyzer() -> FaceAnalyzer:
    return FaceAnalyzer()


def with_head(x: int, y: int) -> np.ndarray:
    """Return a picture whose parts all differ, with a small head at a place."""
    rows, columns = np.mgrid[:SIDE_PX, :SIDE_PX]
    canvas = np.stack([90 + rows / 8, 90 + columns / 8, 128 + 20 * np.sin(columns / 40)], axis=2).astype(np.uint8)
    head = Image.fromarray(data.astronaut()).crop((130, 0, 330, 200)).resize((HEAD_PX, HEAD_PX), Image.Resampling.LANCZOS)
    canvas[y : y + HEAD_PX, x : x + HEAD_PX] = np.asarray(head)
    return canvas


@pytest.fixture(scope="module")
def picture_u8() -> np.ndarray:
    return with_head(20, 20)


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One item for each look of a detector at a part of a picture."""
    looks: list[int] = []
    look = detection._candidates
    monkeypatch.setattr(detection, "_candidates", lambda *given: looks.append(1) or look(*given))
    return looks


def test_a_face_is_taken_over_without_a_look_when_its_square_is_unchanged(
    analyzer: FaceAnalyzer, picture_u8: np.ndarray, looks: list[int]
) -> None:
    finder = VersionFaces(analyzer, picture_u8)
    (face,) = analyzer.analyze(picture_u8)
    looks.clear()
    version = picture_u8.copy()
    version[400:] = 30
    assert finder.analyze(version)[0].box_xyxy_px == face.box_xyxy_px
    assert not looks


def test_a_changed_face_is_found_as_exactly_in_fewer_looks(
    analyzer: FaceAnalyzer, picture_u8: np.ndarray, looks: list[int]
) -> None:
    finder = VersionFaces(analyzer, picture_u8)
    brighter = np.minimum(picture_u8.astype(np.int16) + 25, 255).astype(np.uint8)
    looks.clear()
    (expected,) = analyzer.analyze(brighter)
    num_exact = len(looks)
    (found,) = finder.analyze(brighter)
    np.testing.assert_array_equal(found.landmarks_px, expected.landmarks_px)
    assert found.attributes == expected.attributes
    assert 2 * (len(looks) - num_exact) < num_exact


def test_a_version_that_lost_the_face_is_searched_all_over(analyzer: FaceAnalyzer, picture_u8: np.ndarray) -> None:
    finder = VersionFaces(analyzer, picture_u8)
    (found,) = finder.analyze(with_head(700, 780))
    assert found.box_xyxy_px[0] > 700
    assert finder.analyze(np.full_like(picture_u8, 128)) == []


def test_a_version_of_another_size_is_a_picture_of_its_own(analyzer: FaceAnalyzer, picture_u8: np.ndarray) -> None:
    small = picture_u8[:400, :400]
    assert len(VersionFaces(analyzer, picture_u8).analyze(small)) == 1
