"""The user's own data that a run was made from: which of its pictures it was made of.

They are the user's, not the run's: purge lists them, and removes them when told to. Knows catalogues and rows; loads no torch.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

Names = tuple[str, str]  # file_name and ad_name


def find_originals(settings: Mapping[str, Any], rows: Iterable[Mapping[str, Any]], run_dir: Path) -> list[Path]:
    """Return the pictures outside of the run that its rows were made from, those that are there, each once.

    Only plain files inside the run's data or its folder of pictures; a name that leads out of them is no original.
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
    """Return where the data of a run lie, when they are still there."""
    return next(iter(_paths(settings)), None)


def _paths(settings: Mapping[str, Any]) -> list[Path]:
    named = [settings[name] for name in ("data", "images") if isinstance(settings.get(name), str) and settings[name]]
    return [Path(name) for name in named if os.path.exists(name)]


def _is_inside(path: Path, folder: Path) -> bool:
    """True for a plain file, no link, that lies in the folder also after links of folders are followed."""
    try:
        is_file = stat.S_ISREG(os.lstat(path).st_mode)
        return is_file and path.resolve().is_relative_to(folder.resolve())
    except (OSError, ValueError):
        return False
