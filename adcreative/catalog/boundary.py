"""The one place where whatever a parser of foreign files raises becomes an error of ours.

Parsers of CSV, workbooks, zip archives, XML and Parquet raise dozens of exception types for damaged or hostile files. Every
table is opened and read through `typed`, so that an untyped exception out of the catalogue is a bug by contract.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from adcreative.catalog.formats.parser_errors import typed
from adcreative.catalog.formats.raw_rows import RawRow, TableSource
from adcreative.errors import CatalogError
from adcreative.progress import told

ROWS_BETWEEN = 1000  # rows read before who listens is told again
__all__ = ["GuardedSource", "typed"]


class GuardedSource:
    """A table whose reading raises nothing but errors of ours; otherwise the source it holds."""

    def __init__(self, source: TableSource, name: str) -> None:
        self._source, self._name = source, name
        self.header: tuple[str, ...] = source.header
        self.preamble: tuple[str, ...] = tuple(getattr(source, "preamble", ()))
        self.picture_dir: Path | None = getattr(source, "picture_dir", None)

    @property
    def warnings(self) -> tuple[str, ...]:
        return self._source.warnings

    def read_rows(self) -> Iterator[RawRow]:
        with typed(self._name):
            yield from told(self._source.read_rows(), f"reading {self._name}", every=ROWS_BETWEEN)

    def read_sample(self, num_rows: int = 400) -> list[Sequence[object]]:
        """Return the cells of the first unbroken rows; fewer when a later part of the file cannot be read."""
        cells: list[Sequence[object]] = []
        try:
            for raw in self.read_rows():
                if raw.fault is None:
                    cells.append(raw.cells)
                if len(cells) >= num_rows:
                    break
        except CatalogError:  # reading itself will say so, at its row
            return cells
        return cells
