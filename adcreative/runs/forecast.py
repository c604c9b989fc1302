"""Forecast of a run by a dry run, which writes nothing: read all pictures and process a few creatives."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from adcreative.catalog.images import picture
from adcreative.creative import Creative
from adcreative.errors import CatalogError, ConfigError, CreativeError
from adcreative.progress import Progress, ShouldStop
from adcreative.runs.continuing import find_kept
from adcreative.runs.engines import Apply, BatchConfig, Job, Rows, apply_job
from adcreative.runs.log import LoggedRows, check_settings, has_lines, read_places
from adcreative.runs.survey import Survey, chunked

CHUNK = 32


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """Forecast of a run.

    seconds_each, seconds: time for one creative, and for all remaining creatives with these workers, measured on this machine
    with an empty cache; None when nothing is to do. num_measured: number of creatives measured.
    """

    to_do: int
    already_done: int
    unusable: int
    first_problem: str = ""
    seconds_each: float | None = None
    seconds: float | None = None
    num_measured: int = 0


@dataclass(frozen=True)
class Rehearsal:
    """Input of a dry run: a job without side effects, the map from creatives to items, the log path and settings of the run,
    the number of creatives to measure, and the hash of a row."""

    job: Job
    as_items: Callable[[Iterable[Creative]], Iterable[Any]]
    log_path: Path
    settings: Mapping[str, Any]
    num_measured: int
    hash_row: Callable[[Creative], str]


@dataclass(frozen=True)
class CheckJob:
    """Job that reads pictures like the real job, and keeps nothing of them."""

    def load(self, should_stop: ShouldStop) -> Apply:
        return self._check

    def _check(self, creatives: Sequence[Creative]) -> Rows:
        rows = []
        for creative in creatives:
            try:
                picture(creative)
                rows.append({"row": creative.row, "problem": ""})
            except CreativeError as error:
                rows.append({"row": creative.row, "problem": f"row {creative.row}: {error}"})
        return rows


def rehearse(
    rehearsal: Rehearsal, survey: Survey, config: BatchConfig, *, progress: Progress, should_stop: ShouldStop
) -> tuple[Forecast, tuple[str, ...]]:
    """Check a run, process a few creatives, and return the forecast and warnings about changed rows; writes nothing.

    Raises:
        ConfigError, CatalogError: a problem that would keep the run from starting.
    """
    log_path = rehearsal.log_path
    check_resume(config, log_path, log_path)
    check_writable(log_path.parent)
    lines = LoggedRows(log_path)
    if has_lines(log_path) and not config.restart:
        check_settings(log_path, rehearsal.settings)
        lines.places, _ = read_places(log_path, "row")
    kept = find_kept(lines, survey.hashed(rehearsal.hash_row, progress), survey.is_wanted)
    done = kept.places
    num_done = sum(map(survey.is_wanted, done))
    num_checked, unusable, first = 0, survey.num_failures, survey.first_failure.problem if survey.first_failure else ""
    to_do = survey.creatives_to_do(done)
    with closing(apply_job(CheckJob(), chunked(to_do, CHUNK), config, should_stop)) as finished:  # type: ignore[type-var]
        for rows in finished:
            problems = [row["problem"] for row in rows if row["problem"]]
            first = first or next(iter(problems), "")
            unusable += len(problems)
            num_checked += len(rows)
            progress("checking", num_done + num_checked, survey.num_creatives)
    usable = num_checked - (unusable - survey.num_failures)
    few = list(islice(survey.creatives_to_do(done), 1 + rehearsal.num_measured))
    is_measured = usable and not should_stop()
    seconds_each = _measure(rehearsal.job.load(should_stop), rehearsal.as_items, few, progress) if is_measured else None
    forecast = Forecast(
        to_do=usable,
        already_done=num_done,
        unusable=unusable,
        first_problem=first,
        seconds_each=seconds_each,
        seconds=None if seconds_each is None else seconds_each * usable / (config.workers or 1),
        num_measured=max(1, len(few) - 1) if seconds_each is not None else 0,
    )
    return forecast, kept.warnings(survey.num_creatives)


def _measure(
    apply: Apply, as_items: Callable[[Iterable[Creative]], Iterable[Any]], few: list[Creative], progress: Progress
) -> float:
    """Return the seconds per creative; the first creative is a warm-up, unless it is the only one."""
    progress("measuring", 0, len(few))
    for item in as_items(few[:1]):
        apply(item)
    measured = few[1:] or few
    started_s = time.perf_counter()
    for item in as_items(measured):
        apply(item)
    return (time.perf_counter() - started_s) / len(measured)


def check_resume(config: BatchConfig, log_path: Path, out: Path) -> None:
    """Raise ConfigError when `resume` is set and there is no run to resume."""
    if config.resume and not log_path.exists():
        done = f" ({out} is there, so it may be finished)" if out.is_file() else ""
        raise ConfigError(f"there is no run at {out} to resume{done}; leave out --resume to begin one")


def check_writable(folder: Path) -> None:
    """Raise CatalogError when the folder, which may not exist yet, cannot be written."""
    nearest = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK):
        raise CatalogError(f"{folder} cannot be written; choose another --out")
