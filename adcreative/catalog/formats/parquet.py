"""Parquet files, streamed batch by batch; nested and binary columns are never read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from adcreative.catalog.formats.raw_rows import RawRow
from adcreative.catalog.names import ShortFloat
from adcreative.errors import CatalogError

_BATCH_ROWS = 4096
_MAX_COLUMNS = 2_000


class ParquetSource:
    """A .parquet file of plain columns."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.warnings: tuple[str, ...] = ()
        try:
            with pq.ParquetFile(path) as file:
                schema = file.schema_arrow
                self.header: tuple[str, ...] = tuple(schema.names)
                self._is_read = [not _is_heavy(field.type) for field in schema]
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            raise CatalogError(f"{path.name} is not a readable parquet file. Export it again.") from error
        self.warnings = tuple(
            f'{path.name}: the column "{name[:40]}" holds no plain values and was ignored.'
            for name, is_read in zip(self.header, self._is_read, strict=True)
            if not is_read
        )
        if len(self.header) > _MAX_COLUMNS:
            raise CatalogError(f"{path.name} has more than {_MAX_COLUMNS:,} columns. Keep those that describe the ads.")

    def read_rows(self) -> Iterator[RawRow]:
        names = [name for name, is_read in zip(self.header, self._is_read, strict=True) if is_read]
        has_repeats = len(set(self.header)) < len(self.header)  # then columns cannot be selected by name
        row = 0
        try:
            with pq.ParquetFile(self._path) as file:
                for batch in file.iter_batches(batch_size=_BATCH_ROWS, columns=None if has_repeats else names):
                    lists = self._columns(batch, has_repeats)
                    for idx in range(batch.num_rows):
                        row += 1
                        yield RawRow(row=row, cells=[None if cells is None else cells[idx] for cells in lists])
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            raise CatalogError(f"{self._path.name} is damaged behind row {row}. Export it again.") from error

    def _columns(self, batch: pa.RecordBatch, has_repeats: bool) -> list[list[Any] | None]:
        """Return the values of each column of the header, None for a column that is not read."""
        columns = iter(range(batch.num_columns))
        found: list[list[Any] | None] = []
        for is_read in self._is_read:
            at = next(columns) if is_read or has_repeats else -1
            found.append(_values(batch.column(at)) if is_read else None)
        return found


def _is_heavy(kind: pa.DataType) -> bool:
    return pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind)


def _values(column: pa.Array) -> list[Any]:
    """Return a column's values; dates outside of Python's range or with an unknown time zone become text or None."""
    try:
        values: list[Any] = column.to_pylist()
    except (ValueError, OverflowError, KeyError, OSError, ImportError, pa.ArrowException):
        return [_value(cell) for cell in column]
    if pa.types.is_float32(column.type) or pa.types.is_float16(column.type):
        exact = 2.0 ** (24 if pa.types.is_float32(column.type) else 11)
        values = [ShortFloat(one) if one is not None and abs(one) >= exact else one for one in values]
    return values


def _value(cell: pa.Scalar) -> object:
    try:
        return cell.as_py()
    except (ValueError, OverflowError, KeyError, OSError, ImportError, pa.ArrowException):
        return None
