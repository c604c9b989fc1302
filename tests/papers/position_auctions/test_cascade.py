"""Cascade readers: exact where placements can be counted, at least half of the optimum with its certificate elsewhere."""

from __future__ import annotations

import numpy as np
import pytest

from adcreative.errors import ConfigError
from adcreative.papers.position_auctions.cascade import cascade_value, place_for_cascade


def test_value_of_a_placement_by_hand() -> None:
    chances, values = np.array([[0.5, 0.5], [0.2, 0.4]]), np.array([1.0, 2.0])
    value, clicked = cascade_value(chances, values, np.array([0, 1]), np.array([0, 1]))
    assert clicked == pytest.approx([0.5, 0.2])
    assert value == pytest.approx(0.9)


def test_the_heuristic_is_worth_at_least_half_and_the_certificate_is_true() -> None:
    rng = np.random.default_rng(0)
    for _ in range(60):
        chances, values = rng.uniform(0, 0.9, (4, 4)), rng.uniform(0, 1, 4)
        exact = place_for_cascade(chances, values, 3)
        guessed = place_for_cascade(chances, values, 3, max_counted=0)
        assert exact.certificate == pytest.approx(1)
        assert guessed.prices is None
        assert exact.prices is not None
        assert guessed.value <= exact.value + 1e-9 <= guessed.bound + 2e-9
        assert guessed.value >= 0.5 * exact.value
        assert guessed.certificate <= guessed.value / exact.value + 1e-9


def test_counted_placements_charge_no_more_than_the_value_and_no_misreport_pays() -> None:
    rng = np.random.default_rng(1)
    for _ in range(10):
        chances, values = rng.uniform(0, 0.9, (3, 3)), rng.uniform(0, 1, 3)
        for ad in range(3):
            utilities = []
            for report in (values[ad], *np.linspace(0, 1.5, 9)):
                reported = values.copy()
                reported[ad] = report
                found = place_for_cascade(chances, reported, 2)
                won = float(found.chances[found.ads == ad].sum())
                utilities.append(values[ad] * won - sum(one.per_view for one in found.prices or () if one.ad == ad))
            assert utilities[0] >= -1e-9
            assert max(utilities[1:]) <= utilities[0] + 1e-9


def test_many_ads_are_placed_without_counting() -> None:
    rng = np.random.default_rng(2)
    found = place_for_cascade(rng.uniform(0, 0.2, (200, 50)), rng.uniform(0, 1, 200), 10)
    assert found.prices is None
    assert len(found.ads) <= 10
    assert (np.diff(found.places) > 0).all()
    assert found.certificate > 0.7


def test_impossible_chances_are_refused() -> None:
    with pytest.raises(ConfigError, match="click chances must lie in 0 to 1"):
        place_for_cascade(np.array([[1.2]]), np.ones(1), 1)
