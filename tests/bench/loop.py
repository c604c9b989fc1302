"""The closed loop after launch against uniform rotation of the same creatives and against keeping the best of day one.

    python -m tests.bench.loop                    thirty days, twelve worlds
    python -m tests.bench.loop --worlds 2 --days 8 --views 300

Every day: read the log, fit posteriors by family, plan shares, show, note clicks; every fifth day an edit enters at the rate of
its family, and ads that surely fall give room. Edits are drawn, not rendered: their true log-odds are those of the parent plus
N(0.08, 0.12), near to what delivered edits gained in the other benches. All three ways of rotating run in the same worlds
with the same edits on the same days; what differs is the share of impressions. Figures are true clicks (sum of true rates of
what was shown), with a 95 % bootstrap interval over worlds.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

import numpy as np

from adcreative.catalog.results import ResultRow
from adcreative.delivery.forecast.trend import measure_fatigue
from adcreative.delivery.rotation.policies import choose_shares
from adcreative.delivery.rotation.posterior import fit_posterior
from adcreative.market.launch import LaunchWorld
from adcreative.metrics.bootstrap import percentile_interval

NUM_START, REFRESH_EVERY, EDITS = 16, 5, 2
HALF_LIFE_DAYS = 10.0
EDIT_GAIN, EDIT_SPREAD = 0.08, 0.12
WAYS = ("loop", "uniform", "best of day one")


def run_way(way: str, seed: int, *, days: int, views: int) -> float:
    """Return the true clicks of one way of rotating in one world."""
    rng, planted = np.random.default_rng([seed, WAYS.index(way)]), np.random.default_rng([seed, 9])
    world = LaunchWorld(planted.normal(-4.0, 0.35, NUM_START), seed=seed)
    groups = np.arange(NUM_START) // 4
    history: list[tuple[np.ndarray, np.ndarray]] = []
    total, first_best = 0.0, -1
    for day in range(days):
        if day and day % REFRESH_EVERY == 0:  # the same parents in all ways: drawn, so that the comparison is of rotation
            parents = planted.integers(0, len(world.base), EDITS)
            world.add(world.base[parents] + planted.normal(EDIT_GAIN, EDIT_SPREAD, EDITS))
            groups = np.append(groups, groups[parents])
        shares = _shares(way, history, groups, first_best, day)
        slates = rng.choice(len(world.base), (views, 1), p=shares)
        rates = 1 / (1 + np.exp(-world.log_odds()))
        total += float(rates[slates].sum())
        seen = world.show(slates, rng=rng)
        shown = np.bincount(slates[:, 0], minlength=len(world.base))
        won = np.bincount(slates[seen.clicked == 0, 0], minlength=len(world.base))
        history.append((won, shown))
        if day == 0:
            first_best = int(np.argmax((won + 1) / (shown + 50)))
    return total


def _shares(way: str, history: list[tuple[np.ndarray, np.ndarray]], groups: np.ndarray, best: int, day: int) -> np.ndarray:
    num = len(groups)
    if way == "uniform" or day == 0:
        return np.full(num, 1 / num)
    if way == "best of day one":
        return np.eye(num)[best]
    clicks, shown = np.zeros(num), np.zeros(num)
    for age, (won, seen) in enumerate(reversed(history)):
        weight = 0.5 ** (age / HALF_LIFE_DAYS)
        clicks[: len(won)] += weight * won
        shown[: len(seen)] += weight * seen
    posterior = fit_posterior(clicks[:, None], shown[:, None], groups=groups)
    shares = choose_shares("ts", *posterior.logit_moments(), explore=0.02)[:, 0]
    tired = _tired(history, num)
    shares = np.where(tired & (shares < 0.5), shares / 2, shares)  # what falls gives room to what is new
    normed: np.ndarray = shares / shares.sum()
    return normed


def _tired(history: list[tuple[np.ndarray, np.ndarray]], num: int) -> np.ndarray:
    """Return [N] whether the click rate of a creative surely falls, by the trend of its days."""
    rows = [
        ResultRow(
            ad_name=str(ad),
            impressions=int(seen[ad]),
            clicks=int(won[ad]),
            spend=None,
            row=0,
            date_start=f"2026-01-{day + 1:02d}",
        )
        for day, (won, seen) in enumerate(history[-28:])
        for ad in np.flatnonzero(seen)
    ]
    falling = {int(one.name) for one in measure_fatigue(rows) if one.is_falling}
    return np.isin(np.arange(num), list(falling))


def loop_figures(worlds: int = 12, days: int = 30, views: int = 4000) -> dict[str, Any]:
    """Return true clicks of the loop over those of the two others, with intervals over worlds."""
    table = np.array([[run_way(way, seed, days=days, views=views) for way in WAYS] for seed in range(worlds)])
    picks = np.random.default_rng(0).integers(worlds, size=(2000, worlds))
    found: dict[str, Any] = {"loop_true_clicks": round(float(table[:, 0].mean()), 1)}
    for column, name in ((1, "uniform"), (2, "best_of_day_one")):
        gain = table[:, 0] / table[:, column] - 1
        low, high = percentile_interval(gain[picks].mean(axis=1), 0.95) or (0.0, 0.0)
        found |= {
            f"loop_over_{name}": round(float(gain.mean()), 4),
            f"loop_over_{name}_low": round(low, 4),
            f"loop_over_{name}_high": round(high, 4),
        }
    return found


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("worlds", 12), ("days", 30), ("views", 4000)):
        parser.add_argument(f"--{name}", type=int, default=default)
    print(json.dumps(loop_figures(**vars(parser.parse_args())), indent=1))


if __name__ == "__main__":
    main()
