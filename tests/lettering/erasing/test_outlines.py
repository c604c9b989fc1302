"""Outlines of drawings are found finer than pixels, on what is known."""

from __future__ import annotations

import numpy as np

from adcreative.lettering.erasing.outlines import FITTED, find_outlines


def drawn(shape: np.ndarray) -> np.ndarray:
    """A shape [4 * h, 4 * w] in a fainter tone, averaged down."""
    large = 180.0 - 20.0 * shape[:, :, None] * np.ones(3)
    height, width = shape.shape[0] // 4, shape.shape[1] // 4
    return large.reshape(height, 4, width, 4, 3).mean(axis=(1, 3)).astype(np.float32)


def test_a_disc_is_one_circle() -> None:
    y, x = np.mgrid[0:800, 0:800] / 4.0
    (circle,) = find_outlines(drawn(np.hypot(y - 90.0, x - 110.0) < 60.0), np.ones((200, 200), bool))
    assert np.abs(circle.middle - (90.0 - 0.375, 110.0 - 0.375)).max() < 0.1
    assert abs(circle.radius - 60.0) < 0.1
    assert circle.distance(np.array([90.0]), np.array([110.0]))[0] < 0


def test_a_bar_has_straight_sides_and_its_ends_are_known() -> None:
    y, x = np.mgrid[0:800, 0:800] / 4.0
    picture = drawn((np.abs(x - 0.5 * y - 50.0) < 15.0) & (y > 100.0))
    found = find_outlines(picture, np.ones((200, 200), bool))
    sides = [one for one in found if len(one.points) > 60]
    assert len(sides) == 2
    for one in sides:
        assert one.radius == FITTED.longest_radius_px
        inner, outer = one.points[one.points[:, 0].argmax()], one.points[one.points[:, 0].argmin()]
        assert one.beyond(*inner[:, None])[0] < 1.0
        assert one.beyond(*(outer + 0.5 * (outer - inner))[:, None])[0] > 40.0


def test_what_is_unknown_has_no_edges() -> None:
    _, x = np.mgrid[0:800, 0:800] / 4.0
    known = np.ones((200, 200), bool)
    known[:, 80:140] = False
    for one in find_outlines(drawn(x > 110.0), known):
        assert (np.abs(one.points[:, 1] - 110.0) > 25.0).all()
