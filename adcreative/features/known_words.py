"""A words file: the words in the pictures of ads, written by `adcreative read` and corrected by a person.

Pictures are identified by the hash of their files, so that they may be moved; rows of a changed picture are refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from adcreative.artifacts import hash_file
from adcreative.catalog.sources import open_source
from adcreative.catalog.tables import unescape_cell
from adcreative.creative import Creative, FailedCreative
from adcreative.errors import CatalogError, ConfigError, CreativeError
from adcreative.lettering import WORD_COLUMNS, find_fault, words_of_rows

TABLE_COLUMNS = ("file_name", "picture", *WORD_COLUMNS)  # picture: hash of its file
HASH_LETTERS = 16


def hash_of_picture(path: Path) -> str:
    """Return the identifier of a picture file's content in a words file, in a form that no spreadsheet takes for a number."""
    return f"sha256:{hash_file(path)[:HASH_LETTERS]}"


@dataclass(frozen=True)
class KnownWords:
    """The rows of a words file, packed per picture as `Creative.words`.

    pictures: hash -> its rows. names: file_name of every picture.
    """

    path: Path
    pictures: Mapping[str, str]
    names: frozenset[str]

    def attach(self, item: Creative | FailedCreative) -> Creative | FailedCreative:
        """Return an ad with the words of its picture; an ad whose picture changed as a failure; others unchanged."""
        if isinstance(item, FailedCreative) or item.image_path is None:
            return item
        try:
            packed = self.pictures.get(hash_of_picture(item.image_path))
        except OSError:  # reported where its pixels are needed
            return item
        if packed is not None:
            return replace(item, words=packed)
        if item.file_name not in self.names:
            return item
        return FailedCreative(
            file_name=item.file_name,
            ad_name=item.ad_name,
            problem=f'{f"row {item.row}: " * bool(item.row)}the picture "{item.file_name}" changed since its words were read.',
            remedy=f"Read it again with adcreative read, or take its rows out of {self.path.name}.",
        )


def load_known_words(path: Path) -> KnownWords:
    """Load a words file: as `adcreative read` wrote it, or saved again by a spreadsheet program (CSV, xlsx).

    Raises:
        CatalogError: the file cannot be read, is no words file, or a row is wrong; names the first wrong row.
    """
    source = open_source(Path(path), frozenset(TABLE_COLUMNS))
    lacking = [name for name in TABLE_COLUMNS if name not in map(unescape_cell, source.header)]
    if lacking:
        raise CatalogError(f'{Path(path).name} has no column "{lacking[0]}"; expected a table that adcreative read wrote.')
    names = [unescape_cell(name) for name in source.header]
    by_picture: dict[str, list[dict[str, str]]] = {}
    files: set[str] = set()
    for raw in source.read_rows():
        if raw.fault is not None:
            raise CatalogError(f"{Path(path).name}, row {raw.row}: {raw.fault[0]} {raw.fault[1]}")
        row = {name: _cell(cell, source.is_ours) for name, cell in zip(names, raw.cells, strict=True) if name in TABLE_COLUMNS}
        if fault := find_fault(row):
            raise CatalogError(f"{Path(path).name}, row {raw.row}: {fault}")
        files.add(row.pop("file_name"))
        by_picture.setdefault(row.pop("picture"), []).append(row)
    _check_version(Path(path), next(iter(by_picture.values()), []))
    packed = {digest: json.dumps(rows, ensure_ascii=False) for digest, rows in by_picture.items()}
    return KnownWords(Path(path), packed, frozenset(files))


def with_known_words(creative: Creative, known: KnownWords) -> Creative:
    """Return one ad with the words of its picture.

    Raises:
        CreativeError: the picture has changed since its words were read.
    """
    found = known.attach(creative)
    if isinstance(found, FailedCreative):
        raise CreativeError(found.problem, found.remedy)
    return found


def _cell(cell: object, is_ours: bool) -> str:
    text = "" if cell is None else str(cell)
    return text if is_ours else unescape_cell(text)


def _check_version(path: Path, rows: Sequence[Mapping[str, str]]) -> None:
    """Raise CatalogError where the measurements are of another version."""
    try:
        words_of_rows(rows)
    except (ConfigError, TypeError, KeyError, ValueError) as error:
        raise CatalogError(
            f"{path.name} was written by another version of this program; read the pictures again: adcreative read."
        ) from error
