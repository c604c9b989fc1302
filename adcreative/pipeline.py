"""The verbs: train, score, optimize, evaluate, demo, models; and `Studio` for one creative at a time.

API, CLI and app call these and nothing deeper, so that the same bytes give the same numbers through each door. Long verbs
take `progress(stage, done, total)` and `should_stop()`; results are on disk row by row and a killed run goes on.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adcreative.catalog import read_catalog
from adcreative.catalog.tables import write_failures
from adcreative.copywriter.brand_kit import read_brand_kit
from adcreative.errors import ArtifactError
from adcreative.features.tables import extract_features, keep_with_results, read_usable
from adcreative.provenance.consent import read_consents
from adcreative.provenance.signing import SigningConfig
from adcreative.runs.ad_run import Outcome, approve, check_approved, check_words, note_event, read_events, save_run
from adcreative.runs.batch import RunSummary
from adcreative.runs.engines import BatchConfig
from adcreative.verbs.account import NEEDED_COLUMNS, AccountView, ColumnView, read_account, read_columns
from adcreative.verbs.benchmark import benchmark
from adcreative.verbs.campaign import export, import_results, plan_test, read_out
from adcreative.verbs.check import check as check_folder
from adcreative.verbs.check import check_picture
from adcreative.verbs.describe import describe
from adcreative.verbs.evaluate import evaluate
from adcreative.verbs.explain import explain
from adcreative.verbs.governance import NOT_LEGAL_ADVICE, disclosures, purge, signing_config
from adcreative.verbs.score import SCORE_COLUMNS
from adcreative.verbs.score import score as score_folder
from adcreative.verbs.studio import Studio, launch_app

if TYPE_CHECKING:
    from adcreative.editor.settings import EditorConfig
    from stylegan.foreign import ConversionSummary

__all__ = [
    "NEEDED_COLUMNS",
    "NOT_LEGAL_ADVICE",
    "SCORE_COLUMNS",
    "AccountView",
    "BatchConfig",
    "ColumnView",
    "Outcome",
    "RunSummary",
    "Studio",
    "approve",
    "benchmark",
    "check",
    "check_approved",
    "check_picture",
    "check_words",
    "convert_weights",
    "demo",
    "describe",
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
    "read_brand_kit",
    "read_columns",
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
DEMO_MARKET_SEED = 0
MODALITIES = ("words", "picture", "faces", "context")


def _silent(stage: str, done: int, total: int) -> None:
    """Progress sink for callers that want none."""


def _never() -> bool:
    return False


def _no_notes(results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {}


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
    many simulated accounts and real headline tests. `from_scratch` uses these results alone, and so does an installation whose
    encoders are others than the shipped models read (a warning says so).

    Raises:
        CatalogError: nothing usable in `data`.
        TrainingError: too few creatives with results, or their clicks say nothing.
    """
    from adcreative.ctr.config import PredictorConfig
    from adcreative.ctr.evaluation import describe_lonely_tests
    from adcreative.ctr.fitting import fit_predictor
    from adcreative.verbs.loading import Judges, load_model, load_tools

    data, out = Path(data), Path(out)
    catalog = read_usable(data, columns)
    wanted = keep_with_results(catalog, data)
    tools = load_tools()
    creatives, features, failures = extract_features(tools.extractor, wanted, progress, should_stop)
    config = PredictorConfig(encoder_hashes=tools.extractor.hashes)
    fitted, shipped, warnings = {}, None, list(catalog.warnings)
    if not from_scratch:
        try:
            shipped = load_model(None)
        except ArtifactError as error:
            warnings.append(f"learnt from these results alone: {error}")
    if lonely := describe_lonely_tests(creatives):
        warnings.append(lonely)
    told = "measured" if shipped is None else "measured: own results, on top of what the shipped models learnt"
    for number, name in enumerate(Judges._fields):
        if should_stop():
            return RunSummary(path=out, done=0, failed=0, stopped=True)
        fitted[name] = fit_predictor(
            creatives,
            features,
            config,
            seed=seed + 1000 * number,
            provenance=dict.fromkeys(MODALITIES, told),
            start=None if shipped is None else shipped[number],
            progress=partial(progress, f"fitting the {name}"),
            should_stop=should_stop,
        )
    for name, model_fitted in fitted.items():  # all or none: one without the others is no model
        model_fitted.save(out / name)
    failures = [*catalog.failures, *failures]
    write_failures(out / "failures.csv", failures)
    return RunSummary(path=out, done=len(creatives), failed=len(failures), warnings=tuple(warnings))


def score(
    data: Path,
    out: Path,
    *,
    model: Path | None = None,
    columns: Path | None = None,
    batch: BatchConfig | None = None,
    progress: Progress = _silent,
    should_stop: ShouldStop = _never,
) -> RunSummary:
    """Predict a click rate with interval, evidence and reasons for each creative; write a CSV, and failures.csv beside it.

    Rows are kept in a log beside `out` until all are done; a killed run goes on from there. `batch` says how it is worked
    through (workers, engine, limit, dry run); the rows do not depend on it.

    Raises:
        ConfigError: `out` holds the log of a run with other settings, or the catalogue was changed since that began.
        CatalogError: nothing in `data` can be used, or the disk is full.
        EngineError: a worker process died, or the cluster cannot be reached.
    """
    return score_folder(data, out, model=model, columns=columns, batch=batch, progress=progress, should_stop=should_stop)


def check(
    data: Path,
    out: Path,
    *,
    columns: Path | None = None,
    brand_kit: Path | None = None,
    progress: Progress = _silent,
    should_stop: ShouldStop = _never,
) -> RunSummary:
    """Hold each creative against the rules that need no model; write a CSV, and failures.csv beside it.

    Words: length, marks, capitals and personal attributes, by platform, and the brand kit's words to avoid. Pictures: which
    formats of the platform they fit (shape, size, weight; `delivery/rules/placements.yaml`). A row says "passes" or "problems".

    Raises:
        CatalogError: nothing in `data` can be used.
        ConfigError: `brand_kit` is no brand manifest.
    """
    return check_folder(data, out, columns=columns, brand_kit=brand_kit, progress=progress, should_stop=should_stop)


def optimize(
    data: Path,
    out: Path,
    *,
    model: Path | None = None,
    columns: Path | None = None,
    config: EditorConfig | Path | None = None,
    seed: int | None = None,
    population: int | None = None,
    generations: int | None = None,
    algorithm: str | None = None,
    risk_aversion: float | None = None,
    copywriter: str = "smollm2",
    directions: Sequence[str] | None = None,
    consent: Path | None = None,
    brand_kit: Path | None = None,
    signing: SigningConfig | None = None,
    look: bool | None = None,
    scene_model: str | None = None,
    notes: Notes = _no_notes,
    batch: BatchConfig | None = None,
    progress: Progress = _silent,
    should_stop: ShouldStop = _never,
) -> RunSummary:
    """Search edits of faces and words for each creative; write results.jsonl, images, report.html and failures.csv into `out`.

    Faces are edited only where the creative's consent_id names a record of the file `consent` that permits it, or says
    "synthetic-person"; the others are left as they are, and their row says why. Edited pictures say so
    in their metadata, have a sidecar, and with `signing` a C2PA manifest. A killed run goes on after the last finished
    creative.

    `config` holds the settings of the search and of what it may edit: an EditorConfig, or a TOML file with its fields as keys.
    What is given beside it (`seed`, `population`, `generations`, `algorithm`, `risk_aversion`, `look`, `scene_model`) wins over
    it; None leaves it as it is. The settings in effect are written into results.run.json. `look` lets exposure, warmth,
    contrast, saturation and crop of the whole picture change too, and `scene_model` (folder or hub id of a diffusers inpainting
    pipeline) its ground. Every new line keeps the rules of `brand_kit`, a brand
    manifest (see `copywriter.brand_kit`). `notes(results)` gives what else the report's settings say; `batch` as for `score`.

    Raises:
        ConfigError: `out` holds a run with other settings or of another catalogue, `config` has a wrong key or value, a
            direction is unknown, or `brand_kit` is no brand manifest.
        ProvenanceError: the consent file cannot be used.
        CatalogError, EngineError: as `score`.
    """
    from adcreative.editor.settings import fill_config
    from adcreative.verbs.optimize import optimize as optimize_folder

    job = {
        "model": model and Path(model).absolute(), "copywriter": copywriter, "consents": read_consents(consent),
        "brand_kit": None if brand_kit is None else read_brand_kit(brand_kit),
        "directions": None if directions is None else tuple(directions), "signing": signing,
        "config": fill_config(
            config, seed=seed, population_size=population, generations=generations, algorithm=algorithm,
            risk_aversion=risk_aversion, edit_look=look, scene_model=scene_model,
        ),
    }  # fmt: skip
    return optimize_folder(
        data, out, job, columns=columns, batch=batch or BatchConfig(), notes=notes, progress=progress, should_stop=should_stop
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

    The ads come from a simulated market that no shipped model has seen; `seed` draws other ads of it. The truth is
    read from the final pixels and words after the run, written to `out`/truth.json and stated in the report; a real account
    has no such column.
    """
    from adcreative.runs.output import realised_uplift
    from adcreative.verbs.loading import load_market

    out = Path(out)
    market, creative_dir = load_market(DEMO_MARKET_SEED), out / "creatives"
    if not (creative_dir / "metadata.csv").exists():
        progress("rendering ads", 0, num)
        market.write_folder(creative_dir, num, seed=seed + 1, truth_path=out / "planted-truth.json")

    def notes(results: Sequence[dict[str, Any]]) -> dict[str, Any]:
        truth = realised_uplift(market, read_catalog(creative_dir).creatives, results, out)
        (out / "truth.json").write_text(json.dumps(truth, indent=1) + "\n")
        return {"simulated_market": truth["sentence"]}

    return optimize(creative_dir, out, seed=seed, notes=notes, progress=progress, should_stop=should_stop)
