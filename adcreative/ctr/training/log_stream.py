"""Training rows of an impression log: encoded in chunks, shuffled within a window, split into roles.

The order of an epoch depends on its seed alone, so that a killed training finds the same batches again. Memory holds
one window of raw rows and its encoding; a log that fits into one window is encoded once and cached.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from adcreative.catalog.formats.logs import iter_log, part_rows_of
from adcreative.catalog.log_schema import LogSchema
from adcreative.ctr.inputs.log_encoding import LogEncoding, LogRows, join_rows

WINDOW_ROWS, WINDOW_VALUES, MIN_WINDOW_ROWS = 524_288, 2**25, 4096  # windows of long histories have fewer rows
ROLES = ("train", "valid", "test")
VALID_SHARE, LEAST_SHARE, MOST_SHARE = 0.1, 0.03, 0.3  # share of rows for early stopping; limits for a cut in time


@dataclass(frozen=True)
class Cut:
    """The time from which on the rows of a log are used for early stopping; said: as written in the log."""

    moment: float
    said: str


@dataclass(frozen=True)
class LogFile:
    """A log, and the role of the rows to read.

    role: "train", "valid" or "test" of the split column; without one, "valid" is the rows after the cut, or without a cut
    a tenth of the users (of the rows where no user is given, or where user ids are learnt: new users would stop
    their training at once), "train" the rest, and "" all rows.
    """

    path: Path
    schema: LogSchema
    role: str
    cut: Cut | None = None

    @property
    def stops_by(self) -> str:
        """The rows used for early stopping, in words."""
        if self.schema.split:
            return f'the rows that "{self.schema.split}" calls valid'
        if self.cut is not None:
            return f"the rows from {self.schema.time} {self.cut.said} on"
        return "a tenth of the users" if self.has_new_users else "a tenth of the rows"

    @property
    def has_new_users(self) -> bool:
        """Whether all rows of a user have one role."""
        return bool(self.schema.user) and self.schema.user not in self.schema.inputs

    def tables(self) -> Iterator[pd.DataFrame]:
        """Yield the raw rows of the role in chunks. Raises CatalogError as `iter_log`."""
        start = 0
        for table in iter_log(self.path, self.schema.columns, part_rows=part_rows_of(self.schema), is_text=self.schema.is_text):
            chosen = table if not self.role else table[self._is_mine(table, start)]
            start += len(table)
            if len(chosen):
                yield chosen.reset_index(drop=True)

    def _is_mine(self, table: pd.DataFrame, start: int) -> np.ndarray:
        if self.schema.split:
            found: np.ndarray = (table[self.schema.split].astype(str).str.casefold() == self.role).to_numpy()
            return found
        if self.cut is not None:
            is_late = read_moments(table[self.schema.time]) >= self.cut.moment
            return is_late if self.role == "valid" else ~is_late
        if self.has_new_users:
            keys = [zlib.crc32(str(user).encode()) for user in table[self.schema.user]]
        else:
            keys = [zlib.crc32(str(row).encode()) for row in range(start, start + len(table))]
        is_valid = np.array(keys, np.uint64) % 1000 < VALID_SHARE * 1000
        return is_valid if self.role == "valid" else ~is_valid


def read_moments(times: pd.Series) -> np.ndarray:
    """Return [M] numbers that grow with time: steps, or seconds of dates (ISO 8601); NaN where there is neither."""
    steps: np.ndarray = np.full(len(times), np.nan)
    if not pd.api.types.is_datetime64_any_dtype(times):
        steps = pd.to_numeric(times, errors="coerce").to_numpy(np.float64, copy=True)
    is_open = np.isnan(steps)
    if is_open.any():
        days = pd.to_datetime(times[is_open], errors="coerce", format="ISO8601", utc=True)
        steps[is_open] = (days - pd.Timestamp(0, tz="UTC")).dt.total_seconds()
    return steps


def find_cut(path: Path, schema: LogSchema) -> Cut | None:
    """Return the time after which the share of rows is nearest to VALID_SHARE; None without a time column, or where no time
    gives a share of LEAST_SHARE to MOST_SHARE.

    Raises:
        CatalogError: as `iter_log`.
    """
    if not schema.time or schema.split:
        return None
    counts: dict[float, int] = {}
    said: dict[float, str] = {}
    for table in iter_log(path, [schema.time], is_text=schema.is_text):
        values, first, times = np.unique(read_moments(table[schema.time]), return_index=True, return_counts=True)
        for value, at, num in zip(values.tolist(), first, times.tolist(), strict=True):
            counts[value] = counts.get(value, 0) + num
            said.setdefault(value, str(table[schema.time].iloc[at]))
    moments = np.sort(np.array([one for one in counts if one == one]))
    after = np.cumsum([counts[one] for one in moments[::-1]])[::-1] / max(sum(counts.values()), 1)
    if not len(after) or not (fits := (after >= LEAST_SHARE) & (after <= MOST_SHARE)).any():
        return None
    best = float(moments[np.where(fits, np.abs(after - VALID_SHARE), np.inf).argmin()])
    return Cut(best, said[best])


class EncodedStream:
    """Encoded rows of a role, in batches; see `streamed.Source`.

    Args:
        num_rows: of the role, as counted when the encoding was fitted. window_rows: rows that are shuffled together; None: as
            many as memory allows.
    """

    def __init__(self, file: LogFile, encoding: LogEncoding, num_rows: int, *, window_rows: int | None = None) -> None:
        self.file, self.encoding, self.num_rows = file, encoding, num_rows
        of_histories = max(len(encoding.schema.sequences) * encoding.schema.max_history, 1)
        self.window_rows = window_rows or min(WINDOW_ROWS, max(WINDOW_VALUES // of_histories, MIN_WINDOW_ROWS))
        self._whole: LogRows | None = None

    def iter_batches(self, batch_size: int, *, rng: np.random.Generator | None = None) -> Iterator[LogRows]:
        """Yield batches of batch_size rows, the last one shorter; rng shuffles within windows.

        Rows are taken a batch at a time, and a window is freed before the next is read: memory holds no shuffled copy.
        """
        waiting: list[LogRows] = []  # the rest of a window, fewer rows than a batch
        for window in self._windows():
            order = np.arange(len(window)) if rng is None else rng.permutation(len(window))
            start = 0
            while start < len(order):
                stop = min(start + batch_size - sum(map(len, waiting)), len(order))
                waiting.append(window.rows(order[start:stop]))
                start = stop
                if sum(map(len, waiting)) == batch_size:
                    yield join_rows(waiting) if len(waiting) > 1 else waiting[0]
                    waiting = []
            del window, order
        if waiting:
            yield join_rows(waiting) if len(waiting) > 1 else waiting[0]

    def _windows(self) -> Iterator[LogRows]:
        if self._whole is not None:
            yield self._whole
            return
        parts: list[LogRows] = []
        is_first = True
        for table in self.file.tables():
            parts.append(self.encoding.encode(table))
            if sum(map(len, parts)) >= self.window_rows:
                is_first, window, parts = False, join_rows(parts), []
                yield window
                del window
        if parts:
            window = join_rows(parts)
            if is_first:
                self._whole = window
            yield window
