"""Faces of versions of a picture: taken over where nothing changed, measured anew where something did, never missed."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from skimage import data

from stylegan.faces import detection
from stylegan.faces.analysis import FaceAnalyzer
from stylegan.faces.mesh import FaceMesh
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


def test_faces_of_versions_are_kept_apart_from_others(analyzer: FaceAnalyzer, picture_u8: np.ndarray) -> None:
    """Else a search would say other numbers once a version of it was scored by itself."""
    finder = VersionFaces(analyzer, picture_u8)
    assert finder.content_hash != analyzer.content_hash
    assert finder.measures_hash == analyzer.measures_hash


def test_a_changed_face_is_measured_anew_without_a_look_of_the_detector(
    analyzer: FaceAnalyzer, picture_u8: np.ndarray, looks: list[int]
) -> None:
    finder = VersionFaces(analyzer, picture_u8)
    brighter = np.minimum(picture_u8.astype(np.int16) + 25, 255).astype(np.uint8)
    (expected,) = analyzer.analyze(brighter)
    looks.clear()
    (found,) = finder.analyze(brighter)
    assert not looks
    assert np.abs(found.landmarks_px - expected.landmarks_px).max() < 0.02 * expected.alignment.side_px
    assert found.attributes["mouth_open"] == pytest.approx(expected.attributes["mouth_open"], abs=0.1)


def test_a_changed_face_is_placed_once_where_it_was_measured_before(
    analyzer: FaceAnalyzer, picture_u8: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    finder, places = VersionFaces(analyzer, picture_u8), list[int]()
    find_landmarks = FaceMesh.find_landmarks
    monkeypatch.setattr(FaceMesh, "find_landmarks", lambda *given: places.append(1) or find_landmarks(*given))
    assert analyzer.find(picture_u8)
    assert len(places) > 1
    places.clear()
    assert finder.analyze(np.minimum(picture_u8, 250))
    assert len(places) == 1


def test_a_face_that_stayed_as_it_was_has_the_same_measures(analyzer: FaceAnalyzer, picture_u8: np.ndarray) -> None:
    (face,) = analyzer.find(picture_u8)
    again = analyzer.find_again(picture_u8, face)
    assert again is not None
    assert (again.attributes, again.alignment) == (face.attributes, face.alignment)


def test_a_face_beside_a_changed_one_is_taken_over(
    analyzer: FaceAnalyzer, picture_u8: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = picture_u8.copy()
    both[600:, 600:] = with_head(760, 760)[600:, 600:]
    finder, again = VersionFaces(analyzer, both), list[int]()
    find_again = FaceAnalyzer.find_again
    monkeypatch.setattr(FaceAnalyzer, "find_again", lambda *given: again.append(1) or find_again(*given))
    version = both.copy()
    version[600:, 600:] = np.minimum(both[600:, 600:].astype(np.int16) + 25, 255).astype(np.uint8)
    assert len(finder.analyze(version)) == 2
    assert again == [1]


def test_a_version_that_lost_the_face_is_searched_all_over(analyzer: FaceAnalyzer, picture_u8: np.ndarray) -> None:
    finder = VersionFaces(analyzer, picture_u8)
    (found,) = finder.analyze(with_head(700, 780))
    assert found.box_xyxy_px[0] > 700
    assert finder.analyze(np.full_like(picture_u8, 128)) == []


def test_faces_of_one_size_keep_the_pictures_order(analyzer: FaceAnalyzer, picture_u8: np.ndarray) -> None:
    three = picture_u8.copy()
    three[:400, 600:] = with_head(760, 20)[:400, 600:]
    three[600:, 600:] = with_head(760, 760)[600:, 600:]
    finder, known = VersionFaces(analyzer, three), analyzer.find(three)
    assert len(known) == 3
    first, second, third = (tuple(np.round(face.alignment.centre).astype(int)) for face in known)
    assert max(third) < 100
    swapped = []
    for gain in (0.7, 0.8, 0.9, 1.1, 1.2):
        changed = three.copy()
        x, y = first
        light = changed[y - 40 : y + 40, x - 40 : x + 40]
        light[:] = np.clip(light * gain, 0, 255)
        lost = changed.copy()
        lost[: third[1] + 45, : third[0] + 45] = 128  # is searched all over
        for version, order in ((changed, [first, second, third]), (lost, [first, second])):
            found = finder.analyze(version)
            places = [face.alignment.centre for face in found]
            assert np.hypot(*np.subtract(places, order).T).max() < 10
            swapped.append(found[0].alignment.side_px < found[1].alignment.side_px)
    assert any(swapped)


def test_where_parts_are_covered_alone_a_covered_face_is_not_looked_for(
    analyzer: FaceAnalyzer, picture_u8: np.ndarray, looks: list[int]
) -> None:
    both = picture_u8.copy()
    both[600:, 600:] = with_head(760, 760)[600:, 600:]
    finder = VersionFaces(analyzer, both, only_covered=True)
    looks.clear()
    covered = both.copy()
    covered[:80, :80] = 128
    (left,) = finder.analyze(covered)
    assert left.box_xyxy_px[0] > 700
    assert not looks


def test_a_face_that_the_detector_alone_is_sure_of_is_looked_for_under_covers_too(
    analyzer: FaceAnalyzer, picture_u8: np.ndarray, monkeypatch: pytest.MonkeyPatch, looks: list[int]
) -> None:
    monkeypatch.setattr("stylegan.faces.analysis.MIN_CONFIDENCE", 1.1)  # no mesh is good enough
    monkeypatch.setattr("stylegan.faces.analysis.SURE_DETECTION", 0.5)
    assert [face.refusal is None for face in analyzer.find(picture_u8)] == [False]
    finder = VersionFaces(analyzer, picture_u8, only_covered=True)
    looks.clear()
    covered = picture_u8.copy()
    covered[54:60, 20:40] = 128
    finder.analyze(covered)
    assert looks


def test_a_version_of_another_size_is_a_picture_of_its_own(analyzer: FaceAnalyzer, picture_u8: np.ndarray) -> None:
    small = picture_u8[:400, :400]
    assert len(VersionFaces(analyzer, picture_u8).analyze(small)) == 1
