"""Stream the parquet files of the MM-CTR challenge (MicroLens_1M_x1) as arrays, batch by batch. Does not import torch.

    train.parquet, valid.parquet   user_id, item_seq (list), likes_level, views_level, item_id, label (0 or 1)
    item_info.parquet              item_id, item_tags (list), item_emb_d128 (list); row number = item_id, row 0 = padding

For a file of rows, memory holds one buffer; items are all held, since any row may refer to any item.
Source:
    Layout: reczoo/WWW2025_MMCTR_Challenge and salmon1802/QIN, dataset_config.yaml.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from adcreative.errors import CatalogError

HISTORY_LENGTH, NUM_TAGS = 64, 5
BUFFER_ROWS = 131_072
READ_BYTES = 1 << 20
ROW_COLUMNS = {"user_id": "int", "item_seq": "list of int", "likes_level": "int", "views_level": "int", "item_id": "int"}
LABEL_COLUMN = {"label": "number"}
ITEM_COLUMNS = {"item_id": "int", "item_tags": "list of int", "item_emb_d128": "list of number"}


@dataclass(frozen=True, eq=False)
class MmctrRows:
    """N rows: users [N] int64, history [N, T] int32 (0 = padding, newest last), levels [N, 2] int64 (likes, views),
    items [N] int64, labels [N] float32 (0 or 1)."""

    users: np.ndarray
    history: np.ndarray
    levels: np.ndarray
    items: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.items)

    def rows(self, idx: np.ndarray | slice) -> MmctrRows:
        """Return the rows `idx`; a slice gives views of the arrays."""
        return MmctrRows(*(values[idx] for values in vars(self).values()))


@dataclass(frozen=True, eq=False)
class MmctrItems:
    """Item table by id: tags [I, 5] int64 (0 = padding), embeddings [I, D] float32; row 0 is padding."""

    tags: np.ndarray
    embeddings: np.ndarray


class MmctrFile:
    """One file of rows; can be iterated repeatedly.

    Args:
        path: parquet file with ROW_COLUMNS and a label.
        history_length: number of newest items of item_seq to keep.
        num_items, num_levels: exclusive upper bounds of ids and levels.
    Raises:
        CatalogError: the file is missing, not parquet, or empty, or a column is missing or of another type; while iterating, an
            id, level or label is out of range. One sentence each.
    """

    def __init__(self, path: Path, *, num_items: int, num_levels: int = 11, history_length: int = HISTORY_LENGTH) -> None:
        self.path, self.num_items, self.num_levels, self.history_length = Path(path), num_items, num_levels, history_length
        with _open(self.path, {**ROW_COLUMNS, **LABEL_COLUMN}) as file:
            self.num_rows = file.metadata.num_rows
            self._num_groups = file.num_row_groups

    def iter_batches(
        self, batch_size: int, *, rng: np.random.Generator | None = None, buffer_rows: int = BUFFER_ROWS
    ) -> Iterator[MmctrRows]:
        """Yield batches of `batch_size` rows; the last batch may be smaller.

        Args:
            rng: shuffles row groups, then rows within a buffer of about `buffer_rows`. None keeps the order of the file. The
                same generator state gives the same batches.
        """
        buffer_rows = max(buffer_rows, batch_size) if rng is not None else batch_size
        order = np.arange(self._num_groups) if rng is None else rng.permutation(self._num_groups)
        waiting: list[MmctrRows] = []
        num_waiting = 0
        with pq.ParquetFile(self.path, pre_buffer=False, buffer_size=READ_BYTES) as file:  # not a row group at once
            columns = [*ROW_COLUMNS, *LABEL_COLUMN]
            for group in order.tolist():
                for batch in file.iter_batches(batch_size=16_384, row_groups=[group], columns=columns):
                    waiting.append(self._read(batch))
                    num_waiting += len(waiting[-1])
                    if num_waiting >= buffer_rows:
                        rows = _shuffled(_join(waiting), rng)
                        whole = num_waiting // batch_size * batch_size
                        for start in range(0, whole, batch_size):
                            yield rows.rows(slice(start, start + batch_size))
                        waiting, num_waiting = [rows.rows(np.arange(whole, num_waiting))], num_waiting - whole
        if num_waiting:
            rows = _shuffled(_join(waiting), rng)
            for start in range(0, num_waiting, batch_size):
                yield rows.rows(slice(start, min(start + batch_size, num_waiting)))

    def _read(self, batch: pa.RecordBatch) -> MmctrRows:
        users, likes, views, items = (
            _numbers(batch, name, self.path).astype(np.int64) for name in ("user_id", "likes_level", "views_level", "item_id")
        )
        history = _lists(batch, "item_seq", self.history_length, self.path, keep_last=True)
        labels = _numbers(batch, "label", self.path).astype(np.float32)
        self._check_range("item_id", items, self.num_items)
        self._check_range("item_seq", history, self.num_items)
        history = history.astype(np.int32)  # history makes up most of a buffer
        levels = np.stack([likes, views], axis=1)
        self._check_range("likes_level and views_level", levels, self.num_levels)
        if not np.isin(labels, (0.0, 1.0)).all():
            wrong = labels[~np.isin(labels, (0.0, 1.0))][0]
            raise CatalogError(f"{self.path}: label {wrong:g} is neither 0 nor 1; correct the file")
        return MmctrRows(users, history, levels, items, labels)

    def _check_range(self, name: str, values: np.ndarray, size: int) -> None:
        if len(values) and (values.min() < 0 or values.max() >= size):
            wrong = int(values.min() if values.min() < 0 else values.max())
            raise CatalogError(f"{self.path}: {name} {wrong} is not in 0..{size - 1}; take the item_info.parquet of this data")


def read_items(path: Path, *, num_tags: int = NUM_TAGS) -> MmctrItems:
    """Read item_info.parquet.

    Raises:
        CatalogError: as `MmctrFile`, or item ids differ from the row numbers, or embeddings differ in width.
    """
    path = Path(path)
    with _open(path, ITEM_COLUMNS) as file:
        num_items = file.metadata.num_rows
        tags = np.zeros((num_items, num_tags), np.int64)
        embeddings: np.ndarray | None = None
        start = 0
        for batch in file.iter_batches(batch_size=8_192, columns=list(ITEM_COLUMNS)):
            part = slice(start, start + batch.num_rows)
            ids = _numbers(batch, "item_id", path)
            if not np.array_equal(ids, np.arange(part.start, part.stop)):
                row = start + int(np.flatnonzero(ids != np.arange(part.start, part.stop))[0])
                raise CatalogError(f"{path}: row {row} has item_id {ids[row - start]}; items must be sorted and start at 0")
            tags[part] = _lists(batch, "item_tags", num_tags, path, keep_last=False)
            width = len(batch.column("item_emb_d128")[0].as_py() or ())
            embeddings = np.zeros((num_items, width), np.float32) if embeddings is None else embeddings
            embeddings[part] = _lists(batch, "item_emb_d128", embeddings.shape[1], path, keep_last=False, exact=True)
            start = part.stop
    assert embeddings is not None  # _open rejects a file without rows
    return MmctrItems(tags, embeddings)


def _open(path: Path, wanted: Mapping[str, str]) -> pq.ParquetFile:
    """Open a parquet file after checking its columns against the layout."""
    if not path.is_file():
        raise CatalogError(f"{path} is not there; the layout needs train.parquet, valid.parquet and item_info.parquet")
    try:
        file = pq.ParquetFile(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise CatalogError(f"{path} is no parquet file ({error}); download it again") from error
    schema = file.schema_arrow
    missing = [name for name in wanted if name not in schema.names]
    faults = [f"has no column {', '.join(missing)}"] if missing else []
    for name, kind in wanted.items():
        if name not in missing and not _is_kind(schema.field(name).type, kind):
            faults.append(f"column {name} is {schema.field(name).type}, {kind} is needed")
    if faults:
        file.close()
        raise CatalogError(f"{path} {'; '.join(faults)}; the columns are {', '.join(wanted)}")
    if file.metadata.num_rows == 0:
        file.close()
        raise CatalogError(f"{path} has no rows; download it again")
    return file


def _is_kind(kind: pa.DataType, wanted: str) -> bool:
    if wanted.startswith("list of "):
        is_list = pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
        return is_list and _is_kind(kind.value_type, wanted.removeprefix("list of "))
    return pa.types.is_integer(kind) or (wanted == "number" and pa.types.is_floating(kind))


def _numbers(batch: pa.RecordBatch, name: str, path: Path) -> np.ndarray:
    column = batch.column(name)
    if column.null_count:
        raise CatalogError(f"{path}: column {name} has empty cells; fill them in")
    return column.to_numpy(zero_copy_only=False)


def _lists(batch: pa.RecordBatch, name: str, length: int, path: Path, *, keep_last: bool, exact: bool = False) -> np.ndarray:
    """Return lists as [N, length], zero-padded: at the front when the last entries are kept, else at the end."""
    column = batch.column(name)
    if column.null_count:
        raise CatalogError(f"{path}: column {name} has empty cells; fill them in")
    values = column.flatten().to_numpy(zero_copy_only=False)
    sizes = column.value_lengths().to_numpy(zero_copy_only=False) if not pa.types.is_fixed_size_list(column.type) else None
    lengths = np.full(len(column), column.type.list_size) if sizes is None else sizes.astype(np.int64)
    if exact and (lengths != length).any():
        wrong = int(lengths[lengths != length][0])
        raise CatalogError(f"{path}: column {name} has lists of {length} and of {wrong} numbers; all must have one length")
    if not np.isfinite(values).all():
        raise CatalogError(f"{path}: column {name} holds NaN or infinite values; correct the file")
    kept = np.minimum(lengths, length)
    starts = np.cumsum(lengths) - lengths + (lengths - kept if keep_last else 0)
    places = np.arange(length) - ((length - kept)[:, None] if keep_last else 0)  # [N, length] or [length]
    places = np.broadcast_to(places, (len(column), length))
    is_real = (places >= 0) & (places < kept[:, None])
    found = np.zeros((len(column), length), values.dtype)
    found[is_real] = values[(starts[:, None] + places)[is_real]]
    return found.astype(np.float32 if values.dtype.kind == "f" else np.int64)


def _join(parts: list[MmctrRows]) -> MmctrRows:
    return MmctrRows(*(np.concatenate(values) for values in zip(*(vars(part).values() for part in parts), strict=True)))


def _shuffled(rows: MmctrRows, rng: np.random.Generator | None) -> MmctrRows:
    return rows if rng is None else rows.rows(rng.permutation(len(rows)))
