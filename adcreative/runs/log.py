"""Append-only log of a long run: one JSON object per line, fsynced, so that a killed run can continue.

Only one process at a time writes a log: the lock belongs to the operating system, so a killed process leaves no lock behind.
The module does not interpret the lines. Settings identify a run: a log with other settings is refused, and the message names
both remedies. Memory holds a key and a file offset for each line, never the lines.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, overload

from filelock import FileLock, Timeout

from adcreative.artifacts import dump_json, open_atomically, remove_drafts, unwritable, write_atomically
from adcreative.errors import ConfigError


def lock_run(path: Path) -> FileLock:
    """Take the lock of the log at `path`, held until `unlock_run` or the end of the process.

    Raises:
        ConfigError: another process, or another run of this process, holds the lock.
    """
    lock = FileLock(path.with_name(f".{path.stem.lstrip('.')}.lock"), timeout=0, is_singleton=False)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        raise ConfigError(f"another process is writing {path}; wait until it has ended, or choose another --out") from error
    except OSError as error:
        raise unwritable(path, error) from error
    return lock


def unlock_run(lock: FileLock) -> None:
    """Release the lock and remove its file; a process that waits on the removed file is notified by the lock itself."""
    if lock.is_locked:
        with contextlib.suppress(OSError):
            os.unlink(lock.lock_file)
        lock.release()


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of `path` in the block; see `lock_run`."""
    lock = lock_run(path)
    try:
        yield
    finally:
        unlock_run(lock)


class LoggedRows(Mapping[Any, dict[str, Any]]):
    """The lines of a log by key, in the order of writing; each line is read from disk on access."""

    def __init__(self, path: Path) -> None:
        self.path, self.places = path, dict[Any, int]()

    def __getitem__(self, key: object) -> dict[str, Any]:
        place = self.places[key]
        with self.path.open("rb") as file:
            file.seek(place)
            return dict(json.loads(file.readline()))

    def __contains__(self, key: object) -> bool:
        return key in self.places

    def __iter__(self) -> Iterator[Any]:
        return iter(self.places)

    def __len__(self) -> int:
        return len(self.places)


class RowsInOrder(Sequence[dict[str, Any]]):
    """Selected lines of a log as a sequence; each line is read from disk on access."""

    def __init__(self, rows: Mapping[Any, dict[str, Any]], keys: Sequence[Any]) -> None:
        self.rows, self.keys = rows, keys

    @overload
    def __getitem__(self, number: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, number: slice) -> RowsInOrder: ...
    def __getitem__(self, number: int | slice) -> dict[str, Any] | RowsInOrder:
        return RowsInOrder(self.rows, self.keys[number]) if isinstance(number, slice) else self.rows[self.keys[number]]

    def __len__(self) -> int:
        return len(self.keys)


class RunLog:
    """The log of one run, keyed by the field `key_field` of each line; `rows` reads the existing lines.

    Args:
        path: the .jsonl file; the settings are stored next to it as `<stem>.run.json`.
        settings: values that must be equal for the run to be continued.
        restart: drop an earlier run instead of refusing it.
    Raises:
        ConfigError: the file belongs to a run with other settings and `restart` is off, a line is damaged, or another process
            is writing the file.
        CatalogError: the disk is full, or the folder cannot be written.
    """

    def __init__(self, path: Path, settings: Mapping[str, Any], *, key_field: str, restart: bool = False) -> None:
        self.key_field = key_field
        self.path, self.settings_path = path, _settings_path(path)
        self.rows = LoggedRows(path)
        self._lock = lock_run(path)
        try:
            self._open(settings, restart=restart)
        except OSError as error:
            unlock_run(self._lock)
            raise unwritable(path, error) from error
        except BaseException:
            unlock_run(self._lock)
            raise

    def _open(self, settings: Mapping[str, Any], *, restart: bool) -> None:
        remove_drafts(self.path.parent, {path.name for path in log_files(self.path)}.__contains__)
        if restart:
            self.remove()
        if has_lines(self.path):
            check_settings(self.path, settings)
            self._index()
        else:
            wanted = _plain_settings(settings)
            write_atomically(self.settings_path, dump_json(wanted, indent=1, sort_keys=True).encode())
        self._file = self.path.open("ab", buffering=0)

    def _index(self) -> None:
        """Index the offset of each line; cut off a last line that a kill left half-written."""
        self.rows.places, place = read_places(self.path, self.key_field)
        if place < self.path.stat().st_size:
            with self.path.open("r+b") as file:
                file.truncate(place)

    def append(self, *rows: Mapping[str, Any]) -> None:
        """Append lines and wait until the lines are on disk; when the disk is full, none of the lines is kept.

        Raises:
            CatalogError: the disk is full.
        """
        lines = [dump_json(dict(row)).encode() for row in rows]
        size = os.fstat(self._file.fileno()).st_size
        try:
            for line in lines:
                written = 0
                while written < len(line):
                    written += self._file.write(line[written:])
            os.fsync(self._file.fileno())
        except OSError as error:
            with contextlib.suppress(OSError):
                self._file.truncate(size)
            raise unwritable(self.path, error) from error
        for row, line in zip(rows, lines, strict=True):
            self.rows.places[row[self.key_field]] = size
            size += len(line)

    def sort(self, change: Callable[[dict[str, Any]], Mapping[str, Any]] | None = None) -> None:
        """Sort the lines by key, in one step, since workers finish in any order.

        Args:
            change: function applied to each row; must be idempotent.
        Raises:
            CatalogError: the disk is full; the file is unchanged.
        """
        keys = sorted(self.rows.places)
        if keys != list(self.rows.places) or change is not None:
            self._rewrite((self.rows.places[key], change) for key in keys)

    def rearrange(self, places: Mapping[int, int]) -> None:
        """Keep only the named lines and give them new keys, in one step. places: new key -> current key.

        Raises:
            CatalogError: the disk is full; the file is unchanged.
        """
        if any(new != old for new, old in places.items()) or len(places) < len(self.rows.places):
            chosen = ((self.rows.places[old], partial(_renamed, self.key_field, new)) for new, old in sorted(places.items()))
            self._rewrite(chosen)

    def _rewrite(self, lines: Iterable[tuple[int, Callable[[dict[str, Any]], Mapping[str, Any]] | None]]) -> None:
        """Rewrite the file from (offset, change) pairs: the offset of each line, and the function applied to it."""
        is_private = not self.path.stat().st_mode & 0o077
        try:
            with self.path.open("rb") as old, open_atomically(self.path, is_private=is_private) as draft:
                for place, change in lines:
                    old.seek(place)
                    line = old.readline()
                    draft.write(line if change is None else dump_json(dict(change(json.loads(line)))).encode())
        except OSError as error:
            raise unwritable(self.path, error) from error
        self._file.close()
        self._file = self.path.open("ab", buffering=0)
        self._index()

    def close(self) -> None:
        """Release the log. An empty log is removed, since there is nothing to continue."""
        self._file.close()
        if not self.rows.places:
            self.remove()
        unlock_run(self._lock)

    def remove(self) -> None:
        """Delete the log and its settings."""
        self.path.unlink(missing_ok=True)
        self.settings_path.unlink(missing_ok=True)

    def __enter__(self) -> RunLog:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def log_files(path: Path) -> tuple[Path, Path]:
    """Return the files of the log at `path`: its lines and its settings."""
    return path, _settings_path(path)


def has_lines(path: Path) -> bool:
    """Return whether the log at `path` has any line: an empty log may be begun anew, under any settings."""
    return path.exists() and path.stat().st_size > 0


def check_settings(path: Path, settings: Mapping[str, Any]) -> None:
    """Refuse a log that was written under other settings; reads only.

    Raises:
        ConfigError: the settings differ; the message names the differing settings.
    """
    wanted, settings_path = _plain_settings(settings), _settings_path(path)
    found = _read_settings(settings_path) if settings_path.exists() else None
    if found != wanted:
        changed = sorted(k for k in {*wanted, *(found or {})} if (found or {}).get(k) != wanted.get(k))
        raise ConfigError(
            f"{path} belongs to a run with other settings ({', '.join(changed)}); "
            "choose another --out, or start over with --restart"
        )


def _read_settings(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is damaged ({error}); choose another --out, or start over with --restart") from error
    return found if isinstance(found, dict) else {}


def read_places(path: Path, key_field: str) -> tuple[dict[Any, int], int]:
    """Return the offset of each whole line of a log, by key, and the end of the last whole line; reads only.

    Raises:
        ConfigError: a line in the middle is damaged (a killed run only damages the last line).
    """
    places: dict[Any, int] = {}
    place = 0
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                break
            try:
                key = json.loads(line)[key_field]
                if isinstance(key, bool) or not isinstance(key, int | str):
                    raise TypeError(f"{key_field} is {key!r}")  # treated like a line that is not JSON
                places[key] = place
            except (ValueError, KeyError, TypeError, RecursionError) as error:
                raise ConfigError(
                    f"line {number} of {path} is damaged; choose another --out, or start over with --restart"
                ) from error
            place += len(line)
    return places, place


def _renamed(field: str, key: int, row: Mapping[str, Any]) -> dict[str, Any]:
    return {**row, field: key}


def _settings_path(path: Path) -> Path:
    return path.with_name(f"{path.stem}.run.json")


def _plain_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    return dict(json.loads(json.dumps(settings, sort_keys=True, default=str)))
