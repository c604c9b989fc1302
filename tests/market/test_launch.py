"""The world after launch: choices follow planted rates, creatives wear out, propensities are exact."""

from __future__ import annotations

import numpy as np
import pytest

from adcreative.errors import ConfigError
from adcreative.market.launch import CONTEXT_SHARE, LaunchWorld, rotate_cyclically


def test_clicks_follow_the_true_rates_of_contexts() -> None:
    world = LaunchWorld(np.array([-2.0, -3.0]), seed=0)
    world.wear[:] = 0
    world.tastes[:] = 0
    expected = world.true_rates()
    views = world.show(np.random.default_rng(1).integers(0, 2, (60_000, 1)), rng=np.random.default_rng(2))
    for creative in (0, 1):
        for context in range(3):
            mine = (views.slates[:, 0] == creative) & (views.contexts == context)
            assert (views.clicked[mine] == 0).mean() == pytest.approx(expected[creative, context], abs=0.012)
    assert np.bincount(views.contexts) / 60_000 == pytest.approx(CONTEXT_SHARE, abs=0.01)


def test_what_is_shown_wears_out_and_what_is_not_does_not() -> None:
    world = LaunchWorld(np.array([-3.0, -3.0]), seed=0)
    world.wear[:] = 0.3
    before = world.log_odds()
    world.show(np.zeros((5000, 1), int), rng=np.random.default_rng(0))
    after = world.log_odds()
    assert after[0] == pytest.approx(before[0] - 0.3 * np.log1p(2.5))
    assert after[1] == before[1]


def test_places_further_down_are_clicked_less_and_one_of_a_slate_at_most() -> None:
    world = LaunchWorld(np.full(4, -1.5), seed=0)
    world.wear[:] = 0
    views = world.show(np.tile(np.arange(4), (40_000, 1)), rng=np.random.default_rng(3))
    places = np.bincount(views.clicked + 1, minlength=5)[1:]
    assert (np.diff(places) < 0).all()
    assert views.clicked.min() == -1
    assert views.clicked.max() <= 3


def test_the_cyclic_rotation_notes_exact_propensities() -> None:
    rng = np.random.default_rng(4)
    active, weights = np.array([3, 5, 8, 9, 11]), rng.gamma(1.5, 1.0, 5)
    slates, chance = rotate_cyclically(active, weights, 3, 50_000, rng=rng)
    assert all(len(set(slate)) == 3 for slate in slates[:100])
    for place in range(3):
        for creative in active:
            at = slates[:, place] == creative
            assert at.mean() == pytest.approx(chance[at, place].mean(), abs=0.01)
    with pytest.raises(ConfigError, match="cannot fill slates of 4"):
        rotate_cyclically(np.arange(3), np.ones(3), 4, 1, rng=rng)


def test_equal_seeds_plant_equal_worlds_also_when_creatives_are_added() -> None:
    first, second = (LaunchWorld(np.zeros(3), seed=7) for _ in range(2))
    for world in (first, second):
        world.add(np.zeros(2))
    assert np.array_equal(first.wear, second.wear)
    assert not np.array_equal(first.wear, LaunchWorld(np.zeros(5), seed=8).wear)
    with pytest.raises(ConfigError, match="finite numbers"):
        LaunchWorld(np.array([np.nan]), seed=0)
