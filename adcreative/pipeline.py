"""The verbs: train, score, optimize, evaluate, demo, models; and `Studio` for one creative at a time.

API, CLI and app call these and nothing deeper, so that the same bytes give the same numbers through each door. Long verbs
take `progress(stage, done, total)` and `should_stop()`; results are on disk row by row and a killed run goes on.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adcreative.account import AccountView, read_account
from adcreative.ad_run import Outcome, approve, check_words, note_event, read_events, save_run
from adcreative.benchmarking import benchmark
from adcreative.campaign import export, import_results, plan_test, read_out
from adcreative.catalog import read_catalog
from adcreative.catalog.tables import write_failures, write_rows
from adcreative.creative import Creative, FailedCreative
from adcreative.errors import ArtifactError, CatalogError
from adcreative.evaluating import evaluate
from adcreative.explaining import explain
from adcreative.governance import NOT_LEGAL_ADVICE, disclosures, purge, signing_config
from adcreative.provenance.consent import read_consents
from adcreative.provenance.signing import SigningConfig
from adcreative.reading import extract_features, keep_with_results, read_usable
from adcreative.run_log import RunLog
from adcreative.studio import Studio, launch_app

if TYPE_CHECKING:
    from adcreative.feature_builder import AccountHistory
    from adcreative.tools import Tools
    from stylegan.foreign import ConversionSummary

__all__ = [
    "NOT_LEGAL_ADVICE",
    "AccountView",
    "Outcome",
    "RunSummary",
    "Studio",
    "approve",
    "benchmark",
    "check_words",
    "convert_weights",
    "demo",
    "disclosures",
    "evaluate",
    "explain",
    "export",
    "import_results",
    "launch_app",
    "models",
    "note_event",
    "optimize",
    "plan_test",
    "purge",
    "read_account",
    "read_events",
    "read_out",
    "save_run",
    "score",
    "signing_config",
    "train",
]

Progress = Callable[[str, int, int], None]
ShouldStop = Callable[[], bool]
Notes = Callable[[Sequence[dict[str, Any]]], dict[str, Any]]
SCORE_COLUMNS = ("file_name", "ad_name", "ctr", "ctr_low", "ctr_high", "evidence", "reasons")
CHUNK = 32
HISTORY_PER_BRAND = 16
SHIPPED_MARKET_SEED = 0
MODALITIES = ("words", "picture", "faces", "context")


@dataclass(frozen=True, kw_only=True)
class RunSummary:
    """What a verb did: where the result is, how many rows it has, how many creatives failed, whether it was stopped."""

    path: Path
    done: int
    failed: int
    stopped: bool = False
    warnings: tuple[str, ...] = ()


def _silent(stage: str, done: int, total: int) -> None:
    """Progress sink for callers that want none."""


def _never() -> bool:
    return False


def _no_notes(results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {}


def _columns_setting(columns: Path | None) -> dict[str, str]:
    """Return what a run remembers of its mapping file: a run read through another one is another run."""
    return {"columns": str(Path(columns).resolve())} if columns else {}


def _failures_path(out: Path) -> Path:
    return out.parent / "failures.csv"


def train(
    data: Path,
    out: Path,
    *,
    columns: Path | None = None,
    seed: int = 0,
    from_scratch: bool = False,
    progress: Progress = _silent,
    should_stop: ShouldStop = _never,
) -> RunSummary:
    """Fit predictor, judge and auditor to creatives with impressions and clicks; write all three into the folder `out`.

    They go on from the shipped ones (transfer learning): what an account's few results do not say stays as it was learnt from
    many simulated accounts and real headline tests. `from_scratch` uses these results alone.

    Raises:
        CatalogError: nothing usable in `data`.
        TrainingError: too few creatives with results, or their clicks say nothing.
    """
    from adcreative.ctr.predictor import Predictor, PredictorConfig
    from adcreative.tools import Judges, load_model, load_tools

    data, out = Path(data), Path(out)
    catalog = read_usable(data, columns)
    wanted = keep_with_results(catalog, data)
    tools = load_tools()
    creatives, features, failures = extract_features(tools, wanted, progress, should_stop)
    config = PredictorConfig(encoder_hashes=tools.extractor.hashes)
    fitted = {}
    shipped = None if from_scratch else load_model(None)
    for number, name in enumerate(Judges._fields):
        if should_stop():
            return RunSummary(path=out, done=0, failed=0, stopped=True)
        fitted[name] = Predictor.fit(
            creatives,
            features,
            config,
            seed=seed + 1000 * number,
            provenance=dict.fromkeys(MODALITIES, "measured"),
            start=None if shipped is None else shipped[number],
            progress=partial(progress, f"fitting the {name}"),
            should_stop=should_stop,
        )
    for name, model_fitted in fitted.items():  # all or none: one without the others is no model
        model_fitted.save(out / name)
    failures = [*catalog.failures, *failures]
    write_failures(out / "failures.csv", failures)
    return RunSummary(path=out, done=len(creatives), failed=len(failures), warnings=tuple(catalog.warnings))


def _history(tools: Tools, creatives: Sequence[Creative], progress: Progress, should_stop: ShouldStop) -> AccountHistory:
    """Return each brand's latest creatives with results: what a prediction may look back on."""
    from adcreative.feature_builder import AccountHistory

    by_brand: dict[str, list[Creative]] = {}
    for creative in creatives:
        if creative.has_results and creative.brand:
            by_brand.setdefault(creative.brand, []).append(creative)
    latest = [c for group in by_brand.values() for c in sorted(group, key=lambda c: c.date_start)[-HISTORY_PER_BRAND:]]
    usable, features, _ = extract_features(tools, latest, lambda *step: progress("reading the history", *step[1:]), should_stop)
    return AccountHistory(usable, features)


def score(
    data: Path,
    out: Path,
    *,
    model: Path | None = None,
    columns: Path | None = None,
    restart: bool = False,
    progress: Progress = _silent,
    should_stop: ShouldStop = _never,
) -> RunSummary:
    """Predict a click rate with interval, evidence and reasons for each creative; write a CSV, and failures.csv beside it.

    Rows are kept in a log beside `out` until all are done; a killed run goes on from there.
    """
    from adcreative.run_output import score_rows
    from adcreative.tools import load_model, load_tools

    data, out = Path(data), Path(out)
    catalog = read_usable(data, columns)
    tools, predictor = load_tools(), load_model(model).predictor
    settings = {"verb": "score", "data": str(data.resolve()), "model": predictor.content_hash, **_columns_setting(columns)}
    log_path = out.with_name(f".{out.name}.partial.jsonl")
    with RunLog(log_path, settings, key_field="row", restart=restart) as log:
        waiting = [creative for creative in catalog.creatives if creative.row not in log.rows]
        history = _history(tools, catalog.creatives, progress, should_stop)
        for start in range(0, len(waiting), CHUNK):
            if should_stop():
                return RunSummary(path=log.path, done=len(log.rows), failed=0, stopped=True)
            for row in score_rows(tools.extractor, predictor, waiting[start : start + CHUNK], history):
                log.append(row)
            progress("scoring", len(log.rows), len(catalog.creatives))
    rows = [log.rows[creative.row] for creative in catalog.creatives]
    failures = [*catalog.failures, *(FailedCreative(**row["failed"]) for row in rows if "failed" in row)]
    scored = [{name: row[name] for name in SCORE_COLUMNS} for row in rows if "failed" not in row]
    write_failures(_failures_path(out), failures)
    if scored:
        write_rows(out, scored, SCORE_COLUMNS)
    log.remove()
    if not scored:
        raise CatalogError(f"none of the {len(failures)} creatives could be scored; {_failures_path(out)} says why")
    return RunSummary(path=out, done=len(scored), failed=len(failures), warnings=tuple(catalog.warnings))


def optimize(
    data: Path,
    out: Path,
    *,
    model: Path | None = None,
    columns: Path | None = None,
    seed: int = 0,
    population: int | None = None,
    generations: int | None = None,
    copywriter: str = "smollm2",
    directions: Sequence[str] | None = None,
    consent: Path | None = None,
    signing: SigningConfig | None = None,
    notes: Notes = _no_notes,
    restart: bool = False,
    progress: Progress = _silent,
    should_stop: ShouldStop = _never,
) -> RunSummary:
    """Search edits of faces and words for each creative; write results.jsonl, images, report.html and failures.csv into `out`.

    Faces are edited only where the creative's consent_id names a record of the file `consent` that permits it, or says
    "synthetic-person"; the others are left as they are, and their row says why. Edited pictures say so
    in their metadata, have a sidecar, and with `signing` a C2PA manifest. A killed run goes on after the last finished
    creative. `notes(results)` gives what else the report's settings say.

    Raises:
        ConfigError: `out` holds a run with other settings, or a direction is unknown.
        ProvenanceError: the consent file cannot be used.
    """
    from adcreative.editor.settings import EditorConfig
    from adcreative.run_output import optimize_row, write_run_report
    from adcreative.tools import load_model, load_tools

    data, out = Path(data), Path(out)
    sizes = {"population_size": population, "generations": generations}
    config = EditorConfig(seed=seed, **{name: size for name, size in sizes.items() if size is not None})  # type: ignore[arg-type]
    consents = read_consents(consent)
    catalog = read_usable(data, columns)
    tools, models_of_run = load_tools(copywriter), load_model(model)
    editor_tools = tools.editor_tools(models_of_run, directions, consents)
    settings = {
        "verb": "optimize", "data": str(data.resolve()), **models_of_run.hashes, "copywriter": copywriter,
        "directions": list(editor_tools.directions.names), "consents": consents.content_hash,
        **asdict(config), **_columns_setting(columns),
    }  # fmt: skip
    out.mkdir(parents=True, exist_ok=True)
    stopped = False
    with RunLog(out / "results.jsonl", settings, key_field="row", restart=restart) as log:
        for number, creative in enumerate(catalog.creatives):
            progress("optimizing", number, len(catalog.creatives))
            if stopped := should_stop():
                break
            if creative.row in log.rows:
                continue
            row = optimize_row(creative, editor_tools, config, out, should_stop, signing)
            if stopped := should_stop():
                break
            log.append(row)
        results = [log.rows[creative.row] for creative in catalog.creatives if creative.row in log.rows]
    failures = [
        *catalog.failures,
        *(
            FailedCreative(file_name=r["file_name"], ad_name=r["ad_name"], problem=r["reason"], remedy=r["remedy"])
            for r in results
            if r["status"] == "failed"
        ),
    ]
    write_failures(out / "failures.csv", failures)
    write_run_report(out, results, {**settings, **notes(results)}, models_of_run, failures)
    if results and all(result["status"] == "failed" for result in results):
        raise CatalogError(f"none of the {len(results)} creatives could be edited; {out / 'failures.csv'} says why")
    return RunSummary(
        path=out / "report.html", done=len(results), failed=len(failures), stopped=stopped, warnings=tuple(catalog.warnings)
    )


def models() -> list[dict[str, Any]]:
    """Return one row per named weight: purpose, source, size, sha256, licence, present or how to get it. Loads no torch."""
    from adcreative.encoders.weights import weight_table

    return weight_table()


def convert_weights(source: Path, out: Path) -> ConversionSummary:
    """Convert a StyleGAN2 or e4e checkpoint of another project into a face-model folder, without running code of the file.

    Raises:
        ArtifactError: the file is of another kind, incomplete, damaged, or asks to run code; nothing is written.
    """
    from stylegan.errors import StyleGANError
    from stylegan.foreign import convert_weights as convert

    try:
        return convert(Path(source), Path(out))
    except StyleGANError as error:
        raise ArtifactError(str(error)) from error


def demo(
    out: Path, *, seed: int = 0, num: int = 12, progress: Progress = _silent, should_stop: ShouldStop = _never
) -> RunSummary:
    """Make a folder of simulated ads in `out`/creatives, optimize it into `out`, and hold the result against the planted truth.

    The ads come from the simulated market that the shipped predictor learnt; `seed` draws other ads of it. The truth is
    read from the final pixels and words after the run, written to `out`/truth.json and stated in the report; a real account
    has no such column.
    """
    from adcreative.run_output import realised_uplift
    from adcreative.tools import load_market

    out = Path(out)
    market, creative_dir = load_market(SHIPPED_MARKET_SEED), out / "creatives"
    if not (creative_dir / "metadata.csv").exists():
        progress("rendering ads", 0, num)
        market.write_folder(creative_dir, num, seed=seed + 1, truth_path=out / "planted-truth.json")

    def notes(results: Sequence[dict[str, Any]]) -> dict[str, Any]:
        truth = realised_uplift(market, read_catalog(creative_dir).creatives, results, out)
        (out / "truth.json").write_text(json.dumps(truth, indent=1) + "\n")
        return {"simulated_market": truth["sentence"]}

    return optimize(creative_dir, out, seed=seed, notes=notes, progress=progress, should_stop=should_stop)
