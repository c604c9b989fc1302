"""BlazeFace's arithmetic, without its networks: anchors, decoding, blending, pyramid."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stylegan.faces import detection
from stylegan.faces.analysis import FaceAnalyzer
from stylegan.faces.detection import (
    MAX_LEVEL_PX,
    _tile_starts,
    anchor_centres,
    blend_overlapping,
    box_overlaps,
    decode_boxes,
    level_sides,
)


def box(x0: float, y0: float, x1: float, y1: float) -> np.ndarray:
    return np.array([[x0, y0], [x1, y1], [x0 + 0.3 * (x1 - x0), y0 + 1], [x0 + 0.7 * (x1 - x0), y0 + 1]], dtype=np.float32)


def test_anchor_counts_are_those_of_the_networks() -> None:
    assert anchor_centres(192, ((4, 1),)).shape == (2304, 2)
    back = anchor_centres(256, ((16, 2), (32, 6)))
    assert back.shape == (896, 2)
    np.testing.assert_array_equal(back[:4], [[8, 8], [8, 8], [24, 8], [24, 8]])
    np.testing.assert_array_equal(back[512:519], [[16, 16]] * 6 + [[48, 16]])


def test_decoding_places_box_and_eyes_relative_to_the_anchor() -> None:
    raw = np.array([[1, 2, 20, 10, -4, -3, 4, -3, *[0] * 8]], dtype=np.float32)
    (points,) = decode_boxes(raw, np.array([[100, 50]], dtype=np.float32))
    np.testing.assert_array_equal(points, [[91, 47], [111, 57], [96, 47], [104, 47]])


def test_overlapping_boxes_blend_by_score_and_parts_are_dropped() -> None:
    boxes = np.stack([box(0, 0, 10, 10), box(1, 0, 11, 10), box(100, 100, 140, 140), box(110, 110, 120, 120)])
    merged, scores = blend_overlapping(boxes, np.array([0.9, 0.6, 0.95, 0.7], dtype=np.float32))
    np.testing.assert_allclose(scores, [0.95, 0.9])
    np.testing.assert_allclose(merged[0, :2], [[100, 100], [140, 140]])
    np.testing.assert_allclose(merged[1, :2], [[0.4, 0], [10.4, 10]], atol=1e-5)


def test_nothing_in_nothing_out() -> None:
    merged, scores = blend_overlapping(np.zeros((0, 4, 2), np.float32), np.zeros(0, np.float32))
    assert merged.shape == (0, 4, 2)
    assert scores.shape == (0,)


def naive_overlap(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    width = max(0.0, min(a[1, 0], b[1, 0]) - max(a[0, 0], b[0, 0]))
    height = max(0.0, min(a[1, 1], b[1, 1]) - max(a[0, 1], b[0, 1]))
    area_a, area_b = (a[1] - a[0]).prod(), (b[1] - b[0]).prod()
    return width * height / (area_a + area_b - width * height), width * height / min(area_a, area_b)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_overlaps_equal_the_naive_formula_and_survivors_are_apart(seed: int) -> None:
    rng = np.random.default_rng(seed)
    corners = rng.uniform(0, 60, (12, 2))
    boxes = np.stack([box(x, y, x + w, y + h) for (x, y), (w, h) in zip(corners, rng.uniform(5, 40, (12, 2)), strict=True)])
    scores = rng.uniform(0.5, 1, 12).astype(np.float32)
    union, inside = box_overlaps(boxes[0], boxes)
    np.testing.assert_allclose(np.stack([union, inside], 1), [naive_overlap(boxes[0], b) for b in boxes], atol=1e-5)
    shuffled = rng.permutation(12)
    merged, kept = blend_overlapping(boxes, scores)
    again, kept_again = blend_overlapping(boxes[shuffled], scores[shuffled])
    np.testing.assert_allclose(merged, again, atol=1e-4)
    np.testing.assert_allclose(kept, kept_again)
    assert (np.diff(kept) <= 0).all()


@pytest.mark.parametrize("longer_px", [64, 192, 500, 1080, 2000, 8000])
def test_levels_reach_from_the_smallest_face_to_the_whole_picture(longer_px: int) -> None:
    sides = level_sides(longer_px, 192)
    assert sides[-1] == 192
    assert max(sides) <= MAX_LEVEL_PX
    assert all(small < large <= 2 * small for large, small in itertools.pairwise(sides))
    assert 24 * sides[0] / longer_px >= 13.9 or sides[0] == MAX_LEVEL_PX


@pytest.mark.parametrize("length", [1, 192, 193, 342, 343, 900])
def test_tiles_cover_a_level_with_overlap(length: int) -> None:
    starts = _tile_starts(length, 192)
    assert starts[0] == 0
    assert starts[-1] + 192 >= length
    assert all(b - a <= 150 for a, b in itertools.pairwise(starts))


def test_a_detector_that_remembers_gives_the_same_faces_with_fewer_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    detector = FaceAnalyzer()._detector
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (500, 500, 3), dtype=np.uint8)] * 2
    pictures[1] = pictures[0].copy()
    pictures[1][:60, :60] = 200
    looks: list[int] = []

    def look(model: object, centres: np.ndarray, tile_f32: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        looks.append(len(centres))
        corners = np.array([[[0, 0], [9, 9], [3, 3], [6, 3]]], np.float32)
        return corners + tile_f32.sum() % 50, np.array([0.9], np.float32)

    monkeypatch.setattr(detection, "_candidates", look)
    plain = [detector.detect(one) for one in pictures]
    num_plain = len(looks)
    remembering = detector.remembering()
    assert [remembering.detect(one) for one in pictures] == plain
    assert num_plain == 12
    assert len(looks) == 12 + 6 + 3  # of the second picture: the whole, the smallest copy, one tile of the larger
    assert detector._known is None
