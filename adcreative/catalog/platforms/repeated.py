"""Columns with the same meaning: equal columns are read once; differing figures are refused as ambiguous."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from adcreative.catalog.formats.raw_rows import TableSource, read_unbroken
from adcreative.catalog.platforms.columns import fold_column
from adcreative.catalog.platforms.number_votes import AMOUNTS, COUNTS
from adcreative.catalog.platforms.numbers import NumberReading, is_blank
from adcreative.errors import CatalogError

_HAVE_ONE = ("impressions", "spend", "clicks")  # under any column name; other figures have kinds, such as unique link clicks


def check_repeated(
    source: TableSource, repeated: Mapping[str, Sequence[int]], used: Collection[str], numbers: NumberReading, name: str
) -> list[str]:
    """Return a sentence for each field with several columns.

    Args:
        repeated: field -> positions of its columns, the one that is read first. used: fields that must not be ambiguous.
        numbers: how to read numbers. name: name of the table in messages.
    Raises:
        CatalogError: two columns of one name, or two of impressions, clicks or spend, differ, and the field is used.
    """
    notes = []
    for field, (first, *others) in repeated.items():
        column = source.header[first].strip()[:60]
        same = [at for at in others if fold_column(source.header[at]) == fold_column(source.header[first])]
        row = _find_difference(source, field, (first, *(others if field in _HAVE_ONE else same)), numbers)
        if row and field in used:
            named = f'the column "{column}" {1 + len(same)} times' if same else _list(source, (first, *others))
            raise CatalogError(
                f"{name} has {named}, with different cells (row {row}). Rename or remove those that are not meant"
                f"{'' if same else ', or say which is meant in a mapping file, where the command takes --columns'}."
            )
        if same:
            notes.append(f'the column "{column}" stands {1 + len(same)} times; the first is read.')
        elif field in used:
            notes.append(f'{_list(source, (first, *others))} are taken for the same; "{column}" is read.')
    return notes


def _list(source: TableSource, places: Sequence[int]) -> str:
    return "the columns " + " and ".join(f'"{source.header[at].strip()[:60]}"' for at in places)


def _find_difference(source: TableSource, field: str, places: Sequence[int], numbers: NumberReading) -> int:
    """Return the first row with different cells in these columns, 0 for none."""

    def read(cell: object) -> object:
        if is_blank(cell):
            return ""
        return numbers.amount(cell) if field in COUNTS or field in AMOUNTS else str(cell).strip()

    rows = read_unbroken(source) if len(places) > 1 else ()
    return next((raw.row for raw in rows if len({read(raw.cells[at]) for at in places}) > 1), 0)
