"""Parquet, streamed batch by batch; columns that are not ours are never read from the file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from adcreative.catalog.columns import read_header
from adcreative.catalog.formats.raw_rows import RawRow
from adcreative.catalog.platforms.columns import fold_column
from adcreative.errors import CatalogError

_BATCH_ROWS = 4096


class ParquetSource:
    """A .parquet file; `known` are folded column names that a mapping adds to those we know."""

    def __init__(self, path: Path, known: frozenset[str] = frozenset()) -> None:
        self._path, self._known = path, known
        self.warnings: tuple[str, ...] = ()
        try:
            with pq.ParquetFile(path) as file:
                self.header: tuple[str, ...] = tuple(file.schema_arrow.names)
        except (pa.ArrowException, OSError) as error:
            raise CatalogError(f"{path.name} is not a readable parquet file. Export it again.") from error

    def read_rows(self) -> Iterator[RawRow]:
        names = read_header(self.header, self._path.name).names
        wanted = [bool(name) or fold_column(raw) in self._known for name, raw in zip(names, self.header, strict=True)]
        columns = [name for name, is_wanted in zip(self.header, wanted, strict=True) if is_wanted]
        row = 0
        try:
            with pq.ParquetFile(self._path) as file:
                for batch in file.iter_batches(batch_size=_BATCH_ROWS, columns=columns):
                    lists = {name: batch.column(name).to_pylist() for name in columns}
                    for idx in range(batch.num_rows):
                        row += 1
                        cells = [lists[name][idx] if name in lists else None for name in self.header]
                        yield RawRow(row=row, cells=cells)
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            raise CatalogError(f"{self._path.name} is damaged behind row {row}. Export it again.") from error
