"""The challenge's parquet layout: what is read, in which batches, and what is refused in one sentence."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from adcreative.catalog.datasets.microlens import MmctrFile, MmctrRows, read_items
from adcreative.errors import CatalogError
from tests.catalog.datasets.microlens_files import NUM_ITEMS, item_table, row_table, write_data


def opened(path: Path, **options: int) -> MmctrFile:
    return MmctrFile(path, num_items=NUM_ITEMS, **options)


def joined(batches: list[MmctrRows]) -> dict[str, np.ndarray]:
    return {name: np.concatenate([vars(batch)[name] for batch in batches]) for name in vars(batches[0])}


def write_rows(path: Path, table: pa.Table, **options: int) -> Path:
    pq.write_table(table, path, **options)
    return path


def test_rows_are_those_of_the_file_whatever_the_batch_size(tmp_path: Path) -> None:
    table = row_table(331, seed=3)
    file = opened(write_rows(tmp_path / "train.parquet", table, row_group_size=100), history_length=8)
    assert file.num_rows == 331
    for batch_size in (1, 64, 1000):
        batches = list(file.iter_batches(batch_size))
        assert [len(batch) for batch in batches[:-1]] == [batch_size] * (len(batches) - 1)
        found = joined(batches)
        assert np.array_equal(found["items"], table["item_id"].to_numpy())
        assert np.array_equal(found["history"], np.array(table["item_seq"].to_pylist()))
        assert np.array_equal(found["levels"][:, 1], table["views_level"].to_numpy())
        assert np.array_equal(found["users"], table["user_id"].to_numpy())
        assert np.array_equal(found["labels"], table["label"].to_numpy())


def test_histories_keep_their_newest_items_and_are_padded_in_front(tmp_path: Path) -> None:
    table = row_table(3, seed=0).set_column(1, "item_seq", pa.array([[1, 2, 3, 4, 5], [], [7, 8]], pa.list_(pa.int64())))
    file = opened(write_rows(tmp_path / "rows.parquet", table), history_length=3)
    assert next(file.iter_batches(9)).history.tolist() == [[3, 4, 5], [0, 0, 0], [0, 7, 8]]
    fixed = pa.FixedSizeListArray.from_arrays(pa.array([1, 2, 3, 4, 5, 6], pa.int32()), 2)
    file = opened(write_rows(tmp_path / "fixed.parquet", table.set_column(1, "item_seq", fixed)), history_length=3)
    assert next(file.iter_batches(9)).history.tolist() == [[0, 1, 2], [0, 3, 4], [0, 5, 6]]


def test_shuffling_keeps_rows_whole_and_repeats_with_the_generator(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "train.parquet", row_table(500, seed=3), row_group_size=60)
    file = opened(path, history_length=8)

    def epoch(seed: int, buffer_rows: int = 130) -> dict[str, np.ndarray]:
        return joined(list(file.iter_batches(50, rng=np.random.default_rng(seed), buffer_rows=buffer_rows)))

    plain, first, again, other = joined(list(file.iter_batches(50))), epoch(1), epoch(1), epoch(2)
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert not np.array_equal(first["items"], other["items"])
    assert not np.array_equal(first["items"], plain["items"])

    def whole(rows: dict[str, np.ndarray]) -> list[tuple[float, ...]]:
        columns = [rows["users"], rows["items"], rows["labels"], *rows["history"].T]
        return sorted(map(tuple, np.stack(columns, axis=1).tolist()))

    assert whole(first) == whole(plain)
    assert len({tuple(first["items"][:50]), tuple(epoch(1, 500)["items"][:50])}) == 2


def test_memory_stays_flat(tmp_path: Path) -> None:
    """Four times the rows need no more memory; only numpy's allocations are traced, which hold the rows."""
    peaks = []
    for num_rows in (12_000, 48_000):
        path = write_rows(tmp_path / f"{num_rows}.parquet", row_table(num_rows, seed=0, history_length=4), row_group_size=3_000)
        tracemalloc.start()
        total = sum(len(b) for b in opened(path).iter_batches(1000, rng=np.random.default_rng(0), buffer_rows=6_000))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert total == num_rows
    assert peaks[1] < 1.3 * peaks[0]


def test_items_are_read_by_id(tmp_path: Path) -> None:
    items = read_items(write_data(tmp_path) / "item_info.parquet")
    table = item_table()
    assert np.array_equal(items.tags, np.array(table["item_tags"].to_pylist()))
    np.testing.assert_array_equal(items.embeddings, np.array(table["item_emb_d128"].to_pylist(), np.float32))
    assert items.embeddings.dtype == np.float32


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop_columns(["item_seq", "label"]), r"has no column item_seq, label; the columns are user_id, item_seq"),
        (lambda t: t.set_column(4, "item_id", t["item_id"].cast(pa.string())), "column item_id is string, int is needed"),
        (lambda t: t.set_column(1, "item_seq", t["item_id"]), "column item_seq is int64, list of int is needed"),
        (lambda t: t.slice(0, 0), "has no rows; download it again"),
        (lambda t: t.set_column(4, "item_id", pa.array([99] * len(t))), r"item_id 99 is not in 0\.\.39; take the item_info"),
        (lambda t: t.set_column(3, "views_level", pa.array([-1] * len(t))), r"views_level -1 is not in 0\.\.10"),
        (lambda t: t.set_column(5, "label", pa.array([0.5] * len(t))), r"label 0\.5 is neither 0 nor 1"),
        (lambda t: t.set_column(4, "item_id", pa.array([None] * len(t), pa.int64())), "column item_id has empty cells"),
    ],
)
def test_bad_rows_are_refused_in_one_sentence(tmp_path: Path, change, message: str) -> None:
    path = write_rows(tmp_path / "train.parquet", change(row_table(5, seed=0)))
    with pytest.raises(CatalogError, match=message) as raised:
        list(opened(path).iter_batches(5))
    assert str(raised.value).startswith(str(path))


def test_bad_files_are_refused_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match=r"train\.parquet is not there; the layout needs train\.parquet, valid"):
        opened(tmp_path / "train.parquet")
    (tmp_path / "text.parquet").write_text("not parquet")
    with pytest.raises(CatalogError, match=r"text\.parquet is no parquet file .* download it again"):
        opened(tmp_path / "text.parquet")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.slice(1), "row 0 has item_id 1; items must be sorted and start at 0"),
        (lambda t: t.set_column(2, "item_emb_d128", pa.array([[1.0, 2.0]] * 39 + [[1.0]])), "lists of 2 and of 1 numbers"),
        (lambda t: t.set_column(2, "item_emb_d128", pa.array([[1.0, np.nan]] * 40)), "holds NaN or infinite values"),
        (lambda t: t.drop_columns(["item_tags"]), "has no column item_tags"),
    ],
)
def test_bad_items_are_refused_in_one_sentence(tmp_path: Path, change, message: str) -> None:
    pq.write_table(change(item_table()), tmp_path / "item_info.parquet")
    with pytest.raises(CatalogError, match=message):
        read_items(tmp_path / "item_info.parquet")
