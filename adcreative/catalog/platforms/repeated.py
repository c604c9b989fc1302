"""Columns of one name: where they say the same, the first is read; where figures differ, nobody can tell which is meant."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from adcreative.catalog.formats.raw_rows import TableSource, read_unbroken
from adcreative.errors import CatalogError


def check_repeated(source: TableSource, repeated: Mapping[str, Sequence[int]], used: Collection[str], name: str) -> list[str]:
    """Return a sentence for each name that several columns have.

    Args:
        repeated: what such columns are taken for -> their places. used: what must not be open.
        name: what messages call the table.
    Raises:
        CatalogError: two columns of one name differ, and what they hold is used.
    """
    if not repeated:
        return []
    differ: dict[str, int] = {}
    for raw in read_unbroken(source):
        for field, places in repeated.items():
            if field not in differ and len({str(raw.cells[at] or "").strip() for at in places}) > 1:
                differ[field] = raw.row
    notes = []
    for field, places in repeated.items():
        column = source.header[places[0]].strip()[:60]
        if field in differ and field in used:
            raise CatalogError(
                f'{name} has the column "{column}" {len(places)} times, with different cells (row {differ[field]}). Rename or '
                "remove those that are not meant."
            )
        notes.append(f'the column "{column}" stands {len(places)} times; the first is read.')
    return notes
