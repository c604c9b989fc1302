"""The metadata tables of a folder of pictures, as the Hugging Face ImageFolder convention names them, or its only table."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

from adcreative.errors import CatalogError

METADATA_NAMES = ("metadata.csv", "metadata.jsonl", "metadata.parquet", "metadata.xlsx")


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


def find_sole_table(folder: Path, suffixes: Collection[str]) -> Path | None:
    """Return the one table of a folder without metadata, by whatever name; None where there is none, or several.

    What our own commands write beside the pictures does not count: each of their tables has its failures beside it.
    """
    found = [
        path
        for path in folder.iterdir()
        if path.suffix.casefold() in suffixes and not path.name.startswith(".") and path.is_file()
        if not path.stem.endswith(".failures") and not path.with_name(f"{path.stem}.failures.csv").exists()
    ]
    return found[0] if len(found) == 1 else None


def _list_metadata(folder: Path) -> list[Path]:
    """Return the folder's own metadata table, or nothing."""
    paths = [folder / name for name in METADATA_NAMES if (folder / name).is_file()]
    if len(paths) > 1:
        names = " and ".join(path.name for path in paths)
        raise CatalogError(f"{folder} has {names}; one is needed. Remove or rename the others.")
    return paths
