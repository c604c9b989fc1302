"""Convert item sequences by user (Amazon reviews, as prepared by S3Rec: columns user, items) to a log with histories.

Protocol, since an event log has no impressions without a click: each event except a user's first becomes a row with click 1 and
the earlier events as history, next to one row with click 0 for an item outside of the user's sequence, drawn uniformly from all
items with a fixed seed. A user's last event and its negative are test rows, the second to last validation rows, the others
training rows.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

COLUMNS = {"user", "items"}
LOG_COLUMNS = ("click", "user", "item", "history", "split")
MAX_HISTORY = 100
SEED = 20250


def is_item_sequences(columns: set[str]) -> bool:
    """Return whether a table has only users and their item sequences."""
    return columns == COLUMNS


def iter_sequence_log(tables: Iterator[pd.DataFrame], num_items: int) -> Iterator[pd.DataFrame]:
    """Yield log rows for tables with the columns user and items (lists, oldest first).

    Args:
        num_items: largest item id; negatives are drawn from 1 to num_items.
    """
    rng = np.random.default_rng(SEED)
    for table in tables:
        rows: list[tuple[int, int, int, list[int], str]] = []
        for user, items in zip(table["user"].tolist(), table["items"], strict=True):
            events = [int(item) for item in items]
            known = set(events)
            if len(known) >= num_items:
                continue  # the user had every item, so there is no negative
            for place in range(1, len(events)):
                negative = int(rng.integers(1, num_items + 1))
                while negative in known:
                    negative = int(rng.integers(1, num_items + 1))
                role = {len(events) - 1: "test", len(events) - 2: "valid"}.get(place, "train")
                history = events[max(0, place - MAX_HISTORY) : place]
                rows += [(1, user, events[place], history, role), (0, user, negative, history, role)]
        yield pd.DataFrame(rows, columns=list(LOG_COLUMNS))
