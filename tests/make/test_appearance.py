"""Pixel measures on drawn pictures with a known answer; probes on planted features."""

from __future__ import annotations

import numpy as np
import pytest

from data.make.appearance import LEFT_CHEEK, PIXEL_MEASURES, RIGHT_CHEEK, measure_pixels
from stylegan.faces.mesh import FACE_OVAL


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
