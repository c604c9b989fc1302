"""The verb `score`: a click rate for each creative of a folder, through any engine."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache, partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adcreative.catalog.mapping import read_settings as read_table_settings
from adcreative.catalog.tables import failed_creative, failures_path, write_failures, write_rows
from adcreative.creative import TEXT_COLUMNS, Creative, FailedCreative, add_clause
from adcreative.ctr.trade import find_peers
from adcreative.errors import CatalogError, ConfigError, CreativeError
from adcreative.features.picture_fields import describe_reading, fill_from_pictures
from adcreative.features.word_readings import find_reader
from adcreative.options import takes
from adcreative.progress import Progress, ShouldStop, never, silent
from adcreative.runs.batch import Batch, RunSummary, check_seen, chunk_size, disk_faults, run_batch
from adcreative.runs.continuing import hash_creative, hash_values, hash_with_counts
from adcreative.runs.engines import Apply, BatchConfig, Rows
from adcreative.runs.log import RunLog
from adcreative.runs.survey import Survey, chunked, fold_brand, survey_catalog
from adcreative.verbs.model_folder import is_log_model, read_model_manifests
from adcreative.verbs.score_table import SCORE_COLUMNS, SEGMENT, Level, check_base_rate, finish_rows, mean_of_results
from adcreative.verbs.settings import ScoreSettings

if TYPE_CHECKING:
    from adcreative.ctr.click_model import ClickModel
    from adcreative.features.batch import CreativeFeatures
    from adcreative.features.builder import AccountHistory
    from adcreative.features.extraction import FeatureExtractor

__all__ = ["SCORE_COLUMNS", "score"]

MAX_SEGMENTS = 200
MAX_BRANDS_KEPT = 256
NUM_MEASURED = 8

CHUNKS_AHEAD = 4  # number of chunks whose words are read together

# creatives to score, their possible history, and the creatives whose words are read first
Item = tuple[tuple[Creative, ...], tuple[Creative, ...], tuple[Creative, ...]]


@takes(ScoreSettings)
def score(
    data: Path,
    out: Path,
    settings: ScoreSettings,
    *,
    batch: BatchConfig | None = None,
    progress: Progress = silent,
    should_stop: ShouldStop = never,
) -> RunSummary:
    """Predict a click rate with interval, evidence and reasons for each creative; write a CSV, and X.failures.csv next to it.

    With the model of an impression log `data` is a log, and each row of the log gets a rate (see `score_log`).

    strength is the share of the table's other ads that an ad is predicted to beat; a lone ad is compared with the account's
    ads, or with a reference set of the trade, as its evidence says. The shipped model does not know an account's level: without
    `model`, rates are written only where `base_rate` (0.021: 2.1 %) or the table's own results give the mean rate. Empty
    headline, text and button fields of an ad are read in the picture, unless `read_pictures` is False, and the evidence says
    so. `words` is a file that `read` wrote: its words replace reading for the pictures listed there.

    Rows are kept in a log next to `out` until all are done; a killed run continues from the log, and rows changed since are
    done anew. `batch` sets the distribution of work (workers, engine, limit, dry run); the rows do not depend on it.

    Args:
        settings: what to score and how; fields may be given as keywords.
    Raises:
        ConfigError: `out` holds the log of a run with other settings, `out` is an input or a file of another program,
            `base_rate` is no rate, or the model knows no value of `by`.
        CatalogError: nothing in `data` can be used, or the disk is full.
        EngineError: a worker process died, or the cluster cannot be reached.
    """
    batch = batch or BatchConfig()
    if settings.model is not None and is_log_model(settings.model):
        from adcreative.verbs.use_log import score_log

        callbacks: Any = {"progress": progress, "should_stop": should_stop}
        return score_log(data, out, model=settings.model, by=settings.by, restart=batch.restart, **callbacks)
    check_base_rate(settings.base_rate)
    data, out = Path(data), Path(out)
    model, columns, images, by = settings.model, settings.columns, settings.images, settings.by
    survey = survey_catalog(
        data, read_table_settings(columns, dates=settings.dates), batch.limit, images=images, words=settings.words
    )
    identity: dict[str, Any] = {
        "verb": "score",
        "data": str(data.resolve()),
        "model": read_model_manifests(model)["predictor"].content_hash,
        **{name: str(Path(path).resolve()) for name, path in (("columns", columns), ("images", images)) if path},
        **({} if settings.read_pictures else {"read_pictures": False}),
        **({"dates": settings.dates} if settings.dates else {}),
        "fields": list(SCORE_COLUMNS),  # a row of another version is not continued
        **({"by": by} if by else {}),
    }
    model = model and Path(model).absolute()
    job = ScoreJob(data.absolute(), out.absolute(), replace(settings, model=model))
    if model is not None:
        level = Level(is_known=True)
    else:
        level = Level(base_rate=mean_of_results(survey.reader) if settings.base_rate is None else settings.base_rate)
    work = Batch(
        stage="scoring",
        out=out,
        outputs=(out, failures_path(out)),
        inputs=(data, columns, images, model, settings.words),
        log_path=out.with_name(f".{out.name}.partial.jsonl"),
        settings=identity,
        job=job,
        rehearsal=replace(job, is_rehearsal=True),
        num_measured=NUM_MEASURED,
        as_items=_item_maker(survey.history, chunk_size(survey.num_creatives, batch)),
        finish=partial(_write_scores, out, survey, level, by),
        hash_row=_hasher(survey.history),
    )
    return run_batch(work, survey, batch, progress=progress, should_stop=should_stop)


def _hasher(history: Mapping[str, Sequence[Creative]]) -> Callable[[Creative], str]:
    """Return a function that hashes an ad together with its brand's earlier ads and their results, which scoring uses."""

    @lru_cache(MAX_BRANDS_KEPT)
    def hash_brand(brand: str) -> str:
        return hash_values([hash_with_counts(one) for one in history.get(brand, ())])

    return lambda creative: hash_creative(creative, hash_brand(fold_brand(creative)))


def _write_scores(out: Path, survey: Survey, level: Level, by: str, log: RunLog, is_complete: bool) -> RunSummary:
    """Write table and failures of a complete run; remove the log of a run with all creatives."""
    rows = sorted(filter(survey.is_wanted, log.rows))
    if not is_complete:
        return RunSummary(path=log.path, done=len(rows), failed=0, stopped=True)
    failed = (FailedCreative(**log.rows[row]["failed"]) for row in rows if "failed" in log.rows[row])
    num_failures = write_failures(failures_path(out), chain(survey.failures(), failed))
    num_scored = survey.num_creatives + survey.num_failures - num_failures
    if num_scored:
        scored = [log.rows[row] for row in rows if "failed" not in log.rows[row]]
        write_rows(out, finish_rows(scored, level, by=by), (*SCORE_COLUMNS, *([SEGMENT] if by else [])))
    if not survey.is_limited:
        log.remove()
    if not num_scored:
        raise CatalogError(f"none of the {num_failures} creatives could be scored; {failures_path(out)} says why")
    return RunSummary(path=out, done=num_scored, failed=num_failures)


@dataclass(frozen=True)
class ScoreJob:
    """Scores creatives with the model in a folder. `data`: the folder of pictures; a rehearsal writes no feature cache."""

    data: Path
    out: Path
    settings: ScoreSettings
    is_rehearsal: bool = False

    def load(self, should_stop: ShouldStop) -> Apply:
        """Load encoders and predictor."""
        from adcreative.verbs.loading import load_scorer

        check_seen(self.data)
        with disk_faults(self.out):
            extractor, predictor = load_scorer(self.settings.model, self.settings.features)
        if self.is_rehearsal:
            extractor = extractor.without_cache()
        check_segments(predictor, self.settings.by)
        return _Scorer(extractor, predictor, self.out, self.settings.by, self.settings.read_pictures).score


class _Scorer:
    """Scores chunks; caches features of the latest brands, so that each brand's history is read once."""

    def __init__(self, extractor: FeatureExtractor, predictor: ClickModel, out: Path, by: str = "", read: bool = False) -> None:
        self.extractor, self.predictor, self.out, self.by = extractor, predictor, out, by
        is_of_use = read and "words" in predictor.rate_parts
        self._reader = find_reader(lambda: self.extractor.cache) if is_of_use else None
        self._features: OrderedDict[str, dict[int, tuple[Creative, Any]]] = OrderedDict()
        self._history: tuple[tuple[int, ...], AccountHistory] | None = None

    def score(self, item: Item) -> Rows:
        """Return a row per creative of an item; the words of the next items are read together with it."""
        creatives, earlier, ahead = item
        with disk_faults(self.out):
            if ahead:
                self.extractor.read_ahead(ahead)
            creatives = tuple(fill_from_pictures(creatives, self._reader))
            history = self._read_history(earlier)
            known = {one.row: one for one in history.creatives}  # a creative is recognized in its own history by identity
            return score_rows(self.extractor, self.predictor, [known.get(one.row, one) for one in creatives], history, self.by)

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
        """Extract the features of all brands not yet cached in one pass, and mark all given brands as most recently used."""
        known = self._features
        by_brand = {
            name: ones if name in known else list(fill_from_pictures(ones, self._reader)) for name, ones in by_brand.items()
        }
        new = [one for brand, ones in by_brand.items() if brand not in self._features for one in ones]
        extracted = iter(self.extractor.extract(new))
        for brand, creatives in by_brand.items():
            if brand not in self._features:
                pairs = [(one, next(extracted)) for one in creatives]
                self._features[brand] = {one.row: (one, f) for one, f in pairs if not isinstance(f, CreativeError)}
            self._features.move_to_end(brand)


def score_rows(
    extractor: FeatureExtractor, predictor: ClickModel, creatives: Sequence[Creative], history: AccountHistory, by: str = ""
) -> list[dict[str, Any]]:
    """Return one row per creative, in order: the prediction with its grade of evidence, or the failure.

    A creative that is also in the history (the same object) is not read again. Rates are the model's own; `score_table` decides
    which rates are stated. segments: value of the column `by` -> rate and interval there. peers: the share of other ads that
    the creative beats, and the reference set.
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
        row = {name: getattr(prediction, name) for name in ("ctr", "ctr_low", "ctr_high", "enough_data", "evidence")}
        if note := describe_reading(creative):
            row["evidence"] = add_clause(prediction.evidence, note)
        row |= {"row": creative.row, "file_name": creative.file_name, "ad_name": creative.ad_name}
        row |= {"grade": predictor.grade(creative, features)["row"], "reasons": "; ".join(prediction.reasons)}
        if peers := find_peers(predictor.notes, predictor.content_hash, creative, has_picture=creative.has_image):
            row["peers"] = [round(peers.share_below(prediction.ctr), 3), peers.phrase]
        if by:
            row["segments"] = score_segments(predictor, creative, features, by)
        rows.append(row)
    return rows


def score_segments(predictor: ClickModel, creative: Creative, features: CreativeFeatures, by: str) -> dict[str, list[float]]:
    """Return value of column `by` -> rate and interval of the creative there; picture and words are unchanged."""
    values = predictor.known_values(by)
    shown = [with_value(creative, by, value) for value in values]
    predictions = predictor.predict(shown, [features] * len(shown))
    return {value: [one.ctr, one.ctr_low, one.ctr_high] for value, one in zip(values, predictions, strict=True)}


def with_value(creative: Creative, column: str, value: str) -> Creative:
    """Return the creative with another value of a categorical column."""
    if column in TEXT_COLUMNS:
        return replace(creative, **{column: value})  # type: ignore[arg-type]
    return replace(creative, context={**creative.context, column: value})


def check_segments(predictor: ClickModel, by: str) -> None:
    """Raise ConfigError for a column with no value known to the model, or with too many."""
    if not by:
        return
    if not (values := predictor.known_values(by)):
        raise ConfigError(f"the model knows no values of {by!r}; name a column with segments that it was trained on.")
    if len(values) > MAX_SEGMENTS:
        raise ConfigError(f"the model knows {len(values)} values of {by!r}; at most {MAX_SEGMENTS} can be listed for each ad.")


def _item_maker(history: Mapping[str, Sequence[Creative]], size: int) -> Callable[[Iterable[Creative]], Iterator[Item]]:
    def as_items(creatives: Iterable[Creative]) -> Iterator[Item]:
        for ahead in chunked(creatives, CHUNKS_AHEAD * size):
            for chunk in chunked(ahead, size):
                brands = dict.fromkeys(map(fold_brand, chunk))
                yield chunk, tuple(one for brand in brands for one in history.get(brand, ())), ahead
                ahead = ()

    return as_items
