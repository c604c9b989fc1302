"""Convert every exception of a parser of foreign files into an AdCreativeError.

Parsers of CSV, workbooks, zip archives, XML and Parquet raise dozens of exception types for damaged or hostile files. Every
table is opened and read through `typed`, so any other exception that leaves the catalogue is a bug.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from adcreative.catalog.formats.parser_errors import typed
from adcreative.catalog.formats.raw_rows import RawRow, TableSource, read_unbroken
from adcreative.progress import track

ROWS_BETWEEN = 1000  # rows between two progress messages
__all__ = ["GuardedSource", "typed"]


class GuardedSource:
    """A table source that raises only AdCreativeErrors while reading; otherwise like the wrapped source."""

    def __init__(self, source: TableSource, name: str) -> None:
        self._source, self._name = source, name
        self.header: tuple[str, ...] = source.header
        self.preamble: tuple[str, ...] = tuple(getattr(source, "preamble", ()))
        self.is_1904 = bool(getattr(source, "is_1904", False))
        self.is_ours = bool(getattr(source, "is_ours", False))  # this program wrote the file, and escaping is undone
        self.picture_dir: Path | None = getattr(source, "picture_dir", None)

    @property
    def warnings(self) -> tuple[str, ...]:
        return self._source.warnings

    def read_rows(self) -> Iterator[RawRow]:
        with typed(self._name):
            yield from track(self._source.read_rows(), f"reading {self._name}", every=ROWS_BETWEEN)

    def iter_cells(self) -> Iterator[Sequence[object]]:
        """Yield the cells of the unbroken rows, up to the first read error: `read_rows` reports the error with its row."""
        return (raw.cells for raw in read_unbroken(self))
