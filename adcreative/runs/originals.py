"""The user's own pictures that a run was made from.

Purge lists these pictures, and removes them only on request. Knows catalogues and rows; does not import torch.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

Names = tuple[str, str]  # file_name and ad_name


def find_originals(settings: Mapping[str, Any], rows: Iterable[Mapping[str, Any]], run_dir: Path) -> list[Path]:
    """Return the existing source pictures of the rows that are outside of the run, without duplicates.

    Only regular files inside the run's data or picture folder; names that lead out of these folders are skipped.
    """
    folders = [path if path.is_dir() else path.parent for path in _paths(settings)]
    found: dict[Path, None] = {}
    for row in rows:
        name = PurePosixPath(str(row.get("file_name") or ""))
        if not name.parts or name.is_absolute() or ".." in name.parts or "\0" in str(name):
            continue
        for folder in folders:
            path = folder / name
            if _is_inside(path, folder) and not _is_inside(path, run_dir):
                found[path] = None
    return list(found)


def find_data(settings: Mapping[str, Any]) -> Path | None:
    """Return the path of a run's data, if the data still exists."""
    return next(iter(_paths(settings)), None)


def _paths(settings: Mapping[str, Any]) -> list[Path]:
    named = [settings[name] for name in ("data", "images") if isinstance(settings.get(name), str) and settings[name]]
    return [Path(name) for name in named if os.path.exists(name)]


def _is_inside(path: Path, folder: Path) -> bool:
    """Return whether a path is a regular file (no symlink) inside the folder, also after resolving folder symlinks."""
    try:
        is_file = stat.S_ISREG(os.lstat(path).st_mode)
        return is_file and path.resolve().is_relative_to(folder.resolve())
    except (OSError, ValueError):
        return False
