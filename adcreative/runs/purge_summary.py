"""What a purge removed and what it left: a list to read, and the only place that deletes a file."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

from adcreative.errors import CatalogError

PICTURES = (".png", ".jpg", ".jpeg", ".webp")


@dataclass(kw_only=True)
class PurgeSummary:
    """What was removed (paths as given, and bytes), what was left on purpose and why, and how many cache entries went.

    num_rows: of results.jsonl, emptied. num_failures: of failure tables, removed.
    num_cached_older: entries that do not say whose they are, and were removed with a person's.
    removes_originals: remove the user's own pictures too, those behind links among them.
    """

    removed: list[str] = field(default_factory=list)
    num_bytes: int = 0
    left: list[str] = field(default_factory=list)
    num_rows: int = 0
    num_failures: int = 0
    num_cached: int = 0
    num_cached_older: int = 0
    removes_originals: bool = False

    def remove(self, path: Path) -> None:
        """Remove a file, or a link itself, and note what went; what lies behind a link is listed, or removed when told to.

        Raises:
            CatalogError: it cannot be removed.
        """
        try:
            size, behind = os.lstat(path).st_size, path.resolve() if path.is_symlink() else None
            path.unlink()
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            raise CatalogError(f"{path} cannot be removed ({error.strerror or error}). Check who may write there.") from error
        self.removed.append(str(path))
        self.num_bytes += size
        if behind is None:
            return
        if self.removes_originals and behind.suffix.casefold() in PICTURES and is_plain_file(behind):
            self.remove(behind)
        else:
            self.left.append(f"{behind} (behind the link {path}, which was removed; purge it there)")

    def sentences(self) -> list[str]:
        """Say it for people."""
        if not (self.removed or self.num_rows or self.num_failures or self.num_cached or self.num_cached_older):
            return ["nothing was left to remove", *(f"left: {name}" for name in self.left)]
        num_files = len(self.removed)
        said = [f"removed {num_files} file{'' if num_files == 1 else 's'} ({self.num_bytes:,} bytes)"] if num_files else []
        said += [f"emptied {self.num_rows} rows of results.jsonl"] if self.num_rows else []
        said += [f"removed {self.num_failures} rows of the failure table"] if self.num_failures else []
        said += [f"removed {_entries(self.num_cached)} of the feature cache"] if self.num_cached else []
        if self.num_cached_older:
            said.append(
                f"removed {_entries(self.num_cached_older, 'older ')} of the feature cache as well: written by an earlier "
                "version, which did not note whose pictures it saw"
            )
        return [*said, *(f"  {name}" for name in self.removed), *(f"left: {name}" for name in self.left)]


def _entries(count: int, kind: str = "") -> str:
    return f"{count:,} {kind}{'entry' if count == 1 else 'entries'}"


def is_plain_file(path: Path) -> bool:
    """True for a file that is no link."""
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except OSError:
        return False
