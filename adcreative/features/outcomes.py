"""Impressions and clicks of creatives, and their groups by test or brand. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from adcreative.creative import Creative


@dataclass(frozen=True, eq=False)
class Counts:
    """Results of N creatives, each array [N].

    impressions, clicks: float64. group: int64; rows of one test share a number, else rows of one brand, else the row has its
    own. is_test: bool, whether the group is a test, whose arms can only be compared all together.
    """

    impressions: np.ndarray
    clicks: np.ndarray
    group: np.ndarray
    is_test: np.ndarray

    def __len__(self) -> int:
        return len(self.clicks)

    def index_select(self, idx: np.ndarray) -> Counts:
        """Return the rows `idx`; groups keep their numbers."""
        return Counts(self.impressions[idx], self.clicks[idx], self.group[idx], self.is_test[idx])


def count_outcomes(creatives: Sequence[Creative]) -> Counts:
    """Return the results of creatives; a creative without results counts 0 impressions."""
    keys = [
        f"test {c.test_id}" if c.test_id else f"brand {fold(c.brand)}" if c.brand.strip() else f"row {row}"
        for row, c in enumerate(creatives)
    ]
    _, group = np.unique(keys, return_inverse=True)
    return Counts(
        np.array([c.impressions or 0 for c in creatives], np.float64),
        np.array([c.clicks or 0 for c in creatives], np.float64),
        group.astype(np.int64),
        np.array([bool(c.test_id) for c in creatives]),
    )


def fold(value: str) -> str:
    """Return the comparison form of a category: case and surrounding space are ignored."""
    return " ".join(value.split()).casefold()
