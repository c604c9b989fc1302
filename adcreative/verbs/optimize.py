"""The verb `optimize`: an edit search for each creative of a folder, through any engine."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

from adcreative.catalog import CatalogReader
from adcreative.catalog.tables import write_failures
from adcreative.copywriter.brand_kit import BrandKit
from adcreative.creative import Creative, FailedCreative
from adcreative.editor.settings import EditorConfig
from adcreative.errors import CatalogError
from adcreative.provenance.consent import ConsentBook
from adcreative.provenance.signing import SigningConfig
from adcreative.runs.batch import (
    Progress,
    RunSummary,
    Survey,
    check_resume,
    check_seen,
    creatives_to_do,
    disk_faults,
    failures_of,
    open_catalog,
    rehearse,
    survey_catalog,
    work_through,
)
from adcreative.runs.engines import Apply, BatchConfig, Rows, ShouldStop
from adcreative.runs.log import RowsInOrder, RunLog

Notes = Callable[[Sequence[dict[str, Any]]], dict[str, Any]]
RESULTS = "results.jsonl"
NUM_MEASURED = 2


@dataclass(frozen=True, kw_only=True)
class OptimizeJob:
    """Edits creatives and writes their pictures into `out`. A rehearsal writes nothing, not even features into the cache."""

    data: Path
    out: Path
    model: Path | None
    copywriter: str
    directions: tuple[str, ...] | None
    consents: ConsentBook
    config: EditorConfig
    signing: SigningConfig | None
    brand_kit: BrandKit | None = None
    is_rehearsal: bool = False

    def load(self, should_stop: ShouldStop) -> Apply:
        """Load all models; the language model itself loads at its first line."""
        from adcreative.editor.preparation.briefed import Briefed
        from adcreative.runs.output import optimize_row
        from adcreative.verbs.loading import load_model, load_tools

        check_seen(self.data, *(() if self.is_rehearsal else (self.out,)))
        with disk_faults(self.out):
            tools = load_tools(self.copywriter).editor_tools(
                load_model(self.model), self.directions, self.consents, self.config.scene_model
            )
        if self.brand_kit is not None:
            tools = replace(tools, copywriter=Briefed(tools.copywriter, kit=self.brand_kit))
        if self.is_rehearsal:
            extractor: Any = copy.copy(tools.extractor)
            extractor.cache = None
            tools = replace(tools, extractor=extractor)

        def apply(creative: Creative) -> Rows:
            with disk_faults(self.out):
                out = None if self.is_rehearsal else self.out
                row = optimize_row(creative, tools, self.config, out, should_stop, self.signing)
            return [] if should_stop() else [row]  # a search that was cut short is no result

        return apply


def optimize(
    data: Path,
    out: Path,
    job_settings: Mapping[str, Any],
    *,
    columns: Path | None,
    batch: BatchConfig,
    notes: Notes,
    progress: Progress,
    should_stop: ShouldStop,
) -> RunSummary:
    """Search edits of each creative; see `pipeline.optimize`. job_settings: the fields of OptimizeJob beside data and out."""
    from adcreative.verbs.loading import load_model, load_tools

    started_s, data, out = time.monotonic(), Path(data), Path(out)
    job = OptimizeJob(data=data.absolute(), out=out.absolute(), **job_settings)
    reader = open_catalog(data, columns)
    survey = survey_catalog(reader, data, batch.limit)
    models = load_model(job.model)
    directions = load_tools(job.copywriter).editor_tools(models, job.directions, job.consents).directions.names
    settings = {
        "verb": "optimize", "data": str(data.resolve()), **models.hashes,
        "copywriter": job.copywriter, "directions": list(directions), "consents": job.consents.content_hash,
        **asdict(job.config), **({"columns": str(Path(columns).resolve())} if columns else {}),
        **({"brand_kit": asdict(job.brand_kit)} if job.brand_kit is not None else {}),
    }  # fmt: skip
    log_path = out / RESULTS
    if batch.dry_run:
        forecast = rehearse(
            replace(job, is_rehearsal=True), iter, reader, survey, log_path=log_path, settings=settings, data=data,
            config=batch, num_measured=NUM_MEASURED, progress=progress, should_stop=should_stop,
        )  # fmt: skip
        return RunSummary(
            path=out / "report.html", done=0, failed=forecast.unusable, stopped=should_stop(), warnings=tuple(reader.warnings),
            seconds=round(time.monotonic() - started_s, 3), forecast=forecast,
        )  # fmt: skip
    check_resume(batch, log_path, out)
    with RunLog(log_path, settings, key_field="row", restart=batch.restart) as log:
        is_complete = work_through(
            job, creatives_to_do(reader, survey, log.rows, data, log.rows), log, batch,
            stage="optimizing", survey=survey, progress=progress, should_stop=should_stop,
        )  # fmt: skip
        if is_complete:
            log.sort()
        results = RowsInOrder(log.rows, sorted(filter(survey.is_wanted, log.rows)))
        num_failures = write_failures(out / "failures.csv", _failures(reader, survey, results))
        _write_report(out, results, {**settings, **notes(results)}, models, _failures(reader, survey, results))
        if results and all(result["status"] == "failed" for result in results):
            raise CatalogError(f"none of the {len(results)} creatives could be edited; {out / 'failures.csv'} says why")
    return RunSummary(
        path=out / "report.html", done=len(results), failed=num_failures, stopped=not is_complete,
        warnings=tuple(reader.warnings), seconds=round(time.monotonic() - started_s, 3),
    )  # fmt: skip


def _write_report(*arguments: Any) -> None:
    from adcreative.runs.output import write_run_report

    write_run_report(*arguments)


def _failures(reader: CatalogReader, survey: Survey, results: Sequence[dict[str, Any]]) -> Iterator[FailedCreative]:
    """Yield what could not be read, then what could not be edited."""
    failed = (
        FailedCreative(file_name=one["file_name"], ad_name=one["ad_name"], problem=one["reason"], remedy=one["remedy"])
        for one in results
        if one["status"] == "failed"
    )
    return chain(failures_of(reader, survey), failed)
