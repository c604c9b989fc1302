"""Remove personal data: pictures, rows, sidecars, exports and plans of one person or of a whole run, and the cache.

Only folders that `optimize`, `demo` or the app wrote are touched, and there only files that this program wrote. Outside of
these folders, only exports in the audit trail with this user's seal (`runs.outside`) and paths named by the user are touched.
Other files that name the person are listed and left, including the user's own pictures and tables. Symlinks are removed or
left, never followed; their targets are listed. With `removes_originals`, the source pictures of the run are removed, too. The
feature cache stores face codes by content, with the consent ids of the pictures: for one person only the matching entries are
removed; otherwise the cache is emptied. A second purge removes nothing more and says so.
"""

from __future__ import annotations

import csv
import io
import json
import os
import secrets
from collections.abc import Callable, Mapping, Sequence, Set
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any

from adcreative.artifacts import hash_file
from adcreative.catalog.metadata import METADATA_NAMES, find_sole_table
from adcreative.catalog.sources import SOURCES
from adcreative.catalog.tables import unescape_cell
from adcreative.creative import EditResult, fold_consent_id
from adcreative.errors import AdCreativeError, CatalogError, ConfigError
from adcreative.features.cache import FeatureCache
from adcreative.progress import track
from adcreative.provenance.approval import AUDIT
from adcreative.provenance.run_records import RESULTS, SETTINGS, read_rows
from adcreative.provenance.sidecar import SUFFIX, sidecar_path, write_whole
from adcreative.runs.continuing import hash_names
from adcreative.runs.exports import read_exports, read_sources
from adcreative.runs.folder import FAILURES, RUN_FILES
from adcreative.runs.log import lock_run, unlock_run
from adcreative.runs.originals import find_data, find_originals
from adcreative.runs.outputs import JOURNAL_NAME, LIST_NAME, is_ours
from adcreative.runs.outside import remove_exports, search_places, walk
from adcreative.runs.people import LOOKING, Person, fold_name, hash_pictures, named_pictures, picture_paths, read_json
from adcreative.runs.purge_summary import PICTURES, PurgeSummary, is_plain_file

RUN_FOLDERS = ("images", "preview", "original", "plan", "delivery", "public")
VERBS = ("optimize", "studio")
MARKER, TOMBSTONE = SETTINGS, "purged.json"
REASON = "removed on request (purge)"
SAME_PICTURE = "has a picture of the person, and names no such consent record; remove it with --creative"
UNVOUCHED = "{}, as the run's folder alone says; when it is yours, name its place with --also"
MAY_HOLD = "too large, encrypted or damaged to be searched, so it may hold the person; not written by a run"


def purge_cache(cache_dir: Path, summary: PurgeSummary, *, consent_id: str = "") -> None:
    """Remove the feature cache entries of pictures with a consent id; without an id, all entries.

    A cache folder that is a symlink is left.
    """
    if cache_dir.is_symlink():
        summary.left.append(f"{cache_dir} (a link; purge where it leads)")
        return
    if consent_id:
        summary.num_cached += FeatureCache(cache_dir).purge_person(consent_id)
    else:
        summary.num_cached += FeatureCache(cache_dir).purge()


def find_runs(folder: Path) -> list[Path]:
    """Return the folder itself if it is a run or a purged run, else the run folders inside it, such as the app's.

    Raises:
        ConfigError: the folder is a symlink, or neither a run nor a folder of runs.
    """
    if folder.is_symlink():
        raise ConfigError(f"{folder} is a link; purge the folder that it leads to by its own name")
    if not folder.exists() or (folder / MARKER).exists() or is_plain_file(folder / TOMBSTONE):
        return [folder]
    found = sorted(path.parent for path in walk(folder) if path.name == MARKER and read_json(path).get("verb") in VERBS)
    if not found:
        raise ConfigError(f"{folder} was not written by optimize, demo or compose (no {MARKER} of theirs); nothing was removed")
    return found


def purge_run(run_dir: Path, summary: PurgeSummary) -> None:
    """Remove all files that a run wrote, with its exports; the folder itself if no other file is in it.

    Raises:
        ConfigError: the folder is a symlink, was not written by a run, or is in use by a run.
    """
    if not _is_ours(run_dir):
        return
    lock = lock_run(run_dir / RESULTS)
    try:
        rows = _readable_rows(run_dir, summary)
        everybody = Person.of_run(rows, run_dir)
        everybody.learn_stems(())
        remove_exports(run_dir, None, summary)
        search_places(_with_exported(run_dir, everybody, is_ours=True), summary)
        _clear_originals(run_dir, rows, None, summary)
        folders = [*RUN_FOLDERS, *(["creatives", "account"] if is_plain_file(run_dir / "planted-truth.json") else [])]
        for name in folders:
            _remove_tree(run_dir / name, summary, only_pictures=name == "images")
        for name in (*(name for name in RUN_FILES if name != MARKER), LIST_NAME, JOURNAL_NAME, MARKER):  # the marker last
            summary.remove(run_dir / name)
    finally:
        unlock_run(lock)
    left = sorted(path.name for path in run_dir.iterdir() if path.name != TOMBSTONE)
    if left:
        summary.left += [f"{run_dir / name} (not written by a run)" for name in left]
        write_whole(run_dir / TOMBSTONE, b'{"purged": true}\n')
    else:
        (run_dir / TOMBSTONE).unlink(missing_ok=True)
        run_dir.rmdir()


def _readable_rows(run_dir: Path, summary: PurgeSummary) -> list[dict[str, Any]]:
    try:
        return list(read_rows(run_dir)) if is_plain_file(run_dir / RESULTS) else []
    except CatalogError as error:
        summary.left.append(f"pictures that the run was made from, if any ({error})")
        return []


def purge_person(run_dir: Path, summary: PurgeSummary, *, consent_id: str = "", creative: str = "") -> None:
    """Remove one person from a run folder and its exports: pictures and copies, sidecars, and text in rows, failures, plans and
    uploads. The report is removed too, since it shows the person; rerun the commands to write these files without the person.

    Args:
        consent_id: the consent id of the creatives (a match with one of several counts).
        creative: file_name or ad_name of one creative.
    Raises:
        ConfigError: as `purge_run`, or neither or both of the arguments are given.
    """
    if bool(consent_id) == bool(creative):
        raise ConfigError("say whom to remove: either a consent id or a creative")
    if not _is_ours(run_dir):
        return
    try:
        rows = list(read_rows(run_dir)) if is_plain_file(run_dir / RESULTS) else []
    except CatalogError as error:
        raise CatalogError(f"{error} Or purge the whole folder instead.") from error
    rows_left = [row for row in rows if row.get("reason") != REASON]
    person = Person(fold_consent_id(consent_id), _find_spelling(creative, rows_left))
    meant = [row for row in rows_left if person.is_named_by(row)]
    person.learn_names(creative)
    for row in track(meant, LOOKING):
        person.learn(row, run_dir)
    for row in rows:
        if row not in meant and not person.hashes.isdisjoint(shared := hash_pictures(row, run_dir)):
            person.hashes -= shared  # a picture shared with another ad belongs to that ad
            if consent_id:
                summary.left.append(f"row {row['row']} of {run_dir / RESULTS} ({SAME_PICTURE})")
    person.learn_stems(row for row in rows if row not in meant)
    if meant and len(meant) == len(rows) and read_json(run_dir / MARKER).get("verb") == "studio":
        purge_run(run_dir, summary)  # the app's folder of one ad
        return
    lock = lock_run(run_dir / RESULTS)
    try:
        _remove_person(run_dir, rows, meant, person, summary)
    finally:
        unlock_run(lock)


def _remove_person(
    run_dir: Path, rows: list[dict[str, Any]], meant: list[dict[str, Any]], person: Person, summary: PurgeSummary
) -> None:
    numbers = {row["row"] for row in meant}
    names = {name for row in meant for name in named_pictures(row)}
    kept_paths = {path for row in rows if row not in meant for path in picture_paths(row, run_dir)}
    remove_exports(run_dir, person, summary)
    search_places(_with_exported(run_dir, person, is_ours=True), summary)
    _clear_originals(run_dir, meant, person, summary)
    for path in list(walk(run_dir)):
        relative = path.relative_to(run_dir).as_posix()
        is_named = relative in names and PurePosixPath(relative).parts[0] == "images"
        if path.is_symlink():
            if is_named:
                summary.remove(path)
            continue
        if is_named:
            summary.remove(path)
        elif path.name.endswith(SUFFIX) and person.is_named_by(read_json(path), ("original", "ad_name")):
            picture_path = path.with_name(path.name.removesuffix(SUFFIX))
            if picture_path.suffix.casefold() in PICTURES:
                summary.remove(picture_path)
            summary.remove(path)
    if meant:
        kept = [_emptied(row) if row["row"] in numbers else row for row in rows]
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in kept)
        write_whole(run_dir / RESULTS, lines.encode())
        summary.num_rows += len(meant)
    summary.num_failures += _filter_failures(run_dir / FAILURES, person)
    if meant or summary.removed or summary.num_failures:
        summary.remove(run_dir / "report.html")
        _remove_mentions(run_dir, _with_exported(run_dir, person), kept_paths, summary)


def _with_exported(run_dir: Path, person: Person, *, is_ours: bool = False) -> Person:
    """Return the person with the data of exports; is_ours: only exports with this user's seal."""
    with suppress(AdCreativeError):  # reported where exports are removed
        for export in read_exports(run_dir):
            if export.is_ours or not is_ours:
                person = person.with_exported(export)
    return person


def _find_spelling(creative: str, rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the spelling of a creative in the run: as typed, or else the only name that differs just by case."""
    names = {str(row.get(field) or "") for row in rows for field in ("file_name", "ad_name")}
    folded = fold_name(creative)
    alike = {name for name in names if fold_name(name).casefold() == folded.casefold()}
    return alike.pop() if len(alike) == 1 and folded not in map(fold_name, names) else creative


def _clear_originals(run_dir: Path, rows: Sequence[Mapping[str, Any]], person: Person | None, summary: PurgeSummary) -> None:
    """List the user's own source pictures, and the files behind a symlinked images/; remove both on request. The user's table
    is listed if it names the person."""
    settings, mark = read_json(run_dir / MARKER), "--originals removes it"
    data, originals = find_data(settings), find_originals(settings, rows, run_dir)
    if summary.removes_originals:
        behind = [path for row in rows for path in picture_paths(row, run_dir) if path.parent.is_symlink()]
        behind = [path for one in behind for path in (one, sidecar_path(one)) if is_plain_file(path)]
        sources = _vouched_sources(run_dir)
        for path in originals:
            if summary.is_named(path) or any(path.resolve().is_relative_to(source) for source in sources):
                summary.remove(path)
            else:
                summary.left.append(f"{path} ({UNVOUCHED.format('the picture of an ad')})")
        for path in behind:
            if summary.is_named(path):
                summary.remove(path)
            else:
                summary.left.append(f"{path.resolve()} ({UNVOUCHED.format('behind a link')})")
    elif person is not None:
        summary.left += [f"{path} (the ad's own picture; {mark})" for path in originals]
    elif data is not None and not data.is_relative_to(run_dir.resolve()) and originals:
        summary.left.append(f"{data} (holds the pictures that the run was made from; {mark.replace(' it', ' them')})")
    if person is not None and rows and data is not None and not data.is_relative_to(run_dir.resolve()):
        for path in filter(is_plain_file, _tables(data, originals)):
            if (is_there := person.look_into(path)) is not False:
                summary.left.append(f"{path} ({'names' if is_there else 'may name'} the person; your table)")


def _tables(data: Path, originals: Sequence[Path]) -> list[Path]:
    """Return the tables that a run may have been made from: the data, or tables in its folder and beside the pictures."""
    if not data.is_dir():
        return [data]
    folders = dict.fromkeys([data, *(path.parent for path in originals)])
    found = [folder / name for folder in folders for name in METADATA_NAMES]
    sole = None
    with suppress(OSError):  # settings may name any folder
        sole = find_sole_table(data, SOURCES)
    return [*found, *([sole] if sole is not None and sole not in found else [])]


def _vouched_sources(run_dir: Path) -> list[Path]:
    """Return the input folders of a run that this user noted; for a table its folder."""
    try:
        return [path if path.is_dir() else path.parent for path in read_sources(run_dir)]
    except AdCreativeError:
        return []


def _remove_mentions(run_dir: Path, person: Person, kept_paths: Set[Path], summary: PurgeSummary) -> None:
    """Remove copies of the pictures, and our files that name the person; list other files.

    kept_paths: pictures of other ads, which are kept even if a name matches.
    """
    for path in list(walk(run_dir)):
        if path.is_symlink():
            summary.left.append(f"{path} (a link; what lies behind it was not looked at)")
            continue
        if path in kept_paths or (path.name.endswith(SUFFIX) and path.with_name(path.name.removesuffix(SUFFIX)) in kept_paths):
            continue
        relative = path.relative_to(run_dir)
        if relative.name in (RESULTS, MARKER, AUDIT, LIST_NAME) or not is_plain_file(path):
            continue
        is_there = person.look_into(path)
        if is_there is False:
            continue
        is_picture = hash_file(path) in person.hashes
        if is_picture or relative.as_posix() in RUN_FILES or relative.parts[0] in RUN_FOLDERS or is_ours(path):
            summary.remove(path)
        elif is_there:
            summary.left.append(f"{path} (names the person; not written by a run)")
        else:
            summary.left.append(f"{path} ({MAY_HOLD})")


def _filter_failures(path: Path, person: Person) -> int:
    """Remove the rows of a failure table that name the person; return the number of removed rows."""
    if not is_plain_file(path) or not person.names or not person.is_in(path):
        return 0
    return drop_rows(path, person.is_spelled)


def drop_rows(path: Path, is_meant: Callable[[str], bool]) -> int:
    """Remove the rows of a table with a cell for which `is_meant` is true; return the number of removed rows."""
    lines = list(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline=""))
    reader, kept, num_gone, start = csv.reader(lines), [], 0, 0
    for cells in reader:  # a row may take several lines; remaining rows are kept byte for byte
        is_gone = start > 0 and any(is_meant(unescape_cell(cell)) for cell in cells)
        kept += [] if is_gone else lines[start : reader.line_num]
        num_gone, start = num_gone + is_gone, reader.line_num
    write_whole(path, "".join(kept).encode())
    return num_gone


def _is_ours(run_dir: Path) -> bool:
    """Return whether there is a run to remove; raise ConfigError for any other folder."""
    if run_dir.is_symlink():
        raise ConfigError(f"{run_dir} is a link; purge the folder that it leads to by its own name")
    if not run_dir.exists() or (is_plain_file(run_dir / TOMBSTONE) and not (run_dir / MARKER).exists()):
        return False
    settings = read_json(run_dir / MARKER) if is_plain_file(run_dir / MARKER) else {}
    if settings.get("verb") not in VERBS:
        raise ConfigError(
            f"{run_dir} was not written by optimize, demo or compose (no {MARKER} of theirs); nothing was removed"
        )
    return True


def _emptied(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the row without names; its row number stays, so that a continued run does not edit the creative again."""
    salt = secrets.token_hex(8)
    digest = hash_names(salt, str(row.get("file_name") or ""), str(row.get("ad_name") or ""))
    empty = EditResult(file_name="", ad_name="", status="failed", reason=REASON, seed=int(row.get("seed", 0))).as_dict()
    return {"row": row["row"], **empty, "remedy": "Leave it out of the data as well.", "purged": [salt, digest]}


def _remove_tree(folder: Path, summary: PurgeSummary, *, only_pictures: bool) -> None:
    """Remove the files in one of our folders and the folders that become empty; other files stay, symlinks are not followed."""
    if folder.is_symlink():
        summary.remove(folder)
        return
    for path in list(walk(folder)):
        is_ours = path.suffix.casefold() in PICTURES or path.name.endswith((SUFFIX, ".part")) or path.is_symlink()
        if is_ours or not only_pictures:
            summary.remove(path)
        else:
            summary.left.append(f"{path} (not written by a run)")
    for where, names, _ in os.walk(folder, topdown=False, followlinks=False):
        for name in names:
            if (Path(where) / name).is_symlink():
                summary.remove(Path(where) / name)
        if not os.listdir(where):
            os.rmdir(where)
