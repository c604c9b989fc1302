"""Who approved the edits of a run, and the audit trail of what was done to it. Loads no torch and knows no model.

Every event of a run is one line of its audit.jsonl, never rewritten. An approval covers the edits as they are: the hash of what
they deliver is noted with it, so that an edit that changes afterwards needs an approval of its own.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from adcreative.errors import CatalogError, ConfigError
from adcreative.provenance.disclosure import disclosures_of_run
from adcreative.provenance.run_records import RESULTS, check_regular, find_member, read_rows
from adcreative.provenance.sidecar import approve_sidecar, read_sidecar, sidecar_path

__all__ = ["approve", "check_approved", "note_event", "read_events"]

AUDIT = "audit.jsonl"
_APPROVED = (
    "row", "status", "file_name", "edited_image", "headline_edited", "description_edited", "cta_edited", "edits", "consent_id",
)  # fmt: skip  # what an approval covers: all that an edit delivers, and on whose consent


def approve(run: Path, *, by: str, markets: Sequence[str] = (), at: datetime | None = None) -> dict[str, Any]:
    """Note that a person approved the edits of a run, of one ad or of many, in the sidecars of the pictures and in the audit
    trail; return the event. It covers the edits as they are now: whatever is edited later needs an approval of its own.

    Args:
        markets: where they will run, as `disclosures` knows them; the duties that were on that list are noted with it.
    Raises:
        ConfigError: no name, or `run` holds no edited ad. ProvenanceError: a picture was changed since it was made (nothing is
            noted then), or a market is unknown.
    """
    at = at or datetime.now().astimezone()
    if not by.strip():
        raise ConfigError("an approval needs the name of who approves")
    edits, rows_hash = _read_edits(run)
    if not edits:
        raise ConfigError("there is no edited ad to approve; run a search first")
    duties = disclosures_of_run(edits, at.date(), list(markets)) if markets else []
    names = [name for row in edits for name in (row["edited_image"], *(one["image"] for one in row.get("sizes", ()))) if name]
    found = [find_member(run, name) for name in names]
    pictures = [path for path in found if path is not None and sidecar_path(path).is_file()]
    for path in pictures:
        read_sidecar(path)
    for path in pictures:
        approve_sidecar(path, by=by, at=at)
    acknowledged = {"markets": list(markets), "disclosures": [duty.rule_id for duty in duties]} if markets else {}
    covered = {"num_edits": len(edits), "edits_sha256": rows_hash}
    return note_event(run, "approved", at=at, by=by.strip()[:200], **acknowledged, **covered)


def check_approved(run: Path) -> dict[str, Any]:
    """Return the latest approval of the edits of a run, of one ad or of many.

    Raises:
        ConfigError: nobody approved them as they are now.
    """
    approvals = [event for event in read_events(run) if event["event"] == "approved"]
    remedy = "look at report.html and say who approves: --approved-by NAME (approved_by in Python)"
    if not approvals:
        raise ConfigError(f"nobody approved the edits of {run.name} yet, and nothing leaves without an approval; {remedy}")
    if approvals[-1].get("edits_sha256") != _read_edits(run)[1]:
        raise ConfigError(f"the edits of {run.name} are others than {approvals[-1]['by']} approved; {remedy}")
    return approvals[-1]


def _read_edits(run: Path) -> tuple[list[dict[str, Any]], str]:
    """Return what the edited ads of a run deliver, by row, and the hash of it."""
    edits = sorted(_edited_rows(run), key=lambda row: int(row["row"]))
    return edits, hashlib.sha256(json.dumps(edits, sort_keys=True).encode()).hexdigest()


def _edited_rows(run: Path) -> Iterator[dict[str, Any]]:
    if (run / RESULTS).exists():
        for row in read_rows(run):
            if row["status"] == "edited":
                sizes = [{"ratio": one["ratio"], "image": one["image"]} for one in row.get("sizes") or ()]
                yield {name: row.get(name, "") for name in _APPROVED} | ({"sizes": sizes} if sizes else {})


def note_event(run: Path, event: str, *, at: datetime | None = None, **details: Any) -> dict[str, Any]:
    """Add one line to the audit trail of a run, wait until it is on disk, and return it.

    Raises:
        CatalogError: it cannot be written.
    """
    at = at or datetime.now().astimezone()
    line = {"at": at.isoformat(timespec="seconds"), "event": event, **details}
    path = run / AUDIT
    try:
        with open(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab", buffering=0) as file:
            is_torn = path.stat().st_size > 0 and not _ends_line(path)  # a kill left half a line
            text = json.dumps(line, ensure_ascii=False, default=str) + "\n"
            file.write(("\n" * is_torn + text).encode())
            os.fsync(file.fileno())
    except OSError as error:
        raise CatalogError(f"{path} cannot be written ({error.strerror or error}). Free some space, then try again.") from error
    return line


def read_events(run: Path) -> list[dict[str, Any]]:
    """Return the audit trail of a run, oldest first; empty without one. A line that a kill left half-written is left out.

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
