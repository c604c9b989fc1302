"""One trial of the benchmark: train, measure validation rows, save settings, log, weights and figures in the trial's folder.

    trials/KEY/config.json   everything that the key is a hash of
    trials/KEY/log.txt       one line an epoch
    trials/KEY/result.json   figures of the validation rows, rows a second, size; written last
    trials/KEY/model/        the trained network; kept for chosen settings only
    trials/KEY/test.json     figures of the test rows, for chosen settings, read once

A finished trial is never trained again; a killed trial continues. A job is sent to worker processes, so it is small.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from adcreative.artifacts import dump_json, write_atomically
from adcreative.benchmarks.bars.datasets import BarsDataset
from adcreative.benchmarks.bars.grid import Trial
from adcreative.ctr.log_network import LogModel
from adcreative.ctr.training.log_stream import LogFile
from adcreative.ctr.training.log_training import EncodedLog, encode_log, measure_model, train_network
from adcreative.errors import TrainingError
from adcreative.progress import Progress, ShouldStop, never, silent

TRIALS, RESULT, TEST, MODEL = "trials", "result.json", "test.json", "model"


def open_roles(dataset: BarsDataset, folder: Path) -> dict[str, LogFile]:
    """Return training and validation rows; without validation rows a tenth of the training rows is held out."""
    if dataset.valid:
        names = {"train": dataset.train, "valid": dataset.valid}
        return {role: LogFile(folder / name, dataset.schema, "") for role, name in names.items()}
    return {role: LogFile(folder / dataset.train, dataset.schema, role) for role in ("train", "valid")}


def open_test(dataset: BarsDataset, folder: Path) -> LogFile:
    """Return the test rows. Called only after the choice is recorded."""
    return LogFile(folder / dataset.test, dataset.schema, "test" if dataset.schema.split else "")


@dataclass(frozen=True)
class TrialJob:
    """Trains trials on a data set; loaded once per process (see `runs.engines.Job`)."""

    dataset: BarsDataset
    folder: Path
    out: Path
    progress: Progress = silent

    def load(self, should_stop: ShouldStop) -> Callable[[Trial], list[dict[str, Any]]]:
        """Return the function that trains one trial; rows of the data set are encoded once."""
        opened: dict[tuple[int, bool], EncodedLog] = {}

        def apply(trial: Trial) -> list[dict[str, Any]]:
            done = read_result(self.out, trial)
            if done is not None:
                return [done]
            entry = trial.settings.entry
            kind = (entry.num_labels, entry.reads_crossed)
            if kind not in opened:
                roles = open_roles(self.dataset, self.folder)
                opened[kind] = encode_log(roles, num_labels=kind[0], crossed=kind[1], progress=self.progress)
            found = run_trial(trial, opened[kind], self.out, self.progress, should_stop)
            return [] if found is None else [found]

        return apply


def run_trial(
    trial: Trial, log: EncodedLog, out: Path, progress: Progress = silent, should_stop: ShouldStop = never
) -> dict[str, Any] | None:
    """Train and measure one trial; None when stopped.

    An infinite loss is a result too: the setting is recorded with the reason and never chosen.
    """
    place = trial_dir(out, trial)
    write_atomically(place / "config.json", dump_json(trial.as_dict(), indent=1).encode())
    started_s = time.monotonic()
    with (place / "log.txt").open("a", encoding="utf-8") as lines:
        try:
            trained = train_network(
                log,
                trial.settings,
                place / "training",
                progress=progress,
                should_stop=should_stop,
                say=lambda line: print(line, file=lines, flush=True),
            )
        except TrainingError as error:
            result: dict[str, Any] = {"key": trial.key, "failed": str(error)}
            write_atomically(place / RESULT, dump_json(result, indent=1).encode())
            return result
    if trained is None:
        return None
    figures = {name: value for name, value in trained.valid.items() if name not in ("name", "num_parameters")}
    replace(trained.model, metrics={"valid": figures}).save(place / MODEL)
    result = {
        "key": trial.key,
        "valid": figures,
        "num_parameters": trained.valid["num_parameters"],
        "rows_per_s": trained.rows_per_s,
        "seconds": time.monotonic() - started_s,
        "bytes": sum(one.stat().st_size for one in (place / MODEL).iterdir()),
        "history": trained.history,
    }
    write_atomically(place / RESULT, dump_json(result, indent=1).encode())
    shutil.rmtree(place / "training", ignore_errors=True)
    return result


def measure_test(trial: Trial, dataset: BarsDataset, folder: Path, out: Path) -> dict[str, Any]:
    """Return the figures of the test rows, measured now unless already measured for this trial."""
    path = trial_dir(out, trial) / TEST
    if not path.is_file():
        found = measure_model(LogModel.load(trial_dir(out, trial) / MODEL), open_test(dataset, folder))
        write_atomically(path, dump_json(found, indent=1).encode())
    figures: dict[str, Any] = json.loads(path.read_bytes())
    return figures


def read_result(out: Path, trial: Trial) -> dict[str, Any] | None:
    """Return the result of an earlier run of this trial; None for an unfinished trial."""
    path = trial_dir(out, trial) / RESULT
    if not path.is_file():
        return None
    found: dict[str, Any] = json.loads(path.read_bytes())
    return found


def trial_dir(out: Path, trial: Trial) -> Path:
    """Return the folder of a trial."""
    return out / TRIALS / trial.key
