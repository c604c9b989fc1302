from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from data.make.projection import fit_regressor, separate_directions
from stylegan.errors import CheckpointError, DirectionError, ShapeError
from stylegan.latents.directions.labelled import DirectionSet, EditLimits


@pytest.fixture
def codes() -> np.ndarray:
    """Correlated codes [4000, 6]."""
    rng = np.random.default_rng(0)
    return (rng.normal(size=(4000, 6)) @ rng.normal(size=(6, 6))).astype(np.float32)


def two_directions() -> DirectionSet:
    return DirectionSet(
        names=("smile", "yaw"),
        vectors=np.eye(2, 6, dtype=np.float32),
        low=np.array([-2.0, -1.0]),
        high=np.array([2.0, 1.0]),
        table={"smile": {"own": 1.0}},
    )


def test_separated_directions_leave_the_others_alone(codes: np.ndarray) -> None:
    rng = np.random.default_rng(1)
    truth = rng.normal(size=(3, 6))
    regressors = np.stack([fit_regressor(codes, codes @ row, ridge=1e-6) for row in truth])
    directions = separate_directions(codes, regressors, 2)
    moved = directions @ regressors.T  # [2, 3]
    assert moved[0, 0] > 0.05
    assert moved[1, 1] > 0.05
    np.testing.assert_allclose([moved[0, 1], moved[0, 2], moved[1, 0], moved[1, 2]], 0, atol=1e-5)


def test_one_unit_is_one_standard_deviation(codes: np.ndarray) -> None:
    regressors = np.stack([fit_regressor(codes, codes @ row, ridge=0.1) for row in np.eye(6)[:2]])
    direction = separate_directions(codes, regressors, 1)[0]
    length = np.linalg.norm(direction)
    assert np.std(codes @ (direction / length)) == pytest.approx(length, rel=1e-2)


def test_a_single_regressor_gives_the_class_mean_direction(codes: np.ndarray) -> None:
    """With nothing to hold still, the direction is covariance times regressor: what LDA's class means differ by."""
    regressor = fit_regressor(codes, codes[:, 0], ridge=0.0 + 1e-9)
    direction = separate_directions(codes, regressor[None], 1)[0]
    expected = np.cov(codes, rowvar=False) @ regressor
    assert np.corrcoef(direction, expected)[0, 1] == pytest.approx(1.0, abs=1e-6)


def test_apply_is_linear_and_zero_is_identity(codes: np.ndarray) -> None:
    directions = two_directions()
    assert np.array_equal(directions.apply(codes[:3], np.zeros((3, 2))), codes[:3])
    moved = directions.apply(codes[:1], np.array([[1.5, -0.5]]))
    np.testing.assert_allclose(moved - codes[:1], [[1.5, -0.5, 0, 0, 0, 0]], atol=1e-6)


@pytest.mark.parametrize("bad", [2.5, -2.5, np.nan])
def test_strength_outside_the_safe_range(codes: np.ndarray, bad: float) -> None:
    with pytest.raises(DirectionError, match=r'strength .* of "smile" is outside its safe range -2.00 to 2.00'):
        two_directions().apply(codes[:1], np.array([[bad, 0.0]]))


def test_wrong_shapes_and_names(codes: np.ndarray) -> None:
    with pytest.raises(ShapeError, match=r"strengths \[1, 2\]"):
        two_directions().apply(codes[:1], np.zeros((1, 3)))
    with pytest.raises(DirectionError, match='no direction named "sex"; known: smile, yaw'):
        two_directions().index("sex")
    with pytest.raises(ShapeError, match="2 names need vectors"):
        DirectionSet(names=("a", "b"), vectors=np.zeros((1, 6)), low=np.zeros(2), high=np.zeros(2), table={})
    with pytest.raises(DirectionError, match="at least ten finite"):
        fit_regressor(codes, np.ones(len(codes)), ridge=0.1)


def test_select_keeps_order_and_ranges() -> None:
    chosen = two_directions().select(["yaw"])
    assert chosen.names == ("yaw",)
    assert chosen.high.tolist() == [1.0]
    assert chosen.vectors[0, 1] == 1.0


def test_save_and_load(tmp_path: Path) -> None:
    directions = two_directions()
    directions.save(tmp_path)
    loaded = DirectionSet.load(tmp_path)
    assert loaded.names == directions.names
    assert np.array_equal(loaded.vectors, directions.vectors)
    assert loaded.table == directions.table


def test_load_refuses_what_it_does_not_know(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no directions in"):
        DirectionSet.load(tmp_path)
    two_directions().save(tmp_path)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    (tmp_path / "manifest.json").write_text(json.dumps({**manifest, "sha256": "0" * 64}))
    with pytest.raises(CheckpointError, match="differs from the hash"):
        DirectionSet.load(tmp_path)
    (tmp_path / "manifest.json").write_text(json.dumps({**manifest, "kind": "other"}))
    with pytest.raises(CheckpointError, match="is a 'other' of format 1; this version reads face-directions"):
        DirectionSet.load(tmp_path)


def test_restricted_names_limits_and_ranges_survive_the_disk(tmp_path: Path) -> None:
    limits = EditLimits(np.arange(7, dtype=np.float32), 0.25, np.array([1, 0, 0, 0, 0, 0, -0.5], np.float32))
    both = DirectionSet(
        names=("age", "smile"),
        vectors=np.eye(2, 6, dtype=np.float32),
        low=np.array([-2.0, -1.0]),
        high=np.array([2.0, 1.0]),
        table={},
        restricted=("age",),
        limits=limits,
    )
    both.save(tmp_path)
    loaded = DirectionSet.load(tmp_path)
    assert loaded.restricted == ("age",)
    smile = loaded.select(["smile"])
    assert (smile.names, smile.restricted) == (("smile",), ())
    assert smile.limits is not None
    np.testing.assert_array_equal(smile.limits.covered_eyes, np.arange(7))
    assert smile.limits.max_error == 0.25
    codes = np.array([[0.6, *[-9.0] * 5], [0.4, *[-9.0] * 5]], np.float32)
    assert smile.limits.refusals(codes, np.zeros(2)) == ["face may be a child's: only adults are edited", None]
    assert loaded.select(["age"]).restricted == ("age",)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"names": ["smile"]}, "does not fit its manifest: 1 names need vectors"),
        ({"low": ["x", "y"]}, "does not fit its manifest"),
        ({"low": [float("nan"), -1.0]}, "hold NaN or infinite numbers"),
        ({"names": None}, "does not fit its manifest"),
    ],
)
def test_a_folder_of_directions_that_contradicts_itself(change: dict[str, object], message: str, tmp_path: Path) -> None:
    DirectionSet(
        names=("age", "smile"),
        vectors=np.eye(2, 6, dtype=np.float32),
        low=np.array([-2.0, -1.0]),
        high=np.array([2.0, 1.0]),
        table={},
    ).save(tmp_path)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    (tmp_path / "manifest.json").write_text(json.dumps(manifest | change))
    with pytest.raises(CheckpointError, match=message):
        DirectionSet.load(tmp_path)
