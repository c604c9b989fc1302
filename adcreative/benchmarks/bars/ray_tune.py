"""Trials of the benchmark as Ray Tune trials: Tune places, repeats and reports them; each writes into its own folder.

The files of the data set and the folder of the board must be readable from every node (a shared file system).
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator, Sequence
from typing import Any

from adcreative.benchmarks.bars.grid import Trial
from adcreative.benchmarks.bars.trials import TrialJob, read_result
from adcreative.errors import ConfigError, EngineError


def tune_trials(job: TrialJob, trials: Sequence[Trial], workers: int | None) -> Iterator[dict[str, Any]]:
    """Run trials on the Ray cluster at RAY_ADDRESS, or on one started here; yield the result of each when all have ended.

    Raises:
        ConfigError: Ray Tune is not installed. EngineError: a trial failed.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")
    try:
        ray, tune = importlib.import_module("ray"), importlib.import_module("ray.tune")
    except ImportError as error:
        raise ConfigError('--engine ray needs the extra "ray": pip install "adcreative[ray]"') from error
    is_ours = not ray.is_initialized()
    if is_ours:
        ray.init(include_dashboard=False, log_to_driver=False, logging_level="error")
    try:
        tuner = tune.Tuner(
            tune.with_parameters(_train_one, job=job, trials=tuple(trials)),
            param_space={"number": tune.grid_search(list(range(len(trials))))},
            tune_config=tune.TuneConfig(max_concurrent_trials=workers or None),
            run_config=tune.RunConfig(
                name="tune", storage_path=str(job.out.resolve()), verbose=0,
                failure_config=tune.FailureConfig(max_failures=1),
            ),
        )  # fmt: skip
        found = tuner.fit()
        if found.errors:
            reason = str(found.errors[0]).strip().splitlines()[-1]
            raise EngineError(f"{len(found.errors)} of {len(trials)} trials failed ({reason}); the same command goes on")
    finally:
        if is_ours:
            ray.shutdown()
    yield from (result for trial in trials if (result := read_result(job.out, trial)) is not None)


def _train_one(config: dict[str, Any], *, job: TrialJob, trials: Sequence[Trial]) -> dict[str, Any]:
    """Train one trial in a Tune worker; what Tune sees of it is its validation AUC."""
    (result,) = job.load(lambda: False)(trials[config["number"]])
    return {"valid_auc": result.get("valid", {}).get("auc", 0.0)}
