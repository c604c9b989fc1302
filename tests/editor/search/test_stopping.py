"""A search ends itself when what it predicts rises and a second opinion no longer follows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from adcreative.editor.search.registry import StoppingRule
from adcreative.editor.session import EditorConfig
from adcreative.features.batch import CreativeFeatures
from tests.editor.fakes import edit_creative, fake_ad, fake_tools


def stops_after(curve: list[tuple[float, float]], patience: int) -> int | None:
    """Return how many generations a curve of (prediction, second opinion) runs; None when it is never stopped."""
    rule = StoppingRule(patience)
    return next((number for number, point in enumerate(curve, 1) if rule.update(*point)), None)


@pytest.mark.parametrize(
    ("curve", "patience", "expected"),
    [
        ([(0.1 * g, 0.1 * g) for g in range(8)], 2, None),  # both rise
        ([(0.1 * g, min(0.1 * g, 0.2)) for g in range(8)], 2, 5),  # the second stops rising after generation 3
        ([(0.1 * g, min(0.1 * g, 0.2)) for g in range(8)], 4, 7),
        ([(min(0.1 * g, 0.2), min(0.1 * g, 0.2)) for g in range(8)], 2, None),  # converged, not hacked
        ([(0.1 * g, -0.1 * g) for g in range(4)], 2, 3),
    ],
)
def test_rule_on_known_curves(curve: list[tuple[float, float]], patience: int, expected: int | None) -> None:
    assert stops_after(curve, patience) == expected


def test_a_hacked_search_ends_itself_and_says_so() -> None:
    def hacked(f: CreativeFeatures) -> float:  # ever more of everything
        return -3.0 + float(f.face_attributes[:, :5].sum())

    def sober(f: CreativeFeatures) -> float:
        return -3.0 - 0.1 * float(np.square(f.face_attributes).sum())

    config = EditorConfig(edit_look=False, risk_aversion=0.8, num_headlines=0, num_descriptions=0)
    config = replace(config, population_size=6, generations=25)
    outcome = edit_creative(fake_ad(), tools=fake_tools(hacked, judge=sober), config=config)
    assert outcome.search.is_stopped
    assert len(outcome.search.best_so_far) < 26
    assert outcome.search.is_complete
    assert "the second model's opinion did not" in outcome.result.reason
    seconds = outcome.search.logbook.select("second")
    assert max(seconds) == seconds[0]
    honest = edit_creative(fake_ad(), tools=fake_tools(hacked), config=config)
    assert not honest.search.is_stopped
