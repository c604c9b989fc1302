"""Pixel measures on drawn pictures with a known answer; identity in closed-form cases and on a portrait."""

from __future__ import annotations

import numpy as np
import pytest

from data.make.appearance import LEFT_CHEEK, PIXEL_MEASURES, RIGHT_CHEEK, measure_pixels
from data.make.identity import SAME_PERSON_DISTANCE, FaceRecognizer
from stylegan.faces.analysis import FaceAnalyzer, FaceInPicture
from stylegan.faces.mesh import FACE_OVAL, LIPS, SKULL, bone_distance


@pytest.fixture
def points() -> np.ndarray:
    """A mesh whose oval is a circle in the middle of 128 px, cheeks left and right, everything else in the centre."""
    mesh = np.full((468, 2), 64.0)
    angle = np.linspace(0, 2 * np.pi, len(FACE_OVAL), endpoint=False) - np.pi / 2
    mesh[list(FACE_OVAL)] = 64 + 30 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    mesh[list(LEFT_CHEEK)], mesh[list(RIGHT_CHEEK)] = (50.0, 70.0), (78.0, 70.0)
    return mesh


def measure(crop: np.ndarray, points: np.ndarray) -> dict[str, float]:
    return dict(zip(PIXEL_MEASURES, measure_pixels(crop, points).tolist(), strict=True))


def head(face: tuple[int, int, int], around: int) -> np.ndarray:
    """A disc of one colour on a grey ground."""
    y, x = np.mgrid[:128, :128]
    crop = np.full((128, 128, 3), around, dtype=np.uint8)
    crop[(x - 64) ** 2 + (y - 64) ** 2 <= 33**2] = face
    return crop


def test_measures_of_a_flat_disc_are_its_colours(points: np.ndarray) -> None:
    values = measure(head((204, 153, 102), 51), points)
    assert [values[name] for name in ("skin_red", "skin_green", "skin_blue")] == pytest.approx([0.8, 0.6, 0.4], abs=1e-3)
    assert values["hair_lightness"] == pytest.approx(0.2, abs=1e-3)
    assert values["light_side"] == pytest.approx(0.0, abs=1e-6)
    assert values["brightness"] == pytest.approx(head((204, 153, 102), 51).mean() / 255, abs=1e-4)


def test_light_from_the_right_is_positive(points: np.ndarray) -> None:
    crop = head((150, 150, 150), 0)
    crop[:, :64] //= 2
    assert measure(crop, points)["light_side"] == pytest.approx(np.log(2.0), abs=0.01)
    assert measure(crop[:, ::-1], points)["light_side"] == pytest.approx(-np.log(2.0), abs=0.01)


def test_hair_that_lies_outside_the_crop_is_not_measured(points: np.ndarray) -> None:
    far = 64 + (points - 64) * 3
    assert np.isnan(measure_pixels(head((200, 200, 200), 50), far)[PIXEL_MEASURES.index("hair_lightness")])


@pytest.fixture(scope="module")
def mesh() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(468, 3))


def test_pose_size_and_expression_do_not_count(mesh: np.ndarray) -> None:
    turn, _ = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))
    turn *= np.sign(np.linalg.det(turn))
    moved = mesh @ turn * 3.0 + [5.0, -2.0, 1.0]
    moved[[point for point in LIPS if point not in SKULL]] += 9.0
    assert bone_distance(mesh, moved) == pytest.approx(0.0, abs=1e-6)


def test_a_mirrored_head_is_another_head(mesh: np.ndarray) -> None:
    assert bone_distance(mesh, mesh * [-1.0, 1.0, 1.0]) > 0.1


def test_a_moved_point_counts_by_its_share(mesh: np.ndarray) -> None:
    other = mesh.copy()
    point = next(p for p in SKULL if p not in (33, 133, 362, 263))
    eye = np.linalg.norm(mesh[[33, 133]].mean(axis=0) - mesh[[362, 263]].mean(axis=0))
    other[point] += [0.01 * eye, 0.0, 0.0]
    expected = 0.01 * np.sqrt(19 / 20 / 20)  # one of twenty points, its own pull on the mean taken out
    assert bone_distance(mesh, other) == pytest.approx(expected, rel=0.25)


def test_the_network_knows_a_brightened_portrait_and_not_another(
    analyzer: FaceAnalyzer, astronaut: np.ndarray, portrait: FaceInPicture
) -> None:
    recognizer = FaceRecognizer.installed()
    assert recognizer is not None, "the extra identity is not installed, which dev asks for"
    crop = portrait.alignment.crop(astronaut, 128)
    embedded = recognizer.embed(crop)
    assert embedded.shape == (128,)
    brighter = np.clip(crop * 1.15, 0, 255).astype(np.uint8)
    assert np.linalg.norm(embedded - recognizer.embed(brighter)) < 0.5 * SAME_PERSON_DISTANCE
    stretched = np.asarray(crop[20:108])[np.linspace(0, 87, 128).astype(int)]
    upside_down = crop[::-1]
    assert np.linalg.norm(embedded - recognizer.embed(np.ascontiguousarray(upside_down))) > SAME_PERSON_DISTANCE
    assert np.linalg.norm(embedded - recognizer.embed(stretched)) < np.linalg.norm(embedded - recognizer.embed(upside_down))
