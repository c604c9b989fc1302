"""What decides which directions ship and which faces are refused, on planted values."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from data.make.directions import (
    EFFECTS,
    MIN_CLASS_SHARE,
    MIN_MOVED_SHARE,
    OFFERED,
    RESTRICTED,
    fit_limits,
    mix_codes,
    passes,
    row_cosine,
    shipped_set,
)
from data.make.projection import raw_directions, separate_directions
from stylegan.errors import DirectionError
from stylegan.latents.directions.labelled import DirectionSet, EditLimits

PROTECTED = ("sex", "african", "asian", "irish", "skin_red", "skin_green", "skin_blue")


def test_a_direction_ships_only_under_a_name_it_deserves() -> None:
    row = {"moved_share": MIN_MOVED_SHARE, EFFECTS: {"smile": 1.0}, "largest_other": (0.5, "gaze_x"), "low": -2.0, "high": 2.0}
    assert passes(row, "smile")
    assert not passes({**row, "moved_share": MIN_MOVED_SHARE - 0.01}, "smile")
    assert not passes({**row, "largest_other": (1.1, "gaze_x")}, "smile")
    assert not passes({**row, "high": 0.0}, "smile")
    assert not passes({**row, EFFECTS: {"smile": -1.0}}, "smile")
    assert not passes({**row, "share_of_class_gap": MIN_CLASS_SHARE - 0.01}, "smile")
    assert passes({**row, "share_of_class_gap": MIN_CLASS_SHARE}, "smile")


def test_what_is_not_ours_to_change_is_never_offered_and_age_only_behind_its_switch() -> None:
    assert not set(PROTECTED) & set(OFFERED)
    assert RESTRICTED == ("age",)


def test_row_cosine_in_closed_form() -> None:
    np.testing.assert_allclose(row_cosine(np.array([[1.0, 0], [1, 1]]), np.array([[0.0, 2], [3, 3]])), [0, 1], atol=1e-12)


def test_mixes_keep_mean_and_covariance_and_are_seeded() -> None:
    codes = np.random.default_rng(0).normal(size=(500, 4)) @ np.diag([1.0, 2.0, 3.0, 4.0]) + 5.0
    mixes = mix_codes(codes, 20_000, rng=np.random.default_rng(1))
    np.testing.assert_allclose(mixes.mean(axis=0), codes.mean(axis=0), atol=0.15)
    np.testing.assert_allclose(np.cov(mixes.T), np.cov(codes.T), atol=0.6)
    assert np.abs(mixes[:50, None] - codes[None]).max(axis=2).min() > 0.01
    np.testing.assert_array_equal(mixes[:9], mix_codes(codes, 20_000, rng=np.random.default_rng(1))[:9])


def test_projection_removes_what_comes_along() -> None:
    """Two correlated attributes: the plain direction of one moves the other, the projected one does not."""
    rng = np.random.default_rng(0)
    codes = rng.normal(size=(2000, 5))
    codes[:, 1] += codes[:, 0]
    regressors = np.eye(2, 5)
    plain, projected = raw_directions(codes, regressors), separate_directions(codes, regressors, 2)
    assert abs(plain[0, 1]) > 0.3 * plain[0, 0]
    np.testing.assert_allclose(projected[0, 1], 0.0, atol=1e-6)
    for row in (*plain, *projected):
        length = float(np.linalg.norm(row))
        assert np.std(codes @ (row / length)) == pytest.approx(length, rel=0.02)


def test_limits_find_unnamed_sunglasses_and_spare_the_others() -> None:
    rng = np.random.default_rng(0)
    num = 600
    covered = np.arange(num) % 20 == 0
    named = np.arange(num) % 40 == 0  # captions name every second one
    codes, seen = rng.normal(size=(num, 12)), rng.normal(size=(num, 30))
    codes[covered, 3] += 6.0
    seen[covered, 7] += 9.0
    paths = [Path(f"{i}.jpg") for i in range(num)]
    said = {f"{i}.jpg": frozenset({"sunglasses"}) for i in np.flatnonzero(named)}
    errors = rng.uniform(0.1, 0.2, size=num)
    limits, figures = fit_limits(codes, errors, seen, paths, said)
    sentences = limits.refusals(codes, errors)
    found = np.array([s is not None and "covered" in s for s in sentences])
    assert found[covered].mean() > 0.8
    assert found[~covered].mean() < 0.03
    assert figures["faces"] >= named.sum()


def test_a_face_that_cannot_be_drawn_is_refused_with_its_error() -> None:
    limits = EditLimits(np.array([0.0, 0.0, -1.0], dtype=np.float32), 0.3)
    sentences = limits.refusals(np.zeros((2, 2)), np.array([0.31, 0.29]))
    assert sentences[0] is not None
    assert "error of 0.31, at most 0.30" in sentences[0]
    assert sentences[1] is None


def test_the_shipped_set_is_what_passed_and_was_not_rejected() -> None:
    def row(name: str, low: float, moved: float = 1.0) -> dict[str, object]:
        return {"moved_share": moved, EFFECTS: {name: 1.0}, "largest_other": (0.1, "gaze_x"), "low": low, "high": 3.0}

    vectors = {name: np.full(4, i, dtype=np.float32) for i, name in enumerate(("smile", "glasses", "age", "makeup"))}
    table = {"smile": row("smile", -3.0), "glasses": row("glasses", -1.0, moved=0.5), "age": row("age", -1.0)}
    table |= {"makeup": row("makeup", -1.0)}
    limits, regressors = EditLimits(np.zeros(5, dtype=np.float32), 0.3), np.zeros((4, 4), dtype=np.float32)

    def ship(rejected: list[str]) -> DirectionSet:
        return shipped_set(vectors, table, rejected, {"held_still": list(vectors)}, limits, regressors)

    found = ship(["makeup"])
    assert (found.names, found.restricted) == (("smile", "age"), ("age",))
    assert found.low.tolist() == [-2.0, -1.0]  # what was measured as safe, within what is offered at all
    assert found.high.tolist() == [2.0, 2.0]
    np.testing.assert_array_equal(found.vectors[1], vectors["age"])
    assert set(found.table["measured_and_not_shipped"]) == {"glasses", "makeup"}
    assert found.table["rejected_by_eye"] == ["makeup"]
    with pytest.raises(DirectionError, match="no direction passed its measurement"):
        ship(["smile", "age", "makeup"])
