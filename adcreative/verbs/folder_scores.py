"""Score every creative of a folder, and return records with the table's rows: the cards of the app."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adcreative.catalog import read_catalog
from adcreative.catalog.tables import failures_path, read_our_rows
from adcreative.creative import Creative
from adcreative.features.known_words import load_known_words
from adcreative.features.picture_fields import fill_from_pictures
from adcreative.lettering import TextReading
from adcreative.progress import Progress, ShouldStop
from adcreative.runs.engines import BatchConfig
from adcreative.verbs.score_table import read_reasons
from adcreative.verbs.settings import ScoreSettings

RATES = ("ctr", "ctr_low", "ctr_high")


@dataclass(frozen=True, kw_only=True)
class FolderScores:
    """The creatives of a folder with their rows of the results table, the failures with reasons, and the dropped rows.

    Rates of a row are numbers in 0..1, or None where there is not enough data; the row's reasons are problems "part_change".
    """

    scored: tuple[tuple[Creative, dict[str, Any]], ...]
    failed: tuple[dict[str, str], ...]
    path: Path
    dropped: dict[str, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def score_folder(
    folder: Path,
    out: Path,
    settings: ScoreSettings,
    *,
    reader: TextReading | None = None,
    progress: Progress,
    should_stop: ShouldStop,
) -> FolderScores | None:
    """Score every creative of a folder into the CSV `out`, as the command `score` does; None when stopped.

    Args:
        reader: reads the words in pictures again, to fill empty fields; a reader with a cache takes no time.
    Raises:
        CatalogError: nothing in the folder can be scored.
    """
    from adcreative.verbs.score import score

    summary = score(folder, out, settings, batch=BatchConfig(restart=True), progress=progress, should_stop=should_stop)
    if summary.stopped:
        return None
    attach = None if settings.words is None else load_known_words(settings.words).attach
    catalog = read_catalog(folder, columns=settings.columns, with_days=False, amend=attach)
    rows = read_our_rows(out)
    waiting, scored = fill_from_pictures(catalog.creatives, reader), []
    for row in rows:  # in the order of the catalogue, without failures
        names = row["file_name"], row["ad_name"]
        creative = next(one for one in waiting if (one.file_name, one.ad_name) == names)
        numbers = {name: _number(row.get(name, "")) for name in (*RATES, "strength")}
        scored.append((creative, {**row, **numbers, "reasons": read_reasons(row["reasons"])}))
    failed = tuple(read_our_rows(failures_path(out)))
    return FolderScores(
        scored=tuple(scored), failed=failed, path=out, dropped=dict(catalog.dropped), warnings=tuple(catalog.warnings)
    )


def _number(cell: str) -> float | None:
    """Return the number in a cell of scores.csv; None where the cell holds text instead of a number."""
    try:
        return float(cell)
    except ValueError:
        return None
