"""Files that are read as input: a table with the pictures of its rows, a folder of ads, a run folder, a model folder.

Files are compared by inode, so that hard links, symlinks and other spellings of a path count as the same file.
Does not import torch.
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
    """Return the first output that is, or would become, a part of a source, with the source; None if there is no such output.

    Args:
        sources: input files and folders; None is skipped. is_ours: whether this program wrote a file next to the inputs.
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
    """Return whether a file of this name would be read as a part of the folder, even if the file does not exist yet."""
    if not source.is_dir() or not _is_inside(output, source):
        return False
    return output.name in METADATA_NAMES or (_is_run(source) and _relative(output, source).as_posix() in RUN_FILES)


def _list_read(source: Path, is_ours: Callable[[Path], bool]) -> Iterator[Path]:
    """Yield the files that are read from a source, without the pictures that a table names."""
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
        except CatalogError:  # two metadata files: the reader reports the error
            yield from (source / name for name in METADATA_NAMES)
        if (sole := find_sole_table(source, SOURCES)) is not None and not is_ours(sole):
            yield sole
        for path in _walk(source):
            if is_picture_name(path.name) or path.name in (MANIFEST, TOGETHER) or OUR_FILE.fullmatch(path.name):
                yield path


def _is_named_by(table: Path, output: Path) -> bool:
    """Return whether an existing file is a picture in a row of a table; the table is read only when this is possible."""
    info = output.stat()
    may_be = (is_picture_name(output.name) and _is_inside(output, table.parent)) or info.st_nlink > 1
    if not may_be or table.suffix.casefold() not in SOURCES:
        return False
    try:
        paths = (one.image_path for one in CatalogReader(table) if isinstance(one, Creative) and one.image_path is not None)
        return any(_inode(path) == (info.st_dev, info.st_ino) for path in paths)
    except CatalogError:  # not a table of ads, or a table that needs a mapping: rows cannot be read
        return is_picture_name(output.name)


def _settings_paths(run: Path) -> list[Path]:
    """Return the existing data, mapping and picture paths of a run's settings; empty for other folders."""
    try:
        settings: Any = json.loads((run / SETTINGS).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return []
    named = [settings.get(name) for name in LOCAL_SETTINGS] if isinstance(settings, dict) else []
    return [run / name for name in named if isinstance(name, str) and name and "\0" not in name and (run / name).exists()]


def _is_run(folder: Path) -> bool:
    return (folder / SETTINGS).is_file()


def _is_encoder(folder: Path) -> bool:
    """Return whether a folder holds a model of another program, all files of which are read."""
    return (folder / "config.json").is_file()


def _walk(folder: Path) -> Iterator[Path]:
    for where, _, names in os.walk(folder):
        yield from (Path(where) / name for name in names)


def _relative(path: Path, folder: Path) -> Path:
    return (path.parent.resolve() / path.name).relative_to(folder.resolve())


def _is_inside(path: Path, folder: Path) -> bool:
    """Return whether a file is inside a folder, by its own path or by its symlink target."""
    return any(one.is_relative_to(folder.resolve()) for one in (path.parent.resolve() / path.name, path.resolve()))


def _inode(path: Path) -> Inode | None:
    try:
        info = os.stat(path)
    except (OSError, ValueError):
        return None
    return info.st_dev, info.st_ino
