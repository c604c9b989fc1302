"""Strengths are calibrated so that equal ones show equally, and what would not show is not offered."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from adcreative.editor.scoring.visibility import MAX_GAIN, STRONG_STEPS, STRONG_STRENGTH, edit_strength, measure_reach
from adcreative.editor.space.genome import MIN_STRENGTH, GeneSpace, Individual
from stylegan.faces.attributes import ATTRIBUTES
from stylegan.faces.visible_changes import VISIBLE_CHANGES
from tests.editor.fakes import NAMES, FakeSession, attributes_in, bumpy_surface, edit_creative, fake_ad, fake_tools

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
    low, high = measure_reach(*probed(0.02), NAMED, VISIBLE).limits(LOW, HIGH)  # at most 0.02 * 2 * 1.5, of 0.1
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


def test_weaker_strengths_than_the_least_are_raised_to_it_or_left_out() -> None:
    space = GeneSpace(num_faces=1, low=LOW[None], high=HIGH[None], least=np.array([[[0.2, 0.504]], [[1.0, 0.2]]]))
    genes = [[0.4, -0.6], [0.5, -0.2], [1.2, -0.4], [-0.15, 0.15], [-0.3, 0.3]]
    found = [space.strengths([Individual([*pair, 1, 1, 0, 0, 0, 0])])[0, 0].tolist() for pair in genes]
    np.testing.assert_allclose(found, [[0.0, -0.6], [1.0, 0.0], [1.2, -0.51], [0.0, 0.0], [-0.3, 0.3]])
    off = space.strengths([Individual([0.9, -0.4, 0, 0, 0, 0, 0, 0])])
    assert not off.any()


def test_what_is_raised_stays_in_the_range() -> None:
    space = GeneSpace(num_faces=1, low=LOW[None], high=np.array([[0.805, 2.0]]), least=np.full((2, 1, 2), 0.804))
    found = space.strengths([Individual([0.7, 1.0, 1, 1, 0, 0, 0, 0])])[0, 0]
    np.testing.assert_allclose(found, [0.805, 1.0])


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


def test_an_edit_that_shows_nothing_is_not_found_and_one_that_does_says_how_strongly() -> None:
    sessions: list[FakeSession] = []

    def open_faces(image_u8: np.ndarray, faces: Any, *_: Any) -> FakeSession:
        sessions.append(FakeSession(image_u8, [face.row for face in faces]))
        return sessions[-1]

    tools = fake_tools(bumpy_surface, open_faces=open_faces)
    outcome = edit_creative(fake_ad(), tools=replace(tools, visible_changes={NAMES[0]: 0.4}))
    shown = outcome.result
    assert shown.status == "edited"
    smiles = [abs(edit.strength) for edit in shown.edits if edit.direction == NAMES[0]]
    assert smiles
    assert min(smiles) >= 0.4 - 1e-6
    assert shown.edit_strength == pytest.approx(attributes_in(outcome.image_u8)[:, 0].max() / 0.4, abs=0.01)
    hidden = edit_creative(fake_ad(), tools=replace(tools, visible_changes=dict.fromkeys(NAMES, 50.0))).result
    assert not [edit for edit in hidden.edits if edit.face >= 0]
    assert hidden.edit_strength is None
    np.testing.assert_array_equal(sessions[-1].gains, np.full((2, 2, len(NAMES)), MAX_GAIN))
