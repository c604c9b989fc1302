"""The verb `check`: yes-or-no rules for every creative of a folder, before anything is spent on it. Loads no model."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from adcreative.catalog.images import picture
from adcreative.catalog.tables import failed_creative, write_failures, write_rows
from adcreative.creative import Creative, FailedCreative
from adcreative.delivery.placements import PictureFit, fit_picture
from adcreative.errors import CreativeError
from adcreative.runs.ad_run import check_words
from adcreative.runs.batch import RunSummary, open_catalog, survey_catalog

CHECK_COLUMNS = ("file_name", "ad_name", "verdict", "problems", "fits", "notes")
PASSES, HAS_PROBLEMS = "passes", "problems"

Progress = Callable[[str, int, int], None]
ShouldStop = Callable[[], bool]


def check_picture(creative: Creative) -> PictureFit | None:
    """Say which formats of the creative's platform its picture fits; None without a picture.

    Raises:
        CreativeError: the picture cannot be read.
    """
    image_u8 = picture(creative)
    if image_u8 is None:
        return None
    num_bytes = creative.image_path.stat().st_size if creative.image_path is not None else None
    height, width = image_u8.shape[:2]
    return fit_picture((width, height), num_bytes, platform=creative.platform, placement=creative.placement)


def check(
    data: Path, out: Path, *, columns: Path | None, brand_kit: Path | None, progress: Progress, should_stop: ShouldStop
) -> RunSummary:
    """Hold each creative against the rules for words and pictures; see `pipeline.check`."""
    started_s, out = time.monotonic(), Path(out)
    reader = open_catalog(Path(data), columns)
    survey = survey_catalog(reader, Path(data))
    failures: list[FailedCreative] = []
    num_flagged = 0

    def rows() -> Iterator[dict[str, Any]]:
        nonlocal num_flagged
        done = 0
        for item in reader:
            if should_stop():
                return
            row = _check_one(item, brand_kit)
            if isinstance(row, FailedCreative):
                failures.append(row)
                continue
            done += 1
            num_flagged += row["verdict"] == HAS_PROBLEMS
            progress("checking", done, survey.num_creatives)
            yield row

    num_done = write_rows(out, rows(), CHECK_COLUMNS)
    write_failures(out.with_name("failures.csv"), failures)
    told = (f"{num_flagged} of {num_done} creatives have a problem",) if num_flagged else ()
    return RunSummary(
        path=out, done=num_done, failed=len(failures), stopped=should_stop(), warnings=(*reader.warnings, *told),
        seconds=round(time.monotonic() - started_s, 3),
    )  # fmt: skip


def _check_one(item: Creative | FailedCreative, brand_kit: Path | None) -> dict[str, Any] | FailedCreative:
    if isinstance(item, FailedCreative):
        return item
    try:
        fit = check_picture(item) or PictureFit()
    except CreativeError as error:
        return failed_creative(item, error)
    words = check_words(item, brand_kit=brand_kit)
    problems = [f"the {kind} {problem}" for kind, found in words.items() for problem in found]
    problems += [f"the picture {problem}" for problem in fit.problems]
    return {
        "file_name": item.file_name, "ad_name": item.ad_name, "verdict": HAS_PROBLEMS if problems else PASSES,
        "problems": problems, "fits": fit.fits, "notes": fit.notes,
    }  # fmt: skip
