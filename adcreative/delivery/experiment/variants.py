"""The arms of a run: for every edited creative its original (the control) and its edit, named so that results can be joined.

Reads the folder that `optimize` writes (results.jsonl and results.run.json) and, where it is still there, the catalogue the run
was made from, for brand, call to action and context. Creatives that were kept as they were need no test and give no arms.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adcreative.catalog import read_catalog
from adcreative.creative import Creative
from adcreative.errors import AdCreativeError, CatalogError

CONTROL, EDITED = "control", "edited"
_ID = re.compile(r"(?<![0-9a-z])acv[0-9a-f]{12}(?![0-9a-z])", re.IGNORECASE)
_MAX_NAME_CHARS = 80
_LOCAL_SETTINGS = ("data", "columns")  # paths of one machine are no part of a run's identity


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One arm of a test.

    creative holds what is shown, file_name relative to `run_dir`; ctr is the predicted click rate (0..1); uplift_low,
    uplift_high: 90 % interval of the predicted change against the control (0.1: ten percent more), None in runs of versions
    that did not write one; test is equal for the arms of one test.
    """

    variant_id: str
    test: str
    arm: str
    name: str
    campaign: str
    run_dir: Path
    run_hash: str
    creative: Creative
    ctr: float
    ctr_judge: float | None = None
    uplift_low: float | None = None
    uplift_high: float | None = None
    edits: tuple[str, ...] = ()

    @property
    def is_control(self) -> bool:
        return self.arm == CONTROL


def build_variant_id(run_hash: str, campaign: str, arm: str) -> str:
    """Return "acv" and 12 hexadecimal digits: the same for the same run, campaign and arm, on every machine."""
    digest = hashlib.sha256("\0".join((run_hash, campaign, arm)).encode("utf-8", "replace")).hexdigest()
    return f"acv{digest[:12]}"


def find_variant_id(*texts: str) -> str:
    """Return the first variant id that stands in one of the texts (an ad name, a label, a UTM value), or ""."""
    for text in texts:
        if found := _ID.search(text):
            return found.group().lower()
    return ""


def build_name(creative: Creative, arm: str, variant_id: str) -> str:
    """Return an ad name of letters, digits, "-" and "_" that ends in the variant id."""
    stem = creative.ad_name or Path(creative.file_name).stem or creative.headline or f"row {creative.row}"
    stem = re.sub(r"[\W_]+", "-", stem).strip("-")
    return f"{stem[: _MAX_NAME_CHARS - len(arm) - len(variant_id) - 2]}_{arm}_{variant_id}"


def hash_run(settings: dict[str, Any]) -> str:
    """Return the hash of a run's settings (models, seed, search), without the paths of the machine it ran on."""
    kept = {name: value for name, value in settings.items() if name not in _LOCAL_SETTINGS}
    return hashlib.sha256(json.dumps(kept, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def read_variants(run_dir: Path, campaign: str) -> tuple[Variant, ...]:
    """Read the arms of a finished or stopped run, controls first in each test.

    Args:
        run_dir: folder written by optimize.
        campaign: name of the campaign they will run in; part of their ids.
    Raises:
        CatalogError: not such a folder, or nothing in it was edited.
    """
    run_dir = Path(run_dir)
    results_path, settings_path = run_dir / "results.jsonl", run_dir / "results.run.json"
    try:
        lines = results_path.read_text(encoding="utf-8").splitlines()
        settings = json.loads(settings_path.read_text(encoding="utf-8"))
        results = [json.loads(line) for line in lines if line.strip()]
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise CatalogError(f"{run_dir} is not a folder written by optimize ({reason}). Give the --out of that run.") from error
    run_hash = hash_run(settings)
    originals = _read_originals(settings)
    variants: list[Variant] = []
    for result in results:
        if result["status"] == "edited":
            variants += _build_arms(result, originals.get(result["row"]), run_dir, run_hash, campaign)
    if not variants:
        raise CatalogError(
            f"none of the {len(results)} creatives in {run_dir} was edited, so there is nothing to test or deliver"
        )
    return tuple(variants)


def _read_originals(settings: dict[str, Any]) -> dict[int, Creative]:
    """Return row -> creative of the run's catalogue, or nothing when it has moved."""
    try:
        columns = Path(settings["columns"]) if settings.get("columns") else None
        return {creative.row: creative for creative in read_catalog(Path(settings["data"]), columns=columns).creatives}
    except (AdCreativeError, KeyError):
        return {}


def _build_arms(
    result: dict[str, Any], original: Creative | None, run_dir: Path, run_hash: str, campaign: str
) -> tuple[Variant, Variant]:
    """Return control and edit of one line of results.jsonl."""
    fields = {name: getattr(original, name) for name in _CONTEXT} if _is_same(original, result) else {}
    fields |= {"row": result["row"], "ad_name": result["ad_name"]}
    edits = tuple(f"{edit['direction']} {edit['strength']:+.2f}" for edit in result["edits"])
    content = {name: result[name] for name in ("file_name", "ad_name", "headline_edited", "description_edited", "edits")}
    key = json.dumps([result["row"], content], sort_keys=True, ensure_ascii=False)
    arms = []
    for arm, kind, image in ((CONTROL, "original", "original_image"), (EDITED, "edited", "edited_image")):
        button = result.get("cta_edited") if arm == EDITED else ""  # runs of earlier versions have none
        creative = Creative(
            **{**fields, **({"cta": button} if button else {})}, file_name=result.get(image) or "",
            headline=result[f"headline_{kind}"], description=result[f"description_{kind}"],
            image_path=run_dir / result[image] if result.get(image) else None,
        )  # fmt: skip
        variant_id = build_variant_id(run_hash, campaign, f"{arm}\0{key}")
        named = Creative(**fields, file_name=result["file_name"], headline=result["headline_original"])
        is_edit = arm == EDITED
        arms.append(
            Variant(
                variant_id=variant_id, test=f"{result['row']:05d}", arm=arm, name=build_name(named, arm, variant_id),
                campaign=campaign, run_dir=run_dir, run_hash=run_hash, creative=creative,
                ctr=result[f"ctr_{kind}"], ctr_judge=result.get(f"ctr_{kind}_judge"),
                uplift_low=result.get("uplift_low") if is_edit else None,
                uplift_high=result.get("uplift_high") if is_edit else None, edits=edits if is_edit else (),
            )
        )  # fmt: skip
    return arms[0], arms[1]


_CONTEXT = ("primary_text", "cta", "brand", "category", "platform", "placement", "audience", "currency", "consent_id")


def _is_same(original: Creative | None, result: dict[str, Any]) -> bool:
    """True when the catalogue's row still is the creative that was edited."""
    return original is not None and (original.file_name, original.headline) == (
        result["file_name"],
        result["headline_original"],
    )
