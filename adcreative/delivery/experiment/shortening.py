"""Ways to shorten a long test: more impressions, a larger difference, a more frequent outcome, fewer tests at once.

Each way is given as the value that suffices alone, with the rest as planned. Knows sizes of tests; no ads and no pages.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from adcreative.delivery.experiment.sequential import sequential_sample_size

MIN_EFFECT_SCALE = 0.05  # of a log ratio; the smallest effect scale of a read-out
MAX_UPLIFT, MAX_RATE = 3.0, 0.5  # upper bounds of an uplift and of an outcome's rate
_HALVINGS = 30


@dataclass(frozen=True, kw_only=True)
class Shorter:
    """Values that each finish a test within `days` alone.

    daily_impressions: over all ads of the campaign. uplift: the smallest gain (0.1: ten percent) detectable with the planned
    impressions in that time. frequency: required frequency of the outcome relative to the planned outcome. The last two are
    None if no value suffices.
    """

    days: int
    daily_impressions: int
    uplift: float | None
    frequency: float | None


def shorten(
    rate: float, expected: float, *, days: int, daily_impressions: int, num_ads: int, power: float, level: float
) -> Shorter:
    """Return the values that shorten a test of `rate` against `expected` (both 0..1) to `days`.

    Args:
        daily_impressions: of the campaign, split evenly over its `num_ads`. power, level: as in PlanSettings, with the level
            already divided among the variants of the test.
    """
    gain, budget = expected / rate, days * daily_impressions / num_ads

    def fits(one: float, other: float) -> bool:
        return 0 < one < other < 1 and _size(one, other, power=power, level=level) <= budget

    return Shorter(
        days=days,
        daily_impressions=math.ceil(_size(rate, expected, power=power, level=level) * num_ads / days),
        uplift=_least(lambda uplift: fits(rate, rate * (1 + uplift)), gain - 1, min(MAX_UPLIFT, 0.99 / rate - 1)),
        frequency=_least(lambda times: fits(times * rate, times * expected), 1.0, MAX_RATE / expected),
    )


def say_shorter(one: Shorter) -> str:
    """Return the ways as text, such as "20,000 impressions a day, or a gain of 14 % or more, or ..."."""
    ways = [f"{one.daily_impressions:,} impressions a day"]
    if one.uplift is not None:
        ways.append(f"a gain of {math.ceil(100 * one.uplift)} % or more, as of a bolder version")
    if one.frequency is not None:
        ways.append(f"a measure that comes {one.frequency:.1f} times as often, such as clicks in place of purchases")
    return ", or ".join(ways)


def count_in_time(sizes: Sequence[int], *, days: int, daily_impressions: int) -> int:
    """Return the number of tests of two ads, shortest first, that finish within `days` if only they share the impressions.

    Args:
        sizes: impressions needed by each test for each of its ads.
    """
    fitting = [number for number, size in enumerate(sorted(sizes), 1) if 2 * number * size <= days * daily_impressions]
    return max(fitting, default=0)


def _size(rate: float, expected: float, *, power: float, level: float) -> int:
    scale = max(math.log(expected / rate), MIN_EFFECT_SCALE)
    return sequential_sample_size(rate, expected, power=power, level=level, effect_scale=scale)


def _least(is_enough: Callable[[float], bool], low: float, high: float) -> float | None:
    """Return the smallest sufficient value from `low` to `high`, for a monotone condition; None if no value suffices."""
    if high <= low or not is_enough(high):
        return None
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if is_enough(middle) else (middle, high)
    return high
