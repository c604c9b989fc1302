"""From outcomes to what a run leaves behind: score rows, result rows, pictures, the report, the demo's planted truth."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from adcreative.catalog.images import picture, read_image
from adcreative.catalog.tables import failed_creative
from adcreative.creative import Creative, EditResult, FailedCreative
from adcreative.ctr.predictor import Predictor
from adcreative.editor.editor import EditorConfig, EditorTools, EditOutcome, edit_creative
from adcreative.errors import CreativeError
from adcreative.feature_builder import AccountHistory
from adcreative.feature_extraction import FeatureExtractor
from adcreative.market import Market
from adcreative.report import write_report

RATE_CHUNK = 512


def score_rows(
    extractor: FeatureExtractor, predictor: Predictor, creatives: Sequence[Creative], history: AccountHistory
) -> list[dict[str, Any]]:
    """Return one row per creative, in order: its prediction, or what failed."""
    extracted = extractor.extract(creatives)
    good = [(c, f) for c, f in zip(creatives, extracted, strict=True) if not isinstance(f, CreativeError)]
    predictions = iter(predictor.predict([c for c, _ in good], [f for _, f in good], history) if good else [])
    rows: list[dict[str, Any]] = []
    for creative, features in zip(creatives, extracted, strict=True):
        if isinstance(features, CreativeError):
            rows.append({"row": creative.row, "failed": asdict(failed_creative(creative, features))})
            continue
        prediction = next(predictions)
        rates = {name: round(getattr(prediction, name), 6) for name in ("ctr", "ctr_low", "ctr_high")}
        rows.append(
            {"row": creative.row, "file_name": creative.file_name, "ad_name": creative.ad_name, **rates,
             "evidence": prediction.evidence, "reasons": "; ".join(prediction.reasons)}
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
    creative: Creative, tools: EditorTools, config: EditorConfig, out: Path, should_stop: Callable[[], bool]
) -> dict[str, Any]:
    """Edit one creative, save its pictures, and return its line of results.jsonl; a failure becomes a line too."""
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
    return {**row, **_save_images(creative, outcome, out)}


def _save_images(creative: Creative, outcome: EditOutcome, out: Path) -> dict[str, str]:
    """Write original, control and edited pictures losslessly; return their paths relative to `out`."""
    stem = f"{creative.row:05d}-{Path(creative.file_name).stem or 'words'}"[:80]
    pictures = {"original": picture(creative), "control": outcome.control_u8, "edited": outcome.image_u8}
    (out / "images").mkdir(parents=True, exist_ok=True)
    paths = {}
    for kind, image_u8 in pictures.items():
        if image_u8 is None:
            continue
        name = f"images/{stem}.{kind}.png"
        temporary = out / f"{name}.tmp"
        Image.fromarray(image_u8).save(temporary, format="PNG", compress_level=3)
        os.replace(temporary, out / name)
        paths[f"{kind}_image"] = name
    return paths


def write_run_report(
    out: Path,
    results: Sequence[dict[str, Any]],
    settings: dict[str, Any],
    models: tuple[Predictor, Predictor],
    failures: Sequence[FailedCreative],
) -> None:
    """Write report.html of a run folder."""
    cards = [model.card(name) for model, name in zip(models, ("predictor", "judge"), strict=True)]
    write_report(out / "report.html", results, settings=settings, image_dir=out / "images", cards=cards, failures=failures)


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
            creative, headline=result["headline_edited"], description=result["description_edited"], image_u8=edited_u8
        )
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
