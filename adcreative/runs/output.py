"""From outcomes to what a run leaves behind: score rows, result rows, pictures, the report, the demo's planted truth."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from adcreative.catalog.images import picture, read_image
from adcreative.catalog.tables import failed_creative
from adcreative.creative import Creative, EditResult, FailedCreative
from adcreative.ctr.evidence import grade_row
from adcreative.ctr.predictor import Predictor
from adcreative.editor.editor import EditorConfig, EditorTools, EditOutcome, edit_creative
from adcreative.errors import CreativeError
from adcreative.features.builder import AccountHistory
from adcreative.features.extraction import FeatureExtractor
from adcreative.market import Market
from adcreative.provenance.disclosure import disclosures_of_run
from adcreative.provenance.export import export_picture
from adcreative.provenance.signing import SigningConfig
from adcreative.report import write_report
from adcreative.verbs.loading import Judges

RATE_CHUNK = 512
NOT_ENOUGH_DATA = "not enough data"  # what a score says in place of a rate


def score_rows(
    extractor: FeatureExtractor, predictor: Predictor, creatives: Sequence[Creative], history: AccountHistory
) -> list[dict[str, Any]]:
    """Return one row per creative, in order: its prediction and what grade of evidence stands behind it, or what failed.

    A creative that is one of the history's (the same object) is not read again.
    """
    read = {id(creative): features for creative, features in zip(history.creatives, history.features, strict=True)}
    others = iter(extractor.extract([creative for creative in creatives if id(creative) not in read]))
    extracted = [read[id(creative)] if id(creative) in read else next(others) for creative in creatives]
    good = [(c, f) for c, f in zip(creatives, extracted, strict=True) if not isinstance(f, CreativeError)]
    predictions = iter(predictor.predict([c for c, _ in good], [f for _, f in good], history) if good else [])
    grade_of = partial(grade_row, grades=predictor.notes["grades"], ood_scores=predictor.ood_scores, builder=predictor.builder)
    rows: list[dict[str, Any]] = []
    for creative, features in zip(creatives, extracted, strict=True):
        if isinstance(features, CreativeError):
            rows.append({"row": creative.row, "failed": asdict(failed_creative(creative, features))})
            continue
        prediction = next(predictions)
        rates: dict[str, Any] = {name: round(getattr(prediction, name), 6) for name in ("ctr", "ctr_low", "ctr_high")}
        if not prediction.enough_data:
            rates = {"ctr": NOT_ENOUGH_DATA, "ctr_low": "", "ctr_high": ""}
        rows.append(
            {"row": creative.row, "file_name": creative.file_name, "ad_name": creative.ad_name, **rates,
             "grade": grade_of(creative, features)["row"], "evidence": prediction.evidence,
             "reasons": "; ".join(prediction.reasons)}
        )  # fmt: skip
    return rows


def predict_rates(predictor: Predictor, creatives: Sequence[Creative], features: Sequence[Any]) -> np.ndarray:
    """Return expected rates [N] without reasons and evidence, which evaluation does not need."""
    parts = []
    for start in range(0, len(creatives), RATE_CHUNK):
        part = slice(start, start + RATE_CHUNK)
        log_odds, _ = predictor.predict_log_odds(creatives[part], features[part])
        parts.append(1.0 / (1.0 + np.exp(-log_odds)))
    return np.concatenate(parts)


def optimize_row(
    creative: Creative,
    tools: EditorTools,
    config: EditorConfig,
    out: Path | None,
    should_stop: Callable[[], bool],
    signing: SigningConfig | None = None,
) -> dict[str, Any]:
    """Edit one creative, save its pictures in `out` (None: nowhere), and return its line of results.jsonl; a failure becomes a
    line too."""
    started_s = time.monotonic()
    try:
        outcome = edit_creative(creative, tools=tools, config=config, should_stop=should_stop)
    except CreativeError as error:
        failed = EditResult(
            file_name=creative.file_name, ad_name=creative.ad_name, status="failed", reason=error.problem,
            seconds=round(time.monotonic() - started_s, 3), seed=config.seed,
        )  # fmt: skip
        return {"row": creative.row, **failed.as_dict(), "remedy": error.remedy}
    row = {"row": creative.row, **outcome.result.as_dict(), "remedy": ""}
    if out is None:
        return row
    roles = {"predictor": tools.predictor, "judge": tools.judge, "auditor": tools.auditor}
    models = {name: model.content_hash for name, model in roles.items()} | dict(getattr(tools.extractor, "hashes", {}))
    return {**row, **_save_images(creative, outcome, out, models, signing)}


def _save_images(
    creative: Creative, outcome: EditOutcome, out: Path, models: Mapping[str, str], signing: SigningConfig | None
) -> dict[str, str]:
    """Write original, control and edited pictures losslessly, each saying whether a model made parts of it, and the sidecar
    of the edited one; return their paths relative to `out`."""
    has_face_edit = any(edit.face >= 0 or edit.direction == "scene" for edit in outcome.result.edits)
    is_edited = {"original": False, "control": True, "edited": has_face_edit}
    stem = f"{creative.row:05d}-{safe_stem(creative.file_name)}"
    pictures = {"original": picture(creative), "control": outcome.control_u8, "edited": outcome.image_u8}
    paths = {}
    for kind, image_u8 in pictures.items():
        if image_u8 is None:
            continue
        name = f"images/{stem}.{kind}.png"
        result = outcome.result.as_dict() if kind == "edited" else None
        export_picture(
            out / name, image_u8, is_edited=is_edited[kind], original_path=creative.image_path, result=result, models=models,
            signing=signing if kind == "edited" else None,
        )  # fmt: skip
        paths[f"{kind}_image"] = name
    return paths


def safe_stem(file_name: str) -> str:
    """Return a file name's stem as every file system takes it: letters, digits, "-" and "_", at most 80 bytes."""
    stem = re.sub(r"[^\w-]+", "-", Path(file_name).stem).strip("-")
    return stem.encode()[:80].decode(errors="ignore") or "words"


def write_run_report(
    out: Path,
    results: Sequence[dict[str, Any]],
    settings: dict[str, Any],
    models: Judges,
    failures: Iterable[FailedCreative],
) -> None:
    """Write report.html of a run folder."""
    cards = [model.card(name) for name, model in models._asdict().items()]
    duties = [one.as_dict() for one in disclosures_of_run(results, date.today())]
    write_report(
        out / "report.html", results, settings=settings, image_dir=out / "images", cards=cards, failures=failures,
        disclosures=duties,
    )  # fmt: skip


def realised_uplift(
    market: Market, creatives: Sequence[Creative], results: Sequence[dict[str, Any]], out: Path
) -> dict[str, Any]:
    """Compare planted rates of what a run delivers with those of the originals, from final pixels and words.

    Returns:
        rows (file_name, true_original, true_delivered), their means, and one sentence for the report.
    """
    by_row = {creative.row: creative for creative in creatives}
    rows = []
    for result in results:
        if result["status"] == "failed":
            continue
        creative = by_row[result["row"]]
        edited_u8 = read_image(out / result["edited_image"]) if result["edited_image"] else None
        delivered = replace(
            creative, headline=result["headline_edited"], description=result["description_edited"],
            cta=result.get("cta_edited", creative.cta), image_u8=edited_u8,
        )  # fmt: skip
        true_rates = {"true_original": market.true_ctr(creative), "true_delivered": market.true_ctr(delivered)}
        rows.append({"file_name": result["file_name"], "status": result["status"], **true_rates})
    before = float(np.mean([row["true_original"] for row in rows])) if rows else 0.0
    after = float(np.mean([row["true_delivered"] for row in rows])) if rows else 0.0
    worse = sum(row["true_delivered"] < row["true_original"] - 1e-9 for row in rows)
    sentence = (
        f"These ads are simulated, so the planted rate of each is known: on average {before:.2%} for the originals and "
        f"{after:.2%} for what is delivered ({after / max(before, 1e-12) - 1:+.1%}); {worse} of {len(rows)} became worse."
    )
    return {"mean_true_original": before, "mean_true_delivered": after, "num_worse": worse, "sentence": sentence, "rows": rows}
