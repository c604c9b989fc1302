"""Wrap every table of a network in a training table, and unwrap it; for methods that learn what to keep."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from adcreative.ctr.compression.tuning import Work
from adcreative.ctr.inputs.embedding_tables import EmbeddingTables, find_tables
from adcreative.ctr.inputs.fields import CROSSED_FIELD
from adcreative.ctr.inputs.small_tables import SmallTable, as_small
from adcreative.ctr.log_network import LogModel
from adcreative.errors import ConfigError

Wrapped = TypeVar("Wrapped", bound=nn.Module)


def iter_tables(network: nn.Module) -> Iterator[tuple[str, EmbeddingTables, str]]:
    """Yield the name of a field's table, the group that contains it, and the field; tables of crossed pairs are left out."""
    for place, group in find_tables(network):
        for name in group.sizes:
            if name != CROSSED_FIELD:
                yield f"{place}/{name}", group, name


def wrap_tables(network: nn.Module, make: Callable[[str, SmallTable], Wrapped]) -> dict[str, Wrapped]:
    """Replace each table by `make` of its field's name and table; return the replacements by name.

    Raises:
        ConfigError: there is no table, or a table is shared by several ids already.
    """
    wrapped: dict[str, Wrapped] = {}
    for key, group, name in list(iter_tables(network)):
        table = as_small(group.table(name))
        if table.places is not None or table.basis is not None:
            raise ConfigError(
                "a hashed or low-rank table has no row for each value any more; values, dims and rows-dims come before hash "
                "and low-rank"
            )
        wrapped[key] = make(name, table)
        group.replace(name, wrapped[key])
    if not wrapped:
        raise ConfigError("this model has no table of ids; there is nothing to choose from")
    return wrapped


def unwrap_tables(network: nn.Module, shrink: Callable[[str, nn.Module], SmallTable]) -> None:
    """Replace each table by `shrink` of its name and module."""
    for key, group, name in list(iter_tables(network)):
        group.replace(name, shrink(key, group.table(name)))


def count_values(model: LogModel, work: Work) -> dict[str, np.ndarray]:
    """Return the training frequency of each id of a categorical or multi-valued field, [V] each."""
    spec = model.encoding.spec
    counts = {name: np.zeros(size, np.int64) for name, size in {**spec.categorical, **spec.multi_valued}.items()}
    for rows in work.rows.train.iter_batches(65_536):
        for name, ids in zip(spec.categorical, rows.arrays["ids"].T, strict=True):
            counts[name] += np.bincount(ids, minlength=len(counts[name]))
        for name in spec.multi_valued:
            counts[name] += np.bincount(rows.arrays[f"values.{name}"].reshape(-1), minlength=len(counts[name]))
    return counts


def drop_rows(weight: Tensor, dim: int, is_kept: np.ndarray, rest: Tensor | None = None) -> SmallTable:
    """Return a table of the kept rows of weight [V, W]; every other id has the vector `rest` [W], or zero, as padding."""
    is_kept = is_kept.copy()
    is_kept[0] = False
    places = np.zeros((1, len(is_kept)), np.int64)
    places[0, is_kept] = np.arange(1, int(is_kept.sum()) + 1)
    rows = torch.cat([torch.zeros(1, weight.shape[1]), weight.detach()[torch.from_numpy(np.flatnonzero(is_kept))]])
    if rest is not None and not is_kept[1:].all():
        places[0, 1:][~is_kept[1:]] = len(rows)
        rows = torch.cat([rows, rest[None]])
    return SmallTable(rows, dim, places=torch.from_numpy(places))
