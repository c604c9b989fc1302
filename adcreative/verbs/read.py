"""The verb `read`: words in the pictures of a folder as a table to correct, and a picture of the boxes for each ad.

Loads no rate model. The corrected table is the input `words` of other verbs.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from adcreative import lettering
from adcreative.artifacts import write_atomically
from adcreative.catalog.images import picture
from adcreative.catalog.mapping import read_settings as read_table_settings
from adcreative.catalog.tables import beside, failed_creative, failures_path, write_failures, write_rows
from adcreative.creative import Creative, FailedCreative
from adcreative.encoders.language import detect_language
from adcreative.encoders.threads import map_in_threads
from adcreative.errors import CatalogError, ConfigError, CreativeError, WeightsError
from adcreative.features.known_words import TABLE_COLUMNS, hash_of_picture
from adcreative.features.word_readings import find_reader
from adcreative.lettering import NEEDS_PACKAGES, ROLES, UNREAD, TextReading, name_installed_reader, rows_of_words
from adcreative.options import takes
from adcreative.progress import Progress, ShouldStop, never, silent
from adcreative.report.word_boxes import draw_word_boxes
from adcreative.runs.batch import Batch, RunSummary, check_seen, disk_faults, run_batch
from adcreative.runs.engines import Apply, BatchConfig, Rows
from adcreative.runs.folder import picture_stem
from adcreative.runs.log import RunLog
from adcreative.runs.survey import Survey, chunked, survey_catalog
from adcreative.verbs.settings import WordsSettings

NUM_MEASURED = 4
TOGETHER = 4  # ads read at once by the threads of a process: about a second each
JPEG_QUALITY = 85
UNREADABLE = "it has no picture, so there are no words to read in it."


@takes(WordsSettings)
def read(
    data: Path,
    out: Path,
    settings: WordsSettings,
    *,
    batch: BatchConfig | None = None,
    progress: Progress = silent,
    should_stop: ShouldStop = never,
) -> RunSummary:
    """Read the words in the pictures of a folder; write a CSV with a row for each block, and X.failures.csv next to it.

    Columns: file_name, picture (hash of the file), block (number), role, text, script, language (of the whole ad), sureness
    (0..1), box (left top right bottom, px), ink (#rrggbb), and measured, for internal use. The folder X.boxes next to the CSV
    holds a picture of the boxes for each ad. Correct wrong text and roles, empty the text of blocks that are not part of the ad
    (a print on a shirt), type the text of rows marked "unread", add rows with a box for missed words; then pass the file to
    other verbs as `words`: corrected rows count as sure, and nothing is read again.

    A killed run continues from its log. `batch` sets how the work is distributed; the rows do not depend on it.

    Args:
        settings: what to read and write; fields may be given as keywords.
    Raises:
        WeightsError: the packages that read pictures are not installed.
        ConfigError: `out` holds the log of a run with other settings, is among the input pictures, is an input or
            a file of another program; a corrected file counts as such.
        CatalogError: nothing in `data` can be used, no ad has a picture, or the disk is full.
        EngineError: a worker process died, or the cluster cannot be reached.
    """
    data, out, batch = Path(data), Path(out), batch or BatchConfig()
    if find_reader() is None:
        raise WeightsError(f"{NEEDS_PACKAGES}.")
    columns, images = settings.columns, settings.images
    survey = survey_catalog(data, read_table_settings(columns, dates=settings.dates), batch.limit, images=images)
    _check_apart(survey, out)
    identity: dict[str, Any] = {
        "verb": "read",
        "data": str(data.resolve()),
        "reader": name_installed_reader(),
        **{name: str(Path(path).resolve()) for name, path in (("columns", columns), ("images", images)) if path},
        **({"dates": settings.dates} if settings.dates else {}),
        "boxes": settings.boxes,
        "fields": list(TABLE_COLUMNS),
    }
    job = ReadJob(data.absolute(), beside(out, ".boxes").absolute() if settings.boxes else None, settings.features)
    work = Batch(
        stage="reading words",
        out=out,
        outputs=(out, failures_path(out)),
        inputs=(data, columns, images),
        log_path=out.with_name(f".{out.name}.partial.jsonl"),
        settings=identity,
        job=job,
        rehearsal=ReadJob(job.data, None, is_rehearsal=True),
        as_items=partial(chunked, size=TOGETHER),
        finish=partial(_write_words, out, survey),
        num_measured=NUM_MEASURED,
    )
    return run_batch(work, survey, batch, progress=progress, should_stop=should_stop)


def read_rows(creative: Creative, reader: TextReading | None) -> list[dict[str, Any]]:
    """Return the rows of one ad's table, with TABLE_COLUMNS.

    Raises:
        CreativeError: there is no picture, or the picture cannot be read. WeightsError: there is no reader.
    """
    if reader is None:
        raise WeightsError(f"{NEEDS_PACKAGES}.")
    image_u8 = picture(creative)
    if image_u8 is None:
        raise CreativeError(UNREADABLE, "Add a picture, or leave it out.")
    words = lettering.read(image_u8, reader, brand=creative.brand)
    rows = rows_of_words(words, detect_language(". ".join(block.text for block in words.blocks)))
    digest = "" if creative.image_path is None else hash_of_picture(creative.image_path)
    return [{"file_name": creative.file_name, "picture": digest, **row} for row in rows]


@dataclass(frozen=True)
class ReadJob:
    """Reads pictures, and writes pictures with boxes into a folder. `data` is the input folder; a rehearsal keeps no files.

    features: feature cache of the pictures; None: the user's cache.
    """

    data: Path
    boxes: Path | None
    features: Path | None = None
    is_rehearsal: bool = False

    def load(self, should_stop: ShouldStop) -> Apply:
        """Load the reader."""
        from adcreative.features.cache import FeatureCache

        check_seen(self.data)
        kept = None if self.features is None else FeatureCache(self.features)
        reader = find_reader((lambda: None) if self.is_rehearsal else None if kept is None else lambda: kept)
        if reader is None:
            raise WeightsError(f"{NEEDS_PACKAGES}.")
        one = partial(self._read, reader=reader)

        def apply(creatives: Sequence[Creative]) -> Rows:
            return map_in_threads(one, creatives)

        return apply

    def _read(self, creative: Creative, reader: TextReading) -> dict[str, Any]:
        """Return an ad's line of the log: the rows of its table, or the failure."""
        try:
            rows = read_rows(creative, reader)
        except CreativeError as error:
            return {"row": creative.row, "failed": asdict(failed_creative(creative, error))}
        if self.boxes is not None:
            with disk_faults(self.boxes):
                image_u8, buffer = picture(creative), io.BytesIO()
                assert image_u8 is not None  # `read_rows` has read the picture
                draw_word_boxes(image_u8, rows, ROLES).save(buffer, "JPEG", quality=JPEG_QUALITY)
                write_atomically(self.boxes / f"{picture_stem(creative)}.jpg", buffer.getvalue(), is_private=True)
        return {"row": creative.row, "words": rows}


def _check_apart(survey: Survey, out: Path) -> None:
    """Raise ConfigError where table and box pictures would be written among the ads and read as ads by the next run."""
    place, data = out.resolve().parent, survey.data
    if data.is_dir() and place.is_relative_to(data.resolve()):
        raise ConfigError(f"{out} lies in {data}, where it would be read as a part of the ads; choose another --out")


def _write_words(out: Path, survey: Survey, log: RunLog, is_complete: bool) -> RunSummary:
    """Write table and failures of a complete run; remove the log of a run with all creatives."""
    rows = sorted(filter(survey.is_wanted, log.rows))
    if not is_complete:
        return RunSummary(path=log.path, done=len(rows), failed=0, stopped=True)
    failed = (FailedCreative(**log.rows[row]["failed"]) for row in rows if "failed" in log.rows[row])
    num_failures = write_failures(failures_path(out), chain(survey.failures(), failed))
    read = [row for row in rows if "words" in log.rows[row]]
    if not read:
        raise CatalogError(f"the words of none of the {num_failures} creatives could be read; {failures_path(out)} says why")
    write_rows(out, _once_a_picture(log, read), TABLE_COLUMNS)
    num_unread = sum(any(one["role"] == UNREAD for one in log.rows[row]["words"]) for row in read)
    if not survey.is_limited:
        log.remove()
    warning = f"{num_unread} of {len(read)} pictures hold words that could not be read: the rows whose role is {UNREAD}"
    return RunSummary(path=out, done=len(read), failed=num_failures, warnings=(warning,) if num_unread else ())


def _once_a_picture(log: RunLog, rows: Sequence[int]) -> Iterator[dict[str, Any]]:
    """Yield the rows of the table; a picture shared by several ads is listed once."""
    seen: set[str] = set()
    for row in rows:
        found = log.rows[row]["words"]
        if found[0]["picture"] not in seen:
            yield from found
        seen.add(found[0]["picture"])
