"""Workbooks of other programs (.xls, .xlsb, .ods), read into memory by calamine; no formula is evaluated.

The declared size of a zipped workbook is checked before opening, as for .xlsx; a sheet holds the saved values.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from adcreative.catalog.formats import sheet_printer, xlsx
from adcreative.catalog.formats.header import MAX_PREAMBLE_LINES, IsKnown
from adcreative.catalog.formats.raw_rows import RawRow
from adcreative.errors import CatalogError

MAX_BYTES = 100_000_000  # limit for .xls, which is not compressed; a full sheet seldom has a tenth
MAX_SECONDS = 120


class OtherSheetSource:
    """One sheet of a workbook: the sheet named `sheet`, else the sheet that looks most like a table of ads."""

    def __init__(self, path: Path, is_known: IsKnown, sheet: str = "") -> None:
        sheets = _read(path)
        wanted = xlsx.name_sheets(path, list(sheets), sheet)
        tops = {name: [list(map(_show, line)) for line in sheets[name][:MAX_PREAMBLE_LINES]] for name in wanted}
        best, first, self.warnings = xlsx.choose_sheet(path, tops, is_known)
        self.preamble = tuple(" ".join(cell for cell in line if cell) for line in tops[best][:first])
        self.header = xlsx.read_names(path, tops[best][first])
        self._rows = sheets[best][first + 1 :]

    def read_rows(self) -> Iterator[RawRow]:
        width = len(self.header)
        for row, line in enumerate(self._rows, start=1):
            cells = [xlsx.plain_number(xlsx.plain(cell)) for cell in line[:width]]
            if any(cell not in (None, "") for cell in cells):
                yield RawRow(row=row, cells=cells + [None] * (width - len(cells)))


def _show(cell: object) -> str:
    return "" if (value := xlsx.plain_number(xlsx.plain(cell))) is None else str(value)


def _read(path: Path) -> Mapping[str, list[list[Any]]]:
    """Return the rows of each sheet, read by a separate process.

    Raises:
        CatalogError: not a workbook, damaged, protected by a password, or too large.
    """
    with path.open("rb") as file:
        is_packed = file.read(4) == b"PK\x03\x04"
    if is_packed:
        xlsx.check_archive(path, is_excel=False)
    elif path.stat().st_size > MAX_BYTES:
        raise CatalogError(f"{path.name} is larger than {MAX_BYTES // 10**6} MB. Save the table as CSV (UTF-8).")
    command = [sys.executable, "-I", str(sheet_printer.__file__), str(path.resolve())]
    try:
        told = subprocess.run(command, capture_output=True, check=True, timeout=MAX_SECONDS).stdout
    except (subprocess.SubprocessError, OSError) as error:
        raise CatalogError(
            f"{path.name} cannot be read as a workbook: it is damaged or protected by a password. Save it as .xlsx without one."
        ) from error
    return dict(json.loads(line) for line in told.splitlines())
