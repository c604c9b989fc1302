"""The closed loop after launch through the real verbs, files and all, against rotations that learn less.

    python -m tests.bench.loop_verbs                      thirty days in four markets, about two minutes of one core each
    python -m tests.bench.loop_verbs --worlds 1 --days 6 --views 400 --ads 6

Every day `rotate` reads the account and the log and plans tomorrow's shares. Every fifth day `forecast` names what tires,
`optimize` edits the first of it, `plan-test` names the arms, and the edits that come out join the account; from the next time
on `read-out` judges them against their parents, and losers leave. What an edit is worth is the planted rate of its final pixels
and words. The other ways show the same creatives from the same days on: all alike, or always the best of day one. Figures are
true clicks (sum of true rates of what was shown), with a 95 % bootstrap interval over worlds and stretches of days.
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from adcreative import pipeline
from adcreative.catalog.images import read_image
from adcreative.creative import Creative
from adcreative.delivery.experiment.variants import read_variants
from adcreative.editor.settings import EditorConfig
from adcreative.errors import AdCreativeError
from adcreative.market.folder import save_picture, write_metadata
from adcreative.market.launch import LaunchWorld
from adcreative.market.simulator import Market
from adcreative.metrics.bootstrap import percentile_interval
from adcreative.verbs.loading import load_market

FIRST_DAY = date(2026, 3, 2)
REFRESH_EVERY, EDITS = 5, 2
WAYS = ("loop", "uniform", "best of day one")
SMALL_SEARCH = EditorConfig(population_size=16, generations=8)
COLUMNS = ("creative", "time", "impressions", "clicks")


@dataclass
class Loop:
    """One account that is run by the verbs: its folder, who runs, and what was decided. `joined`: day -> rates of new edits."""

    folder: Path
    market: Market
    ads: dict[str, Creative]
    search: EditorConfig
    joined: dict[int, list[float]] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)
    tests: dict[Path, dict[str, str]] = field(default_factory=dict)  # plan -> name of an arm in it, our name
    rows: list[dict[str, Any]] = field(default_factory=list)
    retired: set[str] = field(default_factory=set)

    @property
    def log(self) -> Path:
        return self.folder / "log.csv"

    def write_account(self) -> Path:
        """Write the ads that may run, as a folder the verbs read."""
        write_metadata(self.folder / "ads", [self.ads[name] for name in self.names if name not in self.retired])
        return self.folder / "ads"

    def note(self, day: int, shown: np.ndarray, clicks: np.ndarray) -> None:
        """Add a day's results to the log."""
        when = (FIRST_DAY + timedelta(day)).isoformat()
        self.rows += [
            dict(zip(COLUMNS, (name, when, int(seen), int(won)), strict=True))
            for name, seen, won in zip(self.names, shown, clicks, strict=True) if seen
        ]  # fmt: skip
        write_table(self.log, self.rows)

    def shares(self) -> np.ndarray:
        """Return the shares of tomorrow's impressions that `rotate` plans, by our numbers."""
        forecast = self.folder / "forecast.csv"
        plan = self.folder / "plan.csv"
        pipeline.rotate(
            self.write_account(), plan, log=self.log, explore=0.02, half_life_days=10,
            forecast=forecast if forecast.exists() else None, restart=True,
        )  # fmt: skip
        table = pd.read_csv(plan)
        by_name = dict(zip(table["creative"], table["share"], strict=True))
        shares = np.array([by_name.get(name, 0.0) for name in self.names])
        return shares / shares.sum()

    def read_out(self) -> None:
        """Take losers of the running tests out of the account."""
        for plan, ours in self.tests.items():
            back = {our: arm for arm, our in ours.items()}
            table = [{**row, "creative": back[row["creative"]]} for row in self.rows if row["creative"] in back]
            results = self.folder / "results.csv"
            write_table(results, [{"ad_name": row["creative"], "day": row["time"], **row} for row in table])
            try:
                pipeline.read_out(results, self.folder / "read-out.json", plan=plan, restart=True)
            except AdCreativeError:  # no arm has run yet
                continue
            for test in json.loads((self.folder / "read-out.json").read_text())["tests"]:
                for arm in test["arms"]:
                    name = next((our for named, our in ours.items() if f"_{arm['arm']}_" in named), "")
                    if arm["answer"] == "loser" and name:
                        self.retired.add(name)

    def refresh(self, day: int) -> None:
        """Edit what tires most, else what is shown most, and let the edits join."""
        forecast = self.folder / "forecast.csv"
        pipeline.forecast(self.log, forecast, creatives=self.write_account(), restart=True)
        queue = self.folder / "forecast.refresh.csv"
        tired = list(pd.read_csv(queue)["ad_name"]) if queue.exists() else []
        shown = pd.DataFrame(self.rows).groupby("creative")["impressions"].sum().sort_values(ascending=False)
        wanted = [name for name in dict.fromkeys([*tired, *shown.index]) if name not in self.retired][:EDITS]
        source, run = self.folder / f"edit-{day}", self.folder / f"run-{day}"
        write_metadata(source, [self.ads[name] for name in wanted])
        rate = sum(row["clicks"] for row in self.rows) / sum(row["impressions"] for row in self.rows)
        pipeline.optimize(source, out=run, images=self.folder / "ads", config=self.search, base_rate=rate, seed=day)
        try:
            variants = read_variants(run, "loop")
        except AdCreativeError:  # nothing was worth an edit
            return
        plan = self.folder / f"plan-{day}"
        pipeline.plan_test(run, plan, campaign="loop", daily_impressions=2000, baseline_ctr=rate)
        self.tests[plan] = {}
        for parent, edit in zip(variants[::2], variants[1::2], strict=True):
            pixels = None if edit.creative.image_path is None else read_image(edit.creative.image_path)
            self.tests[plan] |= {parent.name: edit.creative.ad_name, edit.name: edit.name}
            saved = replace(edit.creative, ad_name=edit.name, file_name=f"images/{edit.name}.jpg")
            if pixels is not None:
                saved = save_picture(replace(saved, image_u8=pixels), self.folder / "ads")
            self.ads[edit.name] = saved
            self.names.append(edit.name)
            self.joined.setdefault(day, []).append(self.market.true_ctr(self.ads[edit.name]))


def write_table(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write rows as a CSV."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def show_day(
    world: LaunchWorld, shares: np.ndarray, views: int, rng: np.random.Generator
) -> tuple[float, np.ndarray, np.ndarray]:
    """Show a day's impressions; return their true clicks, and impressions and clicks [N] of each creative."""
    num = len(world.base)
    slates = rng.choice(num, (views, 1), p=shares)
    true = float((1 / (1 + np.exp(-world.log_odds())))[slates].sum())
    seen = world.show(slates, rng=rng)
    shown = np.bincount(slates[:, 0], minlength=num)
    return true, shown, np.bincount(slates[seen.clicked == 0, 0], minlength=num)


def run_world(seed: int, folder: Path, *, days: int, views: int, num_ads: int, search: EditorConfig) -> np.ndarray:
    """Return [days, 3] true clicks of each way in one market."""
    market = load_market(seed)
    drafts = [ad for ad in market.iter_creatives(4 * num_ads, seed, results=False, scale=0.3) if ad.has_image][:num_ads]
    ads = [replace(save_picture(one, folder / "ads"), image_u8=None) for one in drafts]
    loop = Loop(folder, market, {one.ad_name: one for one in ads}, search, names=[one.ad_name for one in ads])
    rates = np.array([market.true_ctr(one) for one in ads])
    found = np.zeros((days, len(WAYS)))
    for column, way in enumerate(WAYS):
        world, rng = LaunchWorld(np.log(rates / (1 - rates)), seed=seed), np.random.default_rng([seed, column])
        best = 0
        for day in range(days):
            if day and day % REFRESH_EVERY == 0:
                if way == "loop":
                    loop.read_out()
                    loop.refresh(day)
                new = np.array(loop.joined.get(day, []))
                world.add(np.log(new / (1 - new)))
            num = len(world.base)
            shares = np.full(num, 1 / num) if way == "uniform" or day == 0 else np.eye(num)[best]
            if way == "loop" and day:
                shares = loop.shares()
            found[day, column], shown, clicks = show_day(world, shares, views, rng)
            if way == "loop":
                loop.note(day, shown, clicks)
            if day == 0:
                best = int(np.argmax((clicks + 1) / (shown + 50)))
    sums = dict(zip(WAYS, found.sum(axis=0).round(1).tolist(), strict=True))
    num_edits = sum(map(len, loop.joined.values()))
    print(f"world {seed}: {num_edits} edits joined, {len(loop.retired)} lost their test; true clicks {sums}", flush=True)
    return found


def figures(table: np.ndarray) -> dict[str, Any]:
    """Return true clicks [worlds, days, 3] of the loop over those of the two others, with intervals.

    Worlds are drawn anew, and in each of them stretches of five days, since neighbouring days have the same plan nearly.
    """
    num_worlds, days = table.shape[:2]
    num_blocks = max(1, days // REFRESH_EVERY)
    blocks = np.stack([part.sum(axis=1) for part in np.array_split(table, num_blocks, axis=1)], axis=1)  # [worlds, blocks, 3]
    rng = np.random.default_rng(0)
    worlds = rng.integers(num_worlds, size=(2000, num_worlds))[..., None]
    drawn = blocks[worlds, rng.integers(num_blocks, size=(2000, num_worlds, num_blocks))].sum(axis=(1, 2))  # [2000, 3]
    sums = table.sum(axis=(0, 1))
    found: dict[str, Any] = {"loop_true_clicks": round(float(sums[0]), 1)}
    for column, name in ((1, "uniform"), (2, "best_of_day_one")):
        low, high = percentile_interval(drawn[:, 0] / drawn[:, column] - 1, 0.95) or (0.0, 0.0)
        found |= {f"loop_over_{name}": round(float(sums[0] / sums[column] - 1), 4), f"loop_over_{name}_low": round(low, 4),
                  f"loop_over_{name}_high": round(high, 4)}  # fmt: skip
    return found


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("worlds", 4), ("days", 30), ("views", 4000), ("ads", 12)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    tables = []
    for seed in range(1, options.worlds + 1):
        with tempfile.TemporaryDirectory() as name:
            tables.append(run_world(seed, Path(name), days=options.days, views=options.views, num_ads=options.ads,
                                    search=SMALL_SEARCH))  # fmt: skip
    print(json.dumps(figures(np.stack(tables)), indent=1))


if __name__ == "__main__":
    main()
