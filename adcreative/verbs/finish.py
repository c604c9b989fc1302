"""Write all files of an edit: its row, pictures with marks and sidecars, alternatives, other shapes. Imports no torch.

Command line, Studio and app write edits through `finish` alone, so that all edits get the same texts and marks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from adcreative.artifacts import dump_json, make_private_dir, write_atomically
from adcreative.catalog.tables import write_rows
from adcreative.creative import Creative
from adcreative.progress import Count, uncounted
from adcreative.provenance.approval import note_event
from adcreative.provenance.disclosure import disclosures_of_run
from adcreative.provenance.run_records import RESULTS, SETTINGS
from adcreative.provenance.sidecar import export_picture
from adcreative.provenance.signing import SigningConfig
from adcreative.report import write_report
from adcreative.runs.folder import RESULT_COLUMNS, Makers, Outcome, write_original, write_pictures

if TYPE_CHECKING:
    from adcreative.editor.models import EditorTools, FoundLayouts
    from adcreative.editor.session import Session


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """The files to write for one edit.

    out: a run's folder; pictures go to images/ in it. stem: file name stem. alternatives: number of alternatives whose
    pictures are written; ratios: further shapes, such as "9:16"; keep_control: whether the rebuilt, unedited faces are written.
    tell: callback with the number of finished shapes and of all shapes.
    """

    out: Path
    stem: str
    makers: Makers = field(default_factory=Makers)
    alternatives: int = 0
    ratios: tuple[str, ...] = ()
    keep_control: bool = False
    tell: Count = uncounted


def composing(models: EditorTools) -> EditorTools:
    """Return models that also compose new layouts of an ad, where the needed packages are installed."""
    if find_spec("skia") is None or find_spec("cv2") is None:
        return models

    def compose(ad: Creative, image_u8: np.ndarray, num: int) -> FoundLayouts:
        from adcreative.verbs.new_layouts import compose_layouts  # imports drawing packages

        return compose_layouts(models.text_reader, ad, image_u8, num)

    return replace(models, compose_layouts=compose)


@dataclass(frozen=True)
class Closed:
    """The ad of an outcome without an open session."""

    creative: Creative


def finish(session: Session | Closed, outcome: Outcome, delivery: Delivery | None) -> dict[str, Any]:
    """Write the files of an edit, or of an unchanged ad, and return the row of results.jsonl.

    Args:
        session: the session of the search, which draws alternatives and shapes; a closed one draws none. delivery: None writes
            no files.
    """
    creative = session.creative
    row = {"row": creative.row, **outcome.result.as_dict(), "remedy": ""}
    if delivery is None:
        return row
    out, stem, makers = delivery.out, delivery.stem, delivery.makers
    row |= write_pictures(creative, outcome, out, stem=stem, makers=makers, keep_control=delivery.keep_control)
    if not isinstance(session, Closed) and delivery.alternatives:
        row["alternatives"] = write_alternatives(
            creative, outcome, session.picture, delivery.alternatives, out, stem=stem, makers=makers
        )
    if not isinstance(session, Closed) and delivery.ratios:
        from adcreative.verbs.sizes import write_sizes  # reads and sets words

        row["sizes"] = write_sizes(
            creative, outcome, delivery.ratios, session.models, out, stem=stem, makers=makers, tell=delivery.tell
        )
    return row


def save_run(
    creative: Creative,
    outcome: Outcome,
    out: Path,
    *,
    stem: str,
    settings: Mapping[str, Any],
    cards: Sequence[Mapping[str, Any]] = (),
    models: Mapping[str, str] | None = None,
    signing: SigningConfig | None = None,
) -> dict[str, Any]:
    """Write one edited ad as a run folder `out`, as `optimize` writes many, and return the row of results.jsonl.

    Args:
        stem: file name stem of the pictures, such as "autumn" for images/autumn.edited.png.
        settings: settings of the edit; part of the ids of its variants.
        cards: model cards for the report. models: name -> hash of every model of the edit, for the sidecar.
        signing: the key that signs the pictures; without it the pictures are not signed.
    """
    make_private_dir(out)
    makers = Makers(models=models or {}, signing=signing)
    row = {**finish(Closed(creative), outcome, Delivery(out=out, stem=stem, makers=makers)), "row": 1}
    settings = {"verb": "studio", **settings, "data": str(write_original(creative, out / "original").resolve())}
    write_atomically(out / SETTINGS, dump_json(settings).encode(), is_private=True)
    write_atomically(out / RESULTS, dump_json(row).encode(), is_private=True)
    write_rows(out / "results.csv", [{name: row.get(name, "") for name in RESULT_COLUMNS}], RESULT_COLUMNS)
    duties = [duty.as_dict() for duty in disclosures_of_run([row], date.today())]
    shown = {name: value for name, value in settings.items() if name != "data"}
    write_report(
        out / "report.html", [row], settings=shown, image_dir=out / "images", cards=cards, failures=[], disclosures=duties
    )
    note_event(out, "made", status=row["status"], seed=row["seed"], models=dict(models or {}))
    return row


QUALITY = 95  # of the JPEG
WORDS = ("headline", "description", "cta")


def write_alternatives(
    creative: Creative,
    outcome: Outcome,
    picture_of: Callable[[int], np.ndarray | None],
    num: int,
    out: Path,
    *,
    stem: str,
    makers: Makers,
) -> list[dict[str, Any]]:
    """Write the pictures of the first `num` alternatives of an ad into `out`/images, and return all alternatives as rows.

    Args:
        picture_of: returns the picture [H, W, 3] uint8 of an alternative by index, or None when there is no picture.

    Returns:
        the alternatives as in EditResult.as_dict(), with `image` (path relative to `out`) where a picture was written. No
        picture is written for the delivered edit, nor for an alternative that changes only words beside the picture.
    """
    result = outcome.result.as_dict()
    rows: list[dict[str, Any]] = result["alternatives"]
    for idx, (row, one) in enumerate(zip(rows[:num], outcome.result.alternatives, strict=False)):
        image_u8 = picture_of(idx)
        if image_u8 is None or outcome.image_u8 is None or np.array_equal(image_u8, outcome.image_u8):
            continue
        stated = {**result, "edits": row["edits"], **{f"{name}_edited": row[name] for name in WORDS}}
        row["image"] = f"images/{stem}.version-{idx + 1}.jpg"
        export_picture(
            out / row["image"],
            image_u8,
            is_edited=any(edit.face >= 0 or edit.direction == "scene" for edit in one.edits),
            original_path=creative.image_path,
            result=stated,
            models=makers.models,
            signing=makers.signing,
            quality=QUALITY,
        )
    return rows
