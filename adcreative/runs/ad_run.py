"""One edited ad as a run folder, the audit trail of any run, and one ad's words held against the rules. Loads no torch.

The folder is what `optimize` writes (results.jsonl, results.run.json, images, report.html), so that plan_test, export and
import_results read it. Who did what to it is in audit.jsonl, one line an event, never rewritten.
"""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from adcreative.catalog.images import picture
from adcreative.catalog.tables import write_rows
from adcreative.creative import TEXT_COLUMNS, Creative, EditResult
from adcreative.errors import ConfigError
from adcreative.provenance.disclosure import disclosures_of_run
from adcreative.provenance.export import export_picture
from adcreative.provenance.sidecar import approve_sidecar, read_sidecar, sidecar_path
from adcreative.provenance.signing import SigningConfig
from adcreative.report import write_report

__all__ = ["approve", "check_approved", "check_words", "note_event", "read_events", "save_run"]

RESULT_COLUMNS = (
    "file_name", "status", "edited_image", "headline_original", "headline_edited", "description_original",
    "description_edited", "cta_original", "cta_edited", "ctr_original", "ctr_control", "ctr_edited", "ctr_edited_low",
    "ctr_edited_high", "ctr_edited_judge", "uplift_low", "uplift_high", "identity_similarity", "realism", "seed",
    "consent_id", "reason",
)  # fmt: skip
_APPROVED = (
    "row", "status", "file_name", "edited_image", "headline_edited", "description_edited", "cta_edited", "edits", "consent_id",
)  # fmt: skip  # what an approval covers: all that an edit delivers, and on whose consent


class Outcome(Protocol):
    """What an edit search returns."""

    @property
    def result(self) -> EditResult: ...
    @property
    def image_u8(self) -> np.ndarray | None: ...
    @property
    def control_u8(self) -> np.ndarray | None: ...


def save_run(
    creative: Creative, outcome: Outcome, out: Path, *, stem: str, settings: Mapping[str, Any],
    cards: Sequence[Mapping[str, Any]] = (), models: Mapping[str, str] | None = None, signing: SigningConfig | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Write one outcome as a run folder `out` and return its line of results.jsonl.

    Args:
        stem: what its pictures are called, such as "autumn" for images/autumn.edited.png.
        settings: what it was made with; part of the ids of its variants.
        cards: model cards for the report. models: name to hash of every model that took part, for the sidecar.
        signing: who signs the pictures; they are not signed without it.
    """
    out.mkdir(parents=True, exist_ok=True, mode=0o700)
    result = outcome.result.as_dict()
    has_face_edit = any(edit.face >= 0 or edit.direction == "scene" for edit in outcome.result.edits)
    row = {"row": 1, **result, "remedy": ""}
    images = {"original": picture(creative), "control": outcome.control_u8, "edited": outcome.image_u8}
    for kind, image_u8 in images.items():
        if image_u8 is None:
            continue
        name = f"images/{stem}.{kind}.png"
        export_picture(
            out / name, image_u8, is_edited={"original": False, "control": True}.get(kind, has_face_edit),
            original_path=creative.image_path, result=result if kind == "edited" else None, models=models or {},
            signing=signing,
        )  # fmt: skip
        row[f"{kind}_image"] = name
    settings = {"verb": "studio", **settings, "data": str(_write_original(creative, out / "original").resolve())}
    (out / "results.jsonl").write_text(json.dumps(row, ensure_ascii=False) + "\n", encoding="utf-8")
    (out / "results.run.json").write_text(json.dumps(settings, ensure_ascii=False), encoding="utf-8")
    write_rows(out / "results.csv", [{name: row.get(name, "") for name in RESULT_COLUMNS}], RESULT_COLUMNS)
    duties = [duty.as_dict() for duty in disclosures_of_run([row], date.today())]
    shown = {name: value for name, value in settings.items() if name != "data"}
    write_report(
        out / "report.html", [row], settings=shown, image_dir=out / "images", cards=cards, failures=[], disclosures=duties
    )
    note_event(out, "made", status=row["status"], seed=row["seed"], models=dict(models or {}))
    return row


def _write_original(creative: Creative, directory: Path) -> Path:
    """Write the ad as it was brought, its picture byte for byte, as a catalogue that plan_test and export read."""
    directory.mkdir(parents=True, exist_ok=True)
    if creative.image_path is not None and creative.file_name:
        shutil.copyfile(creative.image_path, directory / Path(creative.file_name).name)
    columns = [name for name in TEXT_COLUMNS if getattr(creative, name)]
    with (directory / "metadata.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerow({name: getattr(creative, name) for name in columns})
    return directory


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
    pictures = [run / row["edited_image"] for row in edits if row["edited_image"]]
    pictures = [path for path in pictures if path.is_file() and sidecar_path(path).is_file()]
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
    path = run / "results.jsonl"
    if path.is_file():
        with path.open(encoding="utf-8") as lines:
            for row in map(json.loads, filter(str.strip, lines)):
                if row["status"] == "edited":
                    yield {name: row.get(name, "") for name in _APPROVED}


def note_event(run: Path, event: str, *, at: datetime | None = None, **details: Any) -> dict[str, Any]:
    """Add one line to the audit trail of a run, and return it."""
    at = at or datetime.now().astimezone()
    line = {"at": at.isoformat(timespec="seconds"), "event": event, **details}
    with (run / "audit.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(line, ensure_ascii=False, default=str) + "\n")
    return line


def read_events(run: Path) -> list[dict[str, Any]]:
    """Return the audit trail of a run, oldest first; empty without one."""
    path = run / "audit.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.is_file() else []


def check_words(
    creative: Creative,
    *,
    original: Creative | None = None,
    brief: str = "",
    avoid: Sequence[str] = (),
    brand_kit: Path | None = None,
) -> dict[str, tuple[str, ...]]:
    """Hold an ad's headline and description against the rules of the copywriter.

    Args:
        original: the ad that new words may take facts from; None: the ad stands for itself, its own claims are not questioned.
        brief: what the user said the words may be about; facts of it may be used. avoid: words that may not be.
        brand_kit: a brand manifest, whose words to avoid may not be used either.
    Returns:
        "headline" and "description", where there is one, to its problems; no problem means that it may run.
    Raises:
        ConfigError: `brand_kit` is no brand manifest.
    """
    from adcreative.copywriter.brand_kit import read_brand_kit
    from adcreative.copywriter.brief import Brief
    from adcreative.copywriter.lint.checks import check_copy

    kit = None if brand_kit is None else read_brand_kit(brand_kit)
    found = {}
    for kind, other in (("headline", creative.description), ("description", "")):
        text = getattr(creative, kind)
        if not text:
            continue
        product, headline, known = creative.category, "", f"{text}. {creative.primary_text} {other}"
        if original is not None:
            product, headline = original.category, original.headline
            known = f"{brief} {original.description or original.primary_text}"
        told = Brief(
            brand=creative.brand, product=product, headline=headline, description=known.strip(), platform=creative.platform,
            placement=creative.placement, avoid=tuple(avoid),
        )  # fmt: skip
        is_old = original is not None and text == getattr(original, kind)
        told = told if kit is None else kit.brief(told)
        found[kind] = () if is_old else check_copy(text, told, kind, is_new=original is not None)
    return found
