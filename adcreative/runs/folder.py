"""Files in a run folder: the pictures of each edit, and the whole folder of one edited ad. Does not import torch.

`optimize` writes many ads into one folder, the app writes each ad into its own folder; both write pictures through
`write_pictures`, so marks, signatures and sidecars are the same, and plan_test, export and import_results read both.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

import numpy as np

from adcreative.artifacts import make_private_dir, remove_drafts
from adcreative.catalog.images import picture
from adcreative.catalog.tables import write_rows
from adcreative.creative import TEXT_COLUMNS, Creative, EditResult
from adcreative.provenance.approval import AUDIT
from adcreative.provenance.run_records import RESULTS, SETTINGS
from adcreative.provenance.sidecar import SUFFIX, export_picture
from adcreative.provenance.signing import SigningConfig
from adcreative.runs.continuing import hash_creative
from adcreative.runs.people import named_pictures

FAILURES = "results.failures.csv"
RUN_FILES = (
    RESULTS,
    SETTINGS,
    "report.html",
    FAILURES,
    "truth.json",
    "planted-truth.json",
    "account-truth.json",
    "results.csv",
    AUDIT,
    "campaign.json",
    "ad-package.zip",
)
READ_FOLDERS = ("images", "preview", "original", "creatives", "account")  # input pictures; other folders hold plans, uploads
MAX_STEM_BYTES = 80
OUR_PICTURE = re.compile(r"\d{5,}-.*-[0-9a-f]{8}\.")  # names made by `picture_stem`
RESULT_COLUMNS = (
    "file_name",
    "status",
    "edited_image",
    "headline_original",
    "headline_edited",
    "description_original",
    "description_edited",
    "cta_original",
    "cta_edited",
    "ctr_original",
    "ctr_control",
    "ctr_edited",
    "ctr_edited_low",
    "ctr_edited_high",
    "ctr_edited_judge",
    "uplift_low",
    "uplift_high",
    "identity_similarity",
    "realism",
    "edit_strength",
    "seed",
    "consent_id",
    "reason",
)


class Outcome(Protocol):
    """Result of an edit search."""

    @property
    def result(self) -> EditResult: ...
    @property
    def image_u8(self) -> np.ndarray | None: ...
    @property
    def control_u8(self) -> np.ndarray | None: ...


@dataclass(frozen=True, kw_only=True)
class Makers:
    """Origin of a picture. models: name -> hash of every model that took part, for the sidecar; signing: signer, or None."""

    models: Mapping[str, str] = field(default_factory=dict)
    signing: SigningConfig | None = None


def write_pictures(
    creative: Creative, outcome: Outcome, out: Path, *, stem: str, makers: Makers, keep_control: bool = False
) -> dict[str, str]:
    """Write the original and the edited picture of an edit losslessly into `out`/images, optionally with the control; an ad
    without an edit has no edited picture.

    Control and edit are marked as partly made by a model, and signed if signing is set; the edit has a sidecar. The control, a
    face rebuilt without an edit, is a technical check and not an ad.

    Returns:
        original_image, control_image, edited_image: paths relative to `out`, only of the pictures that were written.
    """
    has_made_parts = any(edit.face >= 0 or edit.direction == "scene" for edit in outcome.result.edits)
    pictures = (
        ("original", picture(creative), False),
        ("control", outcome.control_u8 if keep_control else None, True),
        ("edited", outcome.image_u8 if outcome.result.status == "edited" else None, has_made_parts),
    )
    paths = {}
    for kind, image_u8, is_made in pictures:
        if image_u8 is None:
            continue
        name = f"images/{stem}.{kind}.png"
        export_picture(
            out / name,
            image_u8,
            is_edited=is_made,
            original_path=creative.image_path,
            result=outcome.result.as_dict() if kind == "edited" else None,
            models=makers.models,
            signing=makers.signing,
        )
        paths[f"{kind}_image"] = name
    return paths


def safe_stem(file_name: str) -> str:
    """Return a file name's stem, portable to every file system: letters, digits, "-", "_"; at most MAX_STEM_BYTES."""
    stem = re.sub(r"[^\w-]+", "-", Path(file_name).stem).strip("-")
    return stem.encode()[:MAX_STEM_BYTES].decode(errors="ignore") or "words"


def picture_stem(creative: Creative) -> str:
    """Return the stem of an ad's picture files in a run of many ads: row, name and content hash, since rows may move."""
    return f"{creative.row:05d}-{safe_stem(creative.file_name)}-{hash_creative(creative)[:8]}"


def remove_unnamed(out: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Remove pictures in `out`/images that a run wrote and no row names any more, with sidecars and drafts."""
    remove_drafts(out / "images", lambda name: OUR_PICTURE.match(name) is not None)
    named = {PurePosixPath(name).name for row in rows for name in named_pictures(row)}
    if not (out / "images").is_dir():
        return
    for path in list((out / "images").iterdir()):
        if OUR_PICTURE.match(path.name) and path.name.removesuffix(SUFFIX) not in named:
            path.unlink(missing_ok=True)


def write_original(creative: Creative, directory: Path) -> Path:
    """Write the original ad, its picture byte for byte, as a catalogue that plan_test and export can read."""
    make_private_dir(directory)
    if creative.image_path is not None and creative.file_name:
        copy_path = directory / Path(creative.file_name).name
        shutil.copyfile(creative.image_path, copy_path)
        copy_path.chmod(0o600)
    columns = [name for name in TEXT_COLUMNS if getattr(creative, name)]
    write_rows(directory / "metadata.csv", [{name: getattr(creative, name) for name in columns}], columns)
    return directory
