"""Find the metadata tables of a picture folder, named by the Hugging Face ImageFolder convention, or its only table."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

from adcreative.errors import CatalogError

METADATA_NAMES = tuple(f"metadata.{kind}" for kind in ("csv", "jsonl", "parquet", "xlsx", "xls", "xlsb", "ods"))


def find_metadata(folder: Path) -> list[Path]:
    """Return the metadata tables of a folder: its own, or else those of its subfolders (train/, test/, ...).

    Raises:
        CatalogError: a folder has two metadata tables.
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


def find_sole_table(folder: Path, suffixes: Collection[str]) -> Path | None:
    """Return the only table of a folder without metadata, with any name; None for no table or several.

    Tables written by our own commands do not count: they are recognised by the failure table next to them.
    """
    found = [
        path
        for path in folder.iterdir()
        if path.suffix.casefold() in suffixes and not path.name.startswith(".") and path.is_file()
        if not path.stem.endswith(".failures") and not path.with_name(f"{path.stem}.failures.csv").exists()
    ]
    return found[0] if len(found) == 1 else None


def _list_metadata(folder: Path) -> list[Path]:
    """Return the folder's own metadata table, or an empty list."""
    paths = [folder / name for name in METADATA_NAMES if (folder / name).is_file()]
    if len(paths) > 1:
        names = " and ".join(path.name for path in paths)
        raise CatalogError(f"{folder} has {names}; one is needed. Remove or rename the others.")
    return paths
