"""Remove what was kept of people: pictures, rows, sidecars, exports and plans of one person or of a whole run, and the cache.

Only folders that `optimize`, `demo` or the app wrote are touched, with the exports that their audit trail names, and in them
only files that we wrote; what else names the person is listed and left. Links are removed or left, never followed, and what
lies behind one is listed. The feature cache holds face codes by content, and knows with which consent ids a picture was seen:
of one person only those entries go; otherwise it is emptied as a whole. Doing it twice removes nothing more and says so.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import re
import secrets
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from adcreative.creative import EditResult, split_consent_ids
from adcreative.errors import AdCreativeError, CatalogError, ConfigError
from adcreative.features.cache import FeatureCache
from adcreative.provenance.approval import AUDIT, read_events
from adcreative.provenance.run_records import RESULTS, SETTINGS, read_rows
from adcreative.provenance.sidecar import SUFFIX, write_whole
from adcreative.runs.log import lock_run, unlock_run
from adcreative.runs.outputs import LIST_NAME, drop_outputs, is_ours
from adcreative.runs.survey import hash_names

FAILURES = ("results.failures.csv", "failures.csv")  # the second of earlier versions
RUN_FILES = (
    RESULTS, "report.html", *FAILURES, "truth.json", "planted-truth.json", "results.csv", AUDIT, "campaign.json",
    "ad-package.zip", LIST_NAME,
)  # fmt: skip
RUN_FOLDERS = ("images", "preview", "original", "plan", "delivery")
VERBS = ("optimize", "studio")
MARKER, TOMBSTONE = SETTINGS, "purged.json"
REASON = "removed on request (purge)"
MAX_SEARCHED_BYTES = 200_000_000
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


def find_runs(folder: Path) -> list[Path]:
    """Return the folder itself when it is a run, or was one, else the run folders inside it, such as those of the app.

    Raises:
        ConfigError: the folder is a link, or neither a run nor a folder of runs.
    """
    if folder.is_symlink():
        raise ConfigError(f"{folder} is a link; purge the folder that it leads to by its own name")
    if not folder.exists() or (folder / MARKER).exists() or _is_file(folder / TOMBSTONE):
        return [folder]
    found = sorted(path.parent for path in _walk(folder) if path.name == MARKER and _read_json(path).get("verb") in VERBS)
    if not found:
        raise ConfigError(f"{folder} was not written by optimize or demo (no {MARKER} of theirs); nothing was removed")
    return found


def purge_run(run_dir: Path, summary: PurgeSummary) -> None:
    """Remove a run folder and its exports: everything that a run wrote; the folder itself when nothing else is in it.

    Raises:
        ConfigError: the folder is a link, was not written by a run, or a run is writing it.
    """
    if not _is_ours(run_dir):
        return
    lock = lock_run(run_dir / RESULTS)
    try:
        _remove_exports(run_dir, None, summary)
        folders = [*RUN_FOLDERS, *(["creatives"] if _is_file(run_dir / "planted-truth.json") else [])]
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


@dataclass
class _Person:
    """What is known of whom to remove: names as they may stand in files, and the hashes of their pictures."""

    consent_id: str
    creative: str
    names: set[str] = field(default_factory=set)
    hashes: set[str] = field(default_factory=set)

    def is_named_by(self, row: Mapping[str, Any], fields: tuple[str, str]) -> bool:
        if self.consent_id:
            return self.consent_id in split_consent_ids(str(row.get("consent_id") or ""))
        return self.creative in [str(row.get(name) or "") for name in fields]

    def learn(self, row: Mapping[str, Any], run_dir: Path) -> None:
        """Note the names and pictures of a row that is about to be emptied; names of one or two letters are in everything."""
        for name in (str(row.get("file_name") or ""), str(row.get("ad_name") or "")):
            stem = PurePosixPath(name).stem
            self.names |= {name, PurePosixPath(name).name, stem, re.sub(r"[\W_]+", "-", stem).strip("-")}
        self.names = {name for name in self.names if len(name) > 2}
        self.hashes |= _hash_pictures(row, run_dir)

    def is_in(self, path: Path) -> bool:
        """Return whether a file is one of the pictures, is called by one of the names, or has one in it."""
        if any(name in path.name for name in self.names):
            return True
        if os.lstat(path).st_size > MAX_SEARCHED_BYTES:
            return False
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() in self.hashes:
            return True
        if path.suffix.casefold() in _PICTURES:
            return False
        spelled = {form for name in self.names for form in (name, json.dumps(name)[1:-1])}
        return any(form.encode() in content for form in spelled)


def purge_person(run_dir: Path, summary: PurgeSummary, *, consent_id: str = "", creative: str = "") -> None:
    """Remove one person from a run folder and its exports: pictures and their copies, sidecars, and what rows, failures, plans
    and uploads say. The report goes too, since it shows them; the same commands write all of it again without the person.

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
    try:
        rows = list(read_rows(run_dir)) if _is_file(run_dir / RESULTS) else []
    except CatalogError as error:
        raise CatalogError(f"{error} Or purge the whole folder instead.") from error
    person = _Person(consent_id, creative)
    meant = [row for row in rows if row.get("reason") != REASON and person.is_named_by(row, ("file_name", "ad_name"))]
    for row in meant:
        person.learn(row, run_dir)
    for row in rows:
        if row not in meant:
            person.hashes -= _hash_pictures(row, run_dir)  # a picture that another ad shows too is that ad's
    if meant and len(meant) == len(rows) and _read_json(run_dir / MARKER).get("verb") == "studio":
        purge_run(run_dir, summary)  # the folder of this one ad
        return
    lock = lock_run(run_dir / RESULTS)
    try:
        _remove_person(run_dir, rows, meant, person, summary)
    finally:
        unlock_run(lock)


def _remove_person(
    run_dir: Path, rows: list[dict[str, Any]], meant: list[dict[str, Any]], person: _Person, summary: PurgeSummary
) -> None:
    numbers = {row["row"] for row in meant}
    names = {str(row.get(f"{kind}_image") or "") for row in meant for kind in ("original", "control", "edited")}
    _remove_exports(run_dir, person, summary)
    for path in list(_walk(run_dir)):
        relative = path.relative_to(run_dir).as_posix()
        is_named = relative in names and PurePosixPath(relative).parts[0] == "images"
        if path.is_symlink():
            if is_named:
                _remove(path, summary)
            continue
        if is_named:
            _remove(path, summary)
        elif path.name.endswith(SUFFIX) and person.is_named_by(_read_json(path), ("original", "ad_name")):
            picture_path = path.with_name(path.name.removesuffix(SUFFIX))
            if picture_path.suffix.casefold() in _PICTURES:
                _remove(picture_path, summary)
            _remove(path, summary)
    if meant:
        kept = [_emptied(row) if row["row"] in numbers else row for row in rows]
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in kept)
        write_whole(run_dir / RESULTS, lines.encode())
        summary.num_rows += len(meant)
    for name in FAILURES:
        _filter_failures(run_dir / name, person, summary)
    if meant or summary.removed:
        _remove(run_dir / "report.html", summary)
        _remove_mentions(run_dir, person, summary)


def _remove_mentions(run_dir: Path, person: _Person, summary: PurgeSummary) -> None:
    """Remove copies of the pictures, and files of ours that name the person; list those that we did not write."""
    for path in list(_walk(run_dir)):
        if path.is_symlink():
            summary.left.append(f"{path} (a link; what lies behind it was not looked at)")
            continue
        relative = path.relative_to(run_dir)
        if relative.name in (RESULTS, MARKER, AUDIT, LIST_NAME) or not _is_file(path) or not person.is_in(path):
            continue
        is_picture = _hash_file(path) in person.hashes
        if is_picture or relative.as_posix() in RUN_FILES or relative.parts[0] in RUN_FOLDERS or is_ours(path):
            _remove(path, summary)
        else:
            summary.left.append(f"{path} (names the person; not written by a run)")


def _remove_exports(run_dir: Path, person: _Person | None, summary: PurgeSummary) -> None:
    """Remove what was exported from a run: upload tables and pictures; of one person those that show or name them."""
    try:
        events = read_events(run_dir)
    except AdCreativeError as error:
        summary.left.append(f"exports of {run_dir}, if any ({error})")
        return
    for event in events:
        if event["event"] != "exported" or not isinstance(event.get("path"), str):
            continue
        out = Path(event["path"])
        tables = [out, out.with_name(f"{out.stem}.failures.csv")]
        pictures_dir = out.with_name(f"{out.stem}-images")
        copies = [] if pictures_dir.is_symlink() or not pictures_dir.is_dir() else list(_walk(pictures_dir))
        if pictures_dir.is_symlink():
            summary.left.append(f"{pictures_dir} (a link; what lies behind it was not looked at)")
        for path in copies:
            if _is_file(path) and (person is None or person.is_in(path)):
                _remove(path, summary)
        for path in tables:
            if not _is_file(path) or (person is not None and not person.is_in(path)):
                continue
            if is_ours(path):
                _remove(path, summary)
                drop_outputs(path)
            else:
                summary.left.append(f"{path} (changed since it was exported; remove the person from it by hand)")
        if pictures_dir.is_dir() and not pictures_dir.is_symlink() and not os.listdir(pictures_dir):
            pictures_dir.rmdir()


def _filter_failures(path: Path, person: _Person, summary: PurgeSummary) -> None:
    """Take the rows that name the person out of a failure table."""
    if not _is_file(path) or not person.names or not person.is_in(path):
        return
    header, *rows = csv.reader(io.StringIO(path.read_text(encoding="utf-8-sig")))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(row for row in rows if not any(name in cell for name in person.names for cell in row))
    write_whole(path, text.getvalue().encode())


def _is_ours(run_dir: Path) -> bool:
    """Return whether there is a run to remove; raise ConfigError when there is something else."""
    if run_dir.is_symlink():
        raise ConfigError(f"{run_dir} is a link; purge the folder that it leads to by its own name")
    if not run_dir.exists() or (_is_file(run_dir / TOMBSTONE) and not (run_dir / MARKER).exists()):
        return False
    settings = _read_json(run_dir / MARKER) if _is_file(run_dir / MARKER) else {}
    if settings.get("verb") not in VERBS:
        raise ConfigError(f"{run_dir} was not written by optimize or demo (no {MARKER} of theirs); nothing was removed")
    return True


def _emptied(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row that keeps the creative's place, so that a continued run does not edit it anew, and no name of it."""
    salt = secrets.token_hex(8)
    digest = hash_names(salt, str(row.get("file_name") or ""), str(row.get("ad_name") or ""))
    empty = EditResult(file_name="", ad_name="", status="failed", reason=REASON, seed=int(row.get("seed", 0))).as_dict()
    return {"row": row["row"], **empty, "remedy": "Leave it out of the data as well.", "purged": [salt, digest]}


def _hash_pictures(row: Mapping[str, Any], run_dir: Path) -> set[str]:
    """Return the hashes of a row's pictures in images/."""
    names = [PurePosixPath(str(row.get(f"{kind}_image") or "")) for kind in ("original", "control", "edited")]
    inside = [run_dir / name for name in names if name.parts[:1] == ("images",) and ".." not in name.parts]
    return {_hash_file(path) for path in inside if _is_file(path) and not path.parent.is_symlink()}


def _hash_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
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
    for where, folders, names in os.walk(folder, followlinks=False):
        yield from (Path(where) / name for name in sorted(names))
        yield from (Path(where) / name for name in sorted(folders) if (Path(where) / name).is_symlink())


def _remove(path: Path, summary: PurgeSummary) -> None:
    """Remove a file, or a link itself; note what went."""
    try:
        size, target = os.lstat(path).st_size, os.readlink(path) if path.is_symlink() else ""
        path.unlink()
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise CatalogError(f"{path} cannot be removed ({error.strerror or error}). Check who may write there.") from error
    if target:
        summary.left.append(f"{target} (behind the link {path}, which was removed; purge it there)")
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
