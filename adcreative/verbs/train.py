"""The verb `train`: fit predictor, judge and auditor to an account's results."""

from __future__ import annotations

from pathlib import Path

from adcreative.catalog.tables import write_failures
from adcreative.errors import ArtifactError
from adcreative.features.tables import extract_features, keep_with_results, read_usable
from adcreative.progress import Progress, ShouldStop, count_stage, never, silent
from adcreative.runs.batch import RunSummary
from adcreative.verbs.model_folder import ROLES, SEED_STEP

__all__ = ["train"]

MODALITIES = ("words", "picture", "faces", "context")


def train(
    data: Path,
    out: Path,
    *,
    columns: Path | None = None,
    seed: int = 0,
    from_scratch: bool = False,
    progress: Progress = silent,
    should_stop: ShouldStop = never,
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
    from adcreative.verbs.loading import load_model, load_tools

    data, out = Path(data), Path(out)
    catalog = read_usable(data, columns)
    wanted = keep_with_results(catalog, data)
    extractor = load_tools().extractor
    creatives, features, failures = extract_features(extractor, wanted, progress, should_stop)
    config = PredictorConfig(encoder_hashes=extractor.hashes)
    fitted, shipped, warnings = {}, None, list(catalog.warnings)
    if not from_scratch:
        try:
            shipped = load_model(None)
        except ArtifactError as error:
            warnings.append(f"learnt from these results alone: {error}")
    if lonely := describe_lonely_tests(creatives):
        warnings.append(lonely)
    told = "measured" if shipped is None else "measured: own results, on top of what the shipped models learnt"
    for number, role in enumerate(ROLES):
        if should_stop():
            return RunSummary(path=out, done=0, failed=0, stopped=True)
        fitted[role] = fit_predictor(
            creatives,
            features,
            config,
            seed=seed + SEED_STEP * number,
            provenance=dict.fromkeys(MODALITIES, told),
            start=None if shipped is None else shipped[number],
            progress=count_stage(progress, f"fitting the {role}"),
            should_stop=should_stop,
        )
    for role, model in fitted.items():  # all or none: one without the others is no model
        model.save(out / role)
    failures = [*catalog.failures, *failures]
    write_failures(out / "failures.csv", failures)
    return RunSummary(path=out, done=len(creatives), failed=len(failures), warnings=tuple(warnings))
