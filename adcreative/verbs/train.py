"""The verb `train`: fit predictor, judge and auditor to an account's results."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from adcreative.artifacts import write_atomically
from adcreative.catalog.tables import write_failures
from adcreative.errors import ArtifactError
from adcreative.features.tables import extract_features, keep_with_results, read_usable
from adcreative.progress import Progress, ShouldStop, count_stage, never, silent
from adcreative.runs.batch import RunSummary
from adcreative.verbs.model_folder import ROLES

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

    Each is a stack of members that were weighed on groups of ads left out of the fit (`ctr.account`): simple floors, a
    mixed-effects model of words, columns and pictures, and the shipped model's score. `out`/README.md is the card: every
    member's weight, how much better the whole is than each floor, level and coverage. `from_scratch` leaves the shipped model
    out, and so does an installation whose encoders are others than that reads (a warning says so).

    Raises:
        CatalogError: nothing usable in `data`.
        TrainingError: too few creatives with results, or their clicks say nothing.
    """
    from adcreative.ctr.account.fitting import fit_account
    from adcreative.ctr.config import PredictorConfig
    from adcreative.ctr.evaluation import describe_lonely_tests
    from adcreative.report.account_card import render_account_card
    from adcreative.verbs.loading import load_model, load_tools

    data, out = Path(data), Path(out)
    catalog = read_usable(data, columns)
    wanted = keep_with_results(catalog, data)
    extractor = load_tools().extractor
    creatives, features, failures = extract_features(extractor, wanted, progress, should_stop)
    if should_stop():
        return RunSummary(path=out, done=0, failed=0, stopped=True)
    shipped: Sequence[Any] = (None,) * len(ROLES)
    warnings = list(catalog.warnings)
    if not from_scratch:
        try:
            shipped = load_model(None)
        except ArtifactError as error:
            warnings.append(f"learnt from these results alone: {error}")
    if lonely := describe_lonely_tests(creatives):
        warnings.append(lonely)
    fitted = fit_account(
        creatives,
        features,
        seed=seed,
        config=PredictorConfig(encoder_hashes=extractor.hashes),
        shipped=shipped,
        provenance=dict.fromkeys(MODALITIES, "measured: own results"),
        progress=count_stage(progress, "fitting"),
        should_stop=should_stop,
    )
    for role, model in zip(ROLES, fitted, strict=True):  # all or none: one without the others is no model
        model.save(out / role)
    write_atomically(out / "README.md", render_account_card(fitted[0].card("predictor")).encode())
    failures = [*catalog.failures, *failures]
    write_failures(out / "failures.csv", failures)
    return RunSummary(path=out, done=len(creatives), failed=len(failures), warnings=tuple(warnings))
