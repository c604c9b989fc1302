"""Excel workbooks (.xlsx, .xlsm), streamed through openpyxl; formulas are never evaluated and macros never run.

A formula cell gives its saved value; a formula saved without a value breaks its row. A workbook is a zip archive of XML, so the
declared sizes are checked before anything is unpacked (`catalog.zips`). Of several sheets, the sheet whose header has the most
known columns is read; a sheet can also be named.
"""

from __future__ import annotations

import contextlib
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adcreative.catalog.formats.header import MAX_COLUMNS, MAX_PREAMBLE_LINES, IsKnown, find_header
from adcreative.catalog.formats.raw_rows import RawRow, ShownNumber, ShownPercent
from adcreative.catalog.zips import Allowance, PackedError, TooLargeError, TooMuchError, ZipReader
from adcreative.errors import CatalogError

if TYPE_CHECKING:
    from openpyxl.cell.read_only import ReadOnlyCell
    from openpyxl.worksheet._read_only import ReadOnlyWorksheet

MAX_ENTRIES = 10_000
MAX_UNPACKED_BYTES = 1_000_000_000
MAX_SHARED_BYTES = 300_000_000  # shared texts and styles are held in memory
_MAX_CELL_CHARS = 32_767  # Excel's own limit
_NUM_KEPT, _KEPT = 15, 10**15  # digits of a number that a spreadsheet keeps
_SHAPE = re.compile(r'("([^"]*)"|\\(.)|\[[^\]]*\]|_.|[0 \-()])')  # number formats that show whole numbers with all digits
_ERRORS = frozenset(("#N/A", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NULL!", "#NUM!"))


class XlsxSource:
    """One sheet of a workbook: the sheet named `sheet`, else the sheet that looks most like a table of ads."""

    def __init__(self, path: Path, is_known: IsKnown, sheet: str = "") -> None:
        self._path = path
        check_archive(path)
        with _open(path, with_values=True) as book:
            self.is_1904 = book.epoch.year == 1904  # days are counted from 1904, not from 1900
            wanted = name_sheets(path, [worksheet.title for worksheet in book.worksheets], sheet)
            tops = {name: _read_top(book[name]) for name in wanted}
        self._sheet, self._first_line, self.warnings = choose_sheet(path, tops, is_known)
        lines = tops[self._sheet]
        self.preamble = tuple(" ".join(cell for cell in line if cell) for line in lines[: self._first_line])
        self.header: tuple[str, ...] = read_names(path, lines[self._first_line])
        self._has_formulas = _has_formulas(path)

    def read_rows(self) -> Iterator[RawRow]:
        width, row = len(self.header), 0
        for cells, unsaved in self._read_lines(width):
            row += 1
            if not any(cell not in (None, "") for cell in cells):
                continue
            if unsaved:
                fault = (
                    f'the formula in column "{self.header[unsaved[0]]}" was saved without its value.',
                    "Open the workbook in a spreadsheet program, save it there, and try again.",
                )
                yield RawRow(row=row, fault=fault)
            else:
                yield RawRow(row=row, cells=cells)

    def _read_lines(self, width: int) -> Iterator[tuple[list[Any], list[int]]]:
        """Yield the cells of each line below the header, and the columns with formulas that have no saved value."""
        first = self._first_line + 2
        with contextlib.ExitStack() as stack:
            lines, *written = (
                _iter_lines(stack.enter_context(_open(self._path, with_values=with_values))[self._sheet], first, width)
                for with_values in ((True, False) if self._has_formulas else (True,))
            )
            formats: dict[int, str] = {}
            for cells in lines:
                padded = [_read_shown(cell, formats) for cell in cells[:width]] + [None] * (width - len(cells))
                texts = next(written[0], ()) if written else ()
                formulas = [at for at, cell in enumerate(texts[:width]) if getattr(cell, "data_type", "") == "f"]
                yield padded, [at for at in formulas if cells[at].value is None]


def name_sheets(path: Path, names: Sequence[str], sheet: str) -> Sequence[str]:
    """Return the sheets that may be read: the sheet named by the user, or all sheets.

    Raises:
        CatalogError: there is no sheet of that name.
    """
    if sheet and sheet not in names:
        raise CatalogError(f'{path.name} has no sheet "{sheet[:60]}"; its sheets are {_list(names)}. Name one of them.')
    return [sheet] if sheet else names


def choose_sheet(
    path: Path, tops: Mapping[str, Sequence[Sequence[str]]], is_known: IsKnown
) -> tuple[str, int, tuple[str, ...]]:
    """Return the sheet that looks most like a table of ads, the index of its header line, and notes about other sheets.

    tops: the first lines of each sheet.

    Raises:
        CatalogError: no sheet has any text.
    """
    tops = {name: lines for name, lines in tops.items() if any(cell.strip() for line in lines for cell in line)}
    if not tops:
        raise CatalogError(f"{path.name} has no sheet with text in it. Export it again.")
    found = {name: find_header(lines, is_known) for name, lines in tops.items()}
    known = {name: sum(is_known(cell) for cell in tops[name][at] if cell.strip()) for name, at in found.items()}
    best = max(tops, key=lambda name: (known[name], len(tops[name])))
    rivals = [name for name in tops if name != best and known[name] and 2 * known[name] > known[best]]
    note = f'{path.name}: the sheet "{best}" was read; {_list(rivals)} hold tables too (--sheet names one).'
    return best, found[best], (note,) if rivals else ()


def read_names(path: Path, cells: Sequence[str]) -> tuple[str, ...]:
    """Return the column names in a header, up to the last non-blank cell.

    Raises:
        CatalogError: the table has too many columns.
    """
    names = tuple(cells[: max((at + 1 for at, cell in enumerate(cells) if cell.strip()), default=0)])
    if len(names) > MAX_COLUMNS:
        raise CatalogError(f"{path.name} has more than {MAX_COLUMNS:,} columns. Keep those that describe the ads.")
    return names


def check_archive(path: Path, *, is_excel: bool = True) -> None:
    """Refuse a workbook that would fill memory or disk, by the sizes its archive declares before unpacking.

    is_excel: False for workbooks of other programs, which have other member names.

    Raises:
        CatalogError: not a workbook, protected by a password, too many entries, too large, or an odd compression.
    """
    with path.open("rb") as file:
        start = file.read(8)
    if start.startswith(b"\xd0\xcf\x11\xe0"):
        raise CatalogError(f"{path.name} is an old Excel workbook or protected by a password. Save it as .xlsx without one.")
    try:
        archive = ZipReader(path, Allowance(MAX_UNPACKED_BYTES, MAX_ENTRIES))
    except PackedError as error:
        raise CatalogError(f"{path.name} is not a readable Excel workbook. {error}") from error
    with archive:
        names, entries = set(archive.names), archive.members
        if is_excel and ("[Content_Types].xml" not in names or not any(name.startswith("xl/") for name in names)):
            raise CatalogError(f"{path.name} is a zip archive but no Excel workbook. Unpack it and give the table inside.")
        if any(entry.flag_bits & 1 for entry in entries):
            raise CatalogError(f"{path.name} is protected by a password. Save it without one.")
        held = sum(entry.file_size for entry in entries if not entry.filename.startswith("xl/worksheets/"))
        try:
            Allowance(MAX_SHARED_BYTES).spend_bytes(held)
            archive.check()
        except (TooLargeError, TooMuchError) as error:
            total = sum(entry.file_size for entry in entries)
            raise CatalogError(
                f"{path.name} would unpack to {total / 1e6:,.0f} MB in {len(entries):,} parts from "
                f"{path.stat().st_size / 1e6:,.1f} MB, which no export does. Save the table as CSV (UTF-8)."
            ) from error


@contextmanager
def _open(path: Path, *, with_values: bool) -> Iterator[Any]:
    """Open a workbook for streaming, with saved values or with formulas as written."""
    import openpyxl  # heavy, imported only for workbooks

    with warnings.catch_warnings(), path.open("rb") as file:  # as a file object, since openpyxl judges paths by suffix
        warnings.simplefilter("ignore")  # openpyxl warns about unsupported styles and validations
        book = openpyxl.load_workbook(file, read_only=True, data_only=with_values, keep_links=False, keep_vba=False)
        try:
            yield book
        finally:
            book.close()


def _read_top(sheet: ReadOnlyWorksheet) -> list[list[str]]:
    """Return the first lines of a sheet as texts."""
    sheet.reset_dimensions()
    return [
        ["" if value is None else str(plain(value))[:_MAX_CELL_CHARS] for value in values]
        for values in sheet.iter_rows(max_row=MAX_PREAMBLE_LINES, max_col=MAX_COLUMNS + 1, values_only=True)
    ]


def _iter_lines(sheet: ReadOnlyWorksheet, first: int, width: int) -> Iterator[Sequence[Any]]:
    sheet.reset_dimensions()
    return iter(sheet.iter_rows(min_row=first, max_col=width))


def _read_shown(cell: ReadOnlyCell, formats: dict[int, str]) -> object:
    """Return a cell as text or number, marked where its format shows another text: 0.0125 as a percentage, 7 as "007".

    formats: number formats of the styles seen so far.
    """
    value = plain(cell.value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return value
    if _is_rounded(value):
        return float(value)
    style = cell._style_id
    if style not in formats:
        formats[style] = cell.number_format or ""
    if "%" in formats[style]:
        return ShownPercent(value)
    text = _pad_zeros(formats[style], int(value)) if value >= 0 and float(value).is_integer() else ""
    if text:
        value = ShownNumber(value)
        value.text = text
    return value


@lru_cache(maxsize=4096)
def _pad_zeros(shape: str, value: int) -> str:
    """Return a whole number in a format of zeros and letters ("000", "AD-"0000), "" for any other format."""
    parts = _SHAPE.findall(shape.split(";")[0])
    if "".join(whole for whole, *_ in parts) != shape.split(";")[0]:
        return ""
    num_zeros = sum(whole == "0" for whole, *_ in parts)
    literals = [quoted or escaped or (whole if whole in " -()" else "") for whole, quoted, escaped in parts]
    if not num_zeros or (num_zeros == 1 and not any(map(str.isalpha, "".join(literals)))):
        return ""
    digits = str(value).zfill(num_zeros)
    rest = iter([digits[: len(digits) - num_zeros + 1], *digits[len(digits) - num_zeros + 1 :]])
    return "".join(
        next(rest) if whole == "0" else literal for (whole, *_), literal in zip(parts, literals, strict=True)
    ).strip()


def _is_rounded(value: float) -> bool:
    """Return whether a number has more than the fifteen digits that a spreadsheet keeps, so that it may be rounded."""
    return abs(value) >= _KEPT and value % 10 ** (len(f"{abs(value):.0f}") - _NUM_KEPT) == 0


def plain_number(value: object) -> object:
    """Return a float as an integer if it is whole and not rounded, for files that store all numbers as floats."""
    return int(value) if isinstance(value, float) and value.is_integer() and not _is_rounded(value) else value


def plain(value: object) -> object:
    """Return a cell as text or number: dates as YYYY-MM-DD, error values as nothing."""
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time(0) else value.isoformat(sep=" ")
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, timedelta):
        return str(value)
    if isinstance(value, str):
        return None if value in _ERRORS else value[:_MAX_CELL_CHARS]
    return value


def _has_formulas(path: Path) -> bool:
    """Return whether any sheet's XML has a formula element; sheets are streamed."""
    with ZipReader(path, Allowance(MAX_UNPACKED_BYTES, MAX_ENTRIES)) as archive:
        for entry in archive.members:
            if not entry.filename.startswith("xl/worksheets/"):
                continue
            tail = b""
            for chunk in archive.stream(entry, MAX_UNPACKED_BYTES):
                window = tail + chunk
                if b"<f>" in window or b"<f " in window or b":f>" in window or b"<f/" in window:
                    return True
                tail = window[-4:]
    return False


def _list(names: Sequence[str]) -> str:
    return ", ".join(f'"{name[:60]}"' for name in names[:10])
