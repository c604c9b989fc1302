"""How old results count tomorrow: planted wear is told and carried on, a steady account is left alone."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from adcreative.catalog.event_log import EventLog, build_event_log
from adcreative.creative import Creative
from adcreative.delivery.rotation.outlook import find_outlook
from adcreative.delivery.rotation.plan import Plan, plan_rotation, read_account_creatives
from adcreative.errors import ConfigError

NUM, DAYS, VIEWS = 40, 30, 12_000


def plant(world: str, seed: int) -> tuple[EventLog, np.ndarray]:
    """A log by day of ads, half of which start later, and the true rate [N] of each tomorrow.

    wear: log-odds fall by each ad's own speed a day. slows: by the logarithm of the impressions that the ad had. season: all
    rise and fall together. steady: nothing changes.
    """
    rng = np.random.default_rng([seed, 5])
    base, start = rng.normal(-3.7, 0.55, NUM), np.where(rng.random(NUM) < 0.5, 0, rng.integers(0, DAYS - 4, NUM))
    mean, spread = {"wear": (0.06, 0.05), "slows": (0.7, 0.4)}.get(world, (0.0, 0.0))
    speed = np.maximum(rng.normal(mean, spread, NUM), 0) if mean else np.zeros(NUM)
    had, rows = np.zeros(NUM), []

    def worn(day: int) -> np.ndarray:
        return speed * (np.log1p(had / 1000) if world == "slows" else np.maximum(day - start, 0))

    for day in range(DAYS):
        weights = rng.gamma(1.5, 1, NUM) * (start <= day)
        shown = rng.multinomial(VIEWS, weights / weights.sum())
        odds = base - worn(day) + (0.4 * np.sin(day / 4) if world == "season" else 0.0)
        clicks = rng.binomial(shown, 1 / (1 + np.exp(-odds)))
        when = str((pd.Timestamp("2026-03-01") + pd.Timedelta(days=day)).date())
        rows += [
            {"day": when, "ad": f"Ad {at}", "impressions": shown[at], "clicks": clicks[at]} for at in np.flatnonzero(shown)
        ]
        had += shown
    return build_event_log(pd.DataFrame(rows), "log"), 1 / (1 + np.exp(worn(DAYS) - base))


def plan(log: EventLog, half_life_days: float | None = None) -> Plan:
    account = read_account_creatives([Creative(ad_name=f"Ad {at}") for at in range(NUM)])
    return plan_rotation(account, log, policy="ts", half_life_days=half_life_days)


def worth(found: Plan, rates: np.ndarray) -> float:
    """The true rate of a plan over that of the best ad."""
    at = found.rows["creative"].str[3:].astype(int)
    return float((found.rows["share"] * rates[at]).sum() / rates.max())


@pytest.mark.planted
@pytest.mark.parametrize("world", ["wear", "slows"])
def test_a_plan_after_planted_wear_is_nearly_worth_the_best(world: str) -> None:
    found = []
    for seed in range(10):
        log, rates = plant(world, seed)
        found.append((worth(plan(log), rates), worth(plan(log, 0.0), rates)))
    print(world, "by evidence, all alike", np.mean(found, axis=0).round(3), np.min(found, axis=0).round(3))
    assert np.mean(found, axis=0)[0] >= 0.95 > np.mean(found, axis=0)[1]


@pytest.mark.planted
@pytest.mark.parametrize("world", ["steady", "season"])
def test_without_wear_a_plan_is_worth_what_it_was(world: str) -> None:
    found = []
    for seed in range(10):
        log, rates = plant(world, seed)
        found.append((worth(plan(log), rates), worth(plan(log, 0.0), rates)))
    print(world, "by evidence, all alike", np.mean(found, axis=0).round(3), np.min(found, axis=0).round(3))
    assert np.mean(found, axis=0)[0] >= np.mean(found, axis=0)[1] - 0.01


def test_wear_is_told_with_its_reason_and_a_steady_account_counts_alike() -> None:
    log, _ = plant("wear", 5)
    assert "each ad's trend is carried on to tomorrow" in plan(log).lines[0] or "count half" in plan(log).lines[0]
    assert "of log-likelihood" in plan(log).lines[0]
    steady, _ = plant("steady", 2)
    assert plan(steady).lines[0].startswith("all results count alike: neither half-lives of 2 to 30 days nor trends")


def test_a_half_life_by_hand_and_a_short_log_choose_nothing() -> None:
    log, _ = plant("wear", 5)
    rows = log.rows.assign(item=log.rows["creative"].str[3:].astype(int))
    groups = np.zeros(NUM, int)
    asked = find_outlook(rows, NUM, groups, 5.0)
    assert (asked.half_life_days, asked.has_trend, asked.reason) == (
        5.0,
        False,
        "results that are 5 days old count half, as asked",
    )
    assert asked.weight[rows["time"] == "2026-03-25"] == pytest.approx(0.5)
    assert not find_outlook(rows, NUM, groups, 0.0).has_days
    short = find_outlook(rows[rows["time"] < "2026-03-05"], NUM, groups)
    assert not short.has_days
    assert "shows in a log of 6 days or more" in short.reason
    undated = rows.assign(time="")
    assert not find_outlook(undated, NUM, groups).has_days
    with pytest.raises(ConfigError, match="a half-life needs dates"):
        find_outlook(undated, NUM, groups, 5.0)
