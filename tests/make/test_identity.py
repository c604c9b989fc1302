"""Bone distance has closed-form cases; the recognition network tells one portrait from another."""

from __future__ import annotations

import numpy as np
import pytest

from data.make.identity import SAME_PERSON_DISTANCE, FaceRecognizer
from stylegan.faces.analysis import FaceAnalyzer, FaceInPicture
from stylegan.faces.identity import bone_distance
from stylegan.faces.mesh import LIPS, SKULL


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
