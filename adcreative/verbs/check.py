"""The verb `check`: pass-or-fail rules for every creative of a folder, before money is spent on the ads. Loads no model."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from adcreative.catalog.images import picture
from adcreative.catalog.tables import failed_creative, failures_path, write_failures, write_rows
from adcreative.creative import Creative, FailedCreative
from adcreative.delivery.placements import PictureFit, fit_picture, read_placements
from adcreative.encoders.threads import iter_in_threads
from adcreative.errors import CreativeError
from adcreative.features.picture_fields import fill_fields, name_read_fields, words_of
from adcreative.features.word_readings import find_reader
from adcreative.lettering import TextReading, text_notes
from adcreative.progress import Progress, ShouldStop, never, silent
from adcreative.runs.batch import RunSummary
from adcreative.runs.outputs import check_outputs, own_outputs
from adcreative.runs.survey import survey_catalog

__all__ = ["CHECK_COLUMNS", "check", "check_picture", "check_words", "read_placements"]

CHECK_COLUMNS = ("file_name", "ad_name", "verdict", "problems", "fits", "notes")
PASSES, HAS_PROBLEMS = "passes", "problems"


def check_picture(creative: Creative) -> PictureFit | None:
    """Return the formats of the creative's platform that the picture fits; None without a picture.

    Raises:
        CreativeError: the picture cannot be read.
    """
    image_u8 = picture(creative)
    if image_u8 is None:
        return None
    num_bytes = creative.image_path.stat().st_size if creative.image_path is not None else None
    height, width = image_u8.shape[:2]
    return fit_picture((width, height), num_bytes, platform=creative.platform, placement=creative.placement)


def read_text(creative: Creative, reader: TextReading | None = None) -> tuple[Creative, list[str]]:
    """Read the words in a creative's picture.

    Args:
        reader: None reads nothing; words that a creative brings from a words file are used all the same.
    Returns:
        the creative with empty fields filled from the picture, and problems that make the words hard to read.
    Raises:
        CreativeError: the picture cannot be read.
    """
    image_u8 = picture(creative) if reader is not None or creative.words else None
    if image_u8 is None:
        return creative, []
    words = words_of(creative, image_u8, reader)
    filled = fill_fields(creative, words)
    note = name_read_fields(filled)
    return filled, [*([note] if note else []), *text_notes(words)]


def check_words(
    creative: Creative,
    *,
    original: Creative | None = None,
    brief: str = "",
    avoid: Sequence[str] = (),
    brand_kit: Path | None = None,
) -> dict[str, tuple[str, ...]]:
    """Check an ad's headline and description against the rules of the copywriter.

    Args:
        original: the ad that new words may take facts from; None: the claims of the ad itself are not questioned.
        brief: the user's description of the topic; its facts may be used. avoid: forbidden words.
        brand_kit: a brand manifest, whose words to avoid are forbidden too.
    Returns:
        "headline" and "description", where present, to problems; no problem means that the line may run.
    Raises:
        ConfigError: `brand_kit` is no brand manifest.
    """
    from adcreative.copywriter.brand_kit import read_brand_kit
    from adcreative.copywriter.brief import Brief
    from adcreative.copywriter.lint.checks import check_copy, check_own_words

    kit = None if brand_kit is None else read_brand_kit(brand_kit)
    found: dict[str, tuple[str, ...]] = {}
    for kind, other in (("headline", creative.description), ("description", "")):
        text = getattr(creative, kind)
        if not text:
            continue
        product, headline, known = creative.category, "", f"{text}. {creative.primary_text} {other}"
        if original is not None:
            product, headline = original.category, original.headline
            known = f"{brief} {original.description or original.primary_text}"
        facts = Brief(
            brand=creative.brand,
            product=product,
            headline=headline,
            description=known.strip(),
            platform=creative.platform,
            placement=creative.placement,
            avoid=tuple(avoid),
        )
        is_old = original is not None and text == getattr(original, kind)
        facts = facts if kit is None else kit.brief(facts)
        checked = check_copy(text, facts, kind, is_new=False) if original is None else check_own_words(text, facts, kind)
        found[kind] = () if is_old else checked
    return found


def check(
    data: Path,
    out: Path,
    *,
    columns: Path | None = None,
    brand_kit: Path | None = None,
    read_pictures: bool = True,
    words: Path | None = None,
    restart: bool = False,
    progress: Progress = silent,
    should_stop: ShouldStop = never,
) -> RunSummary:
    """Check each creative against the rules that need no model; write a CSV, and X.failures.csv next to it.

    Words: length, marks, capitals and personal attributes, by platform, and the brand kit's words to avoid. Pictures: the
    formats of the platform that fit (shape, size, weight; `delivery/rules/placements.yaml`). Words in pictures, unless
    `read_pictures` is False (about a second each): share of the picture, contrast with the ground, size on a phone, as notes;
    empty fields of an ad are filled from the picture and checked, too. `words` is a file that `read` wrote and a person may
    have corrected: its words replace reading for the pictures listed there. A row says "passes" or "problems".

    Raises:
        CatalogError: nothing in `data` can be used, or `words` is no words file.
        ConfigError: `brand_kit` is no brand manifest, or `out` is an input or, without `restart`, a file of another program.
    """
    started_s, out = time.monotonic(), Path(out)
    outputs, inputs = (out, failures_path(out)), (data, columns, brand_kit, words)
    check_outputs(outputs, inputs, restart=restart)
    survey = survey_catalog(Path(data), columns, with_days=False, words=words)
    failures: list[FailedCreative] = []
    num_flagged, reader = 0, find_reader() if read_pictures else None

    def rows() -> Iterator[dict[str, Any]]:
        nonlocal num_flagged
        done = 0
        progress("checking", done, survey.num_creatives)
        for row in iter_in_threads(partial(_check_one, brand_kit=brand_kit, reader=reader), survey.reader):
            if should_stop():
                return
            if isinstance(row, FailedCreative):
                failures.append(row)
                continue
            done += 1
            num_flagged += row["verdict"] == HAS_PROBLEMS
            progress("checking", done, survey.num_creatives)
            yield row

    with own_outputs(outputs, inputs, restart=restart):
        num_done = write_rows(out, rows(), CHECK_COLUMNS)
        write_failures(failures_path(out), failures)
    warnings = (f"{num_flagged} of {num_done} creatives have a problem",) if num_flagged else ()
    return RunSummary(
        path=out,
        done=num_done,
        failed=len(failures),
        stopped=should_stop(),
        warnings=(*survey.warnings, *warnings),
        seconds=round(time.monotonic() - started_s, 3),
    )


def _check_one(
    item: Creative | FailedCreative, brand_kit: Path | None, reader: TextReading | None
) -> dict[str, Any] | FailedCreative:
    if isinstance(item, FailedCreative):
        return item
    try:
        fit = check_picture(item) or PictureFit()
        item, text_notes = read_text(item, reader)
    except CreativeError as error:
        return failed_creative(item, error)
    words = check_words(item, brand_kit=brand_kit)
    problems = [f"the {kind} {problem}" for kind, found in words.items() for problem in found]
    problems += [f"the picture {problem}" for problem in fit.problems]
    return {
        "file_name": item.file_name,
        "ad_name": item.ad_name,
        "verdict": HAS_PROBLEMS if problems else PASSES,
        "problems": problems,
        "fits": fit.fits,
        "notes": [*fit.notes, *text_notes],
    }
