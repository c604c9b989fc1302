"""The metadata tables of a folder of pictures, as the Hugging Face ImageFolder convention names them."""

from __future__ import annotations

import os
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


def _list_metadata(folder: Path) -> list[Path]:
    """Return the folder's own metadata table, or nothing."""
    paths = [folder / name for name in METADATA_NAMES if (folder / name).is_file()]
    if len(paths) > 1:
        names = " and ".join(path.name for path in paths)
        raise CatalogError(f"{folder} has {names}; one is needed. Remove or rename the others.")
    return paths
