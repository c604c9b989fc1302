"""What `score` and `optimize` share: one look over the catalogue, which creatives are still to do, and a rehearsal.

The catalogue is streamed, as often as it is needed: what is kept of a creative is its row number, and of brands with results
their latest creatives (words and counts, no pixels). Loads no torch.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from adcreative.catalog import CatalogReader
from adcreative.catalog.images import picture
from adcreative.creative import Creative, FailedCreative
from adcreative.errors import AdCreativeError, CatalogError, ConfigError, CreativeError, EngineError, WeightsError
from adcreative.runs.engines import Apply, BatchConfig, Job, Rows, ShouldStop, apply_job
from adcreative.runs.log import LoggedRows, RunLog, check_settings, read_places, unwritable

CHUNK = 32
HISTORY_PER_BRAND = 16

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """What a run would do.

    seconds_each, seconds: of one creative, and of all that are to do with these workers, measured here with an empty cache;
    None when nothing is to do. num_measured: on how many.
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
    """What a verb did: where the result is, how many rows it has, how many creatives failed, whether it was stopped.

    seconds: how long it took. forecast: of a dry run, which has done nothing.
    """

    path: Path
    done: int
    failed: int
    stopped: bool = False
    warnings: tuple[str, ...] = ()
    seconds: float = 0.0
    forecast: Forecast | None = None


@dataclass(frozen=True, kw_only=True)
class Survey:
    """A catalogue seen once. num_creatives: usable ones, at most the limit; last_row: of the last of them.

    history: folded brand -> its latest creatives with results, brands with one creative left out, oldest first.
    """

    num_creatives: int
    last_row: int
    num_failures: int
    first_failure: FailedCreative | None
    is_limited: bool
    history: Mapping[str, Sequence[Creative]] = field(repr=False)

    def is_wanted(self, row: int) -> bool:
        return row <= self.last_row


def open_catalog(data: Path, columns: Path | None) -> CatalogReader:
    """Open a catalogue under its absolute path, which workers with another working folder understand too."""
    return CatalogReader(Path(data).absolute(), columns=columns)


def survey_catalog(reader: CatalogReader, data: Path, limit: int | None = None) -> Survey:
    """Look over a catalogue once.

    Raises:
        CatalogError: nothing in it can be used; the first failure is named.
    """
    num_creatives, num_beyond, num_failures, last_row = 0, 0, 0, 0
    first_failure: FailedCreative | None = None
    by_brand: dict[str, list[Creative]] = {}
    in_brand: dict[str, int] = {}
    for item in reader:
        if isinstance(item, FailedCreative):
            num_failures += 1
            first_failure = first_failure or item
            continue
        if limit is None or num_creatives < limit:
            num_creatives, last_row = num_creatives + 1, item.row
        else:
            num_beyond += 1
        if brand := fold_brand(item):
            in_brand[brand] = in_brand.get(brand, 0) + 1
            if item.has_results:
                latest = by_brand.setdefault(brand, [])
                latest.append(item)
                if len(latest) > 4 * HISTORY_PER_BRAND:
                    by_brand[brand] = _latest(latest)
    if not num_creatives:
        first = f": {first_failure.problem} {first_failure.remedy}" if first_failure else ""
        raise CatalogError(f"nothing in {data} can be used ({num_failures} rows failed){first}")
    history = {brand: _latest(found) for brand, found in by_brand.items() if in_brand[brand] > 1}
    return Survey(
        num_creatives=num_creatives, last_row=last_row, num_failures=num_failures, first_failure=first_failure,
        is_limited=num_beyond > 0, history=history,
    )  # fmt: skip


def _latest(creatives: Sequence[Creative]) -> list[Creative]:
    return sorted(creatives, key=lambda creative: creative.date_start)[-HISTORY_PER_BRAND:]


def fold_brand(creative: Creative) -> str:
    """Return a brand as it is compared; see `feature_builder.fold`."""
    return " ".join(creative.brand.split()).casefold()


def creatives_to_do(
    reader: CatalogReader, survey: Survey, done: Container[int], data: Path, rows: Mapping[int, Mapping[str, Any]] | None = None
) -> Iterator[Creative]:
    """Yield the wanted creatives that have no row yet, in order.

    Args:
        rows: what is done already, to be compared with the catalogue.
    Raises:
        ConfigError: a row that is done belongs to another creative: the catalogue was changed meanwhile.
    """
    for creative in reader:
        if isinstance(creative, FailedCreative) or not survey.is_wanted(creative.row):
            continue
        if creative.row not in done:
            yield creative
        elif rows is not None and creative.row in rows:
            _check_same(creative, rows[creative.row], data)


def _check_same(creative: Creative, row: Mapping[str, Any], data: Path) -> None:
    logged = row.get("failed", row)
    for name in ("file_name", "ad_name"):
        if logged[name] != getattr(creative, name):
            raise ConfigError(
                f'{data} was changed since this run began: {name} of row {creative.row} was "{logged[name]}" and is '
                f'"{getattr(creative, name)}"; choose another --out, or start over with --restart'
            )


def failures_of(reader: CatalogReader, survey: Survey) -> Iterator[FailedCreative]:
    """Yield the rows of the catalogue that cannot be used."""
    if survey.num_failures:
        yield from (item for item in reader if isinstance(item, FailedCreative))


def chunked(creatives: Iterable[Creative], size: int) -> Iterator[tuple[Creative, ...]]:
    """Yield runs of `size` creatives; the last may be shorter."""
    source = iter(creatives)
    while chunk := tuple(islice(source, size)):
        yield chunk


def chunk_size(num_creatives: int, config: BatchConfig) -> int:
    """Return how many creatives travel together: fewer when several workers would otherwise wait for one."""
    num_workers = config.workers or (1 if config.engine == "local" else os.cpu_count() or 1)
    return CHUNK if num_workers == 1 else max(1, min(CHUNK, num_creatives // (4 * num_workers)))


def work_through(
    job: Job,
    items: Iterable[Any],
    log: RunLog,
    config: BatchConfig,
    *,
    stage: str,
    survey: Survey,
    progress: Progress,
    should_stop: ShouldStop,
) -> bool:
    """Apply a job to items, each row going to disk as soon as it is there; return whether all wanted rows are there.

    Raises:
        CatalogError: the disk is full, or the catalogue changed while it was read.
    """  # fmt: skip
    num_done = sum(map(survey.is_wanted, log.rows))
    progress(stage, num_done, survey.num_creatives)
    with closing(apply_job(job, items, config, should_stop)) as finished:  # type: ignore[type-var]
        for rows in finished:
            log.append(*rows)
            num_done += len(rows)
            progress(stage, num_done, survey.num_creatives)
    if num_done < survey.num_creatives and not should_stop():
        raise CatalogError("the catalogue changed while it was read; give the same command again")
    return num_done >= survey.num_creatives


def check_resume(config: BatchConfig, log_path: Path, out: Path) -> None:
    """Raise ConfigError when a run is to be resumed that is not there."""
    if config.resume and not log_path.exists():
        done = f" ({out} is there, so it may be finished)" if out.is_file() else ""
        raise ConfigError(f"there is no run at {out} to resume{done}; leave out --resume to begin one")


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


@dataclass(frozen=True)
class CheckJob:
    """Reads pictures as the real work would, and keeps nothing of them."""

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
    job: Job,
    as_items: Callable[[Iterable[Creative]], Iterable[Any]],
    reader: CatalogReader,
    survey: Survey,
    *,
    log_path: Path,
    settings: Mapping[str, Any],
    data: Path,
    config: BatchConfig,
    num_measured: int,
    progress: Progress,
    should_stop: ShouldStop,
) -> Forecast:
    """Check what a run needs, try some creatives, and say what it would do; writes nothing.

    Args:
        job: writes nothing either. as_items: from creatives to what the job is applied to.
    Raises:
        ConfigError, CatalogError: what would keep the run from starting.
    """  # fmt: skip
    check_resume(config, log_path, log_path)
    check_writable(log_path.parent)
    done = LoggedRows(log_path)
    if log_path.exists() and not config.restart:
        check_settings(log_path, settings)
        done.places, _ = read_places(log_path, "row")
    num_done = sum(map(survey.is_wanted, done))
    num_checked, unusable, first = 0, survey.num_failures, survey.first_failure.problem if survey.first_failure else ""
    to_do = creatives_to_do(reader, survey, done, data, done)
    with closing(apply_job(CheckJob(), chunked(to_do, CHUNK), config, should_stop)) as finished:  # type: ignore[type-var]
        for rows in finished:
            problems = [row["problem"] for row in rows if row["problem"]]
            first = first or next(iter(problems), "")
            unusable += len(problems)
            num_checked += len(rows)
            progress("checking", num_done + num_checked, survey.num_creatives)
    usable = num_checked - (unusable - survey.num_failures)
    few = list(islice(creatives_to_do(reader, survey, done, data), 1 + num_measured))
    seconds_each = _measure(job.load(should_stop), as_items, few, progress) if usable and not should_stop() else None
    num_workers = config.workers or 1
    return Forecast(
        to_do=usable, already_done=num_done, unusable=unusable, first_problem=first, seconds_each=seconds_each,
        seconds=None if seconds_each is None else seconds_each * usable / num_workers,
        num_measured=max(1, len(few) - 1) if seconds_each is not None else 0,
    )  # fmt: skip


def _measure(
    apply: Apply, as_items: Callable[[Iterable[Creative]], Iterable[Any]], few: list[Creative], progress: Progress
) -> float:
    """Return the seconds a creative takes; the first one warms up, unless it is all there is."""
    progress("measuring", 0, len(few))
    for item in as_items(few[:1]):
        apply(item)
    measured = few[1:] or few
    started_s = time.perf_counter()
    for item in as_items(measured):
        apply(item)
    return (time.perf_counter() - started_s) / len(measured)


def check_writable(folder: Path) -> None:
    """Raise CatalogError when nothing can be written into the folder, which need not be there yet."""
    nearest = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK):
        raise CatalogError(f"{folder} cannot be written; choose another --out")
