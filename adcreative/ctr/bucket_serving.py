"""SDIM served from buckets: sums are kept per user and group, and an appended item changes one bucket per group.

    serving = BucketServing(LogModel.load(folder))
    rates = serving.predict(rows)["ctr"]                      # candidates of many users, each row with its history so far

A candidate costs a hash and a look-up whatever the length of the history; the history is read once for all candidates that are
ranked against it, and of an extended history only the new items. Rates equal those of `LogModel.predict` to rounding.
Source:
    Cao et al., Sampling Is All You Need on Modeling Long-Term User Behaviors for CTR Prediction, CIKM 2022, section 4.4 (the
    server of behaviour sequence encodings).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from adcreative.ctr.inputs.log_encoding import LogRows
from adcreative.ctr.log_network import LogModel, build_batch, iter_chunks, rates_of
from adcreative.ctr.networks.sdim import SDIM, BucketCache
from adcreative.errors import ConfigError

LONG_HISTORY = 100  # items; for longer histories reading the history for each candidate costs more than keeping its buckets
MAX_OVERLAPS = 16  # offsets tried to match a history as a continuation of the cached one
Predict = Callable[[LogRows], dict[str, np.ndarray]]


@dataclass(frozen=True)
class _Kept:
    """A user's history as ids [T, C], one column per history of the schema, and its buckets."""

    ids: np.ndarray
    buckets: BucketCache


class BucketServing:
    """Scores encoded rows of a log with a trained SDIM.

    Args:
        model: not modified; tables replaced by compression are used as they are.
        max_users: size of the user cache; the least recently used is evicted first. A user takes G 2^tau S numbers.
    Raises:
        ConfigError: the network is another, or max_users is below 1.
    """

    def __init__(self, model: LogModel, *, max_users: int = 10_000) -> None:
        network = model.network.network
        if not isinstance(network, SDIM):
            raise ConfigError(f"buckets are kept of SDIM's histories, got a model of {model.name}.")
        if max_users < 1:
            raise ConfigError(f"max_users must be at least 1, got {max_users}.")
        self.model, self.network, self.max_users = model, network, max_users
        self.columns = [f"history.{name}" for name in model.encoding.spec.sequences]
        self._kept: OrderedDict[int, _Kept] = OrderedDict()

    @torch.no_grad()
    def predict(self, rows: LogRows) -> dict[str, np.ndarray]:
        """Return ctr [N], as `LogModel.predict`; rows of one user must be in the order in which the history grew.

        A history that does not continue the cached one is read anew, so another order costs time and changes nothing.
        """
        if self.model.network.training:
            self.model.network.eval()  # unfolds a folded model, so only when needed
        parts = [self._score(chunk) for chunk in iter_chunks(rows)]
        return {"ctr": np.concatenate(parts)} if parts else {"ctr": np.zeros(0)}

    def _score(self, rows: LogRows) -> np.ndarray:
        starts = self._starts(rows)
        histories = [np.stack([rows.arrays[name][start] for name in self.columns], axis=1) for start in starts]  # [T, C] each
        buckets = [self._update(int(rows.users[start]), ids) for start, ids in zip(starts, histories, strict=True)]
        place = np.repeat(np.arange(len(starts)), np.diff([*starts, len(rows)]))
        last = {name: rows.arrays[name][:, -self.network.short_length :] for name in self.columns}
        short = build_batch(LogRows({**rows.arrays, **last}, rows.labels, rows.users))
        logits = self.network(self.model.network.inputs(short), BucketCache.join(buckets), torch.from_numpy(place))
        return rates_of(self.network, logits)["ctr"]

    def _starts(self, rows: LogRows) -> np.ndarray:
        """Return the first row of each run of rows with the same user and history."""
        changes = rows.users[1:] != rows.users[:-1]
        for name in self.columns:
            ids = rows.arrays[name]
            changes |= (ids[1:] != ids[:-1]).any(axis=1)
        return np.concatenate([[0], np.flatnonzero(changes) + 1])

    def _update(self, user: int, ids: np.ndarray) -> BucketCache:
        """Return the buckets of a history [T, C]; cache them where a user is given (not -1)."""
        kept = self._kept.get(user)
        num_new = None if kept is None else count_appended(kept.ids, ids)
        if kept is None or num_new is None:
            buckets = self.network.encode_history(self._items(ids))
        elif num_new:
            added, dropped = self._items(ids[-num_new:]), self._items(kept.ids[:num_new])
            buckets = self.network.long_term.move(kept.buckets, added, dropped)
        else:
            buckets = kept.buckets
        if user != -1:
            self._kept[user] = _Kept(ids, buckets)
            self._kept.move_to_end(user)
            if len(self._kept) > self.max_users:
                self._kept.popitem(last=False)
        return buckets

    def _items(self, ids: np.ndarray) -> Tensor:
        """Return the vectors [T', S] of the real items among ids [T, C]."""
        real = torch.from_numpy(ids[ids[:, 0] > 0])
        columns = self.model.encoding.spec.sequences
        return self.model.network.inputs.encode_history({name: real[:, k] for k, name in enumerate(columns)})


def count_appended(kept: np.ndarray, ids: np.ndarray) -> int | None:
    """Return the number of items [.., C] appended to `kept` [T, C], right-aligned, to give `ids` [T, C]; None without a match.

    The least number k with ids[: T - k] == kept[k:]; the first k items were dropped.
    """
    length = len(ids)
    ends = np.flatnonzero(ids[::-1, 0] == kept[-1, 0])[:MAX_OVERLAPS]
    for k in ends.tolist():
        if np.array_equal(ids[: length - k], kept[k:]):
            return int(k)
    return None


def open_predict(model: LogModel) -> Predict:
    """Return the prediction function for rows of a log in order: with cached buckets where SDIM reads long histories."""
    if isinstance(model.network.network, SDIM) and model.encoding.schema.max_history > LONG_HISTORY:
        return BucketServing(model).predict
    return model.predict
