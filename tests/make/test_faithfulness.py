"""Whether reasons are true of a planted model: real reasons win, others lose, and figures are of cases."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from adcreative.creative import Creative
from data.make.faithfulness import LEAVE_ONE_OUT, NUM_DRAWS, OCCLUSION, judge_heat, judge_words, summarise_wins
from tests.explain.test_explanations import WORTH, read_planted, score_corner

FINDER = SimpleNamespace(analyze=lambda image_u8: [])
EXTRACTOR: Any = SimpleNamespace(extract=read_planted, for_versions=lambda image_u8, **how: EXTRACTOR, analyzer=FINDER)
PREDICTOR: Any = SimpleNamespace(predict_log_odds=lambda creatives, features: (score_corner(creatives, features), None))


def headlines(num: int) -> list[Creative]:
    rng = np.random.default_rng(0)
    return [Creative(headline=" ".join(rng.permutation([*WORTH, "and", "the", "now"]))) for _ in range(num)]


def test_leaving_out_the_words_that_count_wins() -> None:
    found = judge_words([*headlines(12), Creative(headline="too short")], EXTRACTOR, PREDICTOR, seed=0)
    assert set(found) == {LEAVE_ONE_OUT}  # this encoder has no gradients
    one = found[LEAVE_ONE_OUT]
    assert (one["creatives"], one["cases"]) == (12, 12 * NUM_DRAWS)
    assert one["low"] <= one["won"] <= one["high"]
    assert one["won"] >= 0.8


def test_a_heat_map_that_looks_elsewhere_loses(monkeypatch: pytest.MonkeyPatch) -> None:
    image_u8 = np.zeros((96, 96, 3), np.uint8)
    image_u8[:48, :48] = 255
    ads = [Creative(image_u8=image_u8), Creative(headline="no picture")]
    found = judge_heat(ads, EXTRACTOR, PREDICTOR, seed=0)[OCCLUSION]
    assert (found["creatives"], found["won"]) == (1, 1.0)
    from adcreative.explain import perturbation

    true_map = perturbation.map_heat

    def elsewhere(*parts: Any) -> perturbation.HeatMap:
        found = true_map(*parts)
        return replace(found, cells=np.ascontiguousarray(found.cells[::-1, ::-1]))

    monkeypatch.setattr(perturbation, "map_heat", elsewhere)
    assert judge_heat(ads, EXTRACTOR, PREDICTOR, seed=0)[OCCLUSION]["won"] < 0.5


def test_figures_are_of_the_cases_and_nothing_is_made_up() -> None:
    rng = np.random.default_rng(0)
    found = summarise_wins([1.0, 0.5, 0.0, 0.5], rng=rng)
    assert (found["won"], found["creatives"]) == (0.5, 4)
    assert 0.1 <= found["low"] < 0.5 < found["high"] <= 0.9
    assert summarise_wins([], rng=rng) == {"creatives": 0, "cases": 0}
