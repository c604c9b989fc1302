"""Read a run folder as untrusted input: its rows, its settings, and the pictures in its rows.

A run folder is often a package from somebody else. A damaged line, a value of the wrong type or a path out of the folder gives
an error with one sentence, never a traceback and never another file of this machine.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from adcreative.errors import CatalogError
from adcreative.provenance.sidecar import write_whole

RESULTS, SETTINGS = "results.jsonl", "results.run.json"
MADE_FROM = "made_from"  # field of a row: hash of the ad's words, context and picture
MAX_LINE_BYTES = 4_000_000
MAX_SETTINGS_BYTES = 4_000_000
LOCAL_SETTINGS = ("data", "columns", "images")  # paths of one machine, which do not identify a run
STATUSES = ("edited", "kept", "failed")


def read_rows(run: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of results.jsonl; a last line half-written by a kill is skipped.

    Raises:
        CatalogError: the file is missing, or a line is not a row of a run.
    """
    path = run / RESULTS
    check_regular(path)
    with _open(path) as file:
        for number in range(1, 10**9):
            line = file.readline(MAX_LINE_BYTES)
            if not line.endswith(b"\n"):
                if len(line) == MAX_LINE_BYTES:
                    raise CatalogError(
                        f"line {number} of {path} has more than {MAX_LINE_BYTES:,} bytes and is no row of a run."
                    )
                return
            if line.strip():
                yield _read_row(line, f"line {number} of {path}")


def read_settings(run: Path) -> dict[str, Any]:
    """Return the settings of a run (results.run.json).

    Raises:
        CatalogError: the settings are missing or damaged.
    """
    path = run / SETTINGS
    check_regular(path)
    with _open(path) as file:
        content = file.read(MAX_SETTINGS_BYTES + 1)
    settings = _parse(content, str(path))
    if len(content) > MAX_SETTINGS_BYTES:
        raise CatalogError(f"{path} is too large for the settings of a run. Restore it, or run optimize again.")
    return settings


def forget_paths(run: Path) -> None:
    """Remove the paths of another machine from a run's settings: no path of a received package is ever opened.

    Raises:
        CatalogError: the settings are damaged, or cannot be written.
    """
    kept = {name: value for name, value in read_settings(run).items() if name not in LOCAL_SETTINGS}
    write_whole(run / SETTINGS, (json.dumps(kept, ensure_ascii=False) + "\n").encode())


def find_member(run: Path, name: str) -> Path | None:
    """Return the file of a run folder that a row names, or None if the file is missing.

    Raises:
        CatalogError: the name leads out of the folder, or to something other than a file.
    """
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if not parts or PurePosixPath(name).is_absolute() or ".." in parts or ":" in parts[0] or "\0" in name:
        raise CatalogError(f"{run} names the picture {name[:80]!r}, which is not inside it; restore {RESULTS}.")
    path = run.joinpath(*parts)
    if not path.resolve().is_relative_to(run.resolve()):
        raise CatalogError(f"{run} names the picture {name[:80]!r}, a link that leads out of it; restore {RESULTS}.")
    if not os.path.lexists(path):
        return None
    check_regular(path)
    return path


def check_regular(path: Path) -> None:
    """Raise CatalogError unless `path` is a regular file: no pipe, device or folder."""
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        said = f"{path.parent} is not a folder written by optimize ({path.name}: {reason}). Give the --out of that run."
        raise CatalogError(said) from error
    if not stat.S_ISREG(mode):
        raise CatalogError(f"{path} is no file. Give a folder that optimize wrote.")


def _open(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise CatalogError(f"{path} cannot be read ({error.strerror or error}). Check who may read it.") from error


def _read_row(line: bytes, where: str) -> dict[str, Any]:
    row = _parse(line, where)
    is_row = isinstance(row.get("row"), int) and row.get("status") in STATUSES
    is_text = all(isinstance(row.get(name, ""), str) for name in _TEXTS)
    edits = row.get("edits", [])
    if not is_row or not is_text or not isinstance(edits, list) or not all(isinstance(edit, dict) for edit in edits):
        raise CatalogError(f"{where} is no row of a run. Restore the file, or run optimize again.")
    return row


def _parse(content: bytes, where: str) -> dict[str, Any]:
    try:
        value = json.loads(content)
        if b"\\u" in content or b"\xed" in content:  # a lone surrogate, which no file name and no file can hold
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise CatalogError(f"{where} is damaged ({str(error)[:100]}). Restore the file, or run optimize again.") from error
    if not isinstance(value, dict):
        raise CatalogError(f"{where} is damaged: no JSON object. Restore the file, or run optimize again.")
    return value


_TEXTS = (
    "file_name",
    "ad_name",
    "headline_original",
    "headline_edited",
    "description_original",
    "description_edited",
    "cta_edited",
    "original_image",
    "edited_image",
    "control_image",
    "consent_id",
    "reason",
)
