"""The closed loop earns more than uniform rotation of the same creatives; with results of the wrong creatives it does not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.bench import loop


@pytest.mark.planted
def test_the_loop_earns_at_least_five_percent_more_than_uniform_rotation(monkeypatch: pytest.MonkeyPatch) -> None:
    found = loop.loop_figures(worlds=4, days=20, views=2500)
    print(found)
    assert found["loop_over_uniform"] >= 0.05
    assert found["loop_over_uniform_low"] > 0
    assert found["loop_over_best_of_day_one"] > 0
    fit = loop.fit_posterior

    def of_the_wrong_creatives(clicks: np.ndarray, shown: np.ndarray, **rest: Any) -> Any:
        order = np.random.default_rng(len(clicks)).permutation(len(clicks))
        return fit(clicks[order], shown[order], **rest)

    monkeypatch.setattr(loop, "fit_posterior", of_the_wrong_creatives)
    assert loop.loop_figures(worlds=4, days=20, views=2500)["loop_over_uniform"] < 0.05
