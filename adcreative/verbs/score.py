"""The verb `score`: a rate for each creative of a folder, through any engine."""

from __future__ import annotations

import copy
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adcreative.catalog.tables import write_failures, write_rows
from adcreative.creative import Creative, FailedCreative
from adcreative.errors import CatalogError, CreativeError
from adcreative.runs.batch import (
    Progress,
    RunSummary,
    check_resume,
    check_seen,
    chunk_size,
    chunked,
    creatives_to_do,
    disk_faults,
    failures_of,
    fold_brand,
    open_catalog,
    rehearse,
    survey_catalog,
    work_through,
)
from adcreative.runs.engines import Apply, BatchConfig, Rows, ShouldStop
from adcreative.runs.log import RunLog

if TYPE_CHECKING:
    from adcreative.ctr.predictor import Predictor
    from adcreative.features.builder import AccountHistory
    from adcreative.features.extraction import FeatureExtractor

SCORE_COLUMNS = ("file_name", "ad_name", "ctr", "ctr_low", "ctr_high", "grade", "evidence", "reasons")
MAX_BRANDS_KEPT = 256
NUM_MEASURED = 8

CHUNKS_AHEAD = 4  # chunks whose words are read together

# creatives to score, what they may look back on, and those whose words are read before
Item = tuple[tuple[Creative, ...], tuple[Creative, ...], tuple[Creative, ...]]


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
            extractor = copy.copy(extractor)
            extractor.cache = None
        return partial(self._score, _Scorer(extractor, predictor))

    def _score(self, scorer: _Scorer, item: Item) -> Rows:
        with disk_faults(self.out):
            return scorer.score(*item)


class _Scorer:
    """Scores chunks; remembers features of the brands it saw last, so that their history is read once."""

    def __init__(self, extractor: FeatureExtractor, predictor: Predictor) -> None:
        self.extractor, self.predictor = extractor, predictor
        self._features: OrderedDict[str, dict[int, tuple[Creative, Any]]] = OrderedDict()
        self._history: tuple[tuple[int, ...], AccountHistory] | None = None

    def score(self, creatives: Sequence[Creative], earlier: Sequence[Creative], ahead: Sequence[Creative]) -> Rows:
        """Return a row per creative; `earlier` are creatives of their brands with results, `ahead` those whose words are read
        now, since they come soon."""
        from adcreative.runs.output import score_rows

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


def score(
    data: Path,
    out: Path,
    *,
    model: Path | None = None,
    columns: Path | None = None,
    batch: BatchConfig | None = None,
    progress: Progress,
    should_stop: ShouldStop,
) -> RunSummary:
    """Predict a click rate for each creative; see `pipeline.score`."""
    from adcreative.verbs.loading import load_model

    started_s, data, out, batch = time.monotonic(), Path(data), Path(out), batch or BatchConfig()
    reader = open_catalog(data, columns)
    survey = survey_catalog(reader, data, batch.limit)
    predictor = load_model(model).predictor
    settings: dict[str, Any] = {"verb": "score", "data": str(data.resolve()), "model": predictor.content_hash}
    settings |= {"columns": str(Path(columns).resolve())} if columns else {}
    settings["fields"] = list(SCORE_COLUMNS)  # a row written by another version is not continued
    log_path = out.with_name(f".{out.name}.partial.jsonl")
    job = ScoreJob(data.absolute(), model and Path(model).absolute(), out.absolute())
    as_items = _item_maker(survey.history, chunk_size(survey.num_creatives, batch))
    if batch.dry_run:
        forecast = rehearse(
            replace(job, is_rehearsal=True), as_items, reader, survey, log_path=log_path, settings=settings, data=data,
            config=batch, num_measured=NUM_MEASURED, progress=progress, should_stop=should_stop,
        )  # fmt: skip
        seconds = round(time.monotonic() - started_s, 3)
        return RunSummary(
            path=out, done=0, failed=forecast.unusable, stopped=should_stop(), warnings=tuple(reader.warnings),
            seconds=seconds, forecast=forecast,
        )  # fmt: skip
    check_resume(batch, log_path, out)
    with RunLog(log_path, settings, key_field="row", restart=batch.restart) as log:
        items = as_items(creatives_to_do(reader, survey, log.rows, data, log.rows))
        is_complete = work_through(
            job, items, log, batch, stage="scoring", survey=survey, progress=progress, should_stop=should_stop
        )
        rows = sorted(filter(survey.is_wanted, log.rows))
        if not is_complete:
            seconds = round(time.monotonic() - started_s, 3)
            return RunSummary(path=log.path, done=len(rows), failed=0, stopped=True, seconds=seconds)
        failed = (FailedCreative(**log.rows[row]["failed"]) for row in rows if "failed" in log.rows[row])
        failures_path = out.parent / "failures.csv"
        num_failures = write_failures(failures_path, chain(failures_of(reader, survey), failed))
        num_scored = survey.num_creatives + survey.num_failures - num_failures
        if num_scored:
            write_rows(out, _scored(log, rows), SCORE_COLUMNS)
        if not survey.is_limited:
            log.remove()
    if not num_scored:
        raise CatalogError(f"none of the {num_failures} creatives could be scored; {failures_path} says why")
    return RunSummary(
        path=out, done=num_scored, failed=num_failures, warnings=tuple(reader.warnings),
        seconds=round(time.monotonic() - started_s, 3),
    )  # fmt: skip


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
