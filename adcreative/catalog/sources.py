"""One table file as a stream of raw rows, whatever its format. Knows which format is read by which source."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from adcreative.catalog.formats.raw_rows import TableSource
from adcreative.config import did_you_mean
from adcreative.errors import CatalogError


def open_source(path: Path, known: frozenset[str] = frozenset()) -> TableSource:
    """Open a table by its suffix; `known` are folded column names that the user's mapping adds to those we know.

    Raises:
        CatalogError: unknown suffix, unreadable file, empty file, or bytes of another kind than the suffix says.
    """
    suffix = path.suffix.casefold()
    if (ranking := _open_creative_ranking(path)) is not None:
        return ranking
    if suffix not in SOURCES:
        hint = "Save the sheet as CSV (UTF-8)." if suffix in _SHEETS else did_you_mean(suffix, SOURCES)
        raise CatalogError(f'{path.name} has the suffix "{suffix}", which is not a table we read. {hint}')
    try:
        if path.stat().st_size == 0:
            raise CatalogError(f"{path.name} is empty (0 bytes). Export it again.")
        with path.open("rb") as file:
            magic = file.read(8)
        for start, kind in _FOREIGN_MAGIC.items():
            if magic.startswith(start):
                raise CatalogError(f"{path.name} is not a {suffix[1:]} table but {kind}. Save it as CSV (UTF-8) and try again.")
        return SOURCES[suffix](path, known)
    except OSError as error:
        raise CatalogError(f"{path.name} cannot be read ({error.strerror or error}). Check the file.") from error


def _open_creative_ranking(path: Path) -> TableSource | None:
    from adcreative.catalog.datasets.creative_ranking import CreativeRankingSource, is_creative_ranking

    try:
        return CreativeRankingSource(path) if is_creative_ranking(path) else None
    except OSError as error:
        raise CatalogError(f"{path.name} cannot be read ({error.strerror or error}). Check the file.") from error


def _open_csv(path: Path, known: frozenset[str]) -> TableSource:
    from adcreative.catalog.formats.csv import CsvSource

    return CsvSource(path, known)


def _open_jsonl(path: Path, known: frozenset[str]) -> TableSource:
    from adcreative.catalog.formats.jsonl import JsonlSource

    return JsonlSource(path)


def _open_parquet(path: Path, known: frozenset[str]) -> TableSource:
    from adcreative.catalog.formats.parquet import ParquetSource  # brings pyarrow, so only when needed

    return ParquetSource(path, known)


_SHEETS = (".xlsx", ".xls", ".xlsm", ".ods", ".numbers")
_FOREIGN_MAGIC: Mapping[bytes, str] = {
    b"PK\x03\x04": "a zip archive or an Excel workbook",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"\x1f\x8b": "a gzip archive",
    b"%PDF": "a PDF",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
}
SOURCES: Mapping[str, Callable[[Path, frozenset[str]], TableSource]] = {
    ".csv": _open_csv,
    ".tsv": _open_csv,
    ".jsonl": _open_jsonl,
    ".ndjson": _open_jsonl,
    ".parquet": _open_parquet,
}
