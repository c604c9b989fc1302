"""A folder with records in SQLite and files next to the database, persistent across restarts, crashes and browsers.

A record may hold paths below the folder: files named by their content hash, shared between records, and whole folders such as a
trained model. A path is deleted when its last record is deleted. Rows and the list of paths to delete change in one
transaction, so that deletion after a kill is completed by the next process.

Source: SQLite documentation, "Write-Ahead Logging" and PRAGMA secure_delete (deleted content is overwritten).
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adcreative.creative import fold_consent_id, split_consent_ids
from adcreative.errors import ConfigError
from adcreative.provenance.sidecar import write_whole

DATABASE, FILES = "workspace.db", "files"
KINDS = ("ad", "version", "approval", "test", "model", "setting")
VERSION = 1  # version of the tables
BUSY_S = 10.0  # seconds to wait for another process that writes
_TABLES = """
CREATE TABLE IF NOT EXISTS records(
    kind TEXT NOT NULL, name TEXT NOT NULL, parent TEXT NOT NULL, changed_s REAL NOT NULL, data TEXT NOT NULL,
    PRIMARY KEY(kind, name)
);
CREATE INDEX IF NOT EXISTS by_parent ON records(parent);
CREATE TABLE IF NOT EXISTS holds(
    kind TEXT NOT NULL, name TEXT NOT NULL, path TEXT NOT NULL, PRIMARY KEY(kind, name, path),
    FOREIGN KEY(kind, name) REFERENCES records(kind, name) ON DELETE CASCADE
);
CREATE INDEX IF NOT EXISTS by_path ON holds(path);
CREATE TABLE IF NOT EXISTS people(
    kind TEXT NOT NULL, name TEXT NOT NULL, person TEXT NOT NULL, PRIMARY KEY(kind, name, person),
    FOREIGN KEY(kind, name) REFERENCES records(kind, name) ON DELETE CASCADE
);
CREATE TABLE IF NOT EXISTS leaving(path TEXT PRIMARY KEY);
"""
# a record and all its descendants
_FAMILY = """
WITH RECURSIVE family(kind, name) AS (
    SELECT kind, name FROM records WHERE kind = ? AND name = ?
    UNION SELECT child.kind, child.name FROM records child JOIN family ON child.parent = family.kind || '/' || family.name
)
"""


@dataclass(frozen=True, kw_only=True)
class Record:
    """One record: its kind (of KINDS) and name, its data (JSON), "kind/name" of its parent, the time of the last change
    (seconds since 1970), and the paths it holds."""

    kind: str
    name: str
    data: dict[str, Any]
    parent: str = ""
    changed_s: float = 0.0
    paths: tuple[Path, ...] = field(default=())


class Workspace:
    """The records below a folder, which only its user may enter. Several threads and processes may share a workspace.

        workspace = Workspace(Path("my ads"))
        picture = workspace.keep_file(Path("shoe.jpg").read_bytes(), "shoe.jpg")
        workspace.put("ad", "shoe", {"headline": "Run further"}, paths=[picture])

    Raises:
        ConfigError: the folder cannot be created, is not a workspace, or was written by a later version.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(os.path.abspath(folder))
        self._lock = threading.RLock()
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.folder.chmod(0o700)
            (self.folder / DATABASE).touch(mode=0o600)
            self._db = sqlite3.connect(self.folder / DATABASE, timeout=BUSY_S, check_same_thread=False, isolation_level=None)
            version = int(self._db.execute("PRAGMA user_version").fetchone()[0])
            if version > VERSION:
                raise ConfigError(
                    f"{self.folder} was written by a later version of adcreative. Update it, or name another folder."
                )
            for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "secure_delete=ON"):
                self._db.execute(f"PRAGMA {pragma}")
            self._db.executescript(f"{_TABLES} PRAGMA user_version = {VERSION};")
        except (OSError, sqlite3.Error) as error:
            raise ConfigError(f"{self.folder} cannot be used as a workspace ({error}). Name another folder.") from error
        self._delete_leaving()

    def put(
        self,
        kind: str,
        name: str,
        data: Mapping[str, Any],
        *,
        parent: tuple[str, str] | None = None,
        consent_id: str = "",
        paths: Iterable[Path] = (),
    ) -> None:
        """Store a record, replacing an earlier record of the same name; paths that only the earlier record held are deleted.

        Args:
            parent: kind and name of the parent record; deleting the parent deletes this record.
            consent_id: consent ids of the people shown, as in a creative: deleting one of these people deletes the record.
            paths: files or folders below the workspace.
        Raises:
            ConfigError: an unknown kind, an empty name, a path outside of the workspace, or a parent that does not exist.
        """
        if kind not in KINDS or not name:
            raise ConfigError(f'a record has a name and is one of {", ".join(KINDS)}; got "{kind}", "{name}".')
        held = {self._inside(path) for path in paths}
        with self._change() as db:
            if parent is not None and not db.execute("SELECT 1 FROM records WHERE kind = ? AND name = ?", parent).fetchone():
                raise ConfigError(f"there is no {parent[0]} {parent[1]} that {kind} {name} could belong to.")
            before = {path for (path,) in db.execute("SELECT path FROM holds WHERE kind = ? AND name = ?", (kind, name))}
            db.execute(
                "INSERT INTO records VALUES(?, ?, ?, ?, ?) ON CONFLICT(kind, name) DO UPDATE SET"
                " parent = excluded.parent, changed_s = excluded.changed_s, data = excluded.data",
                (kind, name, "/".join(parent or ()), time.time(), json.dumps(data, ensure_ascii=False)),
            )
            for table, values in (("holds", held), ("people", split_consent_ids(consent_id))):
                db.execute(f"DELETE FROM {table} WHERE kind = ? AND name = ?", (kind, name))
                db.executemany(f"INSERT OR IGNORE INTO {table} VALUES(?, ?, ?)", [(kind, name, one) for one in values])
            db.executemany("DELETE FROM leaving WHERE path = ?", [(path,) for path in held])
            self._let_go(db, before - held)

    def find(self, kind: str, name: str) -> Record | None:
        """Return a record, or None if there is none."""
        return next(self._select("kind = ? AND name = ?", (kind, name)), None)

    def find_all(self, kind: str, parent: tuple[str, str] | None = None) -> list[Record]:
        """Return the records of a kind, optionally only children of `parent`, latest first."""
        if parent is None:
            return list(self._select("kind = ?", (kind,)))
        return list(self._select("kind = ? AND parent = ?", (kind, "/".join(parent))))

    def delete(self, kind: str, name: str) -> int:
        """Delete a record, its descendants, and every path that no other record holds; return the number of deleted records."""
        with self._change() as db:
            family = db.execute(f"{_FAMILY} SELECT kind, name FROM family", (kind, name)).fetchall()
            marks: set[str] = set()
            for one in family:
                marks |= {path for (path,) in db.execute("SELECT path FROM holds WHERE kind = ? AND name = ?", one)}
                db.execute("DELETE FROM records WHERE kind = ? AND name = ?", one)
            self._let_go(db, marks)
        if family:
            with self._lock:
                self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # the log must not keep deleted content
        return len(family)

    def delete_person(self, consent_id: str) -> int:
        """Delete every record of a person's consent id, with descendants; return the number of deleted records."""
        person = fold_consent_id(consent_id)
        with self._lock:
            rows = self._db.execute("SELECT kind, name FROM people WHERE person = ?", (person,)).fetchall()
        return sum(self.delete(kind, name) for kind, name in rows)

    def delete_all(self) -> int:
        """Delete all records with their paths; return the number of deleted records."""
        return sum(self.delete(record.kind, record.name) for kind in KINDS for record in self.find_all(kind))

    def keep_file(self, content: bytes, name: str) -> Path:
        """Store a file under the hash of its content and return its path; it is kept as long as a record holds it.

        name: only its suffix is kept.
        """
        digest = hashlib.sha256(content).hexdigest()
        ending = re.sub(r"[^a-z0-9]", "", Path(name).suffix.casefold())[:8]
        path = self.folder / FILES / digest[:2] / f"{digest}{'.' * bool(ending)}{ending}"
        if not path.is_file() or path.stat().st_size != len(content):
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_whole(path, content)
        return path

    def close(self) -> None:
        with self._lock:
            self._db.close()

    def _select(self, where: str, values: tuple[str, ...]) -> Iterator[Record]:
        with self._lock:
            rows = self._db.execute(f"SELECT * FROM records WHERE {where} ORDER BY changed_s DESC, name", values).fetchall()
            holds = [
                self._db.execute("SELECT path FROM holds WHERE kind = ? AND name = ? ORDER BY path", row[:2]).fetchall()
                for row in rows
            ]
        for (kind, name, parent, changed_s, data), paths in zip(rows, holds, strict=True):
            yield Record(
                kind=kind,
                name=name,
                parent=parent,
                changed_s=changed_s,
                data=json.loads(data),
                paths=tuple(self.folder / path for (path,) in paths),
            )

    @contextmanager
    def _change(self) -> Iterator[sqlite3.Connection]:
        """Change rows inside the block, all or none; then delete paths that no record holds any more."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")
        self._delete_leaving()

    def _let_go(self, db: sqlite3.Connection, paths: Iterable[str]) -> None:
        """Mark paths for deletion, except paths that a record still holds, or that contain or are inside a held path."""
        for path in paths:
            if not self._is_held(db, path):
                db.execute("INSERT OR IGNORE INTO leaving VALUES(?)", (path,))

    @staticmethod
    def _is_held(db: sqlite3.Connection, path: str) -> bool:
        held = "SELECT 1 FROM holds WHERE path = ?1 OR substr(path, 1, length(?1) + 1) = ?1 || '/'"
        return db.execute(f"{held} OR substr(?1, 1, length(path) + 1) = path || '/'", (path,)).fetchone() is not None

    def _delete_leaving(self) -> None:
        with self._lock:
            for (path,) in self._db.execute("SELECT path FROM leaving").fetchall():
                if not self._is_held(self._db, path):
                    _remove(self.folder / path)
                self._db.execute("DELETE FROM leaving WHERE path = ?", (path,))

    def _inside(self, path: Path) -> str:
        """Return a path relative to the folder, as stored in the database.

        Raises:
            ConfigError: the path is outside, the folder itself, the database, or leads through a symlink.
        """
        plain = Path(os.path.normpath(self.folder / path))
        is_inside = plain.is_relative_to(self.folder) and plain.resolve() == self.folder.resolve() / plain.relative_to(
            self.folder
        )
        found = plain.relative_to(self.folder).as_posix() if is_inside else ""
        if found in ("", ".", FILES) or found.startswith(DATABASE):
            raise ConfigError(f"{path} does not lie in the workspace {self.folder}, so it cannot be kept there.")
        return found


def is_workspace(folder: Path) -> bool:
    """Return whether a folder is a workspace."""
    return (folder / DATABASE).is_file() and not (folder / DATABASE).is_symlink()


def _remove(path: Path) -> None:
    """Delete a file or a folder, never the target of a symlink."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
