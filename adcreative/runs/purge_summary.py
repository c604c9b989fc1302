"""The report of a purge (removed and remaining files), and the only module that deletes files."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

from adcreative.errors import CatalogError

PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".avif")


@dataclass(kw_only=True)
class PurgeSummary:
    """Removed files (paths as given, and bytes), remaining files with the reason, and number of removed cache entries.

    num_rows: emptied rows of results.jsonl. num_failures: removed rows of failure tables.
    removes_originals: also remove the user's own pictures. also: files and folders outside of the run named by the user; files
    that only the run folder points to are removed only there.
    """

    removed: list[str] = field(default_factory=list)
    num_bytes: int = 0
    left: list[str] = field(default_factory=list)
    num_rows: int = 0
    num_failures: int = 0
    num_cached: int = 0
    removes_originals: bool = False
    also: tuple[Path, ...] = ()
    _linked: dict[tuple[int, int], Path] = field(default_factory=dict)

    def is_named(self, path: Path) -> bool:
        """Return whether the user named this path outside of the run, or a folder that contains it."""
        return any(path.resolve().is_relative_to(place.resolve()) for place in self.also)

    def remove(self, path: Path) -> None:
        """Remove a file or a symlink and record it; the target of a symlink is listed, or removed on request.

        Raises:
            CatalogError: the file cannot be removed.
        """
        try:
            info, behind = os.lstat(path), path.resolve() if path.is_symlink() else None
            path.unlink()
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            raise CatalogError(f"{path} cannot be removed ({error.strerror or error}). Check who may write there.") from error
        self.removed.append(str(path))
        self.num_bytes += info.st_size
        if behind is None:
            self._count_names(path, info)
        elif self.removes_originals and self.is_named(behind) and _is_picture(behind):
            self.remove(behind)
        else:
            self.left.append(f"{behind} (behind the link {path}, which was removed; purge it there)")

    def _count_names(self, path: Path, info: os.stat_result) -> None:
        """Record a file with further names (hard links), until the last name is removed too."""
        if info.st_nlink > 1:
            self._linked[info.st_dev, info.st_ino] = path
        else:
            self._linked.pop((info.st_dev, info.st_ino), None)

    def list_linked(self) -> None:
        """List removed files that still exist under another name."""
        said = "(has another name on this disk, a hard link, under which it is still there)"
        self.left += [f"{path} {said}" for path in self._linked.values()]
        self._linked.clear()

    def sentences(self) -> list[str]:
        """Return the summary as sentences for the user."""
        if not (self.removed or self.num_rows or self.num_failures or self.num_cached):
            return ["nothing was left to remove", *(f"left: {name}" for name in self.left)]
        num_files = len(self.removed)
        said = [f"removed {num_files} file{'' if num_files == 1 else 's'} ({self.num_bytes:,} bytes)"] if num_files else []
        said += [f"emptied {self.num_rows} rows of results.jsonl"] if self.num_rows else []
        said += [f"removed {self.num_failures} rows of the failure table"] if self.num_failures else []
        entries = f"{self.num_cached:,} {'entry' if self.num_cached == 1 else 'entries'}"
        said += [f"removed {entries} of the feature cache"] if self.num_cached else []
        return [*said, *(f"  {name}" for name in self.removed), *(f"left: {name}" for name in self.left)]


def _is_picture(path: Path) -> bool:
    return path.suffix.casefold() in PICTURES and is_plain_file(path)


def is_plain_file(path: Path) -> bool:
    """Return whether the path is a regular file and no symlink."""
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except OSError:
        return False
