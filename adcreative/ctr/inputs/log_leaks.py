"""Target leaks in a log: numbers that encode the click, histories that were written after the impression."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from adcreative.catalog.event_log import read_times
from adcreative.catalog.formats.logs import read_names
from adcreative.catalog.log_schema import LogSchema
from adcreative.ctr.inputs.columns import as_text, split_lists
from adcreative.ctr.inputs.log_encoding import LogRows
from adcreative.errors import CatalogError
from adcreative.metrics.binary import area_under_curve

LEAK_AUC = 0.999
LATE_SHARE = 0.3  # share of rows whose history contains future items, above which the history counts as written later


def find_leaks(rows: LogRows, schema: LogSchema) -> Iterator[str]:
    """Yield a sentence for each numeric column that orders clicks almost perfectly, as only a result of the click can."""
    labels = rows.clicks
    for number, name in enumerate(schema.numeric):
        found = area_under_curve(labels, rows.arrays["numbers"][:, number])
        if max(found, 1 - found) > LEAK_AUC:
            found = max(found, 1 - found)
            yield f'the column "{name}" tells clicks by itself (AUC {found:.4f}), as only a result can; leave it out'


def find_late_histories(table: pd.DataFrame, schema: LogSchema) -> Iterator[str]:
    """Yield a sentence for each history that was written after the impression: it ends with the clicked item itself.

    A history before the impression ends with the row's own item about as often in clicked rows as in others; a history
    written later ends with it in clicked rows. Where users and times are given, items that a user clicked only later count too.
    """
    clicked = pd.to_numeric(table[schema.label], errors="coerce").to_numpy() > 0
    if not clicked.any() or clicked.all():
        return
    for history, target in schema.sequences.items():
        lists, own = split_lists(table[history], schema.separator), as_text(table[target]).tolist()
        ends = np.array([bool(past) and past[-1] == item for past, item in zip(lists, own, strict=True)])
        of_clicks, of_others = float(ends[clicked].mean()), float(ends[~clicked].mean())
        if of_clicks > LATE_SHARE and of_clicks > 3 * of_others:
            yield (
                f'the history "{history}" ends with the row\'s own "{target}" in {of_clicks:.0%} of the clicked rows and '
                f"{of_others:.0%} of the others, so it was written after the impression; cut it before"
            )
        elif schema.user and schema.time:
            late = _share_of_later_items(table, schema, lists, own, clicked)
            if late > LATE_SHARE:
                yield (
                    f'in {late:.0%} of the rows the history "{history}" holds an item that the user clicked only later (by '
                    f'"{schema.time}"); cut it before the impression'
                )


def _share_of_later_items(
    table: pd.DataFrame, schema: LogSchema, lists: list[list[str]], own: list[str], clicked: np.ndarray
) -> float:
    """Return the share of rows, with a later click of their user, whose history holds an item first clicked later."""
    users, times = as_text(table[schema.user]).tolist(), _read_moments(table[schema.time])
    if times is None:
        return 0.0
    first: dict[tuple[str, str], Any] = {}
    last: dict[str, Any] = {}
    for user, item, when in ((users[k], own[k], times[k]) for k in np.flatnonzero(clicked)):
        first[user, item] = min(when, first.get((user, item), when))
        last[user] = max(when, last.get(user, when))
    judged = [k for k, user in enumerate(users) if user in last and last[user] > times[k]]
    late = [any(first.get((users[k], item), times[k]) > times[k] for item in lists[k]) for k in judged]
    return float(np.mean(late)) if late else 0.0


def _read_moments(column: pd.Series) -> list[Any] | None:
    """Return comparable times: numbers, or texts from YYYY-MM-DD on; None for ambiguous day formats."""
    numbers = pd.to_numeric(column, errors="coerce")
    if numbers.notna().all():
        found: list[Any] = numbers.tolist()
        return found
    try:
        texts: list[Any] = read_times(read_names(column), "time", str(column.name), "", date.today())[0].tolist()
    except CatalogError:
        return None
    return texts
