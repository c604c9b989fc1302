"""Process many creatives: read a catalogue, apply a job through an engine, append rows to a log, resume an earlier run.

`score` and `optimize` define the job and how the rows are finished; this module runs the loop. Does not import torch.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from adcreative.artifacts import make_private_dir, unwritable
from adcreative.creative import Creative
from adcreative.errors import AdCreativeError, CatalogError, EngineError, WeightsError
from adcreative.progress import Progress, ShouldStop
from adcreative.provenance.run_records import MADE_FROM
from adcreative.runs.continuing import find_kept, hash_creative
from adcreative.runs.engines import BatchConfig, Job, apply_job
from adcreative.runs.forecast import Forecast, Rehearsal, check_resume, rehearse
from adcreative.runs.log import RunLog, log_files
from adcreative.runs.outputs import check_not_read, check_outputs, own_outputs
from adcreative.runs.survey import Survey

CHUNK = 32


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
        rehearsal = Rehearsal(
            batch.rehearsal, batch.as_items, batch.log_path, batch.settings, batch.num_measured, batch.hash_row
        )
        forecast, notes = rehearse(rehearsal, survey, config, progress=progress, should_stop=should_stop)
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
