"""The protocol of the benchmark, in this fixed order.

    1. every setting of the grid is trained with the first seed, early stopping on validation rows
    2. for each line the setting with the best validation figure is chosen, and the choice is recorded (choices.json)
    3. the chosen settings are trained with the other seeds
    4. floors are fitted, and the test rows are read, once for each chosen model and each floor
    5. the board is written

A choice that changes later, because the grid grew, is recorded in addition to the earlier one, and the board states how many
choices have used the test rows. Knows no process pool and no cluster: `apply` chooses where trials are trained.
"""

from __future__ import annotations

import json
import shutil
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from adcreative.artifacts import dump_json, write_atomically
from adcreative.benchmarks.bars.datasets import PUBLISHED, BarsDataset
from adcreative.benchmarks.bars.floors import measure_floors
from adcreative.benchmarks.bars.grid import Trial
from adcreative.benchmarks.bars.trials import MODEL, TEST, TRIALS, measure_test, open_roles, open_test, read_result, trial_dir
from adcreative.errors import TrainingError
from adcreative.progress import Progress

CHOICES = "choices.json"
Apply = Callable[[Sequence[Trial]], Iterable[Any]]
SHOWN = ("auc", "gauc", "log_loss", "ece", "predicted_over_observed")


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The comparison: a data set in a folder, all settings of the grid with the first seed, and the seeds."""

    dataset: BarsDataset
    folder: Path
    out: Path
    trials: Sequence[Trial]
    seeds: Sequence[int]

    @property
    def lines(self) -> dict[str, list[Trial]]:
        """Line of the board -> its settings."""
        found: dict[str, list[Trial]] = {}
        for trial in self.trials:
            found.setdefault(trial.line, []).append(trial)
        return found


def follow(plan: Plan, apply: Apply, progress: Progress) -> list[dict[str, Any]] | None:
    """Return a row of the board for each line, best first; None when a trial was stopped.

    Raises:
        TrainingError: no setting of a line could be trained.
    """
    if not _train(plan.trials, plan.out, apply, progress, "trying settings"):
        return None
    chosen = choose(plan)
    repeats = [with_seed(trial, seed) for trial in chosen.values() for seed in plan.seeds]
    if not _train(repeats, plan.out, apply, progress, "repeating with other seeds"):
        return None
    rows = _floor_rows(plan, progress)
    progress("reading the test rows", 0, len(chosen))
    for number, (line, trial) in enumerate(chosen.items()):
        runs = [with_seed(trial, seed) for seed in plan.seeds]
        usable = [run for run in runs if "failed" not in (read_result(plan.out, run) or {"failed": ""})]
        figures = [measure_test(run, plan.dataset, plan.folder, plan.out) for run in usable]
        rows.append(_row(plan, line, trial, usable, figures))
        progress("reading the test rows", number + 1, len(chosen))
    for trial in plan.trials:
        if not (trial_dir(plan.out, trial) / TEST).exists():
            shutil.rmtree(trial_dir(plan.out, trial) / MODEL, ignore_errors=True)
    return sorted(rows, key=lambda row: -float(row["test"][plan.dataset.monitor]["mean"] or 0.0))


def _floor_rows(plan: Plan, progress: Progress) -> list[dict[str, Any]]:
    """Return a row of the board for each floor; rows of floors are recognized by the lack of trials."""
    roles, test = open_roles(plan.dataset, plan.folder), open_test(plan.dataset, plan.folder)
    floors = measure_floors(plan.dataset, roles["train"], roles["valid"], test, plan.out / TRIALS, progress)
    rows = []
    for floor in floors:
        figures = {name: _over_seeds([floor["test"].get(name)]) for name in SHOWN}
        figures["auc"] |= {"low": floor["test"]["auc_low"], "high": floor["test"]["auc_high"]}
        valid = float(floor["valid"][plan.dataset.monitor] or 0.0)
        rows.append(
            {
                "line": floor["line"],
                "setting": "",
                "test": figures,
                "valid": _over_seeds([valid]),
                "published": None,
                "num_seeds": 1,
                "settings_tried": 1,
                "spread": [valid, valid],
                "choices_tested": 1,
                "num_parameters": None,
                "bytes": None,
                "rows_per_s": floor["rows_per_s"],
                "trials": [],
            }
        )
    return rows


def choose(plan: Plan) -> dict[str, Trial]:
    """Return the setting of each line with the best validation figure, and record the choices.

    Raises:
        TrainingError: no setting of a line could be trained.
    """
    path, monitor = plan.out / CHOICES, plan.dataset.monitor
    written: dict[str, Any] = json.loads(path.read_bytes()) if path.is_file() else {}
    chosen = {}
    for line, trials in plan.lines.items():
        scored = [(trial, read_result(plan.out, trial) or {}) for trial in trials]
        usable = [(trial, float(one["valid"][monitor])) for trial, one in scored if "valid" in one]
        if not usable:
            reason = next((one["failed"] for _, one in scored if "failed" in one), "nothing was trained")
            raise TrainingError(f"no setting of {line} could be trained: {reason}")
        best, value = max(usable, key=lambda pair: pair[1])  # the first of equal ones
        entry = {
            "setting": best.setting_key,
            "trial": best.key,
            "monitor": monitor,
            "valid": value,
            "settings_tried": len(trials),
            "spread": [min(score for _, score in usable), value],
        }
        earlier = written.get(line, {})
        before = earlier.get("earlier", [])
        if earlier and earlier["setting"] != best.setting_key:
            before = [*before, {key: earlier[key] for key in ("setting", "trial", "valid")}]
        written[line] = {**entry, "earlier": before}
        chosen[line] = best
    write_atomically(path, dump_json(written, indent=1).encode())
    return chosen


def with_seed(trial: Trial, seed: int) -> Trial:
    """Return the trial with another seed."""
    return replace(trial, settings=replace(trial.settings, seed=seed))


def _train(trials: Sequence[Trial], out: Path, apply: Apply, progress: Progress, stage: str) -> bool:
    """Train the trials not yet trained; False when stopped before all had ended."""
    missing = [trial for trial in trials if read_result(out, trial) is None]
    num_done = len(trials) - len(missing)
    progress(stage, num_done, len(trials))
    for _ in apply(missing) if missing else ():
        num_done += 1
        progress(stage, num_done, len(trials))
    return all(read_result(out, trial) is not None for trial in trials)


def _row(plan: Plan, line: str, trial: Trial, runs: Sequence[Trial], figures: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return one row: figures with mean and deviation over seeds, the first seed's interval, cost, links."""
    results = [read_result(plan.out, run) or {} for run in runs]
    choice = json.loads((plan.out / CHOICES).read_bytes())[line]
    test = {name: _over_seeds([one.get(name) for one in figures]) for name in SHOWN}
    if figures and figures[0].get("auc_low") is not None:
        test["auc"] |= {"low": figures[0]["auc_low"], "high": figures[0]["auc_high"]}
    published = PUBLISHED.get(plan.dataset.id, {}).get(line)
    return {
        "line": line,
        "setting": trial.setting_key,
        "test": test,
        "valid": _over_seeds([one["valid"][plan.dataset.monitor] for one in results]),
        "published": None if published is None else {"auc": published[0], "log_loss": published[1]},
        "num_seeds": len(runs),
        "settings_tried": choice["settings_tried"],
        "spread": choice["spread"],
        "choices_tested": 1 + len(choice["earlier"]),
        "num_parameters": results[0]["num_parameters"],
        "bytes": results[0]["bytes"],
        "rows_per_s": statistics.median(one["rows_per_s"] for one in results),
        "trials": [run.key for run in runs],
    }


def _over_seeds(values: Sequence[float | None]) -> dict[str, Any]:
    known = [value for value in values if value is not None]
    if not known:
        return {"mean": None, "std": None}
    return {"mean": statistics.fmean(known), "std": statistics.stdev(known) if len(known) > 1 else None}
