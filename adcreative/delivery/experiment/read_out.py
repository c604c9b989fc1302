"""The read-out of a running test: winner, loser, or go on. Daily looks do not raise the error rate.

Each variant is compared with the control by `sequential.compare_rates`. With k variants each comparison has level / k
(Bonferroni), so that answers and intervals agree and the probability that any answer is ever wrong stays below `level`.

    ctr                   clicks       per impression        cpc: clicks per unit of spend, its inverse
    cost_per_conversion   conversions  per unit of spend     roas: revenue per unit of spend

are all counts per exposure and compared alike. Revenue is not a count: it is converted to orders of the arms' mean value, and
halved, since a sum of orders with a standard deviation equal to the mean value has twice the variance of equal orders.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from adcreative.delivery.experiment.sequential import DEFAULT_EFFECT_SCALE, compare_rates
from adcreative.errors import ConfigError

METHOD = "normal-mixture sequential probability ratio test on daily click counts (Johari et al. 2022; Lindon & Malek 2022)"
_MIN_SHARE = 0.8  # with a smaller ratio of impressions the split was probably not random


# metric -> (counted field, exposure field, whether less is better)
METRICS = {
    "ctr": ("clicks", "impressions", False),
    "cpc": ("clicks", "spend", True),
    "cost_per_conversion": ("conversions", "spend", True),
    "roas": ("revenue", "spend", False),
}
_CENTS = 1e4  # an exposure must be at least 1
_ORDER_SPREAD = 2.0  # variance of a sum of orders over that of equal orders, if the values' deviation equals their mean


@dataclass(frozen=True, kw_only=True)
class ArmDay:
    """Counts of one arm on one day; day is any text that is equal for both arms, "" for a total.

    spend, conversions, revenue: None if not in the export.
    """

    arm: str
    impressions: int
    clicks: int
    day: str = ""
    spend: float | None = None
    conversions: float | None = None
    revenue: float | None = None


@dataclass(frozen=True, kw_only=True)
class ArmReadOut:
    """Result of one variant against the control.

    answer is "winner", "loser" or "go on". uplift is relative (0.1: ten percent more clicks per impression, or for another
    metric ten percent more clicks, conversions or revenue per unit of spend); its interval is valid simultaneously for all
    looks, None if unbounded. p_value is valid at any time, not corrected for other variants. value: the arm's metric (a rate, a
    cost or a ratio), None without counts.
    """

    arm: str
    answer: str
    impressions: int
    clicks: int
    ctr: float
    uplift: float | None
    uplift_low: float
    uplift_high: float | None
    p_value: float
    note: str = ""
    value: float | None = None


@dataclass(frozen=True, kw_only=True)
class ReadOut:
    """The results of one test, best arm first; level holds for all variants and all looks together.

    metric: metric of the comparison; control_value: the control's metric.
    """

    control: str
    control_impressions: int
    control_clicks: int
    level: float
    effect_scale: float
    arms: tuple[ArmReadOut, ...]
    warnings: tuple[str, ...] = ()
    method: str = METHOD
    metric: str = "ctr"
    control_value: float | None = None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def read_out(
    counts: Sequence[ArmDay],
    *,
    control: str,
    level: float = 0.05,
    effect_scale: float = DEFAULT_EFFECT_SCALE,
    planned_impressions: int | None = None,
    metric: str = "ctr",
) -> ReadOut:
    """Compare every arm with `control` and return winner, loser or go on for each.

    With days, an answer stays once given, and the interval only narrows (the intersection over all days so far). Without days
    the traffic split is assumed constant over the test.

    Args:
        counts: rows of one test, in any order; rows of the same arm and day are summed.
        level: probability that any answer is ever wrong, in (0, 0.5].
        effect_scale: standard deviation of the expected log ratios; use the plan's value.
        planned_impressions: planned impressions per arm; an arm above this number without an answer gets a note.
        metric: one of METRICS; used to compare and rank the arms.
    Raises:
        ConfigError: no such control, no other arm, an impossible count, `level` out of range, an unknown metric, or results
            without a column of the metric.
    """
    if metric not in METRICS:
        raise ConfigError(f'no metric named "{metric}"; known: {", ".join(METRICS)}.')
    if not 0 < level <= 0.5 or effect_scale <= 0:
        raise ConfigError(f"level must be in (0, 0.5] and effect_scale above 0; got {level} and {effect_scale}")
    table = _add_up(counts)
    if control not in table:
        raise ConfigError(
            f'the results have no arm "{control}"; they have {", ".join(sorted(table)) or "none"}. Name the control.'
        )
    variants = [arm for arm in table if arm != control]
    if not variants:
        raise ConfigError(f'the results have only the control "{control}"; a variant beside it is needed')
    corrected = level / len(variants)
    compared, values = _count_by(counts, metric, table)
    planned = planned_impressions if metric == "ctr" else None
    totals = {arm: np.sum(list(days.values()), axis=0) for arm, days in table.items()}
    found = [
        replace(_read_arm(arm, compared, control, corrected, effect_scale, totals[arm], planned), value=values[arm])
        for arm in variants
    ]
    arms = tuple(sorted(found, key=lambda arm: -math.inf if arm.uplift is None else arm.uplift, reverse=True))
    warnings = tuple(
        f'"{arm}" had {int(totals[arm][0]):,} impressions and the control {int(totals[control][0]):,}: the platform did not '
        "split the traffic evenly, so the audiences may differ. Use the platform's own split test."
        for arm in variants
        if min(totals[arm][0], totals[control][0]) < _MIN_SHARE * max(totals[arm][0], totals[control][0])
    )
    return ReadOut(
        control=control,
        control_impressions=int(totals[control][0]),
        control_clicks=int(totals[control][1]),
        level=level,
        effect_scale=effect_scale,
        arms=arms,
        warnings=warnings,
        metric=metric,
        control_value=values[control],
    )


def _add_up(counts: Sequence[ArmDay]) -> dict[str, dict[str, np.ndarray]]:
    """Return arm -> day -> [impressions, clicks], arms in order of appearance."""
    table: dict[str, dict[str, np.ndarray]] = {}
    for row in counts:
        if not 0 <= row.clicks <= row.impressions:
            raise ConfigError(f'arm "{row.arm}" has {row.clicks:,} clicks of {row.impressions:,} impressions; correct the row')
        days = table.setdefault(row.arm, {})
        days[row.day] = days.get(row.day, np.zeros(2)) + np.array((row.impressions, row.clicks))
    return table


Table = dict[str, dict[str, np.ndarray]]


def _count_by(counts: Sequence[ArmDay], metric: str, table: Table) -> tuple[Table, dict[str, float | None]]:
    """Return arm -> day -> [exposure, events], and the metric of each arm; for ctr the table is `table` itself.

    Raises:
        ConfigError: a column of the metric is missing in all rows.
    """
    event, exposure, is_inverse = METRICS[metric]
    if missing := [name for name in (event, exposure) if all(getattr(row, name) is None for row in counts)]:
        raise ConfigError(f"the results have no {' and no '.join(missing)}, of which {metric} is made; export these columns")
    compared: Table = {arm: {} for arm in table}
    for row in counts:
        pair = np.array([float(getattr(row, name) or 0.0) for name in (exposure, event)])
        if not (np.isfinite(pair) & (pair >= 0)).all():
            raise ConfigError(f'arm "{row.arm}" has {exposure} {pair[0]:g} and {event} {pair[1]:g}; correct the row')
        days = compared[row.arm]
        days[row.day] = days.get(row.day, np.zeros(2)) + pair
    values: dict[str, float | None] = {}
    for arm, days in compared.items():
        shown, counted = np.sum(list(days.values()), axis=0)
        above, below = (shown, counted) if is_inverse else (counted, shown)
        values[arm] = float(above / below) if below else None
    scale = np.array([1.0 if exposure == "impressions" else _CENTS, 1.0])
    if metric == "roas":
        orders = sum(row.conversions or 0.0 for row in counts)
        revenue = sum(row.revenue or 0.0 for row in counts)
        if not orders:
            raise ConfigError("the results have no conversions, without which it cannot be said how sure roas is; export them")
        scale[1] = orders / max(revenue, 1e-12) / _ORDER_SPREAD
    return {arm: {day: pair * scale for day, pair in days.items()} for arm, days in compared.items()}, values


def _read_arm(
    arm: str, table: Table, control: str, level: float, effect_scale: float, shown: np.ndarray, planned: int | None
) -> ArmReadOut:
    """Compare one arm with the control after each day; the narrowest interval is kept. shown: total [impressions, clicks]."""
    days = sorted(table[arm].keys() & table[control].keys())
    (n1, x1), (n0, x0) = (np.array([table[name][day] for day in days]).reshape(-1, 2).T for name in (arm, control))
    low, high, evidence = -math.inf, math.inf, 0.0
    if days:
        so_far = np.tri(len(days))  # row t has days 0..t; later days count nothing
        looks = compare_rates(so_far * x0, so_far * x1, so_far * n0, so_far * n1, level=level, effect_scale=effect_scale)
        low, high = float(looks.log_ratio_low.max()), float(looks.log_ratio_high.min())
        evidence = max(0.0, float(looks.log_evidence.max()))
    impressions, clicks = (int(count) for count in shown)
    uplift = (x1.sum() / n1.sum()) / (x0.sum() / n0.sum()) - 1 if days and x0.sum() and n1.sum() else None
    answer = "winner" if low > 0 else "loser" if high < 0 else "go on"
    if low > high:  # the days contradict each other: something changed during the test
        answer, note = "go on", "the arms changed order during the test; look for a change in ads or audience and start over"
        low, high = high, low
    elif answer == "go on" and planned is not None and impressions >= planned:
        note = f"the planned {planned:,} impressions are reached without an answer; the difference is likely smaller"
    elif not days:
        note = "no day on which both arms ran"
    else:
        note = ""
    return ArmReadOut(
        arm=arm,
        answer=answer,
        impressions=impressions,
        clicks=clicks,
        ctr=clicks / impressions if impressions else 0.0,
        uplift=None if uplift is None else float(uplift),
        uplift_low=math.expm1(low),
        uplift_high=None if math.isinf(high) else math.expm1(high),
        p_value=math.exp(-evidence),
        note=note,
    )
