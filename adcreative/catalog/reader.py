"""Read Creatives from a folder of pictures with or without metadata, one table or export, or one picture.

A folder follows the Hugging Face ImageFolder convention: metadata.csv, .jsonl, .parquet or .xlsx next to the pictures, or in
subfolders, with file_name relative to the table; else its only table with a picture column, of any name. The export of an ad
platform is a table too: each of its ads and segments becomes one creative (see `exports`). Pictures are never opened here. A
faulty row fails alone; faults of the whole table raise one CatalogError that lists all faults.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adcreative.catalog.boundary import GuardedSource, typed
from adcreative.catalog.columns import Header, read_header
from adcreative.catalog.datasets import upworthy
from adcreative.catalog.exports import ExportRows
from adcreative.catalog.formats.raw_rows import RawRow
from adcreative.catalog.mapping import TableSettings, read_settings
from adcreative.catalog.metadata import find_metadata, find_sole_table
from adcreative.catalog.naming import read_pattern
from adcreative.catalog.paths import PictureFolder, is_picture_name
from adcreative.catalog.platforms.columns import fold_column
from adcreative.catalog.platforms.days import DateReading, split_span
from adcreative.catalog.repeats import SeenRows
from adcreative.catalog.rows import build_creative
from adcreative.catalog.sources import SOURCES, open_source
from adcreative.creative import Creative, FailedCreative
from adcreative.errors import CatalogError, CreativeError
from adcreative.problem import has_code

Item = Creative | FailedCreative
Amend = Callable[[Item], Item]


@dataclass(frozen=True, kw_only=True)
class Catalog:
    """A catalogue in memory: usable creatives, failed rows, and sentences for the user.

    root: base folder of file names. dropped: numbers of rows that are not ads, such as totals, by reason.
    """

    creatives: tuple[Creative, ...]
    failures: tuple[FailedCreative, ...]
    root: Path
    warnings: tuple[str, ...] = ()
    dropped: Mapping[str, int] = field(default_factory=dict)


def read_catalog(
    source: Path,
    *,
    columns: Path | TableSettings | None = None,
    images: Path | None = None,
    with_days: bool = True,
    amend: Amend | None = None,
) -> Catalog:
    """Read a folder, a table, an export or a picture into memory (words and counts only, no pixels).

    Args:
        columns: a mapping file for tables with other column names, or its content (see `mapping`).
        images: a folder with the pictures of an export's ads, joined by name, id or hash; default: the folder of the table.
        with_days: False for callers that need no days: days stay text, and ambiguous days never cause an error.
        amend: function that adds known data to each ad, or refuses the ad.
    Raises:
        CatalogError: the path is missing, empty or of unknown kind, or has no usable column, or the order of day and month is
            ambiguous; all faults in one message.
    """
    reader = CatalogReader(source, columns=columns, images=images, with_days=with_days, amend=amend)
    creatives, failures = [], []
    for item in reader:
        if isinstance(item, Creative):
            creatives.append(item)
        else:
            failures.append(item)
    return Catalog(
        creatives=tuple(creatives),
        failures=tuple(failures),
        root=reader.root,
        warnings=reader.warnings,
        dropped=dict(reader.dropped),
    )


@dataclass(frozen=True, kw_only=True)
class _Table:
    path: Path
    source: GuardedSource
    header: Header
    label: str  # name in messages: the path inside the catalogue's folder
    prefix: str  # folder of the table inside root, "" or "train/"


class CatalogReader:
    """Streams a catalogue: iterate for Creative and FailedCreative in row order, repeatedly if needed.

    Memory holds one batch of a table and a 16-byte hash per row; for an export, one record per ad and segment. `warnings` and
    `dropped` (numbers of export rows that are not ads, by reason) are complete once an iteration has ended. `root` is the base
    folder of file names.

    Raises:
        CatalogError: on construction, or while iterating when a table is damaged or has no rows.
    """

    def __init__(
        self,
        source: Path,
        *,
        columns: Path | TableSettings | None = None,
        images: Path | None = None,
        with_days: bool = True,
        amend: Amend | None = None,
    ) -> None:
        source, self._amend = Path(source), amend
        settings = read_settings(columns)
        self._pattern = read_pattern(settings.name_pattern) if settings.name_pattern else None
        self._tables: tuple[_Table, ...] = ()
        self._pictures: tuple[str, ...] = ()
        self._notes: list[str] = []
        self.dropped: Counter[str] = Counter()
        self._found: list[str] = []
        with typed(source.name):
            _check_there(source, images)
            self._reports_unlisted = source.is_dir()
            table_root = source if source.is_dir() else source.parent
            self.root = Path(images) if images else table_root
            self._folder = PictureFolder(self.root)
            if not source.is_dir() and is_picture_name(source.name):
                self._pictures = (source.name,)
                return
            table_paths = find_metadata(source) if source.is_dir() else [source]
            self._tables = _open_tables(table_paths, table_root, settings, with_days)
            if self._tables and not images and (picture_dir := self._tables[0].source.picture_dir):
                self._folder = PictureFolder(picture_dir)
            if not self._tables and (sole := _open_sole_table(source, settings, with_days)):
                self._tables = (sole,)
                self._notes.append(f'"{sole.label}" is read as the table of this folder.')
            if not self._tables:
                self._pictures = tuple(self._folder.list_pictures())
                self._notes += _check_pictures(source, self._pictures)

    @property
    def is_of_pictures(self) -> bool:
        """Whether no table is read: each picture is an ad."""
        return bool(self._pictures)

    @property
    def warnings(self) -> tuple[str, ...]:
        headers = [note for table in self._tables for note in (*table.source.warnings, *table.header.warnings)]
        return (*self._notes, *headers, *self._found)

    def __iter__(self) -> Iterator[Item]:
        return self._read() if self._amend is None else map(self._amend, self._read())

    def _read(self) -> Iterator[Item]:
        self._found, self.dropped = [], Counter()
        if self._tables:
            yield from self._read_tables()
        for row, file_name in enumerate(self._pictures, start=1):
            yield build_creative({"file_name": file_name}, row, f"picture {row}", self._folder)

    def _read_tables(self) -> Iterator[Creative | FailedCreative]:
        seen = SeenRows()
        row = 0
        for table in self._tables:
            first_row = row
            header = table.header
            export = ExportRows(header.layout, self._folder, self._pattern, header.left_out) if header.layout else None
            if export is None:
                self._found += header.left_out.notes
            for raw in table.source.read_rows():
                row = first_row + raw.row  # unique across the tables of a folder
                label = f"row {raw.row}" if len(self._tables) == 1 else f"{table.label} row {raw.row}"
                if export is not None:
                    export.add(raw, row, label)
                    continue
                if raw.row in header.left_out.rows:
                    self.dropped[header.left_out.rows[raw.row]] += 1
                    continue
                item = self._build(table, raw, row, label)
                if isinstance(item, Creative) and not table.header.is_upworthy:
                    item = seen.check(item, label)
                seen.add_file(item.file_name)
                yield item
            if export is not None:
                with typed(table.label):
                    for item in export.creatives():
                        seen.add_file(item.file_name)
                        yield item
                self.dropped += export.dropped
                self._found += export.notes
        if not row:
            names = ", ".join(table.label for table in self._tables)
            raise CatalogError(f"{names} has a header but no rows. Add one row a creative.")
        self._found += seen.warnings()
        if self._reports_unlisted:
            self._found += self._warn_unlisted(seen)

    def _build(self, table: _Table, raw: RawRow, row: int, label: str) -> Creative | FailedCreative:
        if broken := raw.fault or (raw.doubt if "impressions" in table.header.names else None):
            return FailedCreative(file_name="", ad_name="", problem=f"{label}: {broken[0]}", remedy=broken[1])
        cells: dict[str, Any] = {name: cell for name, cell in zip(table.header.names, raw.cells, strict=True) if name}
        if table.header.is_upworthy:
            cells = upworthy.rename_cells(cells)
        if fault := _read_days(cells, table.header.dates):
            return FailedCreative(file_name="", ad_name="", problem=f"{label}: {fault[0]}", remedy=fault[1])
        file_name = cells.get("file_name")
        if table.prefix and isinstance(file_name, str) and file_name.strip():
            with contextlib.suppress(CreativeError):  # an absolute path stays unchanged, and build_creative refuses it
                cells["file_name"] = table.prefix + self._folder.normalise(file_name.strip())
        return build_creative(cells, row, label, self._folder, numbers=table.header.numbers)

    def _warn_unlisted(self, seen: SeenRows) -> list[str]:
        if not any("file_name" in table.header.names for table in self._tables):
            return []
        unlisted = [name for name in self._folder.list_pictures() if not seen.has_file(name)]
        if not unlisted:
            return []
        many = f"{len(unlisted)} pictures are" if len(unlisted) > 1 else "1 picture is"
        return [f'{many} in the folder but in no row of the table, such as "{unlisted[0]}". Add rows to have them read.']


def _read_days(cells: dict[str, Any], dates: DateReading) -> tuple[str, str] | None:
    """Convert the days of a row to YYYY-MM-DD; return the fault of a day that does not fit the others' format."""
    if not dates.is_dated:
        return None
    start = "day" if "day" in cells else "date_start"
    first, last = split_span(cells.get(start))
    if first is not last:  # for example a week
        cells |= {start: None, "date_start": first, "date_end": last}
    for name in ("day", "date_start", "date_end"):
        if name in cells:
            day = dates.read(cells[name])
            if day is None:
                return f'{name} is "{str(cells[name])[:40]}", which is no day as the others are written.', f"Correct {name}."
            cells[name] = day
    return None


def _check_there(source: Path, images: Path | None) -> None:
    if not source.exists():
        raise CatalogError(f"there is no file or folder at {source}. Check the path.")
    if images is not None and not Path(images).is_dir():
        raise CatalogError(f"there is no folder of pictures at {images}. Check the path.")


def _open_tables(paths: list[Path], root: Path, settings: TableSettings, with_days: bool) -> tuple[_Table, ...]:
    """Open every table; raise the faults of all tables together."""
    tables, faults = [], []
    known = frozenset(fold_column(name) for name in settings.columns)
    for path in paths:
        try:
            source = open_source(path, known, sheet=settings.sheet)
        except CatalogError as error:
            faults.append(str(error))
            continue
        prefix, label = path.parent.relative_to(root).as_posix(), path.relative_to(root).as_posix()
        header = read_header(source.header, label, settings.columns, source.preamble, source.iter_cells())
        try:
            if with_days and not header.faults:
                header = header.read_dates(source, settings.dates, label)
                header = header.read_numbers(source, label, decimals=settings.decimals, rates=settings.rates)
            elif not with_days:
                header = header.without_dates()
        except CatalogError as error:
            faults.append(str(error))
        prefix = "" if prefix == "." else f"{prefix}/"
        tables.append(_Table(path=path, source=source, header=header, label=label, prefix=prefix))
        faults += header.faults
    if faults:
        hints = [note for table in tables for note in table.header.warnings if has_code(note, "unknown_column")]
        raise CatalogError(" ".join(faults + hints))
    return tuple(tables)


def _open_sole_table(folder: Path, settings: TableSettings, with_days: bool) -> _Table | None:
    """Return the only table of a folder without metadata if it is usable and has a picture column, else None."""
    path = find_sole_table(folder, SOURCES)
    try:
        (table,) = _open_tables([path] if path else [], folder, settings, with_days) or (None,)
    except CatalogError:
        return None
    return table if table is not None and "file_name" in table.header.names else None


def _check_pictures(folder: Path, pictures: tuple[str, ...]) -> list[str]:
    """Return warnings about a folder without metadata; raise CatalogError when the folder is empty, too."""
    others = sorted(path.name for path in folder.iterdir() if path.suffix.casefold() in SOURCES)
    hint = (
        f'"{others[0]}" is not read in a folder; rename it metadata{Path(others[0]).suffix}, or give its own path.'
        if others
        else ""
    )
    if not pictures:
        kinds = "JPEG, PNG, WebP, GIF, BMP or TIFF"
        hint = hint or f"Put pictures ({kinds}) or a metadata.csv into it."
        raise CatalogError(f"{folder} holds no picture and no metadata.csv, .jsonl or .parquet. {hint}")
    return [hint] if hint else []
