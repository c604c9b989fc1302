"""Remove what was kept of people: pictures, rows, sidecars, exports and plans of one person or of a whole run, and the cache.

Only folders that `optimize`, `demo` or the app wrote are touched, with the exports that their audit trail names, and in them
only files that we wrote; what else names the person is listed and left, the user's own pictures and tables among them. Links
are removed or left, never followed, and what lies behind one is listed. When told to (`removes_originals`), the pictures behind
links and those that the run was made from go too. The feature cache holds face codes by content, and knows with which consent
ids a picture was seen: of one person only those entries go; otherwise it is emptied as a whole. Doing it twice removes nothing
more and says so.
"""

from __future__ import annotations

import csv
import io
import json
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence, Set
from pathlib import Path, PurePosixPath
from typing import Any

from adcreative.artifacts import hash_file
from adcreative.catalog.metadata import METADATA_NAMES
from adcreative.catalog.tables import unescape_cell
from adcreative.creative import EditResult
from adcreative.errors import AdCreativeError, CatalogError, ConfigError
from adcreative.features.cache import FeatureCache
from adcreative.provenance.approval import AUDIT, read_events
from adcreative.provenance.run_records import RESULTS, SETTINGS, read_rows
from adcreative.provenance.sidecar import FORMAT as SIDECAR_FORMAT
from adcreative.provenance.sidecar import SUFFIX, sidecar_path, write_whole
from adcreative.runs.continuing import hash_names
from adcreative.runs.folder import FAILURES, RUN_FILES
from adcreative.runs.log import lock_run, unlock_run
from adcreative.runs.originals import find_data, find_originals, names_with_consent
from adcreative.runs.outputs import LIST_NAME, drop_missing, drop_outputs, is_ours
from adcreative.runs.people import Person, hash_pictures, picture_paths, told_pictures
from adcreative.runs.purge_summary import PICTURES, PurgeSummary, is_plain_file

RUN_FOLDERS = ("images", "preview", "original", "plan", "delivery", "public")
VERBS = ("optimize", "studio")
MARKER, TOMBSTONE = SETTINGS, "purged.json"
REASON = "removed on request (purge)"
MAY_HOLD = "too large, encrypted or damaged to be searched, so it may hold the person; not written by a run"


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
    if not folder.exists() or (folder / MARKER).exists() or is_plain_file(folder / TOMBSTONE):
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
        _clear_originals(run_dir, _readable_rows(run_dir, summary), None, summary)
        folders = [*RUN_FOLDERS, *(["creatives", "account"] if is_plain_file(run_dir / "planted-truth.json") else [])]
        for name in folders:
            _remove_tree(run_dir / name, summary, only_pictures=name == "images")
        for name in (*(name for name in RUN_FILES if name != MARKER), LIST_NAME, MARKER):  # the marker last
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
        rows = list(read_rows(run_dir)) if is_plain_file(run_dir / RESULTS) else []
    except CatalogError as error:
        raise CatalogError(f"{error} Or purge the whole folder instead.") from error
    person = Person(consent_id, creative)
    rows_left = [row for row in rows if row.get("reason") != REASON]
    if any(not row.get("consent_id") and row["status"] == "failed" for row in rows_left) and consent_id:
        _ask_catalogue(run_dir, person, summary)
    meant = [row for row in rows_left if person.is_named_by(row)]
    person.learn_names(creative)
    for row in meant:
        person.learn(row, run_dir)
    for row in rows:
        if row not in meant:
            person.hashes -= hash_pictures(row, run_dir)  # a picture that another ad shows too is that ad's
    if meant and len(meant) == len(rows) and _read_json(run_dir / MARKER).get("verb") == "studio":
        purge_run(run_dir, summary)  # the folder of this one ad
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
    names = {name for row in meant for name in told_pictures(row)}
    kept_paths = {path for row in rows if row not in meant for path in picture_paths(row, run_dir)}
    _remove_exports(run_dir, person, summary)
    _clear_originals(run_dir, meant, person, summary)
    for path in list(_walk(run_dir)):
        relative = path.relative_to(run_dir).as_posix()
        is_named = relative in names and PurePosixPath(relative).parts[0] == "images"
        if path.is_symlink():
            if is_named:
                summary.remove(path)
            continue
        if is_named:
            summary.remove(path)
        elif path.name.endswith(SUFFIX) and person.is_named_by(_read_json(path), ("original", "ad_name")):
            picture_path = path.with_name(path.name.removesuffix(SUFFIX))
            if picture_path.suffix.casefold() in PICTURES:
                summary.remove(picture_path)
            summary.remove(path)
    if meant:
        kept = [_emptied(row) if row["row"] in numbers else row for row in rows]
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in kept)
        write_whole(run_dir / RESULTS, lines.encode())
        summary.num_rows += len(meant)
    for name in FAILURES:
        summary.num_failures += _filter_failures(run_dir / name, person)
    if meant or summary.removed or summary.num_failures:
        summary.remove(run_dir / "report.html")
        _remove_mentions(run_dir, person, kept_paths, summary)


def _ask_catalogue(run_dir: Path, person: Person, summary: PurgeSummary) -> None:
    """Find by name what earlier versions noted of failed ads without their consent id: the run's data still know it."""
    try:
        person.catalogued = names_with_consent(_read_json(run_dir / MARKER), person.consent_id)
    except AdCreativeError as error:
        summary.left.append(
            f"failed rows of {run_dir / RESULTS} that name no consent record ({error} Name them with --creative where they "
            "show the person)"
        )


def _clear_originals(run_dir: Path, rows: Sequence[Mapping[str, Any]], person: Person | None, summary: PurgeSummary) -> None:
    """List the user's own pictures that rows were made from, and what lies behind images/ where it is a link; remove both
    when told to. The user's table is listed where it names the person."""
    settings, mark = _read_json(run_dir / MARKER), "--originals removes it"
    data = find_data(settings)
    if summary.removes_originals:
        behind = [path for row in rows for path in picture_paths(row, run_dir) if path.parent.is_symlink()]
        for path in (*find_originals(settings, rows, run_dir), *behind, *(sidecar_path(path) for path in behind)):
            if is_plain_file(path):
                summary.remove(path)
    elif person is not None:
        summary.left += [f"{path} (the ad's own picture; {mark})" for path in find_originals(settings, rows, run_dir)]
    elif data is not None and not data.is_relative_to(run_dir.resolve()) and find_originals(settings, rows, run_dir):
        summary.left.append(f"{data} (holds the pictures that the run was made from; {mark.replace(' it', ' them')})")
    if person is not None and rows and data is not None and not data.is_relative_to(run_dir.resolve()):
        tables = [data] if data.is_file() else [data / name for name in METADATA_NAMES]
        summary.left += [
            f"{path} (names the person; your table)" for path in tables if is_plain_file(path) and person.is_in(path)
        ]


def _remove_mentions(run_dir: Path, person: Person, kept_paths: Set[Path], summary: PurgeSummary) -> None:
    """Remove copies of the pictures, and files of ours that name the person; list those that we did not write.

    kept_paths: pictures of other ads, which go by no likeness of names.
    """
    for path in list(_walk(run_dir)):
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


def _remove_exports(run_dir: Path, person: Person | None, summary: PurgeSummary) -> None:
    """Remove what was exported from a run: upload tables and pictures; of one person those that show or name them."""
    try:
        events = read_events(run_dir)
    except AdCreativeError as error:
        summary.left.append(f"exports of {run_dir}, if any ({error})")
        return
    exports = [event for event in events if event["event"] == "exported" and isinstance(event.get("path"), str)]
    ours = {hash_file(path) for path in _walk(run_dir) if path.suffix in PICTURES and is_plain_file(path)} if exports else set()
    for event in exports:
        out = Path(event["path"])
        tables = [out, out.with_name(f"{out.stem}.failures.csv")]
        pictures_dir = out.with_name(f"{out.stem}-images")
        copies = [] if pictures_dir.is_symlink() or not pictures_dir.is_dir() else list(_walk(pictures_dir))
        if pictures_dir.is_symlink():
            summary.left.append(f"{pictures_dir} (a link; what lies behind it was not looked at)")
        for path in copies:
            if path.name == LIST_NAME or not is_plain_file(path) or (person is not None and not person.is_in(path)):
                continue
            if hash_file(path) in ours or _has_sidecar(path) or is_ours(path):
                summary.remove(path)
            else:
                summary.left.append(f"{path} (beside an export, and none of the run's pictures)")
        for path in tables:
            if not is_plain_file(path) or (person is not None and not person.is_in(path)):
                continue
            if is_ours(path):
                summary.remove(path)
                drop_outputs(path)
            else:
                summary.left.append(f"{path} (changed since it was exported; remove the person from it by hand)")
        if pictures_dir.is_dir() and not pictures_dir.is_symlink():
            drop_missing(pictures_dir)
            if not os.listdir(pictures_dir):
                pictures_dir.rmdir()


def _has_sidecar(path: Path) -> bool:
    """Return whether a picture is as its sidecar says, or a file is such a sidecar."""
    if path.name.endswith(SUFFIX):
        return _read_json(path).get("format") == SIDECAR_FORMAT
    return _read_json(sidecar_path(path)).get("picture_sha256") == hash_file(path)


def _filter_failures(path: Path, person: Person) -> int:
    """Take the rows that name the person out of a failure table; return how many there were."""
    if not is_plain_file(path) or not person.names or not person.is_in(path):
        return 0
    lines = list(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline=""))
    reader, kept, num_gone, start = csv.reader(lines), [], 0, 0
    for cells in reader:  # a row may take several lines; those that stay are kept byte for byte
        is_meant = start > 0 and any(person.is_spelled(unescape_cell(cell)) for cell in cells)
        kept += [] if is_meant else lines[start : reader.line_num]
        num_gone, start = num_gone + is_meant, reader.line_num
    write_whole(path, "".join(kept).encode())
    return num_gone


def _is_ours(run_dir: Path) -> bool:
    """Return whether there is a run to remove; raise ConfigError when there is something else."""
    if run_dir.is_symlink():
        raise ConfigError(f"{run_dir} is a link; purge the folder that it leads to by its own name")
    if not run_dir.exists() or (is_plain_file(run_dir / TOMBSTONE) and not (run_dir / MARKER).exists()):
        return False
    settings = _read_json(run_dir / MARKER) if is_plain_file(run_dir / MARKER) else {}
    if settings.get("verb") not in VERBS:
        raise ConfigError(f"{run_dir} was not written by optimize or demo (no {MARKER} of theirs); nothing was removed")
    return True


def _emptied(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row that keeps the creative's place, so that a continued run does not edit it anew, and no name of it."""
    salt = secrets.token_hex(8)
    digest = hash_names(salt, str(row.get("file_name") or ""), str(row.get("ad_name") or ""))
    empty = EditResult(file_name="", ad_name="", status="failed", reason=REASON, seed=int(row.get("seed", 0))).as_dict()
    return {"row": row["row"], **empty, "remedy": "Leave it out of the data as well.", "purged": [salt, digest]}


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        json.dumps(content, ensure_ascii=False).encode()  # half of a letter is no name
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _walk(folder: Path) -> Iterator[Path]:
    """Yield the files below a folder, links as themselves and never what is behind them."""
    for where, folders, names in os.walk(folder, followlinks=False):
        yield from (Path(where) / name for name in sorted(names))
        yield from (Path(where) / name for name in sorted(folders) if (Path(where) / name).is_symlink())


def _remove_tree(folder: Path, summary: PurgeSummary, *, only_pictures: bool) -> None:
    """Remove the files of a folder of ours and the folders that this empties; other files stay, links are not followed."""
    if folder.is_symlink():
        summary.remove(folder)
        return
    for path in list(_walk(folder)):
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
