"""Ad fatigue: the trend of a creative's click rate over its age, from rows of a platform's export by day.

    clicks ~ Binomial(impressions, p),   logit p = a + b * age in weeks

by maximum likelihood; the overdispersion (weekdays, auctions) is estimated from the residuals and widens the interval
(quasi-likelihood, McCullagh & Nelder 1989, section 4.5), never below the binomial's own. An ad "falls" if its weekly change is
significantly below 0: of all ads called falling or rising, about a tenth are false discoveries (`metrics.discoveries`). The
cause is not identified: season and audience may be the cause of a fall. Does not import torch.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from math import log1p

import numpy as np
from scipy.special import expit

from adcreative.catalog.results import ResultRow
from adcreative.metrics.calibration import fit_log_odds
from adcreative.metrics.discoveries import find_discoveries

MIN_PERIODS, MIN_DAYS, MIN_CLICKS = 5, 7, 30
LEVEL = 0.9


@dataclass(frozen=True, kw_only=True)
class Fatigue:
    """The weekly relative change of one ad's odds of a click (-0.1: falls by a tenth), with its 90 % interval.

    change, low and high are None with too little data; `missing` then gives the reason. series: (age in days, impressions,
    clicks) of every period, oldest first. is_sure: the change is significant among all measured ads.
    """

    name: str
    age_days: int
    change: float | None = None
    low: float | None = None
    high: float | None = None
    missing: str = ""
    series: tuple[tuple[float, int, int], ...] = ()
    is_sure: bool = False

    @property
    def is_falling(self) -> bool:
        return self.is_sure and self.change is not None and self.change < 0

    @property
    def is_rising(self) -> bool:
        return self.is_sure and self.change is not None and self.change > 0


def measure_fatigue(rows: Iterable[ResultRow], *, together: str = "") -> tuple[Fatigue, ...]:
    """Measure the fatigue of each ad; the most certain decline comes first, ads with too little data last.

    Args:
        rows: rows of an export; rows of one ad and one date range are summed.
        together: treat all rows as one ad of this name, which gives the drift of the account.
    """
    periods: dict[str, dict[float, list[int]]] = defaultdict(lambda: defaultdict(lambda: [0, 0]))
    for row in rows:
        day = _middle_day(row)
        if day is not None:
            counts = periods[together or row.ad_name][day]
            counts[0] += row.impressions
            counts[1] += row.clicks
        else:
            periods[together or row.ad_name]
    found = [_measure(name, days) for name, days in periods.items()]
    measured = [one for one in found if one.low is not None and one.change is not None and one.high is not None]
    sure = find_discoveries([(log1p(one.low), log1p(one.change), log1p(one.high)) for one in measured])  # type: ignore[arg-type]
    found = [one for one in found if one not in measured] + [
        replace(one, is_sure=is_sure) for one, is_sure in zip(measured, sure, strict=True)
    ]
    return tuple(sorted(found, key=lambda one: (one.high is None, one.high or 0.0, one.name)))


def _middle_day(row: ResultRow) -> float | None:
    """Return the middle of the days covered by a row, as a number of days; None without a readable date."""
    try:
        start = date.fromisoformat(row.date_start)
        end = date.fromisoformat(row.date_end) if row.date_end else start
    except ValueError:
        return None
    return (start.toordinal() + max(end, start).toordinal()) / 2


def _measure(name: str, days: Mapping[float, Sequence[int]]) -> Fatigue:
    if not days:
        return Fatigue(name=name, age_days=0, missing="no dates")
    first = min(days)
    series = tuple((day - first, days[day][0], days[day][1]) for day in sorted(days))
    age, clicks = round(series[-1][0]), sum(period[2] for period in series)
    periods = "1 period" if len(series) == 1 else f"{len(series)} periods"
    for too_little, missing in (
        (len(series) < MIN_PERIODS or age < MIN_DAYS, f"{periods} over {age} days"),
        (clicks < MIN_CLICKS, f"{clicks} clicks"),
    ):
        if too_little:
            return Fatigue(name=name, age_days=age, missing=missing, series=series)
    trend = fit_trend(series)
    if trend is None:
        return Fatigue(name=name, age_days=age, missing="clicks in the first or the last period only", series=series)
    change, low, high = (float(np.expm1(slope)) for slope in trend)
    return Fatigue(name=name, age_days=age, change=change, low=low, high=high, series=series)


def fit_trend(series: Sequence[tuple[float, int, int]]) -> tuple[float, float, float] | None:
    """Fit the slope of log-odds per week to (age in days, impressions, clicks); return the slope and its 90 % interval.

    None without a finite optimum: all clicks are in the first period, or in the last.
    """
    from scipy.stats import t

    age, shown, clicked = (np.array(column, dtype=np.float64) for column in zip(*series, strict=True))
    found = fit_log_odds(age / 7, shown, clicked)
    if found is None:
        return None
    level, slope, error = found
    rate = expit(level + slope * age / 7)
    variance = np.maximum(shown * rate * (1 - rate), 1e-12)
    spread = max(float(((clicked - shown * rate) ** 2 / variance).sum()) / (len(age) - 2), 1.0)
    reach = t.ppf(0.5 + LEVEL / 2, len(age) - 2) * np.sqrt(spread) * error
    return slope, float(slope - reach), float(slope + reach)
