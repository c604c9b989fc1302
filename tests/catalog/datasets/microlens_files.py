"""Files in the challenge's layout, small and with a planted truth: a click depends on the item and on the history."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

NUM_ITEMS, NUM_TAGS, EMBEDDING_DIM = 40, 12, 6


def item_table(num_items: int = NUM_ITEMS) -> pa.Table:
    rng = np.random.default_rng(0)
    embeddings = rng.normal(size=(num_items, EMBEDDING_DIM)).astype(np.float32)
    tags = [[0] * 5 if item == 0 else [1 + item % 4, 5 + item % 7, 0, 0, 0] for item in range(num_items)]
    return pa.table(
        {"item_id": np.arange(num_items), "item_tags": tags, "item_emb_d128": list(embeddings)},
        schema=pa.schema({"item_id": pa.int64(), "item_tags": pa.list_(pa.int64()), "item_emb_d128": pa.list_(pa.float32())}),
    )


def row_table(num_rows: int, seed: int, history_length: int = 8) -> pa.Table:
    """Clicks: odds of an item's own, and far better odds when an item of the same kind (id modulo 4) is in the history."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(0, history_length + 1, num_rows)
    history = np.zeros((num_rows, history_length), np.int64)
    for row, length in enumerate(lengths):
        if length:
            history[row, -length:] = rng.integers(1, NUM_ITEMS, length)
    items = rng.integers(1, NUM_ITEMS, num_rows)
    matches = ((history % 4 == (items % 4)[:, None]) & (history > 0)).sum(axis=1)
    log_odds = -1.5 + 0.8 * ((items % 5) - 2) + 1.2 * np.minimum(matches, 3)
    labels = (rng.random(num_rows) < 1 / (1 + np.exp(-log_odds))).astype(np.float32)
    return pa.table(
        {
            "user_id": rng.integers(1, 60, num_rows),
            "item_seq": list(history),
            "likes_level": 1 + items % 10,
            "views_level": 1 + (items // 2) % 10,
            "item_id": items,
            "label": labels,
        }
    )


def write_data(folder: Path, num_train: int = 600, num_valid: int = 200, row_group_size: int = 150) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(item_table(), folder / "item_info.parquet")
    pq.write_table(row_table(num_train, seed=1), folder / "train.parquet", row_group_size=row_group_size)
    pq.write_table(row_table(num_valid, seed=2), folder / "valid.parquet")
    return folder
