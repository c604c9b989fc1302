"""What every table source gives, whatever its format.

A source knows a file format and nothing of ads: it gives the header, then one RawRow after another, holding one
batch in memory. A row that cannot be parsed is a RawRow with a fault, and the stream goes on behind it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True, kw_only=True)
class RawRow:
    """One data row (1-based). cells has one value a header column, in order; fault is (problem, remedy) when it is
    broken."""

    row: int
    cells: Sequence[Any] = field(default=())
    fault: tuple[str, str] | None = None


class TableSource(Protocol):
    """What every format offers: `header` and `warnings` after construction, then the rows, as often as asked."""

    header: tuple[str, ...]
    warnings: tuple[str, ...]

    def read_rows(self) -> Iterator[RawRow]: ...
