"""What users have, as Creatives: a folder of pictures with or without metadata, one table, or one picture.

A folder follows the Hugging Face ImageFolder convention: metadata.csv, .jsonl or .parquet beside the pictures, or
in its subfolders, with file_name relative to the table. Pictures are never opened here. What is wrong with one row
fails that row; what is wrong with the whole raises one CatalogError that lists it all.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from adcreative.catalog.columns import Header, read_header
from adcreative.catalog.datasets import upworthy
from adcreative.catalog.formats.raw_rows import RawRow, TableSource
from adcreative.catalog.mapping import read_mapping
from adcreative.catalog.paths import FOREIGN_PICTURE_SUFFIXES, PICTURE_SUFFIXES, PictureFolder
from adcreative.catalog.platforms.columns import fold_column
from adcreative.catalog.rows import build_creative
from adcreative.catalog.sources import SOURCES, open_source
from adcreative.creative import Creative, FailedCreative
from adcreative.errors import CatalogError, CreativeError

METADATA_NAMES = ("metadata.csv", "metadata.jsonl", "metadata.parquet")
# Two rows that agree in all of these, and in context, are the same creative shown in the same place: one is a copy.
_IDENTITY_COLUMNS = (
    "file_name", "headline", "primary_text", "description", "cta", "brand", "platform", "placement", "audience",
    "test_id", "date_start", "date_end",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Catalog:
    """Everything that was read: usable creatives, failed rows, and sentences the user should see.

    root is the folder that file names are relative to. dropped counts, by reason, rows that are no ads, such as totals.
    """

    creatives: tuple[Creative, ...]
    failures: tuple[FailedCreative, ...]
    root: Path
    warnings: tuple[str, ...] = ()
    dropped: Mapping[str, int] = field(default_factory=dict)


def read_catalog(source: Path, *, columns: Path | None = None) -> Catalog:
    """Read a folder, a table or a picture into memory (words and counts only, no pixels).

    columns is a mapping file for tables whose columns have other names (see `mapping`).

    Raises:
        CatalogError: the path is missing, empty, of unknown kind, or has no usable column; all faults in one message.
    """
    reader = CatalogReader(source, columns=columns)
    creatives, failures = [], []
    for item in reader:
        if isinstance(item, Creative):
            creatives.append(item)
        else:
            failures.append(item)
    return Catalog(
        creatives=tuple(creatives), failures=tuple(failures), root=reader.root, warnings=reader.warnings,
        dropped=dict(reader.dropped),
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class _Table:
    path: Path
    source: TableSource
    header: Header
    prefix: str  # folder of the table inside root, "" or "train/"


class CatalogReader:
    """Streams a catalogue: iterate for Creative and FailedCreative in row order, as often as wanted.

    Memory holds one batch of a table and a 16-byte mark a row. `warnings` and `dropped` (rows of an ad platform's export that
    are no ads, counted by reason) are complete once an iteration has ended.

    Raises:
        CatalogError: on construction, or while iterating when a table turns out damaged or without rows.
    """

    def __init__(self, source: Path, *, columns: Path | None = None) -> None:
        source = Path(source)
        mapping = read_mapping(columns) if columns else {}
        if not source.exists():
            raise CatalogError(f"there is no file or folder at {source}. Check the path.")
        self.root = source if source.is_dir() else source.parent
        self._folder = PictureFolder(self.root)
        self._tables: tuple[_Table, ...] = ()
        self._pictures: tuple[str, ...] = ()
        self._notes: list[str] = []
        if not source.is_dir() and source.suffix.casefold() in PICTURE_SUFFIXES | FOREIGN_PICTURE_SUFFIXES:
            self._pictures = (source.name,)
        else:
            try:
                table_paths = find_metadata(source) if source.is_dir() else [source]
                self._tables = _open_tables(table_paths, self.root, mapping)
                if self._tables and (picture_dir := getattr(self._tables[0].source, "picture_dir", None)):
                    self._folder = PictureFolder(picture_dir)
                if not self._tables:
                    self._pictures = tuple(self._folder.list_pictures())
                    self._notes += _check_pictures(source, self._pictures)
            except OSError as error:
                raise CatalogError(f"{source} cannot be read ({error.strerror or error}). Check the path.") from error
        self._reports_unlisted = source.is_dir()
        self._found: list[str] = []
        self.dropped: Counter[str] = Counter()
        self._num_ctr_off = 0
        self._by_ad_name: dict[str, str] | None = None

    @property
    def warnings(self) -> tuple[str, ...]:
        headers = [note for table in self._tables for note in (*table.source.warnings, *table.header.warnings)]
        return (*self._notes, *headers, *self._found)

    def __iter__(self) -> Iterator[Creative | FailedCreative]:
        self._found, self.dropped, self._num_ctr_off = [], Counter(), 0
        if self._tables:
            yield from self._read_tables()
        for row, file_name in enumerate(self._pictures, start=1):
            yield build_creative({"file_name": file_name}, row, f"picture {row}", self._folder)

    def _read_tables(self) -> Iterator[Creative | FailedCreative]:
        seen = _SeenRows()
        row = 0
        for table in self._tables:
            name, first_row = table.path.relative_to(self.root).as_posix(), row
            for raw in table.source.read_rows():
                row = first_row + raw.row  # unique across the tables of a folder
                label = f"row {raw.row}" if len(self._tables) == 1 else f"{name} row {raw.row}"
                item = self._build(table, raw, row, label)
                if item is None:
                    continue
                if isinstance(item, Creative) and not table.header.is_upworthy:
                    item = seen.check(item, label)
                seen.add_file(item.file_name)
                yield item
        if not row:
            names = ", ".join(table.path.relative_to(self.root).as_posix() for table in self._tables)
            raise CatalogError(f"{names} has a header but no rows. Add one row a creative.")
        self._found += seen.warnings() + self._warn_dropped()
        if self._reports_unlisted:
            self._found += self._warn_unlisted(seen)

    def _build(self, table: _Table, raw: RawRow, row: int, label: str) -> Creative | FailedCreative | None:
        if raw.fault:
            return FailedCreative(file_name="", ad_name="", problem=f"{label}: {raw.fault[0]}", remedy=raw.fault[1])
        if table.header.layout:
            converted = table.header.layout.convert(raw.cells)
            if isinstance(converted, str):
                self.dropped[converted] += 1
                return None
            self._num_ctr_off += converted["is_ctr_off"]
            if not converted.get("file_name") and not converted.get("headline"):
                converted["file_name"] = self._find_picture(str(converted.get("ad_name", "")))
            return build_creative(converted, row, label, self._folder)
        cells: dict[str, Any] = {name: cell for name, cell in zip(table.header.names, raw.cells, strict=True) if name}
        if table.header.is_upworthy:
            cells = upworthy.rename_cells(cells)
        file_name = cells.get("file_name")
        if table.prefix and isinstance(file_name, str) and file_name.strip():
            with contextlib.suppress(CreativeError):  # an absolute path stays as it is, and build_creative refuses it
                cells["file_name"] = table.prefix + self._folder.normalise(file_name.strip())
        return build_creative(cells, row, label, self._folder)

    def _find_picture(self, ad_name: str) -> str:
        """Return the picture whose name, with or without suffix, is the ad's name, or ""."""
        if self._by_ad_name is None:
            self._by_ad_name = {}
            for name in self._folder.list_pictures():
                for spelling in (PurePosixPath(name).stem, PurePosixPath(name).name):
                    self._by_ad_name.setdefault(fold_column(spelling), name)
        return self._by_ad_name.get(fold_column(ad_name), "")

    def _warn_dropped(self) -> list[str]:
        notes = []
        if self.dropped:
            counts = ", ".join(f"{number} x {reason}" for reason, number in sorted(self.dropped.items()))
            notes.append(f"rows that are no ads were left out: {counts}.")
        if self._num_ctr_off:
            notes.append(
                f"the click rate given in {self._num_ctr_off} rows does not fit their counts; it follows from the counts."
            )
        return notes

    def _warn_unlisted(self, seen: _SeenRows) -> list[str]:
        if not any("file_name" in table.header.names for table in self._tables):
            return []
        unlisted = [name for name in self._folder.list_pictures() if not seen.has_file(name)]
        if not unlisted:
            return []
        many = f"{len(unlisted)} pictures are" if len(unlisted) > 1 else "1 picture is"
        return [f'{many} in the folder but in no row of the table, such as "{unlisted[0]}". Add rows to have them read.']


class _SeenRows:
    """Finds rows that occur twice; keeps 16 bytes a row and the first row of every ad_name."""

    def __init__(self) -> None:
        self._rows: dict[bytes, str] = {}
        self._ad_names: dict[bytes, str] = {}
        self._files: set[bytes] = set()
        self._first_repeat = ""
        self._num_repeats = 0

    def check(self, creative: Creative, label: str) -> Creative | FailedCreative:
        """Return the creative, or a failure when an earlier row is the same creative in the same place."""
        segment = (f"{name}={value}" for name, value in sorted(creative.context.items()))
        mark = _mark("\0".join((*(getattr(creative, column) for column in _IDENTITY_COLUMNS), *segment)))
        if mark in self._rows:
            return FailedCreative(
                file_name=creative.file_name,
                ad_name=creative.ad_name,
                problem=f"{label}: it repeats {self._rows[mark]} (same picture, words, test, placement and dates).",
                remedy="Remove one of the two rows, or tell them apart by test_id, placement or date_start.",
            )
        self._rows[mark] = label
        if creative.ad_name:
            name_mark = _mark(creative.ad_name)
            if name_mark in self._ad_names:
                self._num_repeats += 1
                rows = f"{self._ad_names[name_mark]} and {label}"
                self._first_repeat = self._first_repeat or f'"{creative.ad_name[:60]}" ({rows})'
            else:
                self._ad_names[name_mark] = label
        return creative

    def add_file(self, file_name: str) -> None:
        self._files.add(_mark(file_name))

    def has_file(self, file_name: str) -> bool:
        return _mark(file_name) in self._files

    def warnings(self) -> list[str]:
        if not self._num_repeats:
            return []
        more = f", and {self._num_repeats - 1} more" if self._num_repeats > 1 else ""
        return [f"ad_name is not unique: {self._first_repeat}{more}. Results are told apart by row."]


def _mark(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def find_metadata(folder: Path) -> list[Path]:
    """Return the metadata tables of a folder: its own, or else those of its subfolders (train/, test/, ...).

    Raises:
        CatalogError: one folder has two of them.
    """
    own = _list_metadata(folder)
    if own:
        return own
    below = []
    for where, folder_names, _ in os.walk(folder):
        folder_names[:] = sorted(name for name in folder_names if not name.startswith("."))
        for name in folder_names:
            below += _list_metadata(Path(where) / name)
    return below


def _list_metadata(folder: Path) -> list[Path]:
    """Return the folder's own metadata table, or nothing."""
    paths = [folder / name for name in METADATA_NAMES if (folder / name).is_file()]
    if len(paths) > 1:
        names = " and ".join(path.name for path in paths)
        raise CatalogError(f"{folder} has {names}; one is needed. Remove or rename the others.")
    return paths


def _open_tables(paths: list[Path], root: Path, mapping: Mapping[str, str]) -> tuple[_Table, ...]:
    """Open every table; the faults of all of them are raised together."""
    tables, faults = [], []
    for path in paths:
        try:
            source = open_source(path, frozenset(fold_column(name) for name in mapping))
        except CatalogError as error:
            faults.append(str(error))
            continue
        prefix = path.parent.relative_to(root).as_posix()
        header = read_header(source.header, path.relative_to(root).as_posix(), mapping, getattr(source, "preamble", ()))
        tables.append(_Table(path=path, source=source, header=header, prefix="" if prefix == "." else f"{prefix}/"))
        faults += header.faults
    if faults:
        hints = [note for table in tables for note in table.header.warnings if "Did you mean" in note]
        raise CatalogError(" ".join(faults + hints))
    return tuple(tables)


def _check_pictures(folder: Path, pictures: tuple[str, ...]) -> list[str]:
    """Return warnings about a folder without metadata; raise when there is nothing in it either."""
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
