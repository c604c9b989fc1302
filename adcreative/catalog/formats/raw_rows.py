"""The interface of every table source, whatever its format.

A source knows a file format and nothing about ads: it gives the header, then one RawRow after another, holding one batch in
memory. A row that cannot be parsed is a RawRow with a fault, and the stream continues after it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from adcreative.errors import CatalogError


@dataclass(frozen=True, kw_only=True)
class RawRow:
    """One data row (1-based). cells: one value per header column, in order; fault: (problem, remedy) of a broken row.

    doubt is the fault of a row whose cells may be shifted to wrong columns: such a row is not read if it has figures.
    """

    row: int
    cells: Sequence[Any] = field(default=())
    fault: tuple[str, str] | None = None
    doubt: tuple[str, str] | None = None


class ShownPercent(float):
    """A workbook number shown as a percentage: 0.0125, shown as "1.25%"."""


class ShownNumber(int):
    """A whole number of a workbook whose format shows another text: 7, shown as "007"."""

    text: str

    def __str__(self) -> str:
        return self.text


class TableSource(Protocol):
    """A table of any format: `header` and `warnings` after construction, then the rows, repeatedly."""

    header: tuple[str, ...]

    @property
    def warnings(self) -> tuple[str, ...]: ...

    def read_rows(self) -> Iterator[RawRow]: ...


def read_unbroken(source: TableSource) -> Iterator[RawRow]:
    """Yield the unbroken rows of a table, up to the first read error: `read_rows` reports the error with its row."""
    with contextlib.suppress(CatalogError):
        for raw in source.read_rows():
            if raw.fault is None:
                yield raw
