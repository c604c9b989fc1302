"""The verbs: train, score, optimize, evaluate, demo, models, and `Studio` for one creative at a time.

API, CLI and app call these and nothing deeper, so that the same bytes give the same numbers through each door. Long verbs
take `progress(stage, done, total)` and `should_stop()`; results are on disk row by row and a killed run goes on.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from adcreative.catalog import Catalog, read_catalog
from adcreative.catalog.tables import write_failures, write_rows
from adcreative.creative import Creative, EditResult, FailedCreative, Prediction
from adcreative.errors import CatalogError, ConfigError, CreativeError
from adcreative.run_log import RunLog

if TYPE_CHECKING:
    from adcreative.ctr.predictor import Predictor
    from adcreative.editor.editor import EditOutcome
    from adcreative.tools import Tools

Progress = Callable[[str, int, int], None]
ShouldStop = Callable[[], bool]
SCORE_COLUMNS = ("file_name", "ad_name", "ctr", "ctr_low", "ctr_high", "evidence", "reasons")
CHUNK = 32


@dataclass(frozen=True, kw_only=True)
class RunSummary:
    """What a verb did: where the result is, how many rows it has, how many creatives failed, whether it was stopped."""

    path: Path
    done: int
    failed: int
    stopped: bool = False


def _silent(stage: str, done: int, total: int) -> None:
    """Progress sink for callers that want none."""


def _never() -> bool:
    return False


def _require_some(catalog: Catalog, data: Path) -> None:
    if not catalog.creatives:
        first = f": {catalog.failures[0].problem} {catalog.failures[0].remedy}" if catalog.failures else ""
        raise CatalogError(f"nothing in {data} can be used ({len(catalog.failures)} rows failed){first}")


def _failed(creative: Creative, error: CreativeError) -> FailedCreative:
    return FailedCreative(
        file_name=creative.file_name, ad_name=creative.ad_name, problem=error.problem, remedy=error.remedy
    )


def _failures_path(out: Path) -> Path:
    return out.parent / "failures.csv"


def train(
    data: Path, out: Path, *, seed: int = 0, progress: Progress = _silent, should_stop: ShouldStop = _never
) -> RunSummary:
    """Fit a predictor and a judge to creatives with impressions and clicks; write both into the folder `out`.

    Raises:
        CatalogError: nothing usable in `data`.
        TrainingError: too few creatives with results, or no click differs.
    """
    from adcreative.ctr.predictor import Predictor, PredictorConfig
    from adcreative.tools import load_tools

    catalog = read_catalog(Path(data))
    _require_some(catalog, Path(data))
    tools = load_tools()
    with_results = [creative for creative in catalog.creatives if creative.has_results]
    creatives, features, failures = _extract(tools, with_results, progress, should_stop)
    provenance = dict.fromkeys(("words", "picture", "faces", "context"), "measured")
    out = Path(out)
    for name, member_seed in (("predictor", seed), ("judge", seed + 1000)):
        predictor = Predictor.fit(
            creatives, features, PredictorConfig(), seed=member_seed, provenance=provenance,
            progress=lambda done, total, name=name: progress(f"fitting {name}", done, total), should_stop=should_stop,
        )  # fmt: skip
        predictor.save(out / name)
    failures = [*catalog.failures, *failures]
    write_failures(out / "failures.csv", failures)
    return RunSummary(path=out, done=len(creatives), failed=len(failures))


def _extract(
    tools: Tools, creatives: Sequence[Creative], progress: Progress, should_stop: ShouldStop
) -> tuple[list[Creative], list[Any], list[FailedCreative]]:
    """Return usable creatives with their features, and the failures; in chunks, so that memory stays flat."""
    usable: list[Creative] = []
    features: list[Any] = []
    failures: list[FailedCreative] = []
    for start in range(0, len(creatives), CHUNK):
        if should_stop():
            break
        chunk = creatives[start : start + CHUNK]
        for creative, result in zip(chunk, tools.extractor.extract(chunk), strict=True):
            if isinstance(result, CreativeError):
                failures.append(_failed(creative, result))
            else:
                usable.append(creative)
                features.append(result)
        progress("reading creatives", min(start + CHUNK, len(creatives)), len(creatives))
    return usable, features, failures


def score(
    data: Path,
    out: Path,
    *,
    model: Path | None = None,
    restart: bool = False,
    progress: Progress = _silent,
    should_stop: ShouldStop = _never,
) -> RunSummary:
    """Predict a click rate with interval, evidence and reasons for each creative; write a CSV, and failures.csv beside it.

    Rows are kept in a log beside `out` until all are done; a killed run goes on from there.
    """
    from adcreative.tools import load_model, load_tools

    data, out = Path(data), Path(out)
    catalog = read_catalog(data)
    _require_some(catalog, data)
    tools, (predictor, _) = load_tools(), load_model(model)
    settings = {"verb": "score", "data": str(data.resolve()), "model": predictor.content_hash}
    log = RunLog(out.with_suffix(".partial.jsonl"), settings, key_field="row", restart=restart)
    with log:
        waiting = [creative for creative in catalog.creatives if creative.row not in log.rows]
        history = [creative for creative in catalog.creatives if creative.has_results]
        for start in range(0, len(waiting), CHUNK):
            if should_stop():
                return RunSummary(path=log.path, done=len(log.rows), failed=0, stopped=True)
            for row in _score_chunk(tools, predictor, waiting[start : start + CHUNK], history):
                log.append(row)
            progress("scoring", len(log.rows), len(catalog.creatives))
    rows = [log.rows[creative.row] for creative in catalog.creatives]
    failures = list(catalog.failures) + [FailedCreative(**row["failed"]) for row in rows if "failed" in row]
    scored = [row for row in rows if "failed" not in row]
    write_failures(_failures_path(out), failures)
    if not scored:
        log.remove()
        raise CatalogError(f"none of the {len(failures)} creatives could be scored; {_failures_path(out)} says why")
    write_rows(out, scored, SCORE_COLUMNS)
    log.remove()
    return RunSummary(path=out, done=len(scored), failed=len(failures))


def _score_chunk(
    tools: Tools, predictor: Predictor, creatives: Sequence[Creative], history: Sequence[Creative]
) -> list[dict[str, Any]]:
    extracted = tools.extractor.extract(creatives)
    good = [(c, f) for c, f in zip(creatives, extracted, strict=True) if not isinstance(f, CreativeError)]
    predictions = iter(predictor.predict([c for c, _ in good], [f for _, f in good]) if good else [])
    rows = []
    for creative, features in zip(creatives, extracted, strict=True):
        if isinstance(features, CreativeError):
            rows.append({"row": creative.row, "failed": asdict(_failed(creative, features))})
        else:
            rows.append({"row": creative.row, **_score_row(creative, next(predictions))})
    return rows


def _score_row(creative: Creative, prediction: Prediction) -> dict[str, Any]:
    return {
        "file_name": creative.file_name,
        "ad_name": creative.ad_name,
        "ctr": round(prediction.ctr, 6),
        "ctr_low": round(prediction.ctr_low, 6),
        "ctr_high": round(prediction.ctr_high, 6),
        "evidence": prediction.evidence,
        "reasons": "; ".join(prediction.reasons),
    }


def optimize(
    data: Path,
    out: Path,
    *,
    model: Path | None = None,
    seed: int = 0,
    population: int | None = None,
    generations: int | None = None,
    copywriter: str = "smollm2",
    directions: Sequence[str] | None = None,
    restart: bool = False,
    progress: Progress = _silent,
    should_stop: ShouldStop = _never,
) -> RunSummary:
    """Search edits of faces and words for each creative; write results.jsonl, images, report.html and failures.csv into `out`.

    A killed run goes on after the last finished creative. Raises ConfigError when `out` holds a run with other settings.
    """
    from adcreative.editor.editor import EditorConfig
    from adcreative.tools import load_model, load_tools

    data, out = Path(data), Path(out)
    sizes = {"population_size": population, "generations": generations}
    config = EditorConfig(seed=seed, **{k: v for k, v in sizes.items() if v is not None})
    catalog = read_catalog(data)
    _require_some(catalog, data)
    tools, (predictor, judge) = load_tools(copywriter), load_model(model)
    settings = {
        "verb": "optimize", "data": str(data.resolve()), "predictor": predictor.content_hash, "judge": judge.content_hash,
        "copywriter": copywriter, "directions": list(directions or tools.directions.names), **asdict(config),
    }  # fmt: skip
    out.mkdir(parents=True, exist_ok=True)
    stopped = False
    with RunLog(out / "results.jsonl", settings, key_field="row", restart=restart) as log:
        editor_tools = tools.editor_tools(predictor, judge, directions)
        for done, creative in enumerate(catalog.creatives):
            if stopped := should_stop():
                break
            if creative.row in log.rows:
                continue
            result = _optimize_one(creative, editor_tools, config, out / "images", should_stop)
            if stopped := should_stop():
                break
            log.append({"row": creative.row, **result})
            progress("optimizing", done + 1, len(catalog.creatives))
        results = [log.rows[c.row] for c in catalog.creatives if c.row in log.rows]
    failures = list(catalog.failures) + [
        FailedCreative(file_name=r["file_name"], ad_name=r["ad_name"], problem=r["reason"], remedy=r.get("remedy", ""))
        for r in results
        if r["status"] == "failed"
    ]
    write_failures(out / "failures.csv", failures)
    _write_report(out, results, settings, predictor, judge, failures)
    if results and all(result["status"] == "failed" for result in results):
        raise CatalogError(f"none of the {len(results)} creatives could be edited; {out / 'failures.csv'} says why")
    return RunSummary(path=out / "report.html", done=len(results), failed=len(failures), stopped=stopped)


def _optimize_one(
    creative: Creative, editor_tools: Any, config: Any, image_dir: Path, should_stop: ShouldStop
) -> dict[str, Any]:
    from adcreative.editor.editor import edit_creative

    started_s = time.monotonic()
    try:
        outcome = edit_creative(creative, tools=editor_tools, config=config, should_stop=should_stop)
    except CreativeError as error:
        failed = EditResult(
            file_name=creative.file_name, ad_name=creative.ad_name, status="failed", reason=error.problem,
            seconds=round(time.monotonic() - started_s, 2), seed=config.seed,
        )  # fmt: skip
        return {**failed.as_dict(), "remedy": error.remedy}
    return {**outcome.result.as_dict(), **_save_images(creative, outcome, image_dir)}


def _save_images(creative: Creative, outcome: EditOutcome, image_dir: Path) -> dict[str, str]:
    """Write original, control and edited pictures losslessly; return their paths relative to the run folder."""
    from PIL import Image

    from adcreative.catalog.images import picture

    pictures = {"edited": outcome.image_u8, "control": outcome.control_u8, "original": picture(creative)}
    image_dir.mkdir(parents=True, exist_ok=True)
    stem = f"{creative.row:05d}-{Path(creative.file_name).stem or 'words'}"[:80]
    paths = {}
    for kind, image_u8 in pictures.items():
        if image_u8 is None:
            continue
        path = image_dir / f"{stem}.{kind}.png"
        temporary = path.with_suffix(".tmp")
        Image.fromarray(image_u8).save(temporary, format="PNG", compress_level=3)
        os.replace(temporary, path)
        paths[f"{kind}_image"] = f"images/{path.name}"
    return paths


def _write_report(
    out: Path,
    results: Sequence[dict[str, Any]],
    settings: dict[str, Any],
    predictor: Predictor,
    judge: Predictor,
    failures: Sequence[FailedCreative],
) -> None:
    from adcreative.report import write_report

    cards = [predictor.card("predictor"), judge.card("judge")]
    write_report(
        out / "report.html", results, settings=settings, image_dir=out / "images", cards=cards, failures=failures
    )


def evaluate(
    data: Path, out: Path, *, model: Path | None = None, progress: Progress = _silent, should_stop: ShouldStop = _never
) -> dict[str, Any]:
    """Measure a model on creatives with results that it was not trained on; write metrics.json.

    Returns the metrics: n, pairwise_accuracy, pairwise_accuracy_significant, spearman, ndcg_at_10, log_loss, ece.
    """
    from adcreative.ctr.metrics import evaluate_predictions
    from adcreative.tools import load_model, load_tools

    data, out = Path(data), Path(out)
    catalog = read_catalog(data)
    _require_some(catalog, data)
    tools, (predictor, _) = load_tools(), load_model(model)
    with_results = [creative for creative in catalog.creatives if creative.has_results]
    if not with_results:
        raise CatalogError(f"no creative in {data} has both impressions and clicks; evaluate needs them")
    creatives, features, failures = _extract(tools, with_results, progress, should_stop)
    ctr = np.array([prediction.ctr for prediction in predictor.predict(creatives, features)])
    metrics = evaluate_predictions(creatives, ctr)
    write_failures(_failures_path(out), [*catalog.failures, *failures])
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = out.with_suffix(".tmp")
    temporary.write_text(json.dumps(metrics, indent=1) + "\n")
    os.replace(temporary, out)
    return metrics


def models() -> list[dict[str, Any]]:
    """Return one row per named weight: purpose, source, size, sha256, licence, present or how to get it. Loads no torch."""
    from adcreative.encoders.weights import weight_table

    return weight_table()


def demo(
    out: Path, *, seed: int = 0, num: int = 12, progress: Progress = _silent, should_stop: ShouldStop = _never
) -> RunSummary:
    """Make a folder of simulated ads in `out`/creatives, optimize it into `out`, and hold the result against the planted truth.

    The truth (realised uplift) is written to `out`/truth.json and shown in the report; real accounts have no such column.
    """
    from adcreative.market import Market
    from adcreative.tools import load_tools

    out = Path(out)
    creative_dir = out / "creatives"
    tools = load_tools()
    market = Market(seed, codec=tools.codec, analyzer=tools.analyzer, headline_model=tools.headline_model)
    if not (creative_dir / "metadata.csv").exists():
        progress("rendering ads", 0, num)
        market.write_folder(creative_dir, num, seed=seed + 1, truth_path=out / "truth.json")
    return optimize(creative_dir, out, seed=seed, progress=progress, should_stop=should_stop)


class Studio:
    """Score and improve one creative at a time, with models loaded once; what the app and notebooks use.

        studio = Studio()
        studio.score_one(Creative(image_path=Path("ad.jpg"), headline="Sleep better tonight")).ctr

    Args:
        model_dir: a folder written by `train`; the shipped model when None.
    """

    def __init__(self, model_dir: Path | None = None) -> None:
        from adcreative.tools import load_model, load_tools

        self._tools = load_tools()
        self._predictor, self._judge = load_model(model_dir)

    @property
    def direction_names(self) -> tuple[str, ...]:
        """Names of the face edits that may be allowed or forbidden."""
        return self._tools.directions.names

    def score_one(self, creative: Creative) -> Prediction:
        """Predict one creative. Raises CreativeError when its picture cannot be read."""
        (features,) = self._tools.extractor.extract([creative])
        if isinstance(features, CreativeError):
            raise features
        return self._predictor.predict([creative], [features])[0]

    def improve_one(
        self,
        creative: Creative,
        *,
        seed: int = 0,
        population_size: int | None = None,
        generations: int | None = None,
        copywriter: str = "smollm2",
        directions: Sequence[str] | None = None,
        progress: Callable[[int, int, float], None] | None = None,
        should_stop: ShouldStop | None = None,
    ) -> EditOutcome:
        """Search an edit of one creative. progress(generation, generations, best predicted uplift in log-odds)."""
        from adcreative.editor.editor import EditorConfig, edit_creative
        from adcreative.tools import load_tools

        sizes = {"population_size": population_size, "generations": generations}
        config = EditorConfig(seed=seed, **{k: v for k, v in sizes.items() if v is not None})
        editor_tools = load_tools(copywriter).editor_tools(self._predictor, self._judge, directions)
        return edit_creative(creative, tools=editor_tools, config=config, progress=progress, should_stop=should_stop)


def launch_app(studio: Studio, *, host: str = "127.0.0.1", port: int = 7860, auth: str | None = None) -> None:
    """Serve the web app until interrupted.

    Raises:
        ConfigError: gradio is not installed, `auth` is not user:password, or another address than loopback lacks `auth`.
    """
    from importlib import import_module
    from importlib.util import find_spec

    if find_spec("gradio") is None:
        raise ConfigError('the app needs gradio; install it with: pip install "adcreative[app]"')
    if auth is not None and ":" not in auth:
        raise ConfigError(f"--auth must be user:password, got {auth!r}")
    name = "adcreative._studio" if find_spec("adcreative._studio") else "apps.studio"
    credentials = tuple(auth.split(":", 1)) if auth else None
    import_module(f"{name}.launch").launch(studio, host=host, port=port, auth=credentials)
