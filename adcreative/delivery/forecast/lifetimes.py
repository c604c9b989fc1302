"""Lifetimes of ads from rows by day, with features of each ad's first days and screens for other changes.

An ad has ended if it was not shown for GRACE days before the log ends; until then it runs, and its lifetime is censored. Ends
with external causes count as censored too: a stated reason (budget, campaign end, paused by hand ...), or a day on which the
whole account's impressions fell by half or more. Does not import torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from adcreative.errors import CatalogError

GRACE = 3
EARLY_DAYS = 2  # days known at the time of a forecast
OWN_REASONS = ("", "performance", "fatigue", "low ctr", "worn out", "stopped")
DROP_SHARE = 0.5  # of the trailing median of the account's impressions
TRAILING_DAYS = 7
MIX_CHANGE = 0.3  # total variation distance between the contexts of two halves
PSEUDO_SHOWN = 200.0


@dataclass(frozen=True, kw_only=True)
class Lifetimes:
    """Ads with days from first to last impression: names [N], start [N] (ordinal of the first day), duration [N] days, ended
    [N] bool.

    early [N, 4]: log impressions per day and smoothed log click rate of the first days, the rate's change within them, log of
    the account's impressions per day. impressions, clicks [N]: totals. last_day: of the log.
    """

    names: tuple[str, ...]
    start: np.ndarray
    duration: np.ndarray
    ended: np.ndarray
    early: np.ndarray
    impressions: np.ndarray
    clicks: np.ndarray
    last_day: int
    screens: tuple[str, ...]

    @property
    def is_running(self) -> np.ndarray:
        """[N] whether an ad was shown within the last GRACE days."""
        return self.start + self.duration - 1 > self.last_day - GRACE

    @property
    def followed(self) -> np.ndarray:
        """[N] days with a known status: for a running ad without the last GRACE days, in which an end cannot be observed yet; 0
        for the newest ads."""
        known = np.maximum(self.last_day - GRACE + 1 - self.start, 0.0)
        return np.where(self.is_running, known, self.duration)

    def take(self, rows: np.ndarray) -> Lifetimes:
        """Return the ads `rows`."""
        return Lifetimes(
            names=tuple(self.names[at] for at in rows),
            start=self.start[rows],
            duration=self.duration[rows],
            ended=self.ended[rows],
            early=self.early[rows],
            impressions=self.impressions[rows],
            clicks=self.clicks[rows],
            last_day=self.last_day,
            screens=self.screens,
        )


def read_lifetimes(rows: pd.DataFrame, where: str, reasons: Mapping[str, str] | None = None) -> Lifetimes:
    """Return the lifetimes of the ads in a log by day.

    Args:
        rows: rows of an event log. reasons: ad -> reason for stopping it, if known.
    Raises:
        CatalogError: no row has a date, or all rows are of one day.
    """
    day = pd.to_datetime(rows["time"].str[:10], errors="coerce")
    known = rows.assign(day=day)[day.notna().to_numpy() & (rows["impressions"] > 0).to_numpy()]
    if known.empty or known["day"].nunique() < 2:
        raise CatalogError(f"{where} has no rows by day (a column day or date such as 2026-03-01, over two days or more)")
    known = known.assign(day=known["day"].map(pd.Timestamp.toordinal))
    daily = known.groupby(["creative", "day"], sort=True)[["impressions", "clicks"]].sum().reset_index()
    ads = daily.groupby("creative", sort=True)
    first, last = ads["day"].min(), ads["day"].max()
    names = tuple(map(str, first.index))
    last_day = int(daily["day"].max())
    ended = np.array(last <= last_day - GRACE)
    for at, name in enumerate(names):
        if reasons and reasons.get(name, "").strip().casefold() not in OWN_REASONS:
            ended[at] = False
    drops = _budget_drops(daily)
    by_budget = ended & np.isin(last.to_numpy() + 1, drops)
    ended &= ~by_budget
    early = _early(daily, first)
    totals = ads[["impressions", "clicks"]].sum()
    undated = int(day.isna().sum())
    left_out = (f"{undated:,} of {len(rows):,} rows name no day and are left out.",) if undated else ()
    return Lifetimes(
        names=names,
        start=first.to_numpy().astype(int),
        duration=(last - first + 1).to_numpy().astype(float),
        ended=ended,
        early=early,
        impressions=totals["impressions"].to_numpy(),
        clicks=totals["clicks"].to_numpy(),
        last_day=last_day,
        screens=(*left_out, *_screen(daily, known, drops, int(by_budget.sum()))),
    )


def _early(daily: pd.DataFrame, first: pd.Series) -> np.ndarray:
    """Return [N, 4] features of the ads' first days."""
    age = daily["day"] - daily["creative"].map(first)
    young = daily.assign(age=age)[age < EARLY_DAYS]
    base = daily["clicks"].sum() / max(daily["impressions"].sum(), 1)
    table = young.pivot_table(index="creative", columns="age", values=["impressions", "clicks"], aggfunc="sum", fill_value=0)
    table = table.reindex(first.index, fill_value=0)

    def column(name: str, day: int) -> np.ndarray:
        return table[(name, day)].to_numpy(float) if (name, day) in table.columns else np.zeros(len(table))

    shown = np.stack([column("impressions", day) for day in range(EARLY_DAYS)], axis=1)
    won = np.stack([column("clicks", day) for day in range(EARLY_DAYS)], axis=1)
    rates = (won + PSEUDO_SHOWN * base) / (shown + PSEUDO_SHOWN)
    overall = (won.sum(axis=1) + PSEUDO_SHOWN * base) / (shown.sum(axis=1) + PSEUDO_SHOWN)
    whole = daily.groupby("day")["impressions"].sum()
    of_account = np.log1p(first.map(whole).to_numpy(float))
    return np.stack(
        [np.log1p(shown.mean(axis=1)), np.log(overall / max(base, 1e-9)), np.log(rates[:, -1] / rates[:, 0]), of_account],
        axis=1,
    )


def _budget_drops(daily: pd.DataFrame) -> np.ndarray:
    """Return the days on which the account's impressions fell to half of their trailing median or less."""
    whole = daily.groupby("day")["impressions"].sum()
    whole = whole.reindex(range(int(whole.index.min()), int(whole.index.max()) + 1), fill_value=0)
    usual = whole.rolling(TRAILING_DAYS, min_periods=3).median().shift(1)
    return whole.index[(whole <= DROP_SHARE * usual).to_numpy()].to_numpy()


def _screen(daily: pd.DataFrame, known: pd.DataFrame, drops: np.ndarray, num_by_budget: int) -> tuple[str, ...]:
    """Return sentences about other changes: budget, audience."""
    found = []
    if len(drops):
        found.append(
            f"the account's impressions fell by half or more on {len(drops)} day{'s' * (len(drops) > 1)}; {num_by_budget} ads "
            "that ended then count as stopped by the budget, not tired."
        )
    middle = daily["day"].median()
    halves = [known[known["day"] <= middle], known[known["day"] > middle]]
    if known["context"].nunique() > 1 and all(len(half) for half in halves):
        mixes = [half.groupby("context")["impressions"].sum() / half["impressions"].sum() for half in halves]
        change = float(mixes[0].sub(mixes[1], fill_value=0).abs().sum() / 2)
        if change > MIX_CHANGE:
            found.append(
                f"{change:.0%} of the impressions moved to other contexts between the two halves: a change of audience looks "
                "like fatigue."
            )
    return tuple(found)
