"""Extrapolate a log's results to tomorrow: time decay of old results, and continuation of each ad's trend.

    weight of a day   = 1/2 ^ (age / half-life),    half-life of 2 to 30 days, or none
    log-odds tomorrow = log-odds of the weighted counts + slope_i * (clock tomorrow - weighted mean clock of ad i)
    clock             = days, or log(1 + impressions of the ad / mean per ad and day): wear by impressions, which slows
    slope_i ~ N(mean, spread^2) over the account's ads: slopes with few clicks are shrunk to the others (empirical Bayes)

Half-life, use of slopes and clock are chosen by rolling-origin evaluation: the likelihood of the distribution of each of the
last days' clicks over ads, predicted from the earlier days, given the day's number of clicks, so that effects on all ads, such
as a weekend, do not matter. Among choices not significantly worse than the best, the simplest is used: no trend before trend,
long half-lives before short ones. Source: West & Harrison 1997, chapters 2 and 6 (discounting); Dawid 1984 (prequential
choice). Does not import torch.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.special import digamma, expit

from adcreative.delivery.rotation.posterior import PRIOR_STRENGTH, RatePrior, context_lift, fit_prior
from adcreative.errors import ConfigError

HALF_LIVES = (np.inf, 30.0, 21.0, 14.0, 10.0, 7.0, 5.0, 3.0, 2.0)  # simplest first
NO_TREND, BY_DAYS, BY_IMPRESSIONS = "", "days", "impressions"
JUDGED_DAYS, MIN_HISTORY, MIN_JUDGED = 14, 3, 3
MIN_GAIN, SURE = 2.0, 1.0  # a choice is worse if it loses this much log-likelihood, and this many standard errors
SLOPE_SPREAD = 0.5  # of log-odds per day, at most
MAX_PLACES = 200
LEVEL_STEPS, PSEUDO_CLICKS, LAST_DAYS = 12, 10.0, 7
NEWTON_STEPS, SPREAD_STEPS = 25, 50
SURELY = 1.645


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """Use of a log's results for tomorrow: weight [M] of its rows, shift [N] of each ad's log-odds, its standard deviation [N].

    level: [M] click level of a row's day relative to the last days, whatever ran; 1 if days are not distinguished. has_days:
    whether the log allows a choice (rows by day, enough of them). reason: a sentence for the user.
    """

    weight: np.ndarray
    level: np.ndarray
    shift: np.ndarray
    deviation: np.ndarray
    half_life_days: float
    has_trend: bool
    has_days: bool
    reason: str


@dataclass(frozen=True)
class _Cells:
    """Results by ad and day: item [K], day [K] from 0, shown [K] in impressions of an average position, clicks [K]."""

    item: np.ndarray
    day: np.ndarray
    shown: np.ndarray
    clicks: np.ndarray
    num: int

    def until(self, day: int) -> _Cells:
        kept = self.day < day
        return _Cells(self.item[kept], self.day[kept], self.shown[kept], self.clicks[kept], self.num)

    def sums(self, values: np.ndarray) -> np.ndarray:
        return np.bincount(self.item, values, self.num)

    def weights(self, day: int, half_life: float) -> np.ndarray:
        weights: np.ndarray = 0.5 ** ((day - 1 - self.day) / half_life)
        return weights


def find_outlook(rows: pd.DataFrame, num: int, groups: np.ndarray, half_life_days: float | None = None) -> Outlook:
    """Choose how the rows of a log count for tomorrow.

    Args:
        rows: of an event log, with `item` (0..num-1). groups: [N] family of each ad. half_life_days: a fixed half-life, without
            a trend; 0: no decay; None: chosen by evaluation.
    Raises:
        ConfigError: a half-life was given and the log has no dates.
    """
    days = pd.to_datetime(rows["time"].str[:10], format="%Y-%m-%d", errors="coerce")
    flat = np.zeros(num)
    plain = Outlook(
        weight=np.ones(len(rows)),
        level=np.ones(len(rows)),
        shift=flat,
        deviation=flat,
        half_life_days=np.inf,
        has_trend=False,
        has_days=False,
        reason="all results count alike, as asked",
    )
    if half_life_days == 0:
        return plain
    if half_life_days is not None and days.isna().all():
        raise ConfigError("a half-life needs dates in the log, such as 2026-03-01 in the column time")
    age = (days.max() - days).dt.days.fillna(0).to_numpy()
    if half_life_days is not None:
        weight: np.ndarray = 0.5 ** (age / half_life_days)
        said = f"results that are {half_life_days:g} days old count half, as asked"
        return _with(plain, weight=weight, half_life_days=half_life_days, reason=said)
    cells, last = _read_cells(rows, days, num)
    first = max(MIN_HISTORY, last - JUDGED_DAYS)
    if last - first < MIN_JUDGED:
        said = f"all results count alike: whether old ones still hold shows in a log of {MIN_HISTORY + MIN_JUDGED} days or more"
        return _with(plain, reason=said)
    level = day_levels(cells, last)
    cells = replace(cells, shown=cells.shown * level[cells.day])
    half_life, trend, gain = _choose(cells, groups, first, last)
    shift, deviation = flat, flat
    if trend:
        slopes = _Slopes.fit(cells, last, trend)
        ahead = slopes.ahead(cells, last, half_life)
        shift, deviation = slopes.slope * ahead, slopes.deviation * ahead
    return Outlook(
        weight=0.5 ** (age / half_life),
        level=np.where(days.isna(), 1.0, level[(last - 1 - age).astype(int)]),
        shift=shift,
        deviation=deviation,
        half_life_days=half_life,
        has_trend=bool(trend),
        has_days=True,
        reason=_say(half_life, shift, deviation, gain, last - first, trend),
    )


def _with(plain: Outlook, **changed: object) -> Outlook:
    return Outlook(**{**vars(plain), **changed})  # type: ignore[arg-type]


def _say(half_life: float, shift: np.ndarray, deviation: np.ndarray, gain: float, num_days: int, trend: str) -> str:
    if np.isinf(half_life) and not trend:
        return (
            "all results count alike: neither half-lives of 2 to 30 days nor trends told surely better on which ads the clicks "
            f"of the last {num_days} days fell"
        )
    parts = [] if np.isinf(half_life) else [f"results that are {half_life:g} days old count half"]
    if trend:
        falls = int((shift + SURELY * deviation < 0).sum())
        clock = ", by how often it was shown" if trend == BY_IMPRESSIONS else ""
        parts.append(f"each ad's trend is carried on to tomorrow{clock} ({falls} surely fall)")
    return (
        f"{' and '.join(parts)}: that told on which ads the clicks of each of the last {num_days} days fell better than all "
        f"results alike, by {gain:.0f} of log-likelihood"
    )


def _read_cells(rows: pd.DataFrame, days: pd.Series, num: int) -> tuple[_Cells, int]:
    """Return results by ad and day, with impressions adjusted for contexts and positions, and the number of days."""
    known = days.notna().to_numpy() & (rows["impressions"] > 0).to_numpy()
    if not known.any():
        empty = np.zeros(0, int)
        return _Cells(empty, empty, np.zeros(0), np.zeros(0), num), 0
    part = rows[known]
    day = (days[known] - days[known].min()).dt.days.to_numpy()
    place, places = pd.factorize(pd.MultiIndex.from_arrays([part["context"], part["position"]]))
    shown, clicks, item = part["impressions"].to_numpy(float), part["clicks"].to_numpy(float), part["item"].to_numpy()
    if 1 < len(places) <= MAX_PLACES:
        at, shape = item * len(places) + place, (num, len(places))
        sums = (np.bincount(at, values, num * len(places)).reshape(shape) for values in (clicks, shown))
        shown = np.maximum(shown * context_lift(*sums)[place], 1e-9)
    span = int(day.max()) + 1
    keys, cell = np.unique(item.astype(np.int64) * span + day, return_inverse=True)
    clicks, shown = np.bincount(cell, clicks), np.bincount(cell, shown)
    return _Cells(keys // span, keys % span, np.maximum(shown, clicks), clicks, num), span


def day_levels(cells: _Cells, num_days: int) -> np.ndarray:
    """Return [D] the click level of each day relative to the last days, whatever ads ran.

    By iterated proportional fitting, with a few pseudo-clicks.
    """
    level = np.ones(num_days)
    clicks = np.bincount(cells.day, cells.clicks, num_days)
    base = _rate(cells)
    for _ in range(LEVEL_STEPS):
        rate = (cells.sums(cells.clicks) + PRIOR_STRENGTH * base) / (
            cells.sums(cells.shown * level[cells.day]) + PRIOR_STRENGTH
        )
        level = (clicks + PSEUDO_CLICKS) / (np.bincount(cells.day, cells.shown * rate[cells.item], num_days) + PSEUDO_CLICKS)
    found: np.ndarray = level / level[-LAST_DAYS:].mean()
    return found


def _choose(cells: _Cells, groups: np.ndarray, first: int, last: int) -> tuple[float, str, float]:
    """Return half-life, clock of the slopes, and the gain in log-likelihood over equal weights for all results."""
    choices = [(half_life, trend) for trend in (NO_TREND, BY_DAYS, BY_IMPRESSIONS) for half_life in HALF_LIVES]
    table = []  # [evaluated days, choices]
    for day in range(first, last):
        today = cells.day == day
        clicks, shown, item = cells.clicks[today], cells.shown[today], cells.item[today]
        if not clicks.sum():
            continue
        past = cells.until(day)
        prior = fit_prior(past.sums(past.clicks), past.sums(past.shown), groups=groups)
        odds = {(half_life, NO_TREND): _log_odds(past, prior, day, half_life) for half_life in HALF_LIVES}
        for trend in (BY_DAYS, BY_IMPRESSIONS):
            slopes = _Slopes.fit(past, day, trend)
            for half_life in HALF_LIVES:
                odds[half_life, trend] = odds[half_life, NO_TREND] + slopes.slope * slopes.ahead(past, day, half_life)
        chances = np.stack([shown * expit(odds[choice][item]) for choice in choices])
        table.append(np.log(chances / chances.sum(axis=1, keepdims=True)) @ clicks)
    if len(table) < MIN_JUDGED:
        return np.inf, NO_TREND, 0.0
    found = np.stack(table)
    lost = found[:, [int(found.sum(axis=0).argmax())]] - found
    error = lost.std(axis=0, ddof=1) * np.sqrt(len(lost))
    at = int(np.flatnonzero(lost.sum(axis=0) <= np.maximum(MIN_GAIN, SURE * error))[0])
    return *choices[at], float((found[:, at] - found[:, 0]).sum())


def _log_odds(cells: _Cells, prior: RatePrior, day: int, half_life: float) -> np.ndarray:
    """Return [N] expected log-odds of each ad from the results before `day`, around the prior at its level."""
    weights = cells.weights(day, half_life)
    clicks, shown = cells.sums(weights * cells.clicks), cells.sums(weights * cells.shown)
    level = (clicks.sum() + 1) / ((shown * prior.mean).sum() + 1)
    start = prior.strength * np.minimum(prior.mean * level, 0.5)
    found: np.ndarray = digamma(start + clicks) - digamma(prior.strength - start + shown - clicks)
    return found


@dataclass(frozen=True)
class _Slopes:
    """Slopes of log-odds [N] with deviations, by a clock with value clock [K] in each cell and tomorrow [N]."""

    slope: np.ndarray
    deviation: np.ndarray
    clock: np.ndarray
    tomorrow: np.ndarray

    @classmethod
    def fit(cls, cells: _Cells, day: int, trend: str) -> _Slopes:
        """Fit the slopes to the results before `day`."""
        clock, tomorrow = cells.day.astype(float), np.full(cells.num, float(day))
        if trend == BY_IMPRESSIONS:  # cells are sorted by ad, then by day
            until = np.cumsum(cells.shown)
            before = np.append(0.0, until)[np.searchsorted(cells.item, np.arange(cells.num))]
            unit = cells.shown.mean()
            clock = np.log1p((until - before[cells.item] - cells.shown / 2) / unit)
            tomorrow = np.log1p(cells.sums(cells.shown) / unit + 0.5)
        return cls(*fit_slopes(cells.item, clock, cells.shown, cells.clicks, cells.num), clock, tomorrow)

    def ahead(self, cells: _Cells, day: int, half_life: float) -> np.ndarray:
        """Return [N] the clock's distance from the mean of each ad's evidence; less if the evidence is mostly the prior."""
        weighted = cells.weights(day, half_life) * cells.shown
        total = cells.sums(weighted)
        ahead = self.tomorrow - cells.sums(weighted * self.clock) / np.maximum(total, 1e-9)
        found: np.ndarray = np.where(total > 0, ahead * total / (total + PRIOR_STRENGTH), 0.0)
        return found


def fit_slopes(
    item: np.ndarray, clock: np.ndarray, shown: np.ndarray, clicks: np.ndarray, num: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return [N] slopes of log-odds by the clock, shrunk to the common mean by their precision, and their deviations.

    Args:
        item, clock, shown, clicks: [K] results of an ad on a day, and the clock value of that day.
    """

    def sums(values: np.ndarray) -> np.ndarray:
        return np.bincount(item, values, num)

    total = np.maximum(sums(shown), 1e-9)
    x = clock - (sums(shown * clock) / total)[item]
    level = np.log((sums(clicks) + 0.5) / (total - sums(clicks) + 50))
    slope = np.zeros(num)
    for _ in range(NEWTON_STEPS):
        rate = expit(level[item] + slope[item] * x)
        spread, missed = shown * rate * (1 - rate), clicks - shown * rate
        a, b, c = sums(spread) + 1e-6, sums(spread * x), sums(spread * x * x) + 1 / SLOPE_SPREAD**2
        by_level, by_slope = sums(missed), sums(missed * x) - slope / SLOPE_SPREAD**2
        area = a * c - b * b
        step = np.clip((a * by_slope - b * by_level) / area, -0.5, 0.5)
        level, slope = level + np.clip((c * by_level - b * by_slope) / area, -1, 1), slope + step
        if np.abs(step).max(initial=0.0) < 1e-8:
            break
    variance = a / area
    known = np.bincount(item, minlength=num) >= MIN_HISTORY
    if known.sum() < 2:
        return np.zeros(num), np.zeros(num)
    mean, between = 0.0, 0.01
    for _ in range(SPREAD_STEPS):
        weight = 1 / (variance[known] + between)
        mean = float((weight * slope[known]).sum() / weight.sum())
        excess = (slope[known] - mean) ** 2 - variance[known]
        between = max(float((weight**2 * excess).sum() / (weight**2).sum()), 1e-8)
    drawn = np.where(known, (slope / variance + mean / between) / (1 / variance + 1 / between), mean)
    return drawn, np.sqrt(np.where(known, 1 / (1 / variance + 1 / between), between))


def _rate(cells: _Cells) -> float:
    return float((cells.clicks.sum() + 1) / (cells.shown.sum() + 100))
