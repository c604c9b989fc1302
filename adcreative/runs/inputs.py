"""What is read from a place: a table and the pictures that its rows name, a folder of ads, a run folder, a model folder.

A file is known by what it is on the disk, so that links of both kinds, and other spellings of its path, are the same file.
Loads no torch.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from adcreative.artifacts import MANIFEST, OUR_FILE, TOGETHER
from adcreative.catalog import CatalogReader
from adcreative.catalog.metadata import METADATA_NAMES, find_metadata, find_sole_table
from adcreative.catalog.paths import is_picture_name
from adcreative.catalog.sources import SOURCES
from adcreative.creative import Creative
from adcreative.errors import CatalogError
from adcreative.provenance.run_records import LOCAL_SETTINGS, SETTINGS
from adcreative.runs.folder import READ_FOLDERS, RUN_FILES

Inode = tuple[int, int]


def find_read(
    outputs: Iterable[Path], sources: Iterable[Path | None], is_ours: Callable[[Path], bool]
) -> tuple[Path, Path] | None:
    """Return the first output that is, or would become, a part of what is read, and from where it is read; None: none is.

    Args:
        sources: files and folders; those of None are not read. is_ours: of files that this program wrote beside what is read.
    """
    outputs, named = list(outputs), [Path(one) for one in sources if one is not None]
    for source in dict.fromkeys([*named, *(path for one in named for path in _settings_paths(one))]):
        read: set[Inode] | None = None
        for output in outputs:
            if output.absolute() == source.absolute() or _would_be_read(output, source):
                return output, source
            if (inode := _inode(output)) is None:
                continue
            if read is None:
                read = {found for path in _list_read(source, is_ours) if (found := _inode(path)) is not None}
            if inode in read or (source.is_file() and _is_named_by(source, output)):
                return output, source
    return None


def _would_be_read(output: Path, source: Path) -> bool:
    """Say whether a file of this name belongs to what is read from a folder, even where it is not there yet."""
    if not source.is_dir() or not _is_inside(output, source):
        return False
    return output.name in METADATA_NAMES or (_is_run(source) and _relative(output, source).as_posix() in RUN_FILES)


def _list_read(source: Path, is_ours: Callable[[Path], bool]) -> Iterator[Path]:
    """Yield the files that are read from a place, but for the pictures of a table."""
    if not source.is_dir():
        yield source
    elif _is_run(source):
        yield from (source / name for name in RUN_FILES)
        for name in READ_FOLDERS:
            yield from _walk(source / name)
    elif _is_encoder(source):
        yield from (path for path in _walk(source) if not is_ours(path))
    else:
        try:
            yield from find_metadata(source)
        except CatalogError:  # two of them: the reader says so
            yield from (source / name for name in METADATA_NAMES)
        if (sole := find_sole_table(source, SOURCES)) is not None and not is_ours(sole):
            yield sole
        for path in _walk(source):
            if is_picture_name(path.name) or path.name in (MANIFEST, TOGETHER) or OUR_FILE.fullmatch(path.name):
                yield path


def _is_named_by(table: Path, output: Path) -> bool:
    """Say whether a file that is there is a picture in a row of a table; asked only where it may be."""
    info = output.stat()
    may_be = (is_picture_name(output.name) and _is_inside(output, table.parent)) or info.st_nlink > 1
    if not may_be or table.suffix.casefold() not in SOURCES:
        return False
    try:
        paths = (one.image_path for one in CatalogReader(table) if isinstance(one, Creative) and one.image_path is not None)
        return any(_inode(path) == (info.st_dev, info.st_ino) for path in paths)
    except CatalogError:  # not a table of ads, or one that needs a mapping: no row can be asked
        return is_picture_name(output.name)


def _settings_paths(run: Path) -> list[Path]:
    """Return the data, mapping and pictures that a run was made from, those that are there; none for what is no run."""
    try:
        settings: Any = json.loads((run / SETTINGS).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return []
    named = [settings.get(name) for name in LOCAL_SETTINGS] if isinstance(settings, dict) else []
    return [run / name for name in named if isinstance(name, str) and name and "\0" not in name and (run / name).exists()]


def _is_run(folder: Path) -> bool:
    return (folder / SETTINGS).is_file()


def _is_encoder(folder: Path) -> bool:
    """Say whether a folder holds a model of another program, of whose files all are read."""
    return (folder / "config.json").is_file()


def _walk(folder: Path) -> Iterator[Path]:
    for where, _, names in os.walk(folder):
        yield from (Path(where) / name for name in names)


def _relative(path: Path, folder: Path) -> Path:
    return (path.parent.resolve() / path.name).relative_to(folder.resolve())


def _is_inside(path: Path, folder: Path) -> bool:
    """Say whether a file lies in a folder, by its own name or by that of what it leads to."""
    return any(one.is_relative_to(folder.resolve()) for one in (path.parent.resolve() / path.name, path.resolve()))


def _inode(path: Path) -> Inode | None:
    try:
        info = os.stat(path)
    except (OSError, ValueError):
        return None
    return info.st_dev, info.st_ino
