"""Ownership of files, so that "delete my ad" deletes all of them: uploads, results, and copies made by the server.

The server stores uploads and downloads in folders named by content, which two visitors with the same picture share: a
file is deleted with its last owner. Independent of pages and models.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import shutil
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from adcreative.provenance.sidecar import write_whole

from .owners import home_of, is_kept

RESULTS, DEMOS, FEATURES = "results", "demos", "features"


@dataclass(frozen=True, kw_only=True)
class Belongings:
    """The files below one private folder. result_dir holds a folder for each owner; so does `demos` next to it.

    kept_dir: the permanent folder of owners in a workspace.
    """

    result_dir: Path
    kept_dir: Path | None = None
    _uploads: dict[str, set[Path]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, owner: str, *paths: str | Path | None) -> None:
        """Register files as uploads of the owner; files outside the private folder are ignored, and never deleted."""
        ours = {Path(path).resolve() for path in paths if path}
        ours = {path for path in ours if path.is_relative_to(self.result_dir.parent.resolve())}
        if ours:
            with self._lock:
                self._uploads.setdefault(owner, set()).update(ours)

    def has_any(self, owner: str) -> bool:
        """Return whether the owner has any data that is deleted at the end of the visit."""
        return any(folder.exists() for folder in self._own(owner)) or owner in self._uploads

    def _own(self, owner: str) -> list[Path]:
        """Return the folders deleted with the owner: for a tab in a workspace, only the tab's own."""
        return [self.lent_dir(owner), *([] if is_kept(owner) else [self.owner_dir(owner)])]

    def owner_dir(self, owner: str) -> Path:
        """Return the folder of the owner's results."""
        if is_kept(owner) and self.kept_dir is not None:
            return self.kept_dir
        return self.result_dir / folder_name(home_of(owner))

    def lent_dir(self, owner: str) -> Path:
        """Return the folder of pictures that the app itself puts into the form: they count as uploads of the owner."""
        return self.result_dir.with_name(DEMOS) / folder_name(owner)

    def lend(self, owner: str, name: str, content: bytes) -> Path:
        """Store a picture for the form in a folder named by its content, like an upload: a page identifies pictures by their
        paths, so paths must be unique."""
        path = self.lent_dir(owner) / hashlib.sha256(content).hexdigest() / name
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_whole(path, content)
        return path

    def erase(self, owner: str, also: Sequence[Path] = ()) -> None:
        """Delete the owner's uploads and results, and every copy of them without another owner.

        also: files and folders whose copies are deleted too; the folders themselves are deleted.
        """
        with self._lock:
            uploads = self._uploads.pop(owner, set())
            held = set().union(*self._uploads.values()) if self._uploads else set()
        folders = self._own(owner)
        named = [path for place in also for path in ([place] if place.is_file() else _files(place))]
        files = [path for folder in folders for path in _files(folder)] + [path for path in uploads if path.is_file()] + named
        digests = {(path.stat().st_size, digest_file(path)) for path in files}
        sizes = {size for size, _ in digests}
        for folder in (*folders, *(place for place in also if place.is_dir())):
            shutil.rmtree(folder, ignore_errors=True)
        digests -= self._held(sizes)
        for path in self._copies():
            if path.resolve() in held:
                continue
            with contextlib.suppress(OSError):  # the server's own clean-up may have been faster
                size = path.stat().st_size
                if path.resolve() in uploads or (size in sizes and (size, digest_file(path)) in digests):
                    path.unlink(missing_ok=True)
                    path.parent.rmdir()  # fails, which is ignored, for a folder with another file

    def _held(self, sizes: set[int]) -> set[tuple[int, str]]:
        """Return size in bytes and digest of the files of these sizes in any owner's folder."""
        held = set()
        for path in [*_files(self.result_dir), *_files(self.result_dir.with_name(DEMOS))]:
            with contextlib.suppress(OSError):  # replaced during the scan
                if (size := path.stat().st_size) in sizes:
                    held.add((size, digest_file(path)))
        return held

    def _copies(self) -> Iterable[Path]:
        """Return the server's files outside the folders of owners."""
        root = self.result_dir.parent
        for place in root.iterdir() if root.is_dir() else ():
            if place.name not in (self.result_dir.name, DEMOS, FEATURES):
                yield from [place] if place.is_file() else _files(place)


def folder_name(owner: str) -> str:
    """Return the name of the owner's folders."""
    return re.sub(r"\W", "", owner or "session")


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]


def digest_file(path: Path) -> str:
    """Return a file's sha256."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
