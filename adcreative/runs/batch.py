"""Process many creatives: read a catalogue, apply a job through an engine, append rows to a log, resume an earlier run.

`score` and `optimize` define the job and how the rows are finished; this module runs the loop, or forecasts it by a dry run,
which reads all pictures, processes a few creatives and writes nothing. Does not import torch.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

from adcreative.artifacts import make_private_dir, unwritable
from adcreative.catalog.images import picture
from adcreative.creative import Creative
from adcreative.errors import AdCreativeError, CatalogError, ConfigError, CreativeError, EngineError, WeightsError
from adcreative.progress import Progress, ShouldStop
from adcreative.provenance.run_records import MADE_FROM
from adcreative.runs.continuing import find_kept, hash_creative
from adcreative.runs.engines import Apply, BatchConfig, Job, Rows, apply_job
from adcreative.runs.log import LoggedRows, RunLog, check_settings, has_lines, log_files, read_places
from adcreative.runs.outputs import check_not_read, check_outputs, own_outputs
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


@dataclass(frozen=True, kw_only=True)
class RunSummary:
    """Outcome of a verb: path of the result, number of rows, number of failed creatives, whether the run was stopped.

    seconds: duration. forecast: the result of a dry run, which does no work. lines: sentences for the user. unit: name of the
    counted item.
    """

    unit: ClassVar[str] = "creative"
    path: Path
    done: int
    failed: int = 0
    stopped: bool = False
    warnings: tuple[str, ...] = ()
    seconds: float = 0.0
    forecast: Forecast | None = None
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Batch:
    """How a verb processes the creatives of a catalogue.

    stage: label of the progress. outputs: files that `finish` writes. inputs: files that are read. log_path: log of the rows.
    settings: values that must be equal for a run to be continued.
    as_items: map creatives to items of the job. finish: turn the rows into the result; the flag says whether the run is
    complete. begin: called before the first creative. rehearsal: a job without side effects for a dry run, timed on
    num_measured creatives after the first.
    is_private: the log folder shows people, so it is created with owner-only permissions. hash_row: hash of everything outside
    the settings that decides about a creative; a kept row with another hash is computed again.
    """

    stage: str
    out: Path
    outputs: Sequence[Path]
    inputs: Sequence[Path | None]
    log_path: Path
    settings: Mapping[str, Any]
    job: Job
    rehearsal: Job
    as_items: Callable[[Iterable[Creative]], Iterable[Any]]
    finish: Callable[[RunLog, bool], RunSummary]
    num_measured: int
    is_private: bool = False
    hash_row: Callable[[Creative], str] = hash_creative
    begin: Callable[[], None] = lambda: None


def run_batch(batch: Batch, survey: Survey, config: BatchConfig, *, progress: Progress, should_stop: ShouldStop) -> RunSummary:
    """Apply the job to every creative without a row, write each row to disk as soon as it is ready, then finish.

    Raises:
        ConfigError: the log belongs to a run with other settings, there is no run to resume, or an output file is an input or
            was written by somebody else.
        CatalogError: the disk is full, or the catalogue changed during the run.
        EngineError: a worker process died, or the cluster cannot be reached.
    """
    started_s = time.monotonic()
    check_outputs(batch.outputs, batch.inputs, restart=config.restart)
    check_not_read(log_files(batch.log_path), batch.inputs)
    if config.dry_run:
        forecast, notes = rehearse(batch, survey, config, progress=progress, should_stop=should_stop)
        summary = RunSummary(path=batch.out, done=0, failed=forecast.unusable, stopped=should_stop(), forecast=forecast)
        return replace(summary, warnings=(*notes, *survey.warnings), seconds=round(time.monotonic() - started_s, 3))
    check_resume(config, batch.log_path, batch.out)
    if batch.is_private:
        make_private_dir(batch.log_path.parent)
    with (
        RunLog(batch.log_path, batch.settings, key_field="row", restart=config.restart) as log,
        own_outputs(batch.outputs, batch.inputs, restart=config.restart),
    ):
        batch.begin()
        kept = find_kept(log.rows, survey.hashed(batch.hash_row, progress), survey.is_wanted)
        log.rearrange(kept.places)
        num_done = sum(map(survey.is_wanted, log.rows))
        progress(batch.stage, num_done, survey.num_creatives)
        made_from: dict[int, str] = {}  # hashes of the creatives in progress, by row
        items = batch.as_items(_note_hashes(survey.creatives_to_do(log.rows), batch.hash_row, made_from))
        with closing(apply_job(batch.job, items, config, should_stop)) as finished:  # type: ignore[type-var]
            for rows in finished:
                log.append(*({**row, MADE_FROM: made_from.pop(row["row"])} for row in rows))
                num_done += len(rows)
                progress(batch.stage, num_done, survey.num_creatives)
        if num_done < survey.num_creatives and not should_stop():
            raise CatalogError("the catalogue changed while it was read; give the same command again")
        summary = batch.finish(log, num_done >= survey.num_creatives)
    warnings = (*kept.warnings(survey.num_creatives), *summary.warnings, *survey.warnings)
    return replace(summary, warnings=warnings, seconds=round(time.monotonic() - started_s, 3))


def _note_hashes(
    creatives: Iterable[Creative], hash_row: Callable[[Creative], str], noted: dict[int, str]
) -> Iterator[Creative]:
    """Yield creatives and note each hash before the work starts, so that a creative changed meanwhile is computed again."""
    for creative in creatives:
        noted[creative.row] = hash_row(creative)
        yield creative


def chunk_size(num_creatives: int, config: BatchConfig) -> int:
    """Return the number of creatives in one chunk: fewer when several workers would otherwise wait for one."""
    num_workers = config.workers or (1 if config.engine == "local" else os.cpu_count() or 1)
    return CHUNK if num_workers == 1 else max(1, min(CHUNK, num_creatives // (4 * num_workers)))


def check_seen(*paths: Path) -> None:
    """Raise EngineError when a path is not visible here, as on a cluster node without the shared folder."""
    for path in paths:
        if not path.exists():
            raise EngineError(
                f"a worker does not see {path}; keep data and --out where every node finds them under the same path"
            )


@contextmanager
def disk_faults(out: Path) -> Iterator[None]:
    """Turn operating system errors, such as a full disk or a missing weights file, into errors with one sentence."""
    try:
        yield
    except AdCreativeError:
        raise
    except FileNotFoundError as error:
        raise WeightsError(
            f"{error.filename or error} is not there any more; put it back, then the same command goes on where it was"
        ) from error
    except OSError as error:
        raise unwritable(Path(error.filename or out), error) from error


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
    batch: Batch, survey: Survey, config: BatchConfig, *, progress: Progress, should_stop: ShouldStop
) -> tuple[Forecast, tuple[str, ...]]:
    """Check a run, process a few creatives, and return the forecast and warnings about changed rows; writes nothing.

    Raises:
        ConfigError, CatalogError: a problem that would keep the run from starting.
    """
    log_path = batch.log_path
    check_resume(config, log_path, log_path)
    check_writable(log_path.parent)
    lines = LoggedRows(log_path)
    if has_lines(log_path) and not config.restart:
        check_settings(log_path, batch.settings)
        lines.places, _ = read_places(log_path, "row")
    kept = find_kept(lines, survey.hashed(batch.hash_row, progress), survey.is_wanted)
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
    few = list(islice(survey.creatives_to_do(done), 1 + batch.num_measured))
    is_measured = usable and not should_stop()
    seconds_each = _measure(batch.rehearsal.load(should_stop), batch.as_items, few, progress) if is_measured else None
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
