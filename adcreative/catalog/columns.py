"""Match the header of a table to our column names: known columns, unknown columns, and likely misspellings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from adcreative.catalog.datasets import upworthy
from adcreative.catalog.formats.raw_rows import TableSource, read_unbroken
from adcreative.catalog.platforms.columns import fold_column
from adcreative.catalog.platforms.dates import find_reading
from adcreative.catalog.platforms.days import AS_WRITTEN, UNORDERED, DateReading
from adcreative.catalog.platforms.layout import IGNORE, PlatformLayout
from adcreative.catalog.platforms.levels import describe_missing
from adcreative.catalog.platforms.matching import count_known, match_layout
from adcreative.catalog.platforms.number_votes import find_numbers
from adcreative.catalog.platforms.numbers import PLAIN, NumberReading, finite, is_blank
from adcreative.catalog.platforms.totals import NOTHING, LeftOut, Line, find_left_out, is_total, may_be_total, say_when
from adcreative.catalog.rows import DAY
from adcreative.config import nearest_name
from adcreative.creative import COLUMNS, SEGMENT_COLUMNS
from adcreative.problem import Problem

FILE_NAMES = ("filename", "image", "image_file", "image_name", "picture", "file", "creative_file")
_NEEDED = ("file_name", "headline", "primary_text", "description")


@dataclass(frozen=True, kw_only=True)
class Header:
    """The interpreted columns of a table.

    names has one entry per column: the normalised name, or "" for a column that is not read.
    """

    names: tuple[str, ...]
    is_upworthy: bool = False
    layout: PlatformLayout | None = None  # layout of an ad platform's export, whose cells it converts
    dates: DateReading = UNORDERED
    numbers: NumberReading = PLAIN
    left_out: LeftOut = NOTHING
    faults: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def without_dates(self) -> Header:
        """Return the header for callers that need no days: days stay text and never cause an error."""
        return replace(self, dates=AS_WRITTEN, layout=None if self.layout is None else replace(self.layout, dates=AS_WRITTEN))

    def read_dates(self, source: TableSource, given: str, table_name: str) -> Header:
        """Return the header with the date order of its table, found from all rows, or `given` by the user.

        Raises:
            CatalogError, ConfigError: as `find_reading`.
        """
        if self.layout is not None:
            layout = self.layout.read_dates(source, given, table_name)
            found = layout.dates
        else:
            layout, is_past = None, "impressions" in self.names
            found = find_reading(source, self.names, name=table_name, given=given, is_past=is_past)
        notes = (f"{table_name}: {found.note}",) if found.note else ()
        return replace(self, layout=layout, dates=found, warnings=(*self.warnings, *notes))

    def read_numbers(self, source: TableSource, table_name: str, *, decimals: str = "", rates: str = "") -> Header:
        """Return the header with the number format of its table, found from all rows, and the rows that are not ads.

        Raises:
            CatalogError, ConfigError: as `PlatformLayout.read_numbers`.
        """
        if self.layout is not None:
            layout = self.layout.read_numbers(source, table_name, decimals=decimals, rates=rates)
            notes = layout.notes[len(self.layout.notes) :]
            found = replace(self, layout=layout, numbers=layout.numbers, left_out=layout.find_left_out(source, table_name))
        elif {"impressions", "clicks", "spend"} & {*self.names}:
            numbers = find_numbers(source, self.names, name=table_name, given=decimals)
            notes = (numbers.note,) if numbers.note else ()
            found = replace(self, numbers=numbers)
            found = replace(found, left_out=found._find_left_out(source, table_name))
        else:
            return self
        return replace(found, warnings=(*self.warnings, *(f"{table_name}: {note}" for note in notes)))

    def _find_left_out(self, source: TableSource, table_name: str) -> LeftOut:
        """Return the totals in a table with our own column names; repeated rows fail individually (see `repeats`)."""
        if "impressions" not in self.names or not any(map(may_be_total, self._lines(source))):
            return NOTHING
        return find_left_out(self._lines(source), needs_name=False, table=table_name)

    def _lines(self, source: TableSource) -> Iterator[Line]:
        others = ("", "impressions", "clicks", "spend", "day", "date_start", "date_end")
        for raw in read_unbroken(source):
            row = {name: cell for name, cell in zip(self.names, raw.cells, strict=True) if name and not is_blank(cell)}
            identity = [str(row[name]).strip() for name in ("ad_name", *_NEEDED) if name in row]
            yield Line(
                row=raw.row,
                name=next((text for text in identity if not is_total(text)), identity[0] if identity else ""),
                label=next((str(cell).strip() for cell in raw.cells if not is_blank(cell)), ""),
                figures=tuple(
                    finite(read(row.get(name)))
                    for name, read in (
                        ("impressions", self.numbers.count),
                        ("clicks", self.numbers.count),
                        ("spend", self.numbers.amount),
                    )
                ),
                ad=tuple(str(row.get(name, "")).strip() for name in self.names if name not in others),
                parts=(say_when(row, self.names),),
            )


def normalise_column(name: str) -> str:
    """Return the normalised column name: "File Name " and "file-name" are file_name."""
    return re.sub(r"[\s\-]+", "_", name.replace("\ufeff", "").strip().casefold())


def read_header(
    names: Sequence[str],
    table_name: str,
    mapping: Mapping[str, str] | None = None,
    preamble: Sequence[str] = (),
    rows: Iterable[Sequence[Any]] = (),
) -> Header:
    """Match a table's column names with known names; faults and warnings are whole sentences.

    mapping: column name -> our name; takes precedence over all other rules. A table without our own names is matched as the
    export of an ad platform; rows are the cells of all rows of the table.
    """
    given = {fold_column(name): column for name, column in (mapping or {}).items()}
    spelled = [given.get(fold_column(name), normalise_column(name)).replace(IGNORE, "") for name in names]
    if not upworthy.is_upworthy(spelled) and not _is_ours(names, [normalise_column(name) for name in names]):
        layout = match_layout(names, mapping, preamble, rows, needs_results=False)
        is_list = layout is not None and not layout.has_results and bool({"file_name", "headline"} & {*spelled})
        if layout is not None and {"ad_id", *(("ad_name",) if layout.platform else ())} & {*layout.names}:
            is_list = False  # a platform's export without figures
        if layout is not None and not is_list:  # a list of ads with our own column names needs no platform
            return Header(names=layout.names, layout=layout, warnings=_note_layout(layout, table_name))
        if layout is not None:
            spelled = _take_theirs(spelled, layout.names)
    return _read_own(names, spelled, table_name)


def _take_theirs(spelled: Sequence[str], theirs: Sequence[str]) -> list[str]:
    """Return the columns of a list of ads, where names only known from a platform ("Body") are mapped to our names."""
    found: list[str] = []
    for ours, other in zip(spelled, theirs, strict=True):
        is_needed = ours not in COLUMNS and other in COLUMNS and other not in (*spelled, *found)
        found.append(other if is_needed else ours)
    return found


def _is_ours(names: Sequence[str], spelled: Sequence[str]) -> bool:
    """Return whether a table uses our own column names, and no platform recognises more of its columns."""
    if not any(column in spelled for column in _NEEDED):
        return False
    num_ours = sum(column in COLUMNS or column in SEGMENT_COLUMNS for column in spelled)
    if num_ours < count_known(names):
        return False
    return "clicks" in spelled or "impressions" not in spelled


def _note_layout(layout: PlatformLayout, table_name: str) -> tuple[str, ...]:
    notes = [f"{table_name}: {note}" for note in layout.notes]
    if layout.platform == "library":
        notes.append(Problem("ad_library", table=table_name))
    elif not layout.has_results:
        notes.append(f"{table_name} has no impressions and clicks; its ads are read without results.")
    if not {"file_name", "headline", "primary_text", "description"} & set(layout.names):
        notes.append(f"{table_name} names no pictures; they are looked for under the names of the ads.")
    return tuple(notes)


def _read_own(names: Sequence[str], spelled: Sequence[str], table_name: str) -> Header:
    """Read the header of a table with our own column names, or of the Upworthy archive."""
    is_upworthy = upworthy.is_upworthy(spelled)
    if "file_name" not in spelled:  # the first column with a clear name for pictures
        place = next((spelled.index(name) for name in FILE_NAMES if name in spelled), None)
        spelled = [("file_name" if number == place else name) for number, name in enumerate(spelled)]
    if not {DAY, "date_start"} & set(spelled):
        spelled = [(DAY if name == "date" else name) for name in spelled]
    known = (*COLUMNS, *upworthy.COLUMNS) if is_upworthy else (*COLUMNS, *SEGMENT_COLUMNS, DAY)
    faults: list[str] = []
    warnings: list[str] = []
    strangers: list[str] = []
    for column in dict.fromkeys(spelled):
        if column in known and spelled.count(column) > 1:
            faults.append(f'{table_name} has the column "{column}" {spelled.count(column)} times. Keep one of them.')
        elif column and column not in known:
            raw_name = f'"{names[spelled.index(column)].strip()[:40]}"'
            nearest = nearest_name(column, [name for name in COLUMNS if name not in spelled])
            if nearest:
                warnings.append(Problem("unknown_column", table=table_name, column=raw_name, nearest=nearest))
            else:
                strangers.append(raw_name)
    if strangers:
        are = "unknown columns {} were" if len(strangers) > 1 else "unknown column {} was"
        warnings.append(f"{table_name}: {are.format(', '.join(strangers[:20]))} ignored.")
    if not any(column in spelled for column in _NEEDED):
        if what := describe_missing(names, table_name):
            return Header(names=tuple(spelled), faults=(what,))
        faults.append(_describe_missing(names, spelled, table_name))
    kept = tuple(column if column in known else "" for column in spelled)
    return Header(names=kept, is_upworthy=is_upworthy, faults=tuple(faults), warnings=tuple(warnings))


def _describe_missing(names: Sequence[str], spelled: Sequence[str], table_name: str) -> str:
    found = ", ".join(f'"{name.strip()[:40]}"' for name in names[:8] if name.strip()) or "none"
    sentence = f"{table_name} has neither a file_name nor a headline column, nor other words of an ad; its columns are {found}."
    for raw_name, column in zip(names, spelled, strict=True):
        nearest = nearest_name(column, _NEEDED)
        if nearest:
            return f'{sentence} Did you mean "{nearest}" by "{raw_name.strip()}"?'
    return f"{sentence} Name the column of pictures file_name, or the column of words headline."
