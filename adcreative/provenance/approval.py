"""Approval of a run's edits, and the audit trail of the run. Does not import torch and knows no model.

Every event of a run is one line of its audit.jsonl, never rewritten. An approval covers the current edits: the words, the bytes
of each delivered picture (original, edited, further sizes) and the content of the sidecars. The approval stores one hash over
all of this, so that any later change needs a new approval.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from adcreative.artifacts import hash_file
from adcreative.errors import CatalogError, ConfigError
from adcreative.progress import track
from adcreative.provenance.disclosure import disclosures_of_run
from adcreative.provenance.errors import ProvenanceError
from adcreative.provenance.run_records import RESULTS, check_regular, find_member, read_rows
from adcreative.provenance.seals import SEAL, has_seal, seal_event
from adcreative.provenance.sidecar import approve_sidecar, hash_sidecar, read_sidecar, sidecar_path

AUDIT = "audit.jsonl"
ORIGINAL_DIR = "original"  # folder of one ad's original picture
COVERS = 2  # version of the covered content; version 1 covered no picture
_APPROVED = (
    "row",
    "status",
    "file_name",
    "ad_name",
    "original_image",
    "edited_image",
    "headline_original",
    "headline_edited",
    "description_original",
    "description_edited",
    "cta_edited",
    "edits",
    "consent_id",
)  # covered by an approval in addition to the pictures: delivered fields and consent
_REMEDY = "look at report.html and say who approves: --approved-by NAME (approved_by in Python)"


@dataclass(frozen=True, kw_only=True)
class Approved:
    """Approved content: the approval event, and path -> sha256 of each picture that the approval covers."""

    event: Mapping[str, Any]
    pictures: Mapping[Path, str]


def approve(
    run: Path, *, by: str, words_sha256: str, markets: Sequence[str] = (), at: datetime | None = None
) -> dict[str, Any]:
    """Record that a person approved the edits of a run, of one ad or of many, in the sidecars and in the audit trail; return
    the event. The approval covers the current edits: later edits need a new approval.

    Args:
        markets: markets where the ads will run, as in `disclosures`; the resulting duties are recorded with the approval.
        words_sha256: hash of words that are delivered with the edits but are in no row of the run, "" for none.
    Raises:
        ConfigError: no name, or `run` has no edited ad. ProvenanceError: a picture was changed since the edit, or has no
            sidecar (nothing is recorded then), or a market is unknown.
    """
    at = at or datetime.now().astimezone()
    if not by.strip():
        raise ConfigError("an approval needs the name of who approves")
    edits = _read_edits(run)
    if not edits:
        raise ConfigError("there is no edited ad to approve; run a search first")
    duties = disclosures_of_run((edit.row for edit in edits), at.date(), list(markets)) if markets else []
    made = [path for edit in edits for path in edit.made]
    for path in made:
        if not sidecar_path(path).is_file():
            raise ProvenanceError(f"{path.name} has no sidecar, which says how it was made. Run optimize again, then approve.")
        read_sidecar(path)
    for path in made:
        approve_sidecar(path, by=by, at=at)
    acknowledged = {"markets": list(markets), "disclosures": [duty.rule_id for duty in duties]} if markets else {}
    covered = {
        "covers": COVERS,
        "num_edits": len(edits),
        "edits_sha256": _hash_edits(edits),
        "words_sha256": words_sha256,
        "rows": {str(edit.number): edit.digest[:16] for edit in edits},
    }
    return note_event(run, "approved", at=at, by=by.strip()[:200], **acknowledged, **covered)


def check_approved(run: Path, *, words_sha256: str) -> Approved:
    """Return the latest approval of a run's edits (one ad or many), and the pictures that the approval covers.

    Raises:
        ConfigError: the current edits are not approved.
    """
    approvals = [event for event in read_events(run) if event["event"] == "approved"]
    if not approvals:
        raise ConfigError(f"nobody approved the edits of {run.name} yet, and nothing leaves without an approval; {_REMEDY}")
    latest, edits = approvals[-1], _read_edits(run)
    by = str(latest.get("by", ""))[:200]
    if latest.get("covers") != COVERS:
        raise ConfigError(f"{by} approved the edits of {run.name} with an earlier version, which held no picture; {_REMEDY}")
    if latest.get("edits_sha256") != _hash_edits(edits):
        raise ConfigError(f"the edits of {run.name} are others than {by} approved{_say_changed(latest, edits)}; {_REMEDY}")
    if latest.get("words_sha256") != words_sha256:
        raise ConfigError(
            f"words that leave with the edits of {run.name} (primary text, button or brand, of the table that it was made "
            f"from) are others than {by} approved; {_REMEDY}"
        )
    return Approved(event=latest, pictures={path: digest for edit in edits for path, digest in edit.pictures.items()})


@dataclass(frozen=True, kw_only=True)
class _Edit:
    """Delivered content of one edited ad. row: covered fields, with the hashes of pictures and sidecars. pictures: path ->
    sha256 of the existing pictures. made: the pictures made by the run, which have a sidecar."""

    row: Mapping[str, Any]
    pictures: Mapping[Path, str]
    made: Sequence[Path]

    @property
    def number(self) -> int:
        return int(self.row["row"])

    @property
    def digest(self) -> str:
        return hashlib.sha256(json.dumps(self.row, sort_keys=True).encode()).hexdigest()


def _hash_edits(edits: Sequence[_Edit]) -> str:
    return hashlib.sha256("".join(edit.digest for edit in edits).encode()).hexdigest()


def _say_changed(event: Mapping[str, Any], edits: Sequence[_Edit]) -> str:
    """Return a phrase with the rows changed since an approval, as far as the approval recorded its rows."""
    rows = event.get("rows")
    known = rows if isinstance(rows, dict) else {}
    now = {str(edit.number): edit.digest[:16] for edit in edits}
    changed = sorted((name for name in {*known, *now} if known.get(name) != now.get(name)), key=lambda name: (len(name), name))
    listed = ", ".join(changed[:5]) + (f" and {len(changed) - 5} more" if len(changed) > 5 else "")
    return f" (words, picture or sidecar of row {listed})" if changed else ""


def _read_edits(run: Path) -> list[_Edit]:
    """Return the delivered content of a run's edited ads, by row."""
    rows = read_rows(run) if (run / RESULTS).exists() else ()
    edited = track((row for row in rows if row["status"] == "edited"), "reading pictures of the run")
    return sorted((_read_edit(run, row) for row in edited), key=lambda edit: edit.number)


def _read_edit(run: Path, row: Mapping[str, Any]) -> _Edit:
    sizes = [{"ratio": one["ratio"], "image": one["image"]} for one in row.get("sizes") or ()]
    covered = {name: row.get(name, "") for name in _APPROVED} | ({"sizes": sizes} if sizes else {})
    made = [row.get("edited_image"), *(one["image"] for one in sizes)]
    original = Path(str(row.get("file_name") or "")).name if (run / ORIGINAL_DIR).is_dir() else ""
    paths = {name: find_member(run, name) for name in (row.get("original_image"), *made) if name}
    if original:
        paths |= {f"{ORIGINAL_DIR}/{original}": find_member(run, f"{ORIGINAL_DIR}/{original}")}
    pictures = {path: hash_file(path) for path in paths.values() if path is not None}
    # a missing picture is covered as missing, so that no picture can be added later
    hashes = {name: [pictures[path], hash_sidecar(path)] if path is not None else None for name, path in paths.items()}
    has_sidecar = [path for name in made if name and (path := paths[name]) is not None]
    return _Edit(row=covered | {"pictures": hashes}, pictures=pictures, made=has_sidecar)


def note_event(run: Path, event: str, *, at: datetime | None = None, **details: object) -> dict[str, Any]:
    """Append one line to the audit trail of a run, wait until the line is on disk, and return it.

    Raises:
        CatalogError: the line cannot be written.
    """
    at = at or datetime.now().astimezone()
    return _append(run, {"at": at.isoformat(timespec="seconds"), "event": event, **details})


def note_sealed(run: Path, event: str, *, is_durable: bool = True, **details: object) -> dict[str, Any]:
    """Append one sealed line (`provenance.seals`) about a file outside of the run folder; the line includes the folder's path.

    Args:
        is_durable: False does not wait for the disk: a kill loses nothing, a power cut may lose the line.
    Raises:
        CatalogError: the line cannot be written.
    """
    at = datetime.now().astimezone().isoformat(timespec="seconds")
    sealed = seal_event({"at": at, "event": event, **details, "run": str(run.resolve())})
    return _append(run, sealed, is_durable=is_durable)


def _append(run: Path, line: dict[str, Any], *, is_durable: bool = True) -> dict[str, Any]:
    path = run / AUDIT
    try:
        with open(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab", buffering=0) as file:
            is_torn = path.stat().st_size > 0 and not _ends_line(path)  # a kill left half a line
            text = json.dumps(line, ensure_ascii=False, default=str) + "\n"
            file.write(("\n" * is_torn + text).encode())
            if is_durable:
                os.fsync(file.fileno())
    except OSError as error:
        raise CatalogError(f"{path} cannot be written ({error.strerror or error}). Free some space, then try again.") from error
    return line


class Voucher:
    """Decides whether this user recorded an event for this very run, even if the run's folder was moved.

    A copy does not pass for the run: while the folder in the event still holds the event, the event belongs to that folder.
    """

    def __init__(self, run: Path) -> None:
        self._run, self._kept = str(run.resolve()), dict[str, set[Any] | None]()

    def __call__(self, event: Mapping[str, Any]) -> bool:
        noted_at = event.get("run")
        if not isinstance(noted_at, str) or not has_seal(event):
            return False
        return noted_at == self._run or not self._holds(noted_at, event[SEAL])

    def _holds(self, folder: str, seal: str) -> bool:
        if folder not in self._kept:
            try:
                self._kept[folder] = {event.get(SEAL) for event in read_events(Path(folder))}
            except CatalogError:  # a damaged trail still exists there
                self._kept[folder] = None
        kept = self._kept[folder]
        return kept is None or seal in kept


def read_events(run: Path) -> list[dict[str, Any]]:
    """Return the audit trail of a run, oldest first; empty without a trail. A last line half-written by a kill is skipped.

    Raises:
        CatalogError: a line is damaged in another way.
    """
    path = run / AUDIT
    if not path.exists():
        return []
    check_regular(path)
    events = []
    for number, line in enumerate(path.read_bytes().split(b"\n"), start=1):
        try:
            event = json.loads(line) if line.strip() else None
        except (ValueError, RecursionError):
            if line.startswith(b'{"at": ') and not line.endswith(b"}"):
                continue
            event = ""
        if event is None:
            continue
        if not isinstance(event, dict) or not isinstance(event.get("event"), str):
            raise CatalogError(f"line {number} of {path} is damaged. Restore the file from a copy: it says who approved what.")
        events.append(event)
    return events


def _ends_line(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"
