"""Synthetic rows in the challenge's layout, any number of them, with a planted truth whose AUC is known.

An item belongs to one of 40 subjects, which its tags and embedding show with noise; a user likes a few subjects, which the
history shows. A click depends on the item's own appeal and on how much of the history shares its subject:

    log-odds = -1.3 + 0.9 * appeal + 3 * (share of the history with the target's subject) - 0.4
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

NUM_SUBJECTS, NUM_LIKED = 40, 3
CHUNK_ROWS = 50_000


@dataclass(frozen=True, kw_only=True)
class World:
    """Sizes. history_lengths: shortest and longest; each history has a length drawn evenly between them.

    embedding_scale: factor on the items' embeddings, whose entries have a deviation of about 1.8 without it.
    """

    num_items: int = 20_000
    embedding_dim: int = 32
    embedding_scale: float = 1.0
    history_lengths: tuple[int, int] = (4, 32)
    seed: int = 0

    @property
    def num_tags(self) -> int:
        """Tags with padding: one for each subject, and 60 that say nothing."""
        return 1 + NUM_SUBJECTS + 60

    def items(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return subject [I], appeal [I], tags [I, 5] and embeddings [I, D]; item 0 is padding."""
        rng = np.random.default_rng([self.seed, 0])
        subject = rng.integers(0, NUM_SUBJECTS, self.num_items)
        appeal = rng.normal(size=self.num_items)
        tags = np.zeros((self.num_items, 5), np.int64)
        is_told = rng.random(self.num_items) < 0.7
        tags[:, 0] = np.where(is_told, 1 + subject, 0)
        tags[:, 1] = 1 + NUM_SUBJECTS + rng.integers(0, 60, self.num_items)
        centres = rng.normal(size=(NUM_SUBJECTS, self.embedding_dim))
        embeddings = centres[subject] + rng.normal(scale=1.5, size=(self.num_items, self.embedding_dim))
        embeddings[:, 0] += appeal
        tags[0], embeddings[0] = 0, 0.0
        return subject, appeal, tags, (self.embedding_scale * embeddings).astype(np.float32)

    def rows(self, num_rows: int, seed: int) -> Iterator[dict[str, np.ndarray]]:
        """Yield chunks of columns; item_seq is [n, T] with zeros in front, log_odds is the truth."""
        subject, appeal, _, _ = self.items()
        by_subject = np.argsort(subject[1:], kind="stable") + 1
        starts = np.searchsorted(subject[by_subject], np.arange(NUM_SUBJECTS + 1))
        rng = np.random.default_rng([self.seed, seed])
        low, high = self.history_lengths
        for start in range(0, num_rows, CHUNK_ROWS):
            n = min(CHUNK_ROWS, num_rows - start)
            liked = rng.integers(0, NUM_SUBJECTS, (n, NUM_LIKED))

            def draw(wanted: np.ndarray, share: float) -> np.ndarray:
                """An item of a subject with chance `share`, else any."""
                first, last = starts[wanted], starts[wanted + 1]
                of_subject = by_subject[(first + rng.random(wanted.shape) * (last - first)).astype(np.int64)]
                return np.where(rng.random(wanted.shape) < share, of_subject, rng.integers(1, self.num_items, wanted.shape))

            history = draw(np.take_along_axis(liked, rng.integers(0, NUM_LIKED, (n, high)), axis=1), 0.7)
            lengths = rng.integers(low, high + 1, n)
            history[np.arange(high) < high - lengths[:, None]] = 0
            item = draw(liked[:, 0], 0.5)
            share = ((subject[history] == subject[item][:, None]) & (history > 0)).sum(axis=1) / np.maximum(lengths, 1)
            log_odds = -1.3 + 0.9 * appeal[item] + 3.0 * share - 0.4
            yield {
                "user_id": np.arange(start, start + n),
                "item_seq": history.astype(np.int32),
                "item_id": item,
                "likes_level": 1 + np.clip(5 + 2 * appeal[item] + rng.normal(size=n), 0, 9).astype(np.int64),
                "views_level": 1 + rng.integers(0, 10, n),
                "seq_len": lengths,
                "log_odds": log_odds,
                "label": (rng.random(n) < 1 / (1 + np.exp(-log_odds))).astype(np.int64),
            }

    def write(self, folder: Path, num_train: int, num_valid: int) -> np.ndarray:
        """Write the three files; return the true log-odds of the validation rows."""
        folder.mkdir(parents=True, exist_ok=True)
        _, _, tags, embeddings = self.items()
        pq.write_table(
            pa.table({"item_id": np.arange(self.num_items), "item_tags": _lists(tags), "item_emb_d128": _lists(embeddings)}),
            folder / "item_info.parquet",
        )
        names = ("user_id", "likes_level", "views_level", "item_id", "label")
        truth = []
        for name, num_rows, seed in (("train", num_train, 1), ("valid", num_valid, 2)):
            writer = None
            for chunk in self.rows(num_rows, seed):
                table = pa.table({**{column: chunk[column] for column in names}, "item_seq": _lists(chunk["item_seq"])})
                writer = writer or pq.ParquetWriter(folder / f"{name}.parquet", table.schema)
                writer.write_table(table)
                if name == "valid":
                    truth.append(chunk["log_odds"])
            assert writer is not None
            writer.close()
        return np.concatenate(truth)


def _lists(values: np.ndarray) -> pa.Array:
    """Return [N, T] as N lists."""
    offsets = np.arange(0, values.size + 1, values.shape[1], dtype=np.int32)
    return pa.ListArray.from_arrays(offsets, values.ravel())
