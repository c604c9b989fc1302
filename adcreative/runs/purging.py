"""Remove what was kept of people: the pictures, rows and sidecars of one person or of a whole run, and the feature cache.

Only folders that `optimize` or `demo` wrote are touched, and in them only files that they write. Links are removed or left,
never followed. The feature cache holds face codes by content, those of every edit that was tried among them, and knows with
which consent ids a picture was seen: of one person only those entries go; otherwise it is emptied as a whole. Doing it twice
removes nothing more and says so.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from adcreative.creative import EditResult, split_consent_ids
from adcreative.errors import CatalogError, ConfigError
from adcreative.features.cache import FeatureCache
from adcreative.provenance.sidecar import SUFFIX, write_whole
from adcreative.runs.log import lock_run, unlock_run

RUN_FILES = ("results.jsonl", "report.html", "failures.csv", "truth.json", "planted-truth.json")
MARKER, TOMBSTONE = "results.run.json", "purged.json"
REASON = "removed on request (purge)"
_PICTURES = (".png", ".jpg", ".jpeg", ".webp")


@dataclass(kw_only=True)
class PurgeSummary:
    """What was removed (paths as given, and bytes), what was left on purpose and why, and how many cache entries went.

    num_cached_older: entries that do not say whose they are, and were removed with a person's.
    """

    removed: list[str] = field(default_factory=list)
    num_bytes: int = 0
    left: list[str] = field(default_factory=list)
    num_rows: int = 0
    num_cached: int = 0
    num_cached_older: int = 0

    def sentences(self) -> list[str]:
        """Say it for people."""
        if not (self.removed or self.num_rows or self.num_cached or self.num_cached_older):
            return ["nothing was left to remove", *(f"left: {name}" for name in self.left)]
        num_files = len(self.removed)
        said = [f"removed {num_files} file{'' if num_files == 1 else 's'} ({self.num_bytes:,} bytes)"] if num_files else []
        said += [f"emptied {self.num_rows} rows of results.jsonl"] if self.num_rows else []
        said += [f"removed {_entries(self.num_cached)} of the feature cache"] if self.num_cached else []
        if self.num_cached_older:
            said.append(
                f"removed {_entries(self.num_cached_older, 'older ')} of the feature cache as well: written by an earlier "
                "version, which did not note whose pictures it saw"
            )
        return [*said, *(f"  {name}" for name in self.removed), *(f"left: {name}" for name in self.left)]


def _entries(count: int, kind: str = "") -> str:
    return f"{count:,} {kind}{'entry' if count == 1 else 'entries'}"


def purge_cache(cache_dir: Path, summary: PurgeSummary, *, consent_id: str = "") -> None:
    """Remove from the feature cache what was found in pictures seen with a consent id; without one, everything.

    A cache folder that is a link is left.
    """
    if cache_dir.is_symlink():
        summary.left.append(f"{cache_dir} (a link; purge where it leads)")
        return
    if consent_id:
        removed, older = FeatureCache(cache_dir).purge_person(consent_id)
        summary.num_cached, summary.num_cached_older = summary.num_cached + removed, summary.num_cached_older + older
    else:
        summary.num_cached += FeatureCache(cache_dir).purge()


def purge_run(run_dir: Path, summary: PurgeSummary) -> None:
    """Remove a run folder: everything that a run wrote; the folder itself when nothing else is in it.

    Raises:
        ConfigError: the folder is a link, was not written by a run, or a run is writing it.
    """
    if not _is_ours(run_dir):
        return
    lock = lock_run(run_dir / "results.jsonl")
    try:
        is_demo = _is_file(run_dir / "planted-truth.json")
        folders = ["images", *(["creatives"] if is_demo else [])]
        for name in folders:
            _remove_tree(run_dir / name, summary, only_pictures=name == "images")
        for name in RUN_FILES:
            _remove(run_dir / name, summary)
        _remove(run_dir / MARKER, summary)
    finally:
        unlock_run(lock)
    left = sorted(path.name for path in run_dir.iterdir() if path.name != TOMBSTONE)
    if left:
        summary.left += [f"{run_dir / name} (not written by a run)" for name in left]
        write_whole(run_dir / TOMBSTONE, b'{"purged": true}\n')
    else:
        (run_dir / TOMBSTONE).unlink(missing_ok=True)
        run_dir.rmdir()


def purge_person(run_dir: Path, summary: PurgeSummary, *, consent_id: str = "", creative: str = "") -> None:
    """Remove one person from a run folder: pictures and sidecars of their creatives, wherever in the folder they were exported
    to, and what their rows say. The report goes too, since it shows them; the same optimize command writes it again.

    Args:
        consent_id: the record that the creatives name (one of several counts).
        creative: file_name or ad_name of one creative.
    Raises:
        ConfigError: as `purge_run`, or neither or both of the two are given.
    """
    if bool(consent_id) == bool(creative):
        raise ConfigError("say whom to remove: either a consent id or a creative")
    if not _is_ours(run_dir):
        return
    lock = lock_run(run_dir / "results.jsonl")
    try:
        rows, names = [], set()
        for row in _read_rows(run_dir / "results.jsonl"):
            is_meant = _is_meant(row, consent_id, creative, ("file_name", "ad_name"))
            if is_meant and row.get("reason") != REASON:
                names |= {str(row.get(f"{kind}_image") or "") for kind in ("original", "control", "edited")}
                summary.num_rows += 1
                row = _emptied(row)
            rows.append(row)
        for path in list(_walk(run_dir)):
            relative = path.relative_to(run_dir).as_posix()
            if relative in names and PurePosixPath(relative).parts[0] == "images":
                _remove(path, summary)
            elif path.name.endswith(SUFFIX) and _is_meant(_read_json(path), consent_id, creative, ("original", "ad_name")):
                picture_path = path.with_name(path.name.removesuffix(SUFFIX))
                if picture_path.suffix.casefold() in _PICTURES:
                    _remove(picture_path, summary)
                _remove(path, summary)
        if summary.num_rows:
            lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
            write_whole(run_dir / "results.jsonl", lines.encode())
        if summary.num_rows or summary.removed:
            _remove(run_dir / "report.html", summary)
    finally:
        unlock_run(lock)


def _is_ours(run_dir: Path) -> bool:
    """Return whether there is a run to remove; raise ConfigError when there is something else."""
    if run_dir.is_symlink():
        raise ConfigError(f"{run_dir} is a link; purge the folder that it leads to by its own name")
    if not run_dir.exists() or (_is_file(run_dir / TOMBSTONE) and not (run_dir / MARKER).exists()):
        return False
    settings = _read_json(run_dir / MARKER) if _is_file(run_dir / MARKER) else {}
    if settings.get("verb") != "optimize":
        raise ConfigError(f"{run_dir} was not written by optimize or demo (no {MARKER} of theirs); nothing was removed")
    return True


def _is_meant(row: Mapping[str, Any], consent_id: str, creative: str, fields: tuple[str, str]) -> bool:
    if consent_id:
        return consent_id in split_consent_ids(str(row.get("consent_id") or ""))
    return creative in [str(row.get(name) or "") for name in fields]


def _emptied(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row that keeps the creative's place, so that a continued run does not edit it anew."""
    kept = {name: row.get(name, default) for name, default in (("file_name", ""), ("ad_name", ""), ("consent_id", ""))}
    empty = EditResult(**kept, status="failed", reason=REASON, seed=int(row.get("seed", 0))).as_dict()
    return {"row": row["row"], **empty, "remedy": "Leave it out of the data as well."}


def _read_rows(path: Path) -> list[dict[str, Any]]:
    if not _is_file(path):
        return []
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    try:
        return [json.loads(line) for line in lines if line.endswith("\n")]
    except ValueError as error:
        raise CatalogError(f"{path} is damaged ({error}); purge the whole folder instead.") from error


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _is_file(path: Path) -> bool:
    """True for a file that is no link."""
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except OSError:
        return False


def _walk(folder: Path) -> Iterator[Path]:
    """Yield the files below a folder, links as themselves and never what is behind them."""
    for where, _, names in os.walk(folder, followlinks=False):
        yield from (Path(where) / name for name in sorted(names))


def _remove(path: Path, summary: PurgeSummary) -> None:
    """Remove a file, or a link itself; note what went."""
    try:
        size = os.lstat(path).st_size
        path.unlink()
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise CatalogError(f"{path} cannot be removed ({error.strerror or error}). Check who may write there.") from error
    summary.removed.append(str(path))
    summary.num_bytes += size


def _remove_tree(folder: Path, summary: PurgeSummary, *, only_pictures: bool) -> None:
    """Remove the files of a folder of ours and the folders that this empties; other files stay, links are not followed."""
    if folder.is_symlink():
        _remove(folder, summary)
        return
    for path in list(_walk(folder)):
        is_ours = path.suffix.casefold() in _PICTURES or path.name.endswith((SUFFIX, ".part")) or path.is_symlink()
        if is_ours or not only_pictures:
            _remove(path, summary)
        else:
            summary.left.append(f"{path} (not written by a run)")
    for where, names, _ in os.walk(folder, topdown=False, followlinks=False):
        for name in names:
            if (Path(where) / name).is_symlink():
                _remove(Path(where) / name, summary)
        if not os.listdir(where):
            os.rmdir(where)
