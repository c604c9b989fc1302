"""An append-only record of a long run: one JSON object a line, fsynced, so that a killed run continues where it was.

One process at a time writes it: the lock is the operating system's, so a killed process leaves none behind. Knows nothing of
what the lines mean. A run is identified by its settings: a log written under other settings is not continued but refused, with
both remedies in the message.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from adcreative.errors import CatalogError, ConfigError


def lock_run(path: Path) -> FileLock:
    """Take the lock of the log at `path`, held until `unlock_run` or the end of the process.

    Raises:
        ConfigError: another process, or another run of this one, holds it.
    """
    lock = FileLock(path.with_name(f".{path.stem.lstrip('.')}.lock"), timeout=0, is_singleton=False)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        raise ConfigError(f"another process is writing {path}; wait until it has ended, or choose another --out") from error
    except OSError as error:
        raise _unwritable(path, error) from error
    return lock


def unlock_run(lock: FileLock) -> None:
    """Give the lock back and remove its file; who waits on the removed file is told so by the lock itself."""
    if lock.is_locked:
        with contextlib.suppress(OSError):
            os.unlink(lock.lock_file)
        lock.release()


def _unwritable(path: Path, error: OSError) -> CatalogError:
    remedy = "Free some space, or choose another place; the same command goes on where it was."
    return CatalogError(f"{path} cannot be written ({error.strerror or error}). {remedy}")


class RunLog:
    """Lines of one run, keyed by their field `key_field`; `rows` holds what is already there.

    Args:
        path: the .jsonl file; its settings lie beside it as `<stem>.run.json`.
        settings: what must be equal for the run to be continued.
        restart: drop an earlier run instead of refusing it.
    Raises:
        ConfigError: the file belongs to a run with other settings and `restart` is off, or another process is writing it.
        CatalogError: the disk is full, or the folder cannot be written.
    """

    def __init__(self, path: Path, settings: Mapping[str, Any], *, key_field: str, restart: bool = False) -> None:
        self.key_field = key_field
        self.path, self.settings_path = path, path.with_name(f"{path.stem}.run.json")
        self.rows: dict[Any, dict[str, Any]] = {}
        self._lock = lock_run(path)
        try:
            self._open(settings, restart=restart)
        except OSError as error:
            unlock_run(self._lock)
            raise _unwritable(path, error) from error
        except BaseException:
            unlock_run(self._lock)
            raise

    def _open(self, settings: Mapping[str, Any], *, restart: bool) -> None:
        path = self.path
        wanted = json.loads(json.dumps(settings, sort_keys=True, default=str))
        if restart:
            self.remove()
        if path.exists():
            found = json.loads(self.settings_path.read_text()) if self.settings_path.exists() else None
            if found != wanted:
                changed = sorted(k for k in {*wanted, *(found or {})} if (found or {}).get(k) != wanted.get(k))
                raise ConfigError(
                    f"{path} belongs to a run with other settings ({', '.join(changed)}); "
                    "choose another --out, or start over with --restart"
                )
            self._read()
        else:
            self.settings_path.write_text(json.dumps(wanted, indent=1, sort_keys=True) + "\n")
        self._file = path.open("ab", buffering=0)

    def _read(self) -> None:
        """Read complete lines; cut off a last line that a kill left half-written."""
        content = self.path.read_bytes()
        complete = content[: content.rfind(b"\n") + 1]
        if len(complete) < len(content):
            with self.path.open("r+b") as file:
                file.truncate(len(complete))
        for line in complete.decode("utf-8").splitlines():
            entry = json.loads(line)
            self.rows[entry[self.key_field]] = entry

    def append(self, row: Mapping[str, Any]) -> None:
        """Add one line and wait until it is on disk; one that does not fit is taken back whole.

        Raises:
            CatalogError: the disk is full.
        """
        line = (json.dumps(row, ensure_ascii=False) + "\n").encode()
        size = os.fstat(self._file.fileno()).st_size
        try:
            written = 0
            while written < len(line):
                written += self._file.write(line[written:])
            os.fsync(self._file.fileno())
        except OSError as error:
            with contextlib.suppress(OSError):
                self._file.truncate(size)
            raise _unwritable(self.path, error) from error
        self.rows[row[self.key_field]] = dict(row)

    def close(self) -> None:
        self._file.close()
        unlock_run(self._lock)

    def remove(self) -> None:
        """Delete the log and its settings."""
        self.path.unlink(missing_ok=True)
        self.settings_path.unlink(missing_ok=True)

    def __enter__(self) -> RunLog:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
