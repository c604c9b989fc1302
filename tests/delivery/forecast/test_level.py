"""The level of forecast curves: of planted ads, as many still run after 30, 60, 90 days as the curves say."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest

from adcreative.delivery.forecast.level import MAX_GAP, Level, find_known_age, fit_level, measure_level, settle_level
from adcreative.delivery.forecast.lifetimes import GRACE, Lifetimes
from adcreative.delivery.forecast.wear_out import _folds, choose_method, fit_wear_out
from adcreative.metrics.survival import kaplan_meier

WORLDS = ("constant hazard", "wear-out", "mixture")
DAYS = np.array([30, 60, 90])


def daily_hazard(world: str, day: int, x: np.ndarray, is_weak: np.ndarray) -> np.ndarray:
    """[N] the chance that an ad which ran until `day` (1 is its first) ends on it."""
    if world == "constant hazard":
        return np.full(len(x), 0.02)
    if world == "wear-out":
        return np.minimum(0.0008 * day * np.exp(0.5 * x[:, 0]), 0.2)
    return np.where(is_weak, 0.12, 0.006)


@lru_cache(maxsize=8)
def plant(world: str, log_days: int, num: int, seed: int = 0) -> tuple[np.ndarray, Lifetimes]:
    """Features [N, 4] and lives of ads that start evenly over the days of a log, which cuts off those that still run."""
    rng = np.random.default_rng(seed)
    x, is_weak, start = rng.normal(size=(num, 4)), rng.random(num) < 0.4, rng.integers(0, log_days, num)
    life, alive = np.full(num, 10**6), np.ones(num, bool)
    for day in range(1, log_days + 1):
        stops = alive & (rng.random(num) < daily_hazard(world, day, x, is_weak))
        life[stops], alive = day, alive & ~stops
    last = np.minimum(start + life, log_days) - 1
    x[:, 3] = is_weak + rng.normal(0, 0.7, num)
    duration = (last - start + 1).astype(float)
    clicks = np.round(1000 * duration * np.exp(-4 + 0.3 * x[:, 2]))
    return x, Lifetimes(
        names=tuple(map(str, range(num))),
        start=start,
        duration=duration,
        ended=last <= log_days - 1 - GRACE,
        early=x,
        impressions=1000 * duration,
        clicks=clicks,
        last_day=log_days - 1,
        screens=(),
    )


@lru_cache(maxsize=3)
def true_survival(world: str) -> np.ndarray:
    """[3] the share of all ads that still run after DAYS."""
    rng = np.random.default_rng(99)
    x, is_weak = rng.normal(size=(100_000, 4)), rng.random(100_000) < 0.4
    alive = np.cumprod([1 - daily_hazard(world, day, x, is_weak) for day in range(1, 91)], axis=0)
    return np.asarray(alive[DAYS - 1].mean(axis=1))


@pytest.mark.planted
@pytest.mark.parametrize("log_days", [90, 120])
@pytest.mark.parametrize("world", WORLDS)
def test_as_many_ads_still_run_as_is_said(world: str, log_days: int) -> None:
    x, lives = plant(world, log_days, 4000)
    truth = true_survival(world)
    found = fit_wear_out(lives, x, np.arange(len(x)), seed=0)
    said = found.model.survival(x, DAYS).mean(axis=0)
    print(f"{world}, {log_days} days: true {truth.round(3)}, {found.method} {said.round(3)}")
    assert said == pytest.approx(truth, abs=0.03)
    assert all(gap is not None and gap <= MAX_GAP for gap in found.gaps.values())


def test_ads_that_run_are_followed_to_where_their_end_would_be_known() -> None:
    _, lives = plant("constant hazard", 60, 6000)
    running = lives.is_running
    assert (lives.followed[~running] == lives.duration[~running]).all()
    known = running & (lives.followed > 0)
    assert ((lives.start + lives.followed)[known] == lives.last_day - GRACE + 1).all()
    assert (lives.start[running & ~known] > lives.last_day - GRACE).all()
    true = 0.98**30
    now, naive = (kaplan_meier(days, lives.ended, np.array([30]))[0] for days in (lives.followed, lives.duration))
    assert abs(now - true) < 0.02 < naive - true  # the last days, in which nobody can end, would make lives longer


def geometric(rate: float, num: int, days: int = 61) -> np.ndarray:
    return np.tile((1 - rate) ** np.arange(days), (num, 1))


def test_a_level_that_is_off_is_shifted_and_one_that_is_right_is_left() -> None:
    _, lives = plant("constant hazard", 90, 1500)
    rows = np.arange(1500)
    folds, learnt = [rows[:700], rows[700:]], [rows[700:], rows[:700]]
    fate = lives.followed, lives.ended, 60
    assert measure_level(geometric(0.03, 1500), *fate) == pytest.approx(0.98**30 - 0.97**30, abs=0.04)
    right, gap = settle_level(geometric(0.02, 1500), folds, learnt, *fate)
    assert right.ratio.tolist() == [1]
    assert gap is not None
    assert gap < MAX_GAP
    for wrong in (0.01, 0.04):
        level, gap = settle_level(geometric(wrong, 1500), folds, learnt, *fate)
        assert gap is not None
        assert gap < MAX_GAP
        assert level.apply(geometric(wrong, 5))[:, 60] == pytest.approx(np.full(5, 0.98**60), abs=0.03)


def test_bands_follow_a_hazard_that_rises_with_age() -> None:
    _, lives = plant("wear-out", 90, 3000)
    rows = np.arange(3000)
    flat = geometric(0.02, 3000)
    level = fit_level(flat, [rows[::2], rows[1::2]], [rows[1::2], rows[::2]], lives.followed, lives.ended, 60)
    assert level.ratio[0] < 0.6 < 1.4 < level.ratio[-1]
    assert level.apply(flat)[0, [30, 60]] == pytest.approx(true_survival("wear-out")[:2], abs=0.03)


def test_beyond_the_known_age_the_last_hazard_goes_on() -> None:
    steps = np.repeat(0.9 ** np.arange(6.0), 10)[:45][None]  # falls every tenth day, as of a model of few ads
    found = Level(edges=np.array([0.0, 30]), ratio=np.ones(1), known_age=30).apply(steps)[0]
    assert found[:31] == pytest.approx(steps[0, :31])
    assert np.diff(np.log(found[30:])) == pytest.approx(np.full(14, np.log(0.9) / 10))
    assert find_known_age(np.array([5.0, 80, 70, *[40.0] * 7, *[12.0] * 20])) == 12
    assert find_known_age(np.array([0.0, 3.0])) == 1
    assert measure_level(geometric(0.02, 4), np.arange(1.0, 21), np.ones(20, bool), 20) is None


@pytest.mark.parametrize(
    ("merit", "method"),
    [
        ({"cox": 0.70, "forest": 0.69, "further": 0.69}, "cox"),
        ({"cox": 0.70, "forest": 0.705, "further": 0.705}, "cox"),  # no clear gain: the simplest
        ({"cox": 0.66, "forest": 0.70, "further": 0.705}, "forest"),
        ({"cox": 0.66, "forest": 0.68, "further": 0.72}, "further"),
        ({"cox": 0.49, "forest": 0.505, "further": 0.48}, "kaplan-meier"),
    ],
)
def test_a_model_that_loses_is_not_used(merit: dict[str, float], method: str) -> None:
    figures: dict[str, dict[str, float | None]] = {
        name: {"short": value + 0.1, "long": value - 0.1, "all": 0.9} for name, value in merit.items()
    }
    figures["kaplan-meier"] = {"short": 0.5, "long": 0.5, "all": 0.5}
    assert choose_method(figures, dict.fromkeys(figures, 0.01)) == method


def test_a_model_whose_level_stays_off_is_not_used() -> None:
    figures: dict[str, dict[str, float | None]] = {
        "cox": {"short": 0.7, "long": 0.7, "all": 0.7},
        "further": {"short": 0.8, "long": 0.8, "all": 0.7},
    }
    assert choose_method(figures, {"cox": None, "further": 0.02}) == "further"
    assert choose_method(figures, {"cox": None, "further": 0.04}) == "cox"
    assert choose_method(figures, {"cox": 0.05, "further": 0.04}) == "kaplan-meier"


def test_folds_keep_families_together() -> None:
    groups = np.repeat(np.arange(40), 5)
    folds = _folds(groups, seed=3)
    assert sorted(np.concatenate(folds)) == list(range(200))
    assert all(not set(groups[fold]) & set(np.delete(groups, fold)) for fold in folds)
    alike = _folds(np.zeros(40, int), seed=3)  # one family: each ad by itself
    assert sorted(np.concatenate(alike)) == list(range(40))
    assert len(alike) == len(folds)
