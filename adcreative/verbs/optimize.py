"""The verb `optimize`: an edit search for each creative of a folder, through any engine."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from adcreative.artifacts import hash_file
from adcreative.catalog.mapping import read_settings as read_table_settings
from adcreative.catalog.tables import failures_path, write_failures
from adcreative.copywriter.brand_kit import BrandKit, read_brand_kit
from adcreative.copywriter.fresh_lines import Wording
from adcreative.creative import Creative, EditResult, FailedCreative
from adcreative.ctr.card import SEARCHED_SHARE
from adcreative.errors import CatalogError, ConfigError, CreativeError
from adcreative.features.word_readings import find_reader
from adcreative.options import takes
from adcreative.problem import find_problem
from adcreative.progress import Progress, ShouldStop, count_stage, never, silent
from adcreative.provenance.consent import ConsentBook, read_consents
from adcreative.provenance.disclosure import disclosures_of_run
from adcreative.report import write_report
from adcreative.runs.batch import Batch, RunSummary, check_seen, disk_faults, run_batch
from adcreative.runs.continuing import hash_named
from adcreative.runs.engines import Apply, BatchConfig, Rows
from adcreative.runs.exports import note_sources
from adcreative.runs.folder import Makers, picture_stem, remove_unnamed
from adcreative.runs.log import RowsInOrder, RunLog
from adcreative.runs.survey import Survey, survey_catalog
from adcreative.verbs.directions import choose_directions, read_direction_names
from adcreative.verbs.finish import Delivery, composing, finish
from adcreative.verbs.model_folder import read_model_manifests
from adcreative.verbs.score_table import check_base_rate, find_shift, mean_of_results, measure_strength
from adcreative.verbs.settings import OptimizeSettings

if TYPE_CHECKING:
    from adcreative.editor.models import EditorTools
    from adcreative.editor.settings import EditorConfig, SessionSettings

Notes = Callable[[Sequence[dict[str, Any]]], dict[str, Any]]
RESULTS = "results.jsonl"
NUM_MEASURED = 2
UNTESTED = (
    "The models have seen no results of this account: each edit is untested and worth a test, not a promise. "
    "Learn from your own results first: adcreative train DATA --out model/, then --model model/."
)


def no_notes(results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return no further report settings."""
    return {}


@takes(OptimizeSettings)
def optimize(
    data: Path,
    out: Path,
    settings: OptimizeSettings,
    *,
    notes: Notes = no_notes,
    batch: BatchConfig | None = None,
    progress: Progress = silent,
    should_stop: ShouldStop = never,
) -> RunSummary:
    """Search edits of faces and words for each creative; write results, images, report.html and failures into `out`.

    Faces are edited only where the creative's consent_id names a record of the file `consent` that permits the edit, or is
    "synthetic-person"; other faces are unchanged, and the row gives the reason. New lines follow the rules of `brand_kit`,
    a brand manifest. A killed run continues after the last finished creative; ads changed since are done anew.

    Without `model` the models have seen no results of the account: edits are untested, and results and report rank the ads
    against each other, without rates and gains. With a base rate (given, or the mean of the table's own results) rates are
    stated; gains are then shrunk to the share that came true on accounts unknown to a model.

    Args:
        settings: what to edit and how; fields may be given as keywords.
        notes: notes(results) returns further entries for the report's settings. batch: as for `score`.
    Raises:
        ConfigError: `out` holds another run, or a setting, language model, direction, size or base rate is wrong.
        ProvenanceError: the consent file cannot be used. CatalogError, EngineError: as `score`.
    """
    from adcreative.copywriter.build import build_copywriter
    from adcreative.delivery.padding import parse_ratios
    from adcreative.editor.settings import fill_config

    data, out, batch = Path(data), Path(out), batch or BatchConfig()
    check_base_rate(settings.base_rate)
    build_copywriter(settings.copywriter)  # refuses a wrong name, address or key before the first write
    config = fill_config(
        settings.config,
        seed=settings.seed,
        population_size=settings.population,
        generations=settings.generations,
        algorithm=settings.algorithm,
        risk_aversion=settings.risk_aversion,
        edit_look=settings.look,
        set_text=settings.set_text,
        scene_model=settings.scene_model,
        inpaint_model=settings.inpaint_model,
        keep_controls=settings.keep_controls or None,
    )
    job = OptimizeJob(  # settings are checked before any ad is read
        data=data.absolute(),
        out=out.absolute(),
        config=config,
        consents=read_consents(settings.consent),
        settings=replace(settings, model=settings.model and Path(settings.model).absolute()),
        brand_kit=None if settings.brand_kit is None else read_brand_kit(settings.brand_kit),
        ratios=parse_ratios(settings.sizes),
    )
    survey = survey_catalog(
        data,
        read_table_settings(settings.columns, dates=settings.dates),
        batch.limit,
        images=settings.images,
        words=settings.words,
    )
    if settings.model is None and settings.base_rate is None:
        job = replace(job, settings=replace(settings, base_rate=mean_of_results(survey.reader)))
    if batch.engine == "local" and (batch.workers or 1) == 1:
        job = replace(job, progress=progress)
    named, signing = settings.config, settings.signing
    inputs = (
        data,
        settings.columns,
        settings.images,
        settings.model,
        settings.consent,
        settings.brand_kit,
        settings.words,
        None if not isinstance(named, str | Path) else Path(named),
        *((signing.certificate, signing.key) if signing is not None else ()),
        Path(settings.copywriter),
    )
    plan = replace(_plan_batch(job, out, survey, notes), inputs=inputs)
    _check_apart(survey, out)
    return run_batch(plan, survey, batch, progress=progress, should_stop=should_stop)


def _check_apart(survey: Survey, out: Path) -> None:
    """Raise ConfigError where the run's pictures would be written among the input pictures, or the other way round."""
    place, data = (out / "images").resolve(), survey.data
    if data.is_dir() and survey.reader.is_of_pictures and place.is_relative_to(data.resolve()):
        raise ConfigError(f"{out} lies in {data}, where the pictures of the run would be taken for ads; choose another --out")
    if place.is_dir() and any(
        one.image_path is not None and one.image_path.resolve().is_relative_to(place) for one in survey.creatives_to_do()
    ):
        raise ConfigError(f"{place} holds pictures of {data}, and the run would write there; choose another --out")


def _plan_batch(job: OptimizeJob, out: Path, survey: Survey, notes: Notes) -> Batch:
    """Return the batch job for each creative; reads the manifests of the models and loads no model.

    Raises:
        ConfigError, ArtifactError: a direction or a model that cannot be used.
    """
    asked = job.settings
    manifests, known = read_model_manifests(asked.model), read_direction_names()
    job.consents.check_directions(known)
    paths = {"columns": asked.columns, "images": asked.images}
    settings = {
        "verb": "optimize",
        "data": str(survey.data.resolve()),
        **{role: found.content_hash for role, found in manifests.items()},
        "copywriter": asked.copywriter,
        "directions": list(choose_directions(known, asked.directions)),
        "consents": job.consents.content_hash,
        **asdict(job.config),
        **{name: str(Path(path).resolve()) for name, path in paths.items() if path},
        **({"dates": asked.dates} if asked.dates else {}),
        **({"brand_kit": asdict(job.brand_kit)} if job.brand_kit is not None else {}),
        **({} if asked.model else {"base_rate": asked.base_rate}),
        **{name: value for name, value in manifests["predictor"].notes.items() if name == SEARCHED_SHARE},
        **({"sizes": list(job.ratios)} if job.ratios else {}),
        **({} if asked.alternatives == OptimizeSettings.alternatives else {"alternatives": asked.alternatives}),
        **({"own_words": list(job.own_words)} if any(job.own_words) else {}),
        **({"signed_by": [asked.signing.algorithm, hash_file(asked.signing.certificate)]} if asked.signing is not None else {}),
        **hash_named(copywriter=asked.copywriter, scene_model=job.config.scene_model, inpaint_model=job.config.inpaint_model),
    }
    report, failures = out / "report.html", failures_path(out / RESULTS)
    cards = [manifest.card(role) for role, manifest in manifests.items()]
    rests_on = {} if asked.model else {"what_gains_rest_on": UNTESTED}

    def finish(log: RunLog, is_complete: bool) -> RunSummary:
        place = None if asked.model else _placer(log, asked.base_rate)
        if is_complete:
            log.sort(place)
            remove_unnamed(out, log.rows.values())
        results: Sequence[dict[str, Any]] = RowsInOrder(log.rows, sorted(filter(survey.is_wanted, log.rows)))
        if place is not None and not is_complete:
            results = _Placed(results, place)  # rates in the file are moved once, when all rows are complete
        num_failures = write_failures(failures, _failures(survey, results))
        write_report(
            report,
            results,
            settings={**settings, **rests_on, **notes(results)},
            image_dir=out / "images",
            cards=cards,
            failures=_failures(survey, results),
            disclosures=[duty.as_dict() for duty in disclosures_of_run(results, date.today())],
        )
        if results and all(result["status"] == "failed" for result in results):
            raise CatalogError(f"none of the {len(results)} creatives could be edited; {failures} says why")
        warnings = (() if asked.model else (UNTESTED,)) + _writer_failures(results)
        return RunSummary(path=report, done=len(results), failed=num_failures, stopped=not is_complete, warnings=warnings)

    return Batch(
        stage="optimizing",
        out=report,
        outputs=(report, failures),
        inputs=(),
        log_path=out / RESULTS,
        settings=settings,
        job=job,
        rehearsal=replace(job, is_rehearsal=True),
        as_items=iter,
        finish=finish,
        num_measured=NUM_MEASURED,
        is_private=True,
        begin=lambda: note_sources(out, (survey.data, asked.images)),
    )


@dataclass(frozen=True, kw_only=True)
class OptimizeJob:
    """Edits creatives and writes their pictures into `out`. A rehearsal writes no files, not even features into the cache."""

    data: Path
    out: Path
    settings: OptimizeSettings
    config: EditorConfig
    consents: ConsentBook
    brand_kit: BrandKit | None = None
    ratios: tuple[str, ...] = ()
    is_rehearsal: bool = False
    progress: Progress = silent  # of one ad, where the work runs in this process; not pickled for other processes

    @property
    def own_words(self) -> tuple[str, str]:
        """Headline and description given by the user."""
        return self.settings.headline.strip(), self.settings.description.strip()

    def load(self, should_stop: ShouldStop) -> Apply:
        """Load all models; the language model itself loads at its first line."""
        from adcreative.editor.settings import Level, SessionSettings
        from adcreative.verbs.loading import load_model, load_tools

        check_seen(self.data, *(() if self.is_rehearsal else (self.out,)))
        with disk_faults(self.out):
            models = load_tools(self.settings.copywriter).editor_tools(
                load_model(self.settings.model),
                self.settings.directions,
                self.consents,
                self.config.scene_model,
                self.config.inpaint_model,
            )
        if self.is_rehearsal:
            models = replace(models, extractor=models.extractor.without_cache(), text_reader=find_reader(lambda: None))
        models = composing(models)
        roles = {"predictor": models.predictor, "judge": models.judge, "auditor": models.auditor}
        hashes = {name: one.content_hash for name, one in roles.items()} | dict(models.extractor.hashes)
        asked = SessionSettings(
            config=self.config,
            wording=Wording(kit=self.brand_kit),
            level=Level(is_known=bool(self.settings.model), usual_rate=self.settings.base_rate, is_of_run=True),
        )
        return _Editor(self, models, asked, Makers(models=hashes, signing=self.settings.signing), should_stop).edit


@dataclass(frozen=True)
class _Editor:
    """A job with its models loaded."""

    job: OptimizeJob
    models: EditorTools
    asked: SessionSettings
    makers: Makers
    should_stop: ShouldStop

    def edit(self, creative: Creative) -> Rows:
        """Edit one creative, write its pictures, and return the row of results.jsonl; a failure is a row too.

        Returns:
            no row when the search was cut short, since there is no result.
        """
        from adcreative.editor.session import open_session

        started_s = time.monotonic()
        with disk_faults(self.job.out):
            try:
                session = open_session(creative, self.asked, self.models, self.should_stop)
                outcome = session.search(should_stop=self.should_stop)
                if any(self.job.own_words):
                    (headline, below), found = self.job.own_words, outcome.result
                    outcome = session.reword(outcome, headline or found.headline_edited, below or found.description_edited)
                row = finish(session, outcome, None if self.job.is_rehearsal else self._delivery(creative))
            except CreativeError as error:
                failed = EditResult(
                    file_name=creative.file_name,
                    ad_name=creative.ad_name,
                    status="failed",
                    reason=error.problem,
                    consent_id=creative.consent_id,
                    seconds=round(time.monotonic() - started_s, 3),
                    seed=self.job.config.seed,
                )
                row = {"row": creative.row, **failed.as_dict(), "remedy": error.remedy}
        return [] if self.should_stop() else [row]

    def _delivery(self, creative: Creative) -> Delivery:
        job = self.job
        return Delivery(
            out=job.out,
            stem=picture_stem(creative),
            makers=self.makers,
            alternatives=job.settings.alternatives,
            ratios=job.ratios,
            keep_control=job.config.keep_controls,
            tell=count_stage(job.progress, "laying out shapes"),
        )


def _writer_failures(results: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return one sentence on the ads for which the language model failed, with the first reason; empty without failures."""
    failed = [found for one in results if (found := find_problem(one.get("problems", ()), "writer_failed")) is not None]
    return (f"For {len(failed)} of {len(results)} creatives {failed[0]}",) if failed else ()


class _Placed(Sequence[dict[str, Any]]):
    """Rows passed through `place` at each access."""

    def __init__(self, rows: Sequence[dict[str, Any]], place: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        self.rows, self.place = rows, place

    @overload
    def __getitem__(self, number: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, number: slice) -> _Placed: ...
    def __getitem__(self, number: int | slice) -> dict[str, Any] | _Placed:
        return _Placed(self.rows[number], self.place) if isinstance(number, slice) else self.place(self.rows[number])

    def __len__(self) -> int:
        return len(self.rows)


def _placer(log: RunLog, base_rate: float | None) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Return the function that adds strength among the run's originals to a row, and moves rates to the stated level."""
    from adcreative.editor.decision.untested import shift_level

    ordered = sorted(float(row["rank_score"]) for row in log.rows.values() if row.get("rank_score") is not None)
    rates = [1 / (1 + math.exp(-score)) for score in ordered]  # sorted, so that the order of processing does not matter
    shift = round(find_shift(rates, base_rate), 9) if rates and base_rate else 0.0

    def place(row: dict[str, Any]) -> dict[str, Any]:
        if row.get("rank_score") is None:
            return row
        strength = measure_strength(float(row["rank_score"]), ordered)
        return {**shift_level(row, shift), "strength_original": None if strength == "" else strength}

    return place


def _failures(survey: Survey, results: Sequence[dict[str, Any]]) -> Iterator[FailedCreative]:
    """Yield creatives that could not be read, then creatives that could not be edited."""
    failed = (
        FailedCreative(file_name=one["file_name"], ad_name=one["ad_name"], problem=one["reason"], remedy=one["remedy"])
        for one in results
        if one["status"] == "failed"
    )
    return chain(survey.failures(), failed)
