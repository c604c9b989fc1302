"""Group bootstrap: whole groups are drawn with replacement, since the rows of a user, test or brand are correlated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Interval:
    """A figure with its 95 % bootstrap interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"


def draw_group_counts(num_groups: int, num_draws: int, *, rng: np.random.Generator) -> np.ndarray:
    """Return [num_draws, G] int64: how often each of G groups is drawn; every row sums to G."""
    counts: np.ndarray = rng.multinomial(num_groups, np.full(num_groups, 1 / num_groups), num_draws)
    return counts


def iter_group_counts(num_groups: int, num_draws: int, *, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Yield the rows of `draw_group_counts` one at a time, for too many groups to hold all draws in memory."""
    for _ in range(num_draws):
        yield draw_group_counts(num_groups, 1, rng=rng)[0]


def percentile_interval(draws: Sequence[float] | np.ndarray, level: float) -> tuple[float, float] | None:
    """Return the central interval with `level` (0..1) of the draws; NaN is ignored, None if no draw is left."""
    values = np.asarray(draws, np.float64)
    values = values[~np.isnan(values)]
    if not len(values):
        return None
    tail = (1 - level) / 2
    low, high = np.quantile(values, (tail, 1 - tail))
    return float(low), float(high)
