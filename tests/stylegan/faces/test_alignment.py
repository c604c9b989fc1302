"""The FFHQ square: formula, exact inverse, antialiased crop, mirrored border, way back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stylegan.errors import ShapeError
from stylegan.faces.alignment import Alignment, crop_affine, sample, transform_points


def upright(centre: tuple[float, float], side: float, degrees: float = 0.0) -> Alignment:
    angle = np.radians(degrees)
    return Alignment(centre=centre, x_axis=(side / 2 * float(np.cos(angle)), side / 2 * float(np.sin(angle))))


def smooth_picture(height: int, width: int) -> np.ndarray:
    y, x = np.mgrid[:height, :width] + 0.5
    waves = [np.sin(x / 23 + k) + np.cos(y / 31 - k) + np.sin((x + y) / 41) for k in range(3)]
    return np.clip(np.stack(waves, axis=2) * 40 + 128, 0, 255).round().astype(np.uint8)


def test_formula_on_a_face_that_can_be_worked_out_by_hand() -> None:
    square = Alignment.from_landmarks(
        np.array([40.0, 50.0]), np.array([60.0, 50.0]), np.array([42.0, 75.0]), np.array([58.0, 75.0])
    )
    assert square.side_px == pytest.approx(2 * max(2.0 * 20, 1.8 * 25))
    assert square.centre == pytest.approx((50.0, 52.5))
    assert square.x_axis[1] == pytest.approx(0.0)
    np.testing.assert_allclose(square.to_picture(np.array([[0, 0], [1, 1]])), [[5.0, 7.5], [95.0, 97.5]])


@settings(max_examples=40, deadline=None)
@given(
    angle=st.floats(-180, 180), scale=st.floats(0.2, 50), shift=st.floats(-500, 500), size=st.sampled_from([1, 64, 128, 1024])
)
def test_square_follows_the_face_and_its_inverse_is_exact(angle: float, scale: float, shift: float, size: int) -> None:
    face = np.array([[-10.0, 0.0], [10.0, 0.0], [-8.0, 25.0], [8.0, 25.0]])
    radians = np.radians(angle)
    turn = np.array([[np.cos(radians), -np.sin(radians)], [np.sin(radians), np.cos(radians)]]) * scale
    square, moved = Alignment.from_landmarks(*face), Alignment.from_landmarks(*(face @ turn.T + shift))
    assert moved.side_px == pytest.approx(square.side_px * scale)
    points = np.random.default_rng(0).uniform(0, size, (20, 2))
    there = moved.to_picture(points, size)
    np.testing.assert_allclose(there, square.to_picture(points, size) @ turn.T + shift, atol=1e-6)
    assert np.abs(transform_points(moved.inverse_matrix(size), there) - points).max() < 1e-6
    assert np.abs(moved.matrix(size) @ moved.inverse_matrix(size) - np.eye(3)).max() < 1e-6


@pytest.mark.parametrize("bad", [[[5, 5]] * 4, [[0, 0], [np.nan, 1], [0, 2], [1, 2]]])
def test_points_without_a_square_are_refused(bad: list[list[float]]) -> None:
    with pytest.raises(ShapeError, match="four distinct finite points"):
        Alignment.from_landmarks(*np.array(bad, dtype=float))


def test_crop_refuses_other_pictures() -> None:
    with pytest.raises(ShapeError, match=r"expected a uint8 image \[H, W, 3\], got float64 \[8, 8, 3\]"):
        upright((4, 4), 4).crop(np.zeros((8, 8, 3)), 4)


def test_crop_of_whole_pixels_is_a_slice() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    np.testing.assert_array_equal(upright((60, 50), 64).crop(picture, 64), picture[18:82, 28:92])


def test_shrinking_averages_and_does_not_alias() -> None:
    fine = ((np.indices((512, 512)).sum(axis=0) % 2) * 255).astype(np.uint8)  # a one-pixel checkerboard
    picture = np.repeat(fine[:, :, None], 3, axis=2)
    for degrees in (0.0, 17.0):
        crop = upright((256, 256), 320, degrees).crop(picture, 64)
        assert np.abs(crop.astype(int) - 127).max() <= 4
    blocks = np.random.default_rng(1).integers(0, 256, (64, 64, 3)).repeat(8, 0).repeat(8, 1).astype(np.uint8)
    crop = upright((256, 256), 512).crop(blocks, 64)
    assert np.abs(crop.astype(int) - blocks[::8, ::8]).mean() < 8.0  # plain decimation: 43


def test_border_is_mirrored() -> None:
    picture = smooth_picture(80, 80)
    crop = upright((0, 40), 40).crop(picture, 40)  # left half outside
    np.testing.assert_array_equal(crop[:, 21:40], picture[20:60, 1:20])
    np.testing.assert_array_equal(crop[:, 1:20], picture[20:60, 1:20][:, ::-1])
    assert upright((0, 40), 40).outside_fraction(80, 80) == pytest.approx(0.5, abs=0.01)
    assert upright((40, 40), 40).outside_fraction(80, 80) == 0.0
    assert upright((40, 40), 1600).crop(picture, 32).shape == (32, 32, 3)  # many mirrors away


@pytest.mark.parametrize("centre", [(0, 0), (80, 60), (5, 30), (40, 58)])
def test_corners_and_edges_are_mirrored_as_numpy_reflects(centre: tuple[int, int]) -> None:
    picture = smooth_picture(60, 80)
    crop = upright(centre, 40).crop(picture, 40)
    around = np.pad(picture, ((20, 20), (20, 20), (0, 0)), mode="reflect")
    np.testing.assert_array_equal(crop, around[centre[1] : centre[1] + 40, centre[0] : centre[0] + 40])


def test_sample_at_pixel_centres_is_the_map() -> None:
    field = np.random.default_rng(0).normal(size=(24, 40, 3)).astype(np.float32)
    y, x = np.mgrid[:24, :40] + 0.5
    np.testing.assert_allclose(sample(field, np.stack([x / 40, y / 24], axis=2)), field, atol=1e-4)


def test_network_crops_differ_from_smooth_ones_by_little() -> None:
    picture, square = smooth_picture(200, 200), upright((100, 100), 60, 10)
    quick = crop_affine(picture, square.matrix(128), 128, is_smooth=False)
    assert np.abs(quick.astype(int) - square.crop(picture, 128)).max() <= 3
