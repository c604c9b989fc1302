"""What every table source gives, whatever its format.

A source knows a file format and nothing of ads: it gives the header, then one RawRow after another, holding one
batch in memory. A row that cannot be parsed is a RawRow with a fault, and the stream goes on behind it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from adcreative.errors import CatalogError


@dataclass(frozen=True, kw_only=True)
class RawRow:
    """One data row (1-based). cells has one value a header column, in order; fault is (problem, remedy) when it is broken.

    doubt is the fault of a row whose cells may stand in the wrong columns: one with figures is not read.
    """

    row: int
    cells: Sequence[Any] = field(default=())
    fault: tuple[str, str] | None = None
    doubt: tuple[str, str] | None = None


class ShownPercent(float):
    """A number of a workbook that is shown as a percentage: 0.0125 that stands there as "1.25%"."""


class ShownNumber(int):
    """A whole number of a workbook whose format shows it as another text: 7 that stands there as "007"."""

    text: str

    def __str__(self) -> str:
        return self.text


class TableSource(Protocol):
    """What every format offers: `header` and `warnings` after construction, then the rows, as often as asked."""

    header: tuple[str, ...]

    @property
    def warnings(self) -> tuple[str, ...]: ...

    def read_rows(self) -> Iterator[RawRow]: ...


def read_unbroken(source: TableSource) -> Iterator[RawRow]:
    """Yield the rows of a table that are whole, up to where it cannot be read: reading itself will say so, at its row."""
    with contextlib.suppress(CatalogError):
        for raw in source.read_rows():
            if raw.fault is None:
                yield raw
