"""A run over many creatives: from a catalogue through an engine into a log, continued where an earlier run ended.

`score` and `optimize` say what is done with a creative (a Job) and what becomes of the rows; the order of it all is here. Loads
no torch.
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
    """What a verb did: where the result is, how many rows it has, how many creatives failed, whether it was stopped.

    seconds: how long it took. forecast: of a dry run, which has done nothing. lines: sentences for a person to read. unit: what
    is counted.
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
    """What a verb does with every creative of a catalogue.

    stage: what progress calls it. outputs: files that finish writes. inputs: what is read. log_path: where the rows are kept.
    settings: what must be equal for a run to be continued.
    as_items: from creatives to what the job is applied to. finish: what becomes of the rows, told whether all of them are
    there. begin: what is noted before the first of them. rehearsal: a job that writes nothing, for a dry run, tried on
    num_measured creatives after the first.
    is_private: the folder of the log shows people; when it is made, only its owner may open it. hash_row: of all that decides
    about a creative and is not in the settings; a kept row whose hash is another is done anew.
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
    """Apply the job to every creative that has no row yet, each row going to disk as soon as it is there; then finish.

    Raises:
        ConfigError: the log belongs to a run with other settings, there is none to resume, or a file that would be written is
            an input or somebody else's.
        CatalogError: the disk is full, or the catalogue changed while it was read.
        EngineError: a worker process died, or the cluster cannot be reached.
    """
    started_s = time.monotonic()
    check_outputs(batch.outputs, batch.inputs, restart=config.restart)
    check_not_read(log_files(batch.log_path), batch.inputs)
    if config.dry_run:
        rehearsal = Rehearsal(
            batch.rehearsal, batch.as_items, batch.log_path, batch.settings, batch.num_measured, batch.hash_row
        )
        forecast, told = rehearse(rehearsal, survey, config, progress=progress, should_stop=should_stop)
        summary = RunSummary(path=batch.out, done=0, failed=forecast.unusable, stopped=should_stop(), forecast=forecast)
        return replace(summary, warnings=(*told, *survey.warnings), seconds=round(time.monotonic() - started_s, 3))
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
        made_from: dict[int, str] = {}  # of the creatives under way
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
    """Yield creatives; the hash of each is taken before its work begins, so that what changes meanwhile is done anew."""
    for creative in creatives:
        noted[creative.row] = hash_row(creative)
        yield creative


def chunk_size(num_creatives: int, config: BatchConfig) -> int:
    """Return how many creatives travel together: fewer when several workers would otherwise wait for one."""
    num_workers = config.workers or (1 if config.engine == "local" else os.cpu_count() or 1)
    return CHUNK if num_workers == 1 else max(1, min(CHUNK, num_creatives // (4 * num_workers)))


def check_seen(*paths: Path) -> None:
    """Raise EngineError where this process does not see what it needs, as on a node of a cluster without the shared folder."""
    for path in paths:
        if not path.exists():
            raise EngineError(
                f"a worker does not see {path}; keep data and --out where every node finds them under the same path"
            )


@contextmanager
def disk_faults(out: Path) -> Iterator[None]:
    """Turn errors of the operating system, such as a full disk or a weight that is gone, into one sentence."""
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
