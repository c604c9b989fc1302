"""Simulated account after launch: creatives, sixty days of log, results by day, queries, answers, sets; the truth is stored
separately.

    creatives/metadata.csv, images/     ads of the market, with dates; log.parquet     page views with slates and propensities
    daily.csv      ad_name, day, impressions, clicks, stop_reason
    queries.csv    ad_name, query, clicks            answers.csv  person, creative, rating, five traits
    sets.csv       set, title, item                  personas.toml, article.md, bids.csv

New ads start every day; ads are stopped early for low rates, late for wear-out, and some by the budget. No torch.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from adcreative.artifacts import open_atomically, write_atomically
from adcreative.catalog.event_log import build_event_log, write_event_log
from adcreative.catalog.tables import write_rows
from adcreative.creative import Creative
from adcreative.market.brands import read_market
from adcreative.market.folder import save_picture, write_metadata
from adcreative.market.launch import CONTEXTS, TRAITS, LaunchWorld, rotate_cyclically
from adcreative.market.simulator import Market
from adcreative.progress import Count, uncounted

FIRST_DAY = date(2026, 1, 5)
NUM_DAYS, VIEWS_A_DAY, SLATE = 60, 900, 4
FIRST_SHARE = 0.2  # share of the creatives that run from the first day
SCALE = 0.3
EARLY_DAYS = 10
NUM_RATERS, ADS_RATED = 80, 30
NUM_SETS, SEASONS = 180, ("spring", "summer", "sale", "winter")
WORDS = read_market("words")


def write_account(market: Market, out: Path, num: int, seed: int, *, progress: Count = uncounted) -> Path:
    """Write an account of `num` creatives into `out`/account and its truth to `out`/account-truth.json; return the account.

    Raises:
        ConfigError: too few creatives for sixty days of slates.
    """
    folder = Path(out) / "account"
    creatives, rates = [], []
    for number, draft in enumerate(market.iter_creatives(num, seed, results=False, scale=SCALE)):
        saved = save_picture(draft, folder / "creatives")
        rates.append(market.true_ctr(saved))
        creatives.append(replace(saved, image_u8=None))
        progress(number + 1, num + 1)
    base = np.log(np.array(rates) / (1 - np.array(rates)))
    rng = np.random.default_rng([market.seed, seed, 5])
    world = LaunchWorld(base, seed=seed)
    log, daily, starts = _run(world, [one.ad_name for one in creatives], rng)
    write_event_log(build_event_log(log, "the log"), folder / "log.parquet")
    write_rows(folder / "daily.csv", daily, ("ad_name", "day", "impressions", "clicks", "stop_reason"))
    dated = [
        replace(one, date_start=(FIRST_DAY + timedelta(int(start))).isoformat(), date_end="")
        for one, start in zip(creatives, starts, strict=True)
    ]
    _write_tables(folder, dated, world, rng)
    write_metadata(folder / "creatives", dated)
    with open_atomically(Path(out) / "account-truth.json", is_text=True) as file:
        rows = {
            one.ad_name: {"true_ctr_new": float(rate), "wear": float(wear), "shown": float(shown)}
            for one, rate, wear, shown in zip(creatives, rates, world.wear, world.shown, strict=True)
        }
        json.dump({"market_seed": market.seed, "seed": seed, "creatives": rows}, file, indent=1)
    progress(num + 1, num + 1)
    return folder


def _run(
    world: LaunchWorld, names: list[str], rng: np.random.Generator
) -> tuple[pd.DataFrame, list[dict[str, Any]], np.ndarray]:
    """Run sixty days; return the log, rows by day, and the start day of each creative."""
    num = len(names)
    starts = np.where(np.arange(num) < FIRST_SHARE * num, 0, rng.integers(1, NUM_DAYS - 2, num))
    stopped, reasons = np.full(num, NUM_DAYS), [""] * num
    won, shown = np.zeros(num), np.zeros(num)
    parts: list[pd.DataFrame] = []
    for day in range(NUM_DAYS):
        active = np.flatnonzero((starts <= day) & (stopped > day))
        slates, chance = rotate_cyclically(active, rng.gamma(1.5, 1.0, len(active)), SLATE, VIEWS_A_DAY, rng=rng)
        views = world.show(slates, rng=rng)
        place = np.tile(np.arange(SLATE), VIEWS_A_DAY)
        hit = np.repeat(views.clicked, SLATE) == place
        parts.append(
            pd.DataFrame(
                {
                    "time": (FIRST_DAY + timedelta(day)).isoformat(),
                    "user": [f"u{who}" for who in np.repeat(views.people, SLATE)],
                    "context": np.array(CONTEXTS, object)[np.repeat(views.contexts, SLATE)],
                    "slate": np.repeat(np.arange(VIEWS_A_DAY), SLATE) + day * VIEWS_A_DAY,
                    "position": place + 1,
                    "creative": np.array(names, object)[slates.ravel()],
                    "clicks": hit.astype(int),
                    "propensity": chance.ravel(),
                }
            )
        )
        won += np.bincount(slates.ravel()[hit], minlength=num)
        shown += np.bincount(slates.ravel(), minlength=num)
        _stop(world, day, active, starts, stopped, reasons, (won, shown), rng)
    log = pd.concat(parts, ignore_index=True)
    sums = log.assign(impressions=1).groupby(["creative", "time"])[["impressions", "clicks"]].sum().reset_index()
    last = sums.groupby("creative")["time"].transform("max") == sums["time"]
    said = dict(zip(names, reasons, strict=True))
    daily = [
        {
            "ad_name": name,
            "day": day,
            "impressions": int(seen),
            "clicks": int(clicks),
            "stop_reason": said[name] if is_last else "",
        }
        for name, day, seen, clicks, is_last in zip(
            sums["creative"], sums["time"], sums["impressions"], sums["clicks"], last, strict=True
        )
    ]
    return log, daily, starts


def _stop(
    world: LaunchWorld,
    day: int,
    active: np.ndarray,
    starts: np.ndarray,
    stopped: np.ndarray,
    reasons: list[str],
    counts: tuple[np.ndarray, np.ndarray],
    rng: np.random.Generator,
) -> None:
    """Stop ads at the end of a day: young ads with low rates, old ads that wore out, a few by the budget."""
    won, shown = counts
    base = won.sum() / max(shown.sum(), 1)
    keep_at_least = 3 * SLATE
    for ad in rng.permutation(active):
        if int((stopped[active] > day + 1).sum()) <= keep_at_least:
            return
        age = day - starts[ad] + 1
        relative = (won[ad] + 300 * base) / (shown[ad] + 300) / max(base, 1e-9)
        worn = world.wear[ad] * np.log1p(world.shown[ad] / 2000)
        hazard = 0.05 * np.exp(6.0 * (1 - relative)) if age <= EARLY_DAYS else 0.015 * np.exp(5.0 * worn)
        if rng.random() < min(hazard, 0.6):
            stopped[ad], reasons[ad] = day + 1, "performance" if age <= EARLY_DAYS else "fatigue"
        elif rng.random() < 0.004:
            stopped[ad], reasons[ad] = day + 1, "budget"


def _write_tables(folder: Path, creatives: list[Creative], world: LaunchWorld, rng: np.random.Generator) -> None:
    queries = []
    for one in creatives:
        chosen = rng.choice(len(WORDS["queries"]), 3, replace=False)
        texts = [WORDS["queries"][at].format(one.category) for at in chosen] + [one.brand.casefold()]
        queries += [{"ad_name": one.ad_name, "query": text, "clicks": int(rng.integers(1, 30))} for text in texts]
    write_rows(folder / "queries.csv", queries, ("ad_name", "query", "clicks"))
    write_rows(folder / "answers.csv", _rate(creatives, world, rng), ("person", "creative", "rating", *TRAITS))
    categories = sorted({one.category for one in creatives})
    sets = []
    for at in range(NUM_SETS):
        category = categories[at % len(categories)]
        mine = [one.ad_name for one in creatives if one.category == category]
        title = f"{category} {SEASONS[at % len(SEASONS)]}"
        sets += [
            {"set": f"set {at + 1}", "title": title, "item": name}
            for name in rng.choice(mine, min(int(rng.integers(3, 9)), len(mine)), replace=False)
        ]
    write_rows(folder / "sets.csv", sets, ("set", "title", "item"))
    bids = [
        {
            "ad_name": one.ad_name,
            "headline": one.headline,
            "description": one.body,
            "brand": one.brand,
            "cta": one.cta,
            "bid": round(float(rng.uniform(0.2, 2.0)), 2),
            "url": "https://example.com/",
        }
        for one in creatives
        if one.headline
    ]
    columns = ("ad_name", "headline", "description", "brand", "cta", "bid", "url")
    write_rows(folder / "bids.csv", bids[:60], columns)
    write_atomically(
        folder / "personas.toml", (b'["Explorers"]\nopenness = 1.5\n\n["Planners"]\nconscientiousness = 1.5\nopenness = -0.5\n')
    )
    write_atomically(folder / "article.md", WORDS["article"].encode())


def _rate(creatives: list[Creative], world: LaunchWorld, rng: np.random.Generator) -> list[dict[str, Any]]:
    """Return ratings 1 to 5 with two planted effects: open people like questions, conscientious people like numbers."""
    rows = []
    words = [f"{one.headline} {one.body}" for one in creatives]
    likes = np.array([["?" in text, any(sign.isdigit() for sign in text)] for text in words], float)
    likes = likes - likes.mean(axis=0)
    for person in range(NUM_RATERS):
        traits = world.traits[person]
        for ad in rng.choice(len(creatives), min(ADS_RATED, len(creatives)), replace=False):
            score = 3 + 0.9 * traits[0] * likes[ad, 0] + 0.9 * traits[1] * likes[ad, 1] + rng.normal(0, 0.6)
            rows.append(
                {
                    "person": f"p{person}",
                    "creative": creatives[ad].ad_name,
                    "rating": int(np.clip(round(score), 1, 5)),
                    **dict(zip(TRAITS, map(float, traits.round(3)), strict=True)),
                }
            )
    return rows
