"""Item sequences by user (Amazon reviews, as S3Rec prepared them: columns user, items) as an impression log with histories.

Protocol, stated because a log of events has no impressions that failed: each event but a user's first is a row with click 1
and the events before it as history, beside one row with click 0 for an item that the user never had, drawn evenly from all
items by a seed fixed with the file. A user's last event and its negative are the test rows, the last but one validation rows,
the others train.
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
    """True for a table of nothing but users and their item sequences."""
    return columns == COLUMNS


def iter_sequence_log(tables: Iterator[pd.DataFrame], num_items: int) -> Iterator[pd.DataFrame]:
    """Yield log rows for tables with the columns user and items (lists, oldest first).

    Args:
        num_items: largest item id; negatives are drawn from 1 to it.
    """
    rng = np.random.default_rng(SEED)
    for table in tables:
        rows: list[tuple[int, int, int, list[int], str]] = []
        for user, items in zip(table["user"].tolist(), table["items"], strict=True):
            events = [int(item) for item in items]
            known = set(events)
            if len(known) >= num_items:
                continue  # there is nothing that the user never had
            for place in range(1, len(events)):
                negative = int(rng.integers(1, num_items + 1))
                while negative in known:
                    negative = int(rng.integers(1, num_items + 1))
                role = {len(events) - 1: "test", len(events) - 2: "valid"}.get(place, "train")
                history = events[max(0, place - MAX_HISTORY) : place]
                rows += [(1, user, events[place], history, role), (0, user, negative, history, role)]
        yield pd.DataFrame(rows, columns=list(LOG_COLUMNS))
