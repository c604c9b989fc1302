"""The read-out of a running test: winner, loser, or go on. Looking at it every day does not raise the error rate.

Each variant is compared with the control by `sequential.compare_rates`. With k variants each is held to level / k
(Bonferroni), so that the answers and the intervals agree and the chance that any of them is ever wrong stays below `level`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from adcreative.delivery.experiment.sequential import DEFAULT_EFFECT_SCALE, compare_rates
from adcreative.errors import ConfigError

METHOD = "normal-mixture sequential probability ratio test on daily click counts (Johari et al. 2022; Lindon & Malek 2022)"
_MIN_SHARE = 0.8  # below this ratio of impressions the arms were hardly split at random


@dataclass(frozen=True, kw_only=True)
class ArmDay:
    """Impressions and clicks of one arm on one day; day is any text that is equal for both arms, "" for a total."""

    arm: str
    impressions: int
    clicks: int
    day: str = ""


@dataclass(frozen=True, kw_only=True)
class ArmReadOut:
    """What is known of one variant against the control.

    answer is "winner", "loser" or "go on". uplift is relative (0.1: ten percent more clicks per impression); its interval holds
    at every look at once, None where nothing bounds it. p_value is valid at any time, not corrected for other variants.
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


@dataclass(frozen=True, kw_only=True)
class ReadOut:
    """The answers of one test; level holds for all variants and all looks together."""

    control: str
    control_impressions: int
    control_clicks: int
    level: float
    effect_scale: float
    arms: tuple[ArmReadOut, ...]
    warnings: tuple[str, ...] = ()
    method: str = METHOD

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def read_out(
    counts: Sequence[ArmDay], *, control: str, level: float = 0.05, effect_scale: float = DEFAULT_EFFECT_SCALE,
    planned_impressions: int | None = None,
) -> ReadOut:  # fmt: skip
    """Compare every arm with `control` and say winner, loser or go on.

    With days, an answer once given stays given and the interval only narrows (the intersection of all days so far).
    Without days the split of the traffic is taken as constant over the test.

    Args:
        counts: rows of one test, any order; rows of the same arm and day are added up.
        level: probability that any answer is ever wrong, in (0, 0.5].
        effect_scale: standard deviation of the log ratios looked for; keep the plan's.
        planned_impressions: impressions per arm of the plan; an arm beyond it without an answer gets a note.
    Raises:
        ConfigError: no such control, no other arm, a count is impossible, or `level` is out of range.
    """
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
    arms = tuple(_read_arm(arm, table, control, corrected, effect_scale, planned_impressions) for arm in variants)
    totals = {arm: np.sum(list(days.values()), axis=0) for arm, days in table.items()}
    warnings = tuple(
        f'"{arm}" had {int(totals[arm][0]):,} impressions and the control {int(totals[control][0]):,}: the platform did not '
        "split the traffic evenly, so the audiences may differ. Use the platform's own split test."
        for arm in variants
        if min(totals[arm][0], totals[control][0]) < _MIN_SHARE * max(totals[arm][0], totals[control][0])
    )
    return ReadOut(
        control=control, control_impressions=int(totals[control][0]), control_clicks=int(totals[control][1]),
        level=level, effect_scale=effect_scale, arms=arms, warnings=warnings,
    )  # fmt: skip


def _add_up(counts: Sequence[ArmDay]) -> dict[str, dict[str, np.ndarray]]:
    """Return arm -> day -> [impressions, clicks], arms in order of appearance."""
    table: dict[str, dict[str, np.ndarray]] = {}
    for row in counts:
        if not 0 <= row.clicks <= row.impressions:
            raise ConfigError(f'arm "{row.arm}" has {row.clicks:,} clicks of {row.impressions:,} impressions; correct the row')
        days = table.setdefault(row.arm, {})
        days[row.day] = days.get(row.day, np.zeros(2)) + np.array((row.impressions, row.clicks))
    return table


def _read_arm(
    arm: str, table: dict[str, dict[str, np.ndarray]], control: str, level: float, effect_scale: float, planned: int | None
) -> ArmReadOut:
    """Compare one arm with the control after each day, and keep the narrowest of the intervals."""
    days = sorted(table[arm].keys() & table[control].keys())
    (n1, x1), (n0, x0) = (np.array([table[name][day] for day in days]).reshape(-1, 2).T for name in (arm, control))
    low, high, evidence = -math.inf, math.inf, 0.0
    if days:
        so_far = np.tri(len(days))  # row t holds days 0..t; later days count nothing
        looks = compare_rates(so_far * x0, so_far * x1, so_far * n0, so_far * n1, level=level, effect_scale=effect_scale)
        low, high = float(looks.log_ratio_low.max()), float(looks.log_ratio_high.min())
        evidence = max(0.0, float(looks.log_evidence.max()))
    impressions, clicks = (int(v) for v in np.sum(list(table[arm].values()), axis=0))
    uplift = (x1.sum() / n1.sum()) / (x0.sum() / n0.sum()) - 1 if days and x0.sum() and n1.sum() else None
    answer = "winner" if low > 0 else "loser" if high < 0 else "go on"
    if low > high:  # the days contradict each other: something changed while the test ran
        answer, note = "go on", "the arms changed order during the test; look for a change in ads or audience and start over"
        low, high = high, low
    elif answer == "go on" and planned is not None and impressions >= planned:
        note = f"the planned {planned:,} impressions are reached without an answer; the difference is likely smaller"
    elif not days:
        note = "no day on which both arms ran"
    else:
        note = ""
    return ArmReadOut(
        arm=arm, answer=answer, impressions=impressions, clicks=clicks, ctr=clicks / impressions if impressions else 0.0,
        uplift=None if uplift is None else float(uplift), uplift_low=math.expm1(low),
        uplift_high=None if math.isinf(high) else math.expm1(high), p_value=math.exp(-evidence), note=note,
    )  # fmt: skip
