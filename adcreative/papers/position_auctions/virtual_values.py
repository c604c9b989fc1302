"""Virtual values: what a click is worth to the seller when values come from a known distribution.

    phi(v) = v - (1 - F(v)) / f(v)               uniform on [0, h]: phi = 2 v - h
    ironed: the slope of the concave hull of the revenue curve R(q) = q v(q) over the quantile q = 1 - F(v)

A negative virtual value means that showing the ad loses revenue: that is the reserve price. No torch. Source: Myerson 1981.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Protocol

import numpy as np

from adcreative.errors import ConfigError

MIN_BIDS = 5


class ValueDistribution(Protocol):
    """Where a value per click comes from."""

    def virtual_value(self, value: float) -> float:
        """Return phi(value), which never falls with value."""

    def smallest_value(self, virtual: float) -> float:
        """Return the smallest value whose virtual value reaches `virtual`."""


class UniformValues:
    """Values equally likely between 0 and `high`."""

    def __init__(self, high: float) -> None:
        if not (np.isfinite(high) and high > 0):
            raise ConfigError(f"the highest value must be above 0, got {high}")
        self.high = float(high)

    def virtual_value(self, value: float) -> float:
        return 2 * value - self.high

    def smallest_value(self, virtual: float) -> float:
        return (virtual + self.high) / 2


class PastBids:
    """Values as in past bids, ironed; at least five, and none of the auction that is run."""

    def __init__(self, bids: Sequence[float]) -> None:
        ordered = np.sort(np.asarray(bids, np.float64))[::-1]
        if len(ordered) < MIN_BIDS or not (np.isfinite(ordered).all() and (ordered > 0).all()):
            raise ConfigError(f"at least {MIN_BIDS} past bids above 0 are needed to know what values are usual")
        quantile = np.arange(len(ordered) + 1) / len(ordered)
        revenue = np.concatenate([[0.0], quantile[1:] * ordered])
        corners = [0]
        for at in range(1, len(quantile)):  # upper hull, left to right
            while len(corners) > 1 and _slope(quantile, revenue, corners[-2], corners[-1]) <= _slope(
                quantile, revenue, corners[-1], at
            ):
                corners.pop()
            corners.append(at)
        slopes = [_slope(quantile, revenue, one, two) for one, two in pairwise(corners)]
        self.floors = np.array([ordered[corner - 1] for corner in corners[1:]])[::-1]  # smallest bid of each piece, rising
        self.slopes = np.array(slopes)[::-1]

    def virtual_value(self, value: float) -> float:
        at = int(np.searchsorted(self.floors, value, side="right")) - 1
        return float(self.slopes[at] if at >= 0 else min(self.slopes[0], 0.0) - (self.floors[0] - value))

    def smallest_value(self, virtual: float) -> float:
        at = int(np.searchsorted(self.slopes, virtual - 1e-12))
        return float(self.floors[min(at, len(self.floors) - 1)])


def _slope(quantile: np.ndarray, revenue: np.ndarray, one: int, two: int) -> float:
    return float((revenue[two] - revenue[one]) / (quantile[two] - quantile[one]))
