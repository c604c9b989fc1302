"""Strengths are calibrated so that equal ones show equally, and what would not show is not offered."""

from __future__ import annotations

import numpy as np
import pytest

from stylegan.faces.attributes import ATTRIBUTES
from stylegan.faces.visible_changes import (
    MAX_BONES,
    MAX_GAIN,
    MIN_STRENGTH,
    SEEN_LEVELS,
    SEEN_SHARE,
    STRONG_STEPS,
    STRONG_STRENGTH,
    VISIBLE_CHANGES,
    edit_strength,
    measure_reach,
    measure_seen,
    measure_shown,
)

LOW, HIGH = np.full(2, -2.0), np.full(2, 2.0)
VISIBLE = {"smile": 0.1, "head_yaw": 3.0}
NAMED = ("smile", "head_yaw")


def probed(smile: float, yaw: float = 6.0, *, probe: float = 1.2) -> tuple[np.ndarray, np.ndarray]:
    """Probes of both directions on one face whose measures move by so much per unit, upwards; nothing shows downwards."""
    changes = np.zeros((2, 2, 1, len(ATTRIBUTES)))
    changes[1, 0, 0, ATTRIBUTES.index("smile")], changes[1, 1, 0, ATTRIBUTES.index("head_yaw")] = probe * smile, probe * yaw
    return np.array([[-probe] * 2, [probe] * 2]), changes


def test_a_face_on_which_a_smile_shows_less_is_moved_further() -> None:
    full = STRONG_STEPS * VISIBLE["smile"] / STRONG_STRENGTH  # per unit, where strength 2 is just what it is meant to be
    for smile, gain in ((full, 1.0), (2 * full, 1.0), (full / 1.25, 1.25), (full / 10, MAX_GAIN)):
        reach = measure_reach(*probed(smile), NAMED, VISIBLE)
        assert reach.gains[1, 0, 0] == pytest.approx(gain)
    reach = measure_reach(*probed(full / 1.25), NAMED, VISIBLE)
    assert full / 1.25 * STRONG_STRENGTH * reach.gains[1, 0, 0] == pytest.approx(STRONG_STEPS * VISIBLE["smile"])


def test_a_side_that_shows_nothing_is_not_offered() -> None:
    too_little = 0.9 * VISIBLE["smile"] / (STRONG_STRENGTH * MAX_GAIN)
    low, high = measure_reach(*probed(too_little), NAMED, VISIBLE).limits(LOW, HIGH)
    assert (low.tolist(), high.tolist()) == ([[0.0, 0.0]], [[0.0, 2.0]])
    _, high = measure_reach(*probed(-0.2), NAMED, VISIBLE).limits(LOW, HIGH)
    assert high[0, 0] == 0.0, "a smile that turns into a frown is none"


def test_the_least_strength_shows_just() -> None:
    reach = measure_reach(*probed(0.08), NAMED, VISIBLE)
    assert 0.08 * reach.least[1, 0, 0] * reach.gains[1, 0, 0] == pytest.approx(VISIBLE["smile"])
    assert measure_reach(*probed(9.0), NAMED, VISIBLE).least[1, 0, 0] == MIN_STRENGTH


def test_a_direction_without_a_measure_is_left_alone() -> None:
    reach = measure_reach(*probed(0.0), ("smile", "hair_lightness"), {"hair_lightness": 1.0, "smile": 0.1})
    assert (reach.gains[:, 0, 1] == 1.0).all()
    assert (reach.least[:, 0, 1] == MIN_STRENGTH).all()


def test_edit_strength_is_that_of_what_shows_most() -> None:
    before, after = np.zeros((2, len(ATTRIBUTES))), np.zeros((2, len(ATTRIBUTES)))
    strengths = np.array([[1.0, 0.0], [0.0, -1.0]])
    after[0, ATTRIBUTES.index("smile")], after[1, ATTRIBUTES.index("head_yaw")] = 0.05, -6.0
    assert edit_strength(before, after, strengths, NAMED, VISIBLE) == pytest.approx(2.0)
    assert edit_strength(before, after, -strengths, NAMED, VISIBLE) == 0.0, "the wrong way"
    assert edit_strength(before, after, 0 * strengths, NAMED, VISIBLE) is None


def test_the_shipped_thresholds_name_measures() -> None:
    assert set(VISIBLE_CHANGES) <= set(ATTRIBUTES)
    assert min(VISIBLE_CHANGES.values()) > 0


def test_what_is_seen_is_what_a_hundredth_of_a_face_changes_by() -> None:
    before = np.full((100, 100, 3), 90, np.uint8)
    after = before.copy()
    after[20:30, 20:29, 1] += SEEN_LEVELS  # 90 pixels of 10,000
    assert measure_seen(before, after) < SEEN_LEVELS
    after[20:30, 20:33, 1] = 90 + SEEN_LEVELS
    assert measure_seen(before, after) == SEEN_LEVELS
    assert measure_seen(before, after, (50, 50, 90, 90)) == 0.0
    assert SEEN_SHARE == 0.01
    probes, still = np.array([[-1.0], [1.0]]), np.zeros((2, 1, 1, 8))
    reach = measure_reach(probes, still, ("smile",), {}, np.array([[[6.0]], [[48.0]]]))
    assert reach.least.ravel() == pytest.approx([4.0, 0.5])


def test_what_is_seen_is_told_in_millimetres_and_degrees() -> None:
    before, after = np.zeros((2, len(ATTRIBUTES))), np.zeros((2, len(ATTRIBUTES)))
    after[0, ATTRIBUTES.index("smile")], after[1, ATTRIBUTES.index("head_yaw")] = 0.1, -6.0
    after[1, ATTRIBUTES.index("smile")] = np.nan
    assert measure_shown(before, after, [*NAMED, "hair_lightness"]) == {"smile": [3.1, None], "head_yaw": [0.0, -6.0]}


def test_a_head_that_would_be_built_differently_is_moved_less_far() -> None:
    probes, changes = probed(0.02)
    free = measure_reach(probes, changes, NAMED, VISIBLE).gains[1, 0, 0]
    bones = np.full((2, 2, 1), MAX_BONES * 1.2 / STRONG_STRENGTH / 2.0)  # at strength 2, half of what is allowed
    assert (free, measure_reach(probes, changes, NAMED, VISIBLE, bones=bones).gains[1, 0, 0]) == (MAX_GAIN, pytest.approx(2.0))


@pytest.mark.parametrize(
    ("name", "smile", "mouth_open", "offered"),
    [
        ("mouth_open", 0.5, 0.02, (False, False)),  # closed lips: nothing lies behind them
        ("mouth_open", 0.5, 0.2, (True, True)),
        ("smile", 0.45, 0.02, (False, True)),  # a mouth at rest would be pursed
        ("smile", 0.7, 0.02, (True, True)),
        ("smile", 0.9, 0.2, (False, True)),  # teeth would shrink with the mouth
    ],
)
def test_an_edit_starts_from_a_face_on_which_it_looks_natural(
    name: str, smile: float, mouth_open: float, offered: tuple[bool, bool]
) -> None:
    before, changes = np.zeros((1, len(ATTRIBUTES))), np.zeros((2, 1, 1, len(ATTRIBUTES)))
    before[0, ATTRIBUTES.index("smile")], before[0, ATTRIBUTES.index("mouth_open")] = smile, mouth_open
    changes[:, 0, 0, ATTRIBUTES.index(name)] = [-1.0, 1.0]
    reach = measure_reach(np.array([[-1.2], [1.2]]), changes, (name,), VISIBLE_CHANGES, before=before)
    assert tuple(np.isfinite(reach.least[:, 0, 0])) == offered
