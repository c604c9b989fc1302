"""The verb `score`: a rate for each creative of a folder, through any engine."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adcreative.catalog.tables import failed_creative, failures_path, write_failures, write_rows
from adcreative.creative import Creative, FailedCreative
from adcreative.errors import CatalogError, CreativeError
from adcreative.progress import Progress, ShouldStop, never, silent
from adcreative.runs.batch import Batch, RunSummary, check_seen, chunk_size, disk_faults, run_batch
from adcreative.runs.engines import Apply, BatchConfig, Rows
from adcreative.runs.log import RunLog
from adcreative.runs.survey import Survey, chunked, fold_brand, survey_catalog
from adcreative.verbs.model_folder import read_model_manifests

if TYPE_CHECKING:
    from adcreative.ctr.click_model import ClickModel
    from adcreative.features.builder import AccountHistory
    from adcreative.features.extraction import FeatureExtractor

__all__ = ["SCORE_COLUMNS", "score"]

SCORE_COLUMNS = ("file_name", "ad_name", "ctr", "ctr_low", "ctr_high", "grade", "evidence", "reasons")
NOT_ENOUGH_DATA = "not enough data"  # what a score says in place of a rate
MAX_BRANDS_KEPT = 256
NUM_MEASURED = 8

CHUNKS_AHEAD = 4  # chunks whose words are read together

# creatives to score, what they may look back on, and those whose words are read before
Item = tuple[tuple[Creative, ...], tuple[Creative, ...], tuple[Creative, ...]]


def score(
    data: Path,
    out: Path,
    *,
    model: Path | None = None,
    columns: Path | None = None,
    images: Path | None = None,
    batch: BatchConfig | None = None,
    progress: Progress = silent,
    should_stop: ShouldStop = never,
) -> RunSummary:
    """Predict a click rate with interval, evidence and reasons for each creative; write a CSV, and X.failures.csv beside it.

    Rows are kept in a log beside `out` until all are done; a killed run goes on from there. `batch` says how it is worked
    through (workers, engine, limit, dry run); the rows do not depend on it. `images` is the folder with the pictures of an
    export's ads.

    Raises:
        ConfigError: `out` holds the log of a run with other settings, the catalogue was changed since that began, or `out` is
            what is read or somebody else's file.
        CatalogError: nothing in `data` can be used, or the disk is full.
        EngineError: a worker process died, or the cluster cannot be reached.
    """
    data, out, batch = Path(data), Path(out), batch or BatchConfig()
    survey = survey_catalog(data, columns, batch.limit, images=images)
    settings: dict[str, Any] = {
        "verb": "score", "data": str(data.resolve()), "model": read_model_manifests(model)["predictor"].content_hash,
        **{name: str(Path(path).resolve()) for name, path in (("columns", columns), ("images", images)) if path},
        "fields": list(SCORE_COLUMNS),  # a row written by another version is not continued
    }  # fmt: skip
    job = ScoreJob(data.absolute(), model and Path(model).absolute(), out.absolute())
    work = Batch(
        stage="scoring", out=out, outputs=(out, failures_path(out)), inputs=(data, columns),
        log_path=out.with_name(f".{out.name}.partial.jsonl"), settings=settings, job=job,
        rehearsal=replace(job, is_rehearsal=True), num_measured=NUM_MEASURED,
        as_items=_item_maker(survey.history, chunk_size(survey.num_creatives, batch)),
        finish=partial(_write_scores, out, survey),
    )  # fmt: skip
    return run_batch(work, survey, batch, progress=progress, should_stop=should_stop)


def _write_scores(out: Path, survey: Survey, log: RunLog, is_complete: bool) -> RunSummary:
    """Write the table and the failures of a complete run; of a run with all creatives the log goes."""
    rows = sorted(filter(survey.is_wanted, log.rows))
    if not is_complete:
        return RunSummary(path=log.path, done=len(rows), failed=0, stopped=True)
    failed = (FailedCreative(**log.rows[row]["failed"]) for row in rows if "failed" in log.rows[row])
    num_failures = write_failures(failures_path(out), chain(survey.failures(), failed))
    num_scored = survey.num_creatives + survey.num_failures - num_failures
    if num_scored:
        write_rows(out, _scored(log, rows), SCORE_COLUMNS)
    if not survey.is_limited:
        log.remove()
    if not num_scored:
        raise CatalogError(f"none of the {num_failures} creatives could be scored; {failures_path(out)} says why")
    return RunSummary(path=out, done=num_scored, failed=num_failures)


@dataclass(frozen=True)
class ScoreJob:
    """Scores creatives with the model in a folder. `data` is where pictures lie; a rehearsal leaves the feature cache alone."""

    data: Path
    model: Path | None
    out: Path
    is_rehearsal: bool = False

    def load(self, should_stop: ShouldStop) -> Apply:
        """Load encoders and predictor."""
        from adcreative.verbs.loading import load_model, load_tools

        check_seen(self.data)
        with disk_faults(self.out):
            extractor, predictor = load_tools().extractor, load_model(self.model).predictor
        if self.is_rehearsal:
            extractor = extractor.without_cache()
        return _Scorer(extractor, predictor, self.out).score


class _Scorer:
    """Scores chunks; remembers features of the brands it saw last, so that their history is read once."""

    def __init__(self, extractor: FeatureExtractor, predictor: ClickModel, out: Path) -> None:
        self.extractor, self.predictor, self.out = extractor, predictor, out
        self._features: OrderedDict[str, dict[int, tuple[Creative, Any]]] = OrderedDict()
        self._history: tuple[tuple[int, ...], AccountHistory] | None = None

    def score(self, item: Item) -> Rows:
        """Return a row per creative of an item; the words of those that come soon are read now, all together."""
        creatives, earlier, ahead = item
        with disk_faults(self.out):
            if ahead:
                self.extractor.read_ahead(ahead)
            history = self._read_history(earlier)
            known = {one.row: one for one in history.creatives}  # a creative is told apart from its own result by identity
            return score_rows(self.extractor, self.predictor, [known.get(one.row, one) for one in creatives], history)

    def _read_history(self, earlier: Sequence[Creative]) -> AccountHistory:
        from adcreative.features.builder import AccountHistory

        rows = tuple(one.row for one in earlier)
        if self._history is None or self._history[0] != rows:
            by_brand: dict[str, list[Creative]] = {}
            for creative in earlier:
                by_brand.setdefault(fold_brand(creative), []).append(creative)
            self._read_brands(by_brand)
            found = [pair for brand in by_brand for pair in self._features[brand].values()]
            while len(self._features) > MAX_BRANDS_KEPT:
                self._features.popitem(last=False)
            self._history = rows, AccountHistory([one for one, _ in found], [features for _, features in found])
        return self._history[1]

    def _read_brands(self, by_brand: dict[str, list[Creative]]) -> None:
        """Extract the features of the brands not yet known, all in one go, and mark all of them as seen last."""
        new = [one for brand, ones in by_brand.items() if brand not in self._features for one in ones]
        extracted = iter(self.extractor.extract(new))
        for brand, creatives in by_brand.items():
            if brand not in self._features:
                pairs = [(one, next(extracted)) for one in creatives]
                self._features[brand] = {one.row: (one, f) for one, f in pairs if not isinstance(f, CreativeError)}
            self._features.move_to_end(brand)


def score_rows(
    extractor: FeatureExtractor, predictor: ClickModel, creatives: Sequence[Creative], history: AccountHistory
) -> list[dict[str, Any]]:
    """Return one row per creative, in order: its prediction and what grade of evidence stands behind it, or what failed.

    A creative that is one of the history's (the same object) is not read again.
    """
    read = {id(creative): features for creative, features in zip(history.creatives, history.features, strict=True)}
    others = iter(extractor.extract([creative for creative in creatives if id(creative) not in read]))
    extracted = [read[id(creative)] if id(creative) in read else next(others) for creative in creatives]
    good = [(c, f) for c, f in zip(creatives, extracted, strict=True) if not isinstance(f, CreativeError)]
    predictions = iter(predictor.predict([c for c, _ in good], [f for _, f in good], history) if good else [])
    rows: list[dict[str, Any]] = []
    for creative, features in zip(creatives, extracted, strict=True):
        if isinstance(features, CreativeError):
            rows.append({"row": creative.row, "failed": asdict(failed_creative(creative, features))})
            continue
        prediction = next(predictions)
        rates: dict[str, Any] = {name: float(f"{getattr(prediction, name):.6g}") for name in ("ctr", "ctr_low", "ctr_high")}
        if not prediction.enough_data:
            rates = {"ctr": NOT_ENOUGH_DATA, "ctr_low": "", "ctr_high": ""}
        rows.append(
            {"row": creative.row, "file_name": creative.file_name, "ad_name": creative.ad_name, **rates,
             "grade": predictor.grade(creative, features)["row"], "evidence": prediction.evidence,
             "reasons": "; ".join(prediction.reasons)}
        )  # fmt: skip
    return rows


def _item_maker(history: Any, size: int) -> Callable[[Iterable[Creative]], Iterator[Item]]:
    def as_items(creatives: Iterable[Creative]) -> Iterator[Item]:
        for ahead in chunked(creatives, CHUNKS_AHEAD * size):
            for chunk in chunked(ahead, size):
                brands = dict.fromkeys(map(fold_brand, chunk))
                yield chunk, tuple(one for brand in brands for one in history.get(brand, ())), ahead
                ahead = ()

    return as_items


def _scored(log: RunLog, rows: Iterable[int]) -> Iterator[dict[str, Any]]:
    for number in rows:
        row = log.rows[number]
        if "failed" not in row:
            yield {name: row[name] for name in SCORE_COLUMNS}
