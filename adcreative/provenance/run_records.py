"""What a run folder says, read as something that may come from anywhere: its rows, its settings, and the pictures it names.

A run folder is often a package that somebody sent. A damaged line, a value of another kind or a name that leads out of the
folder is one sentence, never a traceback and never a file of this machine.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from adcreative.errors import CatalogError
from adcreative.provenance.sidecar import write_whole

RESULTS, SETTINGS = "results.jsonl", "results.run.json"
MADE_FROM = "made_from"  # field of a row: hash of the ad that it is about, its words, context and picture
MAX_LINE_BYTES = 4_000_000
MAX_SETTINGS_BYTES = 4_000_000
LOCAL_SETTINGS = ("data", "columns", "images")  # paths of one machine, which are no part of a run's identity
STATUSES = ("edited", "kept", "failed")


def read_rows(run: Path) -> Iterator[dict[str, Any]]:
    """Yield the lines of results.jsonl; a last line that a kill left half-written is no line.

    Raises:
        CatalogError: there is no such file, or a line is not a row of a run.
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
        CatalogError: there are none, or they are damaged.
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
    """Take the paths of the machine that made a run out of its settings: of a package that came from elsewhere none is opened.

    Raises:
        CatalogError: the settings are damaged, or cannot be written.
    """
    kept = {name: value for name, value in read_settings(run).items() if name not in LOCAL_SETTINGS}
    write_whole(run / SETTINGS, (json.dumps(kept, ensure_ascii=False) + "\n").encode())


def find_member(run: Path, name: str) -> Path | None:
    """Return the file of a run folder that a row names, or None when it is not there.

    Raises:
        CatalogError: the name leads out of the folder, or to something that is no file.
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
    """Raise CatalogError unless `path` is a file that ends: no pipe, device or folder."""
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        said = f"{path.parent} is not a folder written by optimize ({path.name}: {reason}). Give the --out of that run."
        raise CatalogError(said) from error
    if not stat.S_ISREG(mode):
        raise CatalogError(f"{path} is no file. Give a folder that optimize wrote.")


def _open(path: Path) -> Any:
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
        if b"\\u" in content or b"\xed" in content:  # half of a letter, which no file name and no file can hold
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise CatalogError(f"{where} is damaged ({str(error)[:100]}). Restore the file, or run optimize again.") from error
    if not isinstance(value, dict):
        raise CatalogError(f"{where} is damaged: no JSON object. Restore the file, or run optimize again.")
    return value


_TEXTS = (
    "file_name", "ad_name", "headline_original", "headline_edited", "description_original", "description_edited", "cta_edited",
    "original_image", "edited_image", "control_image", "consent_id", "reason",
)  # fmt: skip
