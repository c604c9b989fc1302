"""Slates and clicks of each reader, in order: the rows of a log with slates and users as arrays.

Knows tables; neither models nor torch. Shapes: B slates, S places, U readers, C clicks of a reader.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from adcreative.errors import ConfigError, TrainingError

MAX_CLICKS = 50  # of a reader; slates before the last clicks of that number are left out
MIN_READERS, MIN_CLICKS = 20, 100
NOTHING = -1


@dataclass(frozen=True, kw_only=True)
class ReaderHistories:
    """Slates of U readers, sorted by reader and time.

    slates: [B, S] creatives from 0, -1 after the last place. chosen: [B] clicked place, -1: none.
    reader: [B] from 0. before: [B] clicks of that reader before the slate. clicks: [U, C] creatives, -1 after the last.
    names: [U]. last: [U] the reader's last slate as a number that grows with time.
    """

    slates: np.ndarray
    chosen: np.ndarray
    reader: np.ndarray
    before: np.ndarray
    clicks: np.ndarray
    names: tuple[str, ...]
    last: np.ndarray
    num_items: int

    @property
    def num_clicks(self) -> np.ndarray:
        """[U] clicks of each reader."""
        return np.asarray((self.clicks != NOTHING).sum(axis=1))


def read_histories(rows: pd.DataFrame, num_items: int) -> ReaderHistories:
    """Return the histories in a log's rows (see `catalog.event_log`), with `item` the number of each creative.

    Of several clicks in one slate the first counts. Slates without a user are left out.

    Raises:
        ConfigError: the log names no users or shows one creative at a time.
        TrainingError: too few readers or clicks to learn from.
    """
    rows = rows[rows["user"] != ""]
    if not len(rows):
        raise ConfigError("readers can be followed only in a log with a column user; plan without --readers, or log who it was")
    if rows["slate"].nunique() == len(rows):
        raise ConfigError("readers are followed through slates: a column slate that rows shown together share is needed")
    when = _moments(rows["time"])
    order = np.lexsort((rows["position"].to_numpy(), rows["slate"].to_numpy(), when, rows["user"].to_numpy(str)))
    item, won = rows["item"].to_numpy()[order], rows["clicks"].to_numpy()[order] > 0
    slate, user, when = (values[order] for values in (rows["slate"].to_numpy(), rows["user"].to_numpy(str), when))
    starts = np.flatnonzero(np.append(True, slate[1:] != slate[:-1]))
    lengths = np.diff(np.append(starts, len(slate)))
    number = np.repeat(np.arange(len(starts)), lengths)
    place = np.arange(len(slate)) - starts[number]
    slates = np.full((len(starts), int(lengths.max())), NOTHING)
    slates[number, place] = item
    first = np.minimum.reduceat(np.where(won, place, len(slate)), starts)
    chosen = np.where(first < len(slate), first, NOTHING)
    names, reader = np.unique(user[starts], return_inverse=True)
    return _follow(slates, chosen, reader, tuple(map(str, names)), when[starts], num_items)


def _follow(
    slates: np.ndarray, chosen: np.ndarray, reader: np.ndarray, names: tuple[str, ...], when: np.ndarray, num_items: int
) -> ReaderHistories:
    """Return histories of slates sorted by reader and time, without slates too long ago."""
    hit = chosen != NOTHING
    before = np.cumsum(hit) - hit
    begins = np.flatnonzero(np.append(True, reader[1:] != reader[:-1]))
    before = before - before[begins][reader]
    total = np.bincount(reader, hit, len(names)).astype(int)
    dropped = np.maximum(total - MAX_CLICKS, 0)
    if len(names) < MIN_READERS or total.sum() < MIN_CLICKS:
        raise TrainingError(
            f"the log follows {len(names)} readers with {total.sum()} clicks; "
            f"at least {MIN_READERS} and {MIN_CLICKS} are needed"
        )
    clicks = np.full((len(names), int(min(total.max(), MAX_CLICKS))), NOTHING)
    rank = before - dropped[reader]
    kept = rank >= 0
    at = hit & kept
    clicks[reader[at], rank[at]] = slates[at, chosen[at]]
    last = np.zeros(len(names))
    np.maximum.at(last, reader, np.argsort(np.argsort(when, kind="stable"), kind="stable").astype(float))
    return ReaderHistories(
        slates=slates[kept],
        chosen=chosen[kept],
        reader=reader[kept],
        before=rank[kept],
        clicks=clicks,
        names=names,
        last=last,
        num_items=num_items,
    )


def _moments(time: pd.Series) -> np.ndarray:
    """Return [M] numbers that grow with time: counted steps, dates, or else the order of the log."""
    steps = pd.to_numeric(time, errors="coerce")
    if steps.notna().all():
        return steps.to_numpy(np.float64)
    days = pd.to_datetime(time, errors="coerce", format="mixed", utc=True)
    if days.notna().all():
        return days.to_numpy("datetime64[ns]").astype(np.float64)
    return np.arange(len(time), dtype=np.float64)
