"""The verb `compose` for inputs other than one brief: each row of a product feed, and an existing ad."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from adcreative.artifacts import dump_json, hash_bytes, hash_file, make_private_dir, write_atomically
from adcreative.catalog.images import read_image
from adcreative.catalog.sources import open_product_feed, open_source
from adcreative.catalog.tables import write_failures
from adcreative.compose.brief import read_brief
from adcreative.compose.cutouts import load_segmenter
from adcreative.compose.feed import FeedRow, brief_of, shared_brief, with_known_columns
from adcreative.compose.from_ad import TAKEN_FILES, read_twice, take_parts, write_taken
from adcreative.config import config_as_dict
from adcreative.creative import Creative, FailedCreative
from adcreative.errors import CatalogError, ConfigError, CreativeError
from adcreative.features.known_words import load_known_words, with_known_words
from adcreative.features.picture_fields import words_of
from adcreative.lettering import LineFinder, Words, has_reader
from adcreative.options import takes
from adcreative.progress import Progress, ShouldStop, never, silent
from adcreative.runs.batch import RunSummary
from adcreative.runs.composed import FEED_FAILURES, TAKEN
from adcreative.runs.continuing import hash_named
from adcreative.runs.outputs import check_outputs, own_outputs
from adcreative.verbs.compose import UNTESTED, compose, model_hashes, parse_shapes
from adcreative.verbs.settings import ComposeSettings

DONE = "done.json"
NUM_WITHOUT_PICTURE = 2  # judges would run few ads of type alone where the original shows what is sold


@takes(ComposeSettings)
def compose_feed(
    feed: Path,
    out: Path,
    settings: ComposeSettings,
    *,
    brief: Path | None = None,
    progress: Progress = silent,
    should_stop: ShouldStop = never,
) -> RunSummary:
    """Compose ads for each row of a product feed into a subfolder of `out`; unusable rows are listed.

    A finished row with the same cells, brief and settings is skipped, so a killed run continues where it was. One row
    is in memory at a time.

    Args:
        feed: CSV, TSV, JSONL, parquet or XML with the columns of Google Merchant: title, brand, price, sale_price, description,
            image (a file next to the feed), and facts ("a; b; c"). brief: shared by all rows: logo, colours, fonts, button.
    Raises:
        CatalogError: the feed cannot be read, or no row can be used. ConfigError: as `compose`.
    """
    feed, out, started_s = Path(feed), Path(out), time.monotonic()
    parse_shapes(settings.shapes)
    shared = shared_brief() if brief is None else read_brief(brief)
    rows = list(_read_rows(feed))
    inputs = (feed, brief, *shared.files)
    check_outputs([out / FEED_FAILURES, *(out / row.name / DONE for row in rows)], inputs, restart=settings.restart)
    models = {} if settings.model is None else model_hashes(settings.model)
    models |= hash_named(cutouts=str(settings.cutout_model or ""))
    failures: list[FailedCreative] = []
    num_ads, stopped = 0, False
    for place, row in enumerate(rows):
        progress("composing rows", place, len(rows))
        if should_stop():
            stopped = True
            break
        folder = out / row.name
        pictures = [hash_file(path) for path in (*shared.files, feed.parent / _picture_of(row)) if path.is_file()]
        given = {name: str(value) for name, value in asdict(settings).items() if name != "restart"}
        key = hash_bytes(dump_json([dict(row.cells), config_as_dict(shared), given, pictures, models]).encode())
        if not settings.restart and (folder / DONE).is_file() and (folder / DONE).read_bytes() == key.encode():
            num_ads += sum(1 for _ in folder.glob("*/ad.json"))
            continue
        try:
            summary = compose(brief_of(row, feed.parent, shared), folder, settings, should_stop=should_stop)
        except CreativeError as error:
            failures.append(_failed(row, error.problem, error.remedy))
            continue
        except (ConfigError, CatalogError) as error:
            failures.append(_failed(row, str(error), "Correct the row."))
            continue
        if should_stop():
            stopped = True
            break
        with own_outputs([folder / DONE], inputs, restart=settings.restart):
            write_atomically(folder / DONE, key.encode())
        num_ads += summary.done
    progress("composing rows", len(rows), len(rows))
    with own_outputs([out / FEED_FAILURES], inputs, restart=settings.restart):
        write_failures(out / FEED_FAILURES, failures)
    if failures and len(failures) == len(rows):
        raise CatalogError(f"no row of {feed.name} could be used; {out / FEED_FAILURES} says why")
    return RunSummary(
        path=out,
        done=num_ads,
        failed=len(failures),
        stopped=stopped,
        warnings=() if settings.model else (UNTESTED,),
        seconds=round(time.monotonic() - started_s, 1),
    )


def _read_rows(feed: Path) -> Iterator[FeedRow]:
    if not feed.is_file():
        raise CatalogError(f"{feed} is not a file. Give a product feed: CSV, TSV, JSONL, parquet or XML, one product a row.")
    source = open_product_feed(feed) if feed.suffix.casefold() == ".xml" else open_source(feed)
    header = [str(column) for column in source.header]
    folded = {column.strip().casefold().removeprefix("g:") for column in header}
    if "title" not in folded and "headline" not in folded:
        raise CatalogError(f"{feed.name} has no column title. Name the column that says what each product is.")
    return with_known_columns(
        dict(zip(header, row.cells, strict=False)) if row.fault is None else {} for row in source.read_rows()
    )


def _picture_of(row: FeedRow) -> str:
    """Return the picture named in a row; "" where the row names none."""
    return row.cells.get("image") or row.cells.get("image_link", "")


def _failed(row: FeedRow, problem: str, remedy: str) -> FailedCreative:
    return FailedCreative(file_name=_picture_of(row), ad_name=row.name, problem=f"row {row.number}: {problem}", remedy=remedy)


def _words_of(ad: Path, image_u8: np.ndarray, words: Path | None) -> Words:
    """Return the words of an ad, from the words file where the file lists the picture."""
    creative = Creative(file_name=ad.name, image_path=ad)
    creative = creative if words is None else with_known_words(creative, load_known_words(words))
    return words_of(creative, image_u8, None) if creative.words else read_twice(image_u8)


@takes(ComposeSettings)
def compose_from(
    ad: Path, out: Path, settings: ComposeSettings, *, progress: Progress = silent, should_stop: ShouldStop = never
) -> RunSummary:
    """Compose new ads from the parts of an existing ad; the parts are written as a brief into `out`/brief.

    Uncertain parts are not guessed: the error names them, and the brief in which the user can fill them in. Of an ad whose
    picture cannot be taken, NUM_WITHOUT_PICTURE ads of type alone are made at most.

    Raises:
        ConfigError: no leading line was read with certainty; or there is no photo, and too little is known without one;
            or the brief was changed since. CreativeError: the picture cannot be read.
        WeightsError: the packages that read words are not installed. Otherwise as `compose`.
    """
    out, image_u8 = Path(out), read_image(Path(ad))
    progress("taking the ad apart", 0, 1)
    words, find_lines = _words_of(Path(ad), image_u8, settings.words), LineFinder().find_lines if has_reader() else None
    taken = take_parts(image_u8, words, load_segmenter(settings.cutout_model), find_lines)
    folder = out / TAKEN
    make_private_dir(folder)
    with own_outputs([folder / name for name in TAKEN_FILES], [Path(ad), settings.words], restart=settings.restart):
        path = write_taken(taken, folder)
    progress("taking the ad apart", 1, 1)
    asked = "; ".join(f"{name} ({why})" for name, why in taken.missing.items())
    if not taken.is_enough:
        raise ConfigError(f"{Path(ad).name} does not tell for sure: {asked}. Fill in {path}, then: adcreative compose {path}")
    if taken.lost_its_picture:
        settings = replace(settings, num=min(settings.num, NUM_WITHOUT_PICTURE))
        asked += f"; so at most {NUM_WITHOUT_PICTURE} ads, of type alone"
    summary = compose(path, out, settings, progress=progress, should_stop=should_stop)
    sure = ", ".join(f"{name} {share:.0%}" for name, share in taken.sure.items())
    lines = (f"taken from {Path(ad).name}: {sure}.", *summary.lines)
    missing = (f"not sure, so left out: {asked}. Fill in {path} and compose it for ads with them.",) if asked else ()
    return replace(summary, lines=lines, warnings=(*missing, *summary.warnings))
