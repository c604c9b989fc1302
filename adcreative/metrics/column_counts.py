"""Stream the impressions and clicks of every value of every column, and of pairs of columns. Does not import torch.

Values are identified by a hash of their text, folded into 2^17 slots (2^15 for pairs): memory is bounded for any column, and
two values collide by chance. A missing value is a value. Fractional numbers are binned at the quantiles of the first rows;
whole numbers are used as values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
import pandas as pd

SLOT_BITS, PAIR_BITS = 17, 15
NUM_BINS = 16
NOISE = 0x6E6F697365
MIX = np.uint64(0x9E3779B97F4A7C15)


@dataclass
class ColumnCounts:
    """Counts of one column or pair: impressions and clicks by slot, rows with a value, all rows."""

    bits: int = SLOT_BITS
    totals: np.ndarray = field(init=False)
    clicks: np.ndarray = field(init=False)
    num_present: int = 0
    num_rows: int = 0

    def __post_init__(self) -> None:
        self.totals, self.clicks = np.zeros(2**self.bits, np.int32), np.zeros(2**self.bits, np.int32)

    def add(self, hashes: np.ndarray, labels: np.ndarray) -> None:
        """Count rows: hashes [N] uint64 and labels [N] of 0 and 1."""
        slots = ((hashes * MIX) >> np.uint64(64 - self.bits)).astype(np.int64)
        self.totals += np.bincount(slots, minlength=2**self.bits).astype(np.int32)
        self.clicks += np.bincount(slots[labels > 0], minlength=2**self.bits).astype(np.int32)
        self.num_rows += len(slots)

    @property
    def cardinality(self) -> int:
        """Number of distinct values, by slots: too low for a column with many values."""
        return int((self.totals > 0).sum())

    @property
    def coverage(self) -> float:
        """Share of rows with a value."""
        return self.num_present / max(self.num_rows, 1)


class ColumnHasher:
    """Maps a column of a table to hashes of its values; bins of numbers are fixed by the first table."""

    def __init__(self) -> None:
        self.edges: dict[str, np.ndarray] = {}

    def hashes(self, name: str, column: pd.Series) -> tuple[np.ndarray, np.ndarray]:
        """Return hashes [N] uint64 and a mask of present values [N]."""
        is_there = column.notna().to_numpy()
        if pd.api.types.is_float_dtype(column):
            values = column.to_numpy(np.float64)
            if name not in self.edges:
                known = values[np.isfinite(values)]
                is_whole = len(known) > 0 and bool((known == np.round(known)).all())
                cuts = np.quantile(known, np.linspace(0, 1, NUM_BINS + 1)[1:-1]) if len(known) and not is_whole else []
                self.edges[name] = np.unique(cuts)
            if len(self.edges[name]):
                codes = np.where(is_there, np.searchsorted(self.edges[name], values, side="right"), -1)
                return pd.util.hash_array(codes.astype(np.int64)), is_there
            column = column.astype("Int64")
        if len(column) and isinstance(next((one for one in column if one is not None), None), list | np.ndarray | tuple):
            column = column.map(lambda one: "^".join(map(str, one)) if one is not None else None)
        codes, found = pd.factorize(column)
        texts = pd.Index(found).astype(str).to_numpy(object)
        known_hashes = pd.util.hash_array(texts) if len(texts) else np.zeros(0, np.uint64)
        return np.append(known_hashes, np.uint64(0))[codes], is_there


def pair_hashes(one: np.ndarray, two: np.ndarray) -> np.ndarray:
    """Return hashes of the value pairs of two columns."""
    mixed: np.ndarray = (one * MIX) ^ ((two + MIX) * np.uint64(0xC2B2AE3D27D4EB4F))
    return mixed


def noise_columns(start: int, num: int, *, seed: int) -> dict[str, np.ndarray]:
    """Return noise columns for rows start .. start + num: the score of a column with as many values by chance."""
    rng = np.random.default_rng([seed, start, NOISE])  # a random stream unlikely to be used by the data
    columns = {"constant": np.zeros(num, np.uint64)}
    for size in (2, 100, 2_000, 10_000):
        columns[f"noise of {size:,} values"] = rng.integers(0, size, num).astype(np.uint64)
    columns["row number"] = np.arange(start, start + num).astype(np.uint64)
    return {f"({name})": pd.util.hash_array(values) for name, values in columns.items()}


def count_columns(
    counts: dict[str, ColumnCounts], hashed: Mapping[str, np.ndarray], labels: np.ndarray, present: Mapping[str, np.ndarray]
) -> None:
    """Add rows to the counts of each column, in place."""
    for name, hashes in hashed.items():
        one = counts.setdefault(name, ColumnCounts())
        one.add(hashes, labels)
        one.num_present += int(present[name].sum()) if name in present else len(hashes)


def count_pairs(
    counts: dict[tuple[str, str], ColumnCounts], hashed: Mapping[str, np.ndarray], names: Sequence[str], labels: np.ndarray
) -> None:
    """Add rows to the counts of each pair of columns, in place."""
    for one, two in combinations(names, 2):
        pair = counts.setdefault((one, two), ColumnCounts(PAIR_BITS))
        pair.add(pair_hashes(hashed[one], hashed[two]), labels)
        pair.num_present = pair.num_rows
