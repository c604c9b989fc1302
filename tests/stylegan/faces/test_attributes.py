"""Face attributes move the way their names say, whatever the face's size and roll."""

from __future__ import annotations

import numpy as np
import pytest

from stylegan.faces.attributes import ATTRIBUTES, head_axes, measure_attributes
from stylegan.faces.mesh import Eye

PAIRS = {33: 263, 133: 362, 61: 291, 234: 454}


def mesh(**moves: tuple[float, float, float]) -> np.ndarray:
    """A plain frontal face: only the points that the formulas read."""
    points = np.zeros((468, 3), dtype=np.float64)
    left = {33: (-45, 0, 10), 133: (-15, 0, 5), 61: (-25, 70, 5), 234: (-70, 20, 50)}
    for number, (x, y, z) in left.items():
        points[number], points[PAIRS[number]] = (x, y, z), (-x, y, z)
    points[0], points[13], points[14], points[168] = (0, 62, 0), (0, 68, 0), (0, 70, 0), (0, 0, 0)
    points[10], points[152] = (0, -70, 10), (0, 120, 10)
    for number, move in moves.items():  # type: ignore[assignment]
        points[int(number[1:])] += move
    return points


def eye(middle_x: float, gap: float = 10.0, iris: tuple[float, float] = (0.0, 0.0), *, mirrored: bool = False) -> Eye:
    """An eye 30 wide, outer corner first."""
    lower = np.stack([np.linspace(-15, 15, 9), np.r_[0, [gap / 2] * 7, 0]], axis=1)
    upper = np.stack([np.linspace(-15, 15, 9)[1:-1], [-gap / 2] * 7], axis=1)
    contour = np.concatenate([lower, upper])
    contour[:, 0] *= -1 if mirrored else 1
    return Eye(contour + np.array([middle_x, 0]), np.array([[middle_x + iris[0], iris[1]]] * 5))


def measure(points: np.ndarray, gap: float = 10.0, iris: tuple[float, float] = (0.0, 0.0)) -> dict[str, float]:
    values = measure_attributes(points, (eye(-30, gap, iris), eye(30, gap, iris, mirrored=True)))
    return dict(zip(ATTRIBUTES, map(float, values), strict=True))


def test_values_of_a_face_that_can_be_worked_out_by_hand() -> None:
    values = measure(mesh())
    assert values["smile"] == pytest.approx((50 + 2 * (62 - 70)) / 60, abs=1e-4)
    assert values["mouth_open"] == pytest.approx(2 / 50, abs=1e-4)
    assert values["eyes_open"] == pytest.approx(10 / 30, abs=1e-4)
    assert [values[k] for k in ("gaze_x", "gaze_y", "head_yaw", "head_roll")] == pytest.approx([0, 0, 0, 0], abs=1e-4)


def test_each_movement_raises_its_own_attribute() -> None:
    still = measure(mesh())
    assert measure(mesh(p61=(-5, -4, 0), p291=(5, -4, 0)))["smile"] > still["smile"] + 0.1
    assert measure(mesh(p14=(0, 12, 0)))["mouth_open"] > 0.2
    assert measure(mesh(), gap=2)["eyes_open"] < 0.1
    assert measure(mesh(), iris=(5, 0))["gaze_x"] == pytest.approx(5 / 30, abs=1e-4)
    assert measure(mesh(), iris=(0, -5))["gaze_y"] == pytest.approx(5 / 30, abs=1e-4)


def turned(points: np.ndarray, axis: int, degrees: float) -> np.ndarray:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    a, b = [(1, 2), (2, 0), (0, 1)][axis]
    rotation = np.eye(3)
    rotation[a, a], rotation[a, b], rotation[b, a], rotation[b, b] = c, -s, s, c
    return points @ rotation.T


@pytest.mark.parametrize("degrees", [-35.0, -10.0, 20.0])
def test_head_pose_is_read_back_and_the_mouth_is_not_fooled(degrees: float) -> None:
    still = measure(mesh())
    yawed, rolled = measure(turned(mesh(), 1, -degrees)), measure(turned(mesh(), 2, degrees))
    assert yawed["head_yaw"] == pytest.approx(degrees, abs=0.1)
    assert rolled["head_roll"] == pytest.approx(degrees, abs=0.1)
    pitched = measure(turned(mesh(), 0, degrees))
    assert abs(pitched["head_pitch"] - still["head_pitch"]) == pytest.approx(abs(degrees), abs=0.5)
    for moved in (yawed, rolled, pitched):
        assert moved["smile"] == pytest.approx(still["smile"], abs=1e-4)
        assert moved["mouth_open"] == pytest.approx(still["mouth_open"], abs=1e-4)


def test_size_does_not_matter() -> None:
    large = (eye(-30), eye(30, mirrored=True))
    large = tuple(Eye(e.contour * 7, e.iris * 7) for e in large)  # type: ignore[assignment]
    np.testing.assert_allclose(measure_attributes(mesh() * 7, large)[:5], list(measure(mesh()).values())[:5], atol=1e-5)


def test_axes_are_orthonormal() -> None:
    axes = head_axes(turned(turned(mesh(), 1, 25), 0, 10))
    np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-9)
    assert np.linalg.det(axes) == pytest.approx(1.0)
