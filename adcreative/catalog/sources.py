"""Open a table file of any supported format as a stream of raw rows.

The first bytes of a file determine its format; the suffix only decides between text formats.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from adcreative.catalog.boundary import GuardedSource, typed
from adcreative.catalog.columns import normalise_column
from adcreative.catalog.datasets import upworthy
from adcreative.catalog.formats.header import IsKnown
from adcreative.catalog.formats.raw_rows import TableSource
from adcreative.catalog.names import read_name
from adcreative.catalog.platforms.columns import MAX_NAME_CHARS, fold_column, is_known_column
from adcreative.catalog.platforms.matching import find_fields
from adcreative.catalog.platforms.numbers import is_blank
from adcreative.config import did_you_mean
from adcreative.creative import COLUMNS
from adcreative.errors import CatalogError


def open_source(path: Path, known: frozenset[str] = frozenset(), *, sheet: str = "") -> GuardedSource:
    """Open a table; reading it raises only AdCreativeErrors.

    Args:
        known: folded column names of the user's mapping, in addition to the known names.
        sheet: the sheet of a workbook; "" takes the sheet that looks most like a table of ads.
    Raises:
        CatalogError: unknown suffix, unreadable or empty file, or content that does not match the suffix.
    """
    with typed(path.name):
        return GuardedSource(_open(path, lambda name: _is_known(name, known), sheet), path.name)


def open_product_feed(path: Path) -> GuardedSource:
    """Open an XML product feed, such as Google Merchant Center's; see `formats.product_xml`.

    Raises:
        CatalogError: the file is not complete XML, or has no product.
    """
    from adcreative.catalog.formats.product_xml import ProductXmlSource

    with typed(path.name):
        return GuardedSource(ProductXmlSource(path), path.name)


def read_named_cells(path: Path, columns: Collection[str]) -> dict[str, dict[str, Any]]:
    """Return ad -> our name of a further column -> its last filled cell, for a table of any format that lists ads by name.

    Empty for a table without a column of ads, or with none of `columns`.

    Raises:
        CatalogError: as `open_source`, or a later part of the table cannot be read.
    """
    source = open_source(path, frozenset(map(fold_column, columns)))
    header = [normalise_column(name) for name in source.header]
    places = {name: header.index(name) for name in columns if name in header}
    ads = [at for name in _AD_NAMES for at, found in enumerate(header) if found == name]
    if (column := find_fields(source.header).get("ad_name")) is not None:
        ads += [at for at, name in enumerate(source.header) if name.strip() == column]
    found: dict[str, dict[str, Any]] = {}
    for raw in source.read_rows() if places and ads else ():
        if raw.fault is None and (name := read_name(raw.cells[ads[0]])):
            filled = {column: raw.cells[at] for column, at in places.items() if not is_blank(raw.cells[at])}
            found.setdefault(name, {}).update(filled)
    return found


def _is_known(name: str, known: frozenset[str]) -> bool:
    if len(name) > MAX_NAME_CHARS and not (known and len(name) <= MAX_MAPPED_CHARS):
        return False  # cells are tested under many encodings and delimiters, and one may hold a whole text
    ours = normalise_column(name)
    return ours in COLUMNS or ours in upworthy.COLUMNS or is_known_column(name) or fold_column(name) in known


def _open(path: Path, is_known: IsKnown, sheet: str) -> TableSource:
    from adcreative.catalog.datasets.creative_ranking import CreativeRankingSource, is_creative_ranking

    suffix = path.suffix.casefold()
    if is_creative_ranking(path):
        return CreativeRankingSource(path)
    if suffix not in (*SOURCES, *_TEXT_SUFFIXES):
        hint = "Save the sheet as .xlsx or as CSV (UTF-8)." if suffix in _SHEETS else did_you_mean(suffix, SOURCES)
        raise CatalogError(f'{path.name} has the suffix "{suffix}", which is not a table we read. {hint}')
    if path.stat().st_size == 0:
        raise CatalogError(f"{path.name} is empty (0 bytes). Export it again.")
    with path.open("rb") as file:
        magic = file.read(512)
    if suffix in _OTHER_SHEETS or magic.startswith(_OLE):
        return _open_other_sheet(path, is_known, sheet)
    if magic.startswith(_ZIP) and suffix not in _ZIPPED:
        from adcreative.catalog.formats.xlsx import XlsxSource

        return XlsxSource(path, is_known, sheet)
    for start, (kind, remedy) in _FOREIGN_MAGIC.items():
        if magic.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(start.lower()) and not magic.startswith(_ZIP):
            raise CatalogError(f"{path.name} is not a {suffix[1:]} table but {kind}. {remedy}")
    if suffix in _TEXT_SUFFIXES:
        text = _open_csv(path, is_known, sheet)
        if not any(is_known(name) for name in text.header):
            raise CatalogError(
                f'{path.name} has the suffix "{suffix}", which is not a table we read, nor has it columns we know.'
            )
        return text
    return SOURCES[suffix](path, is_known, sheet)


def _open_csv(path: Path, is_known: IsKnown, sheet: str) -> TableSource:
    from adcreative.catalog.formats.csv import CsvSource

    return CsvSource(path, is_known)


def _open_jsonl(path: Path, is_known: IsKnown, sheet: str) -> TableSource:
    from adcreative.catalog.formats.jsonl import JsonlSource

    return JsonlSource(path)


def _open_parquet(path: Path, is_known: IsKnown, sheet: str) -> TableSource:
    from adcreative.catalog.formats.parquet import ParquetSource  # imports pyarrow, so only on demand

    return ParquetSource(path)


def _open_xlsx(path: Path, is_known: IsKnown, sheet: str) -> TableSource:
    from adcreative.catalog.formats.xlsx import XlsxSource

    return XlsxSource(path, is_known, sheet)


def _open_other_sheet(path: Path, is_known: IsKnown, sheet: str) -> TableSource:
    from adcreative.catalog.formats.other_sheets import OtherSheetSource

    return OtherSheetSource(path, is_known, sheet)


_AD_NAMES = ("creative", "ad_name", "ad")
MAX_MAPPED_CHARS = 1000  # length limit of mapped column names used to find the header line
_SHEETS = (".numbers", ".gsheet")
_OTHER_SHEETS = (".xlsb", ".ods")
_TEXT_SUFFIXES = (".txt", ".tab", ".xls")  # suffixes of text: platforms name tab-separated text .xls
_ZIP = b"PK\x03\x04"
_OLE = b"\xd0\xcf\x11\xe0"  # an old workbook (.xls), or a workbook with a password
_ZIPPED: tuple[str, ...] = (".parquet", ".jsonl", ".ndjson")
_FOREIGN_MAGIC: Mapping[bytes, tuple[str, str]] = {
    _ZIP: ("a zip archive", "Unpack it and give the table inside."),
    b"\x1f\x8b": ("a gzip archive", "Unpack it and give the table inside."),
    b"%PDF": ("a PDF", "Export the report as CSV or Excel."),
    b"\x89PNG": ("a picture", "Give the table itself."),
    b"\xff\xd8\xff": ("a picture", "Give the table itself."),
    b"<html": ("a web page", "Open it in a spreadsheet program and save it as .xlsx or CSV (UTF-8)."),
    b"<!doctype html": ("a web page", "Open it in a spreadsheet program and save it as .xlsx or CSV (UTF-8)."),
    b"<?xml": ("an XML document", "Open it in a spreadsheet program and save it as .xlsx or CSV (UTF-8)."),
}
SOURCES: Mapping[str, Callable[[Path, IsKnown, str], TableSource]] = {
    ".csv": _open_csv,
    ".tsv": _open_csv,
    ".xlsx": _open_xlsx,
    ".xlsm": _open_xlsx,
    ".xls": _open_csv,
    ".xlsb": _open_other_sheet,
    ".ods": _open_other_sheet,
    ".jsonl": _open_jsonl,
    ".ndjson": _open_jsonl,
    ".parquet": _open_parquet,
}
