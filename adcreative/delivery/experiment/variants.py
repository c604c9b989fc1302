"""The arms of a run: for every edited creative its original (the control) and its edit, named so that results can be joined.

Reads the folder written by `optimize` (results.jsonl and results.run.json) and, if still available, the run's catalogue, for
brand, call to action and context. Creatives that were kept unchanged need no test and give no arms.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from adcreative.catalog import read_catalog
from adcreative.catalog.mapping import read_settings as read_table_settings
from adcreative.creative import Creative
from adcreative.errors import AdCreativeError, CatalogError
from adcreative.provenance.run_records import LOCAL_SETTINGS, MADE_FROM, RESULTS, find_member, read_rows, read_settings

CONTROL, EDITED = "control", "edited"
CALLED = {CONTROL: "original", EDITED: "version-B"}  # words in ad names, for people
_ID = re.compile(r"(?<![0-9a-z])acv[0-9a-f]{12}(?![0-9a-z])", re.IGNORECASE)
_MAX_NAME_CHARS = 80


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One arm of a test.

    creative: content of the ad, file_name relative to `run_dir`; ctr: predicted click rate (0..1), None in a run without rates
    (EditResult.is_untested); uplift_low, uplift_high: 90 % interval of the predicted change against the control (0.1: ten
    percent more), None in runs of versions without an interval; test is equal for the arms of one test. shapes: pictures of the
    edit in further shapes. searched_share: as in `plan.TestPlan`.
    """

    variant_id: str
    test: str
    arm: str
    name: str
    campaign: str
    run_dir: Path
    run_hash: str
    creative: Creative
    ctr: float | None
    ctr_judge: float | None = None
    uplift_low: float | None = None
    uplift_high: float | None = None
    is_untested: bool = False
    edits: tuple[str, ...] = ()
    shapes: tuple[Path, ...] = ()
    searched_share: float | None = None

    @property
    def is_control(self) -> bool:
        return self.arm == CONTROL


def build_variant_id(run_hash: str, campaign: str, arm: str) -> str:
    """Return "acv" and 12 hexadecimal digits: equal for the same run, campaign and arm, on every machine."""
    digest = hashlib.sha256("\0".join((run_hash, campaign, arm)).encode("utf-8", "replace")).hexdigest()
    return f"acv{digest[:12]}"


def find_variant_id(*texts: str) -> str:
    """Return the first variant id in one of the texts (an ad name, a label, a UTM value), or ""."""
    for text in texts:
        if found := _ID.search(text):
            return found.group().lower()
    return ""


def build_name(creative: Creative, arm: str, variant_id: str) -> str:
    """Return an ad name of letters, digits, "-" and "_": the original name, the arm, and the variant id."""
    stem = creative.ad_name or Path(creative.file_name).stem or creative.headline or f"row {creative.row}"
    stem, called = re.sub(r"[\W_]+", "-", stem).strip("-"), CALLED[arm]
    return f"{stem[: _MAX_NAME_CHARS - len(called) - len(variant_id) - 2]}_{called}_{variant_id}"


def hash_run(settings: dict[str, Any]) -> str:
    """Return the hash of a run's settings (models, seed, search), without the paths of the machine it ran on."""
    kept = {name: value for name, value in settings.items() if name not in LOCAL_SETTINGS}
    return hashlib.sha256(json.dumps(kept, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def read_variants(run_dir: Path, campaign: str) -> tuple[Variant, ...]:
    """Read the arms of a finished or stopped run, controls first in each test.

    Args:
        run_dir: folder written by optimize.
        campaign: name of the future campaign; part of the ids.
    Raises:
        CatalogError: not such a folder, or no creative was edited.
    """
    run_dir = Path(run_dir)
    results, settings = list(read_rows(run_dir)), read_settings(run_dir)
    run_hash = hash_run(settings)
    originals = _read_originals(settings, run_dir)
    variants: list[Variant] = []
    num_alike: Counter[str] = Counter()
    for result in results:
        if result["status"] == "edited":
            made_from = str(result.get(MADE_FROM, ""))  # rows with this hash may move; the app's runs of one ad have none
            place = [made_from, num_alike[made_from]] if made_from else result["row"]
            num_alike[made_from] += 1
            try:
                variants += _build_arms(result, place, originals.get(result["row"]), run_dir, run_hash, campaign)
            except (KeyError, TypeError, ValueError) as error:
                if isinstance(error, AdCreativeError):
                    raise
                raise CatalogError(
                    f"row {result['row']} of {run_dir / RESULTS} is damaged ({str(error)[:80]}). Restore the file."
                ) from error
    if not variants:
        raise CatalogError(
            f"none of the {len(results)} creatives in {run_dir} was edited, so there is nothing to test or deliver"
        )
    share = settings.get("searched_share")
    return tuple(replace(one, searched_share=share) for one in variants) if isinstance(share, float) else tuple(variants)


def _read_originals(settings: dict[str, Any], run_dir: Path) -> dict[int, Creative]:
    """Return row -> creative of the run's catalogue, or nothing if the catalogue has moved.

    The settings hold its path on the machine of the run, or a folder inside the run folder. Pipes and devices are not opened; a
    package from elsewhere has no such path (`forget_paths`).
    """
    try:
        data, columns, images = (_find_source(settings.get(name), run_dir) for name in LOCAL_SETTINGS)
        if data is None:
            return {}
        dates = settings.get("dates", "")
        table = read_table_settings(columns, dates=dates if isinstance(dates, str) else "")
        return {creative.row: creative for creative in read_catalog(data, columns=table, images=images).creatives}
    except AdCreativeError:
        return {}


def _find_source(path: object, run_dir: Path) -> Path | None:
    if not isinstance(path, str) or not path or "\0" in path:
        return None
    source = run_dir / path  # an absolute path stays unchanged
    if not Path(path).is_absolute() and not source.resolve().is_relative_to(run_dir.resolve()):
        return None
    return source if source.is_dir() or source.is_file() else None


def _build_arms(
    result: dict[str, Any], place: object, original: Creative | None, run_dir: Path, run_hash: str, campaign: str
) -> tuple[Variant, Variant]:
    """Return control and edit for one line of results.jsonl. place: identifier of the line within the run."""
    fields = {name: getattr(original, name) for name in _CONTEXT} if _is_same(original, result) else {}
    fields |= {"row": result["row"], "ad_name": result["ad_name"]}
    edits = tuple(f"{edit['direction']} {edit['strength']:+.2f}" for edit in result["edits"])
    content = {name: result[name] for name in ("file_name", "ad_name", "headline_edited", "description_edited", "edits")}
    key = json.dumps([place, content], sort_keys=True, ensure_ascii=False)
    is_without_rates = bool(result.get("is_untested")) and result["ctr_original"] is None
    arms = []
    for arm, kind, image in ((CONTROL, "original", "original_image"), (EDITED, "edited", "edited_image")):
        button = result.get("cta_edited") if arm == EDITED else ""
        creative = Creative(
            **{**fields, **({"cta": button} if button else {})},
            file_name=result.get(image) or "",
            headline=result[f"headline_{kind}"],
            description=result[f"description_{kind}"],
            image_path=_find_picture(result.get(image), run_dir),
        )
        variant_id = build_variant_id(run_hash, campaign, f"{arm}\0{key}")
        named = Creative(**fields, file_name=result["file_name"], headline=result["headline_original"])
        is_edit = arm == EDITED
        arms.append(
            Variant(
                variant_id=variant_id,
                test=f"{result['row']:05d}",
                arm=arm,
                name=build_name(named, arm, variant_id),
                campaign=campaign,
                run_dir=run_dir,
                run_hash=run_hash,
                creative=creative,
                ctr=None if is_without_rates else _number(result[f"ctr_{kind}"]),
                is_untested=bool(result.get("is_untested")),
                ctr_judge=result.get(f"ctr_{kind}_judge"),
                uplift_low=result.get("uplift_low") if is_edit else None,
                uplift_high=result.get("uplift_high") if is_edit else None,
                edits=edits if is_edit else (),
                shapes=_find_shapes(result, run_dir) if is_edit else (),
            )
        )
    return arms[0], arms[1]


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise TypeError(f"{value!r} is no number")
    return value


def _find_picture(name: str | None, run_dir: Path) -> Path | None:
    """Return the path of a run's picture; a missing picture keeps its path, so that its row can report the error."""
    return (find_member(run_dir, name) or run_dir / name) if name else None


def _find_shapes(result: dict[str, Any], run_dir: Path) -> tuple[Path, ...]:
    """Return the pictures in further shapes; the shape of the delivered picture itself is none."""
    found = (_find_picture(one["image"], run_dir) for one in result.get("sizes") or () if one.get("made") != "as it is")
    return tuple(path for path in found if path is not None)


_CONTEXT = ("primary_text", "cta", "brand", "category", "platform", "placement", "audience", "currency", "consent_id")


def _is_same(original: Creative | None, result: dict[str, Any]) -> bool:
    """Return whether the catalogue's row is still the edited creative."""
    return original is not None and (original.file_name, original.headline) == (
        result["file_name"],
        result["headline_original"],
    )
