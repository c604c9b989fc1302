"""CSV files: comma, semicolon or tab, with or without a byte order mark, UTF-8 or a legacy encoding.

A broken row must not swallow the rows after it. An unclosed quotation mark makes the csv module read on until its field limit
or the end of the file, so the lines of a record are kept until the record is complete: of a broken record only the first line
is dropped, and reading resumes at the second. Ad platforms write a title and the dates above the header: when the first line
has no known column name, the header is the following line with the most known names.
"""

from __future__ import annotations

import codecs
import csv
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from adcreative.catalog.formats.header import MAX_COLUMNS, MAX_PREAMBLE_LINES, IsKnown, find_header
from adcreative.catalog.formats.raw_rows import RawRow
from adcreative.catalog.tables import is_our_header, unescape_cell
from adcreative.errors import CatalogError

_DELIMITERS = ",;\t|"
_MAX_LINE_CHARS = 1_000_000
_CHUNK_BYTES = 1 << 20
# Encodings of spreadsheets without UTF-8, western Europe first: the encoding with the most known column names wins.
_ENCODINGS = ("cp1252", "cp1250", "cp1254", "cp932", "gb18030", "big5", "cp949", "latin-1")
_MAX_JUDGED_CELLS = 300
_MULTIBYTE = ("cp932", "gb18030", "big5", "cp949")
_UNCLOSED = ("a quotation mark is opened and not closed.", 'Close it, and write a quotation mark inside a cell twice ("").')


class CsvSource:
    """A delimited text file with automatic detection of encoding, delimiter and header line.

    is_known: whether a cell is a column name known to some reader. preamble: the lines above the header.
    """

    def __init__(self, path: Path, is_known: IsKnown = lambda name: False) -> None:
        self._path = path
        self._encoding, encoding_warning = detect_encoding(path, is_known)
        self.warnings: tuple[str, ...] = (encoding_warning,) if encoding_warning else ()
        with self._open() as file:
            first_line, self.preamble, self._num_header_lines = _find_header(file, is_known)
        if not first_line.strip():
            raise CatalogError(f"{path.name} holds nothing but blank lines. Export it again.")
        if "\0" in first_line:
            raise CatalogError(f"{path.name} is not a text table. Save it as CSV (UTF-8).")
        self._delimiter = detect_delimiter(first_line, is_known)
        self.header: tuple[str, ...] = tuple(_split(first_line, self._delimiter))
        self.is_ours = self._delimiter == "," and not self.preamble and is_our_header(first_line)
        if len(self.header) > MAX_COLUMNS or len(first_line) == _MAX_LINE_CHARS:
            raise CatalogError(f"{path.name} has more than {MAX_COLUMNS:,} columns. Keep those that describe the ads.")

    def read_rows(self) -> Iterator[RawRow]:
        with self._open() as file:
            for _ in range(self._num_header_lines):
                _read_line(file)
            lines = _RecordLines(file)
            reader = csv.reader(lines, delimiter=self._delimiter, strict=True)
            row = 0
            while True:
                lines.start_record()
                try:
                    cells = next(reader)
                except StopIteration:
                    return
                except csv.Error as error:
                    row += 1
                    yield RawRow(row=row, fault=lines.give_up(error))
                    continue
                row += 1
                if any(cell.strip() for cell in cells):
                    yield self._check_width(row, cells, is_recovered=lines.is_recovered)

    def _check_width(self, row: int, cells: list[str], *, is_recovered: bool) -> RawRow:
        """Cut off blank surplus cells and fill up missing cells; after a broken row nothing is guessed."""
        width = len(self.header)
        if len(cells) > width and not any(cell.strip() for cell in cells[width:]):
            cells = cells[:width]
        if len(cells) > width or (is_recovered and len(cells) < width):
            remedy = f'Put quotation marks around cells that contain "{self._delimiter}".'
            return RawRow(row=row, cells=(), fault=(f"it has {len(cells)} cells, the header has {width}.", remedy))
        doubt = None
        if 1 < len(cells) < width and any(name.strip() for name in self.header[len(cells) :]):
            doubt = (f"it has {len(cells)} cells, the header has {width}.", "Write a separator for each empty cell, too.")
        if self.is_ours:
            cells = [unescape_cell(cell) for cell in cells]
        return RawRow(row=row, cells=cells + [""] * (width - len(cells)), doubt=doubt)

    def _open(self) -> IO[str]:
        # "replace" only matters if the file changes between detection and reading
        return self._path.open(encoding=self._encoding, errors="replace", newline="")


class _RecordLines:
    """Feeds lines to csv.reader and remembers the lines of the current record, so that a broken record can be reread."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self._pending: deque[str] = deque()
        self._record: list[str] = []
        self.is_recovered = False

    def __iter__(self) -> _RecordLines:
        return self

    def __next__(self) -> str:
        line = self._pending.popleft() if self._pending else _read_line(self._file)
        if not line:
            raise StopIteration
        self._record.append(line)
        return line

    def start_record(self) -> None:
        self._record = []
        self.is_recovered = bool(self._pending)

    def give_up(self, error: csv.Error) -> tuple[str, str]:
        """Return the fault of the current record; its lines after the first are read again as new records."""
        is_one_line = len(self._record) <= 1
        self._pending.extendleft(reversed(self._record[1:]))
        if "field larger" in str(error) and is_one_line:
            limit = csv.field_size_limit()
            return f"a cell has more than {limit:,} characters.", "Shorten it, or close its quotation marks."
        if is_one_line and "unexpected end" not in str(error):
            return "text follows a closing quotation mark.", 'Write a quotation mark inside a cell twice ("").'
        return _UNCLOSED


def detect_encoding(path: Path, is_known: IsKnown = lambda name: False) -> tuple[str, str | None]:
    """Return the encoding of a text file, and a warning when the encoding is a guess.

    Text that is not UTF-8 is read in the spreadsheet encoding that gives the most known column names; at a tie in Windows-1252,
    the superset of Latin-1, and in Latin-1 where Windows-1252 has undefined bytes.
    """
    with path.open("rb") as file:
        start = file.read(4)
        if start.startswith(codecs.BOM_UTF8):
            start, encoding = b"", "utf-8-sig"
        elif start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return "utf-16", None
        else:
            encoding = "utf-8"
    if start[1:4:2] == b"\0\0" and start[0:1] != b"\0":  # every second byte is zero: UTF-16 without a byte order mark
        return "utf-16-le", None
    if _can_decode(path, encoding):
        return encoding, None
    possible = [name for name in _ENCODINGS if _can_decode(path, name)]
    counts = {name: _count_known(path, name, is_known) for name in possible}
    best = max(
        (name for name in possible if name not in _MULTIBYTE), key=lambda name: counts[name]
    )  # latin-1 can decode any bytes
    best = max((best, *(name for name in possible if name in _MULTIBYTE)), key=lambda name: counts[name])
    label = {"cp1252": "Windows-1252 (Latin-1)", "latin-1": "Latin-1"}.get(best, best)
    return best, f"{path.name} is not UTF-8; it was read as {label}. If letters look wrong, save it as UTF-8."


def _count_known(path: Path, encoding: str, is_known: IsKnown) -> int:
    """Return the maximum number of known column names in one of the first lines under an encoding."""
    with path.open(encoding=encoding, errors="replace", newline="") as file:
        lines = [_read_line(file) for _ in range(MAX_PREAMBLE_LINES)]
    rows = [_split(line.strip("\r\n"), delimiter) for line in lines if line.strip() for delimiter in _DELIMITERS]
    return max((sum(is_known(cell) for cell in row[:_MAX_JUDGED_CELLS] if cell.strip()) for row in rows), default=0)


def _can_decode(path: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def detect_delimiter(header_line: str, is_known: IsKnown = lambda name: False) -> str:
    """Return the delimiter that gives the most known columns in the header, then the most cells."""

    def count(delimiter: str) -> tuple[int, int]:
        cells = _split(header_line, delimiter)
        return sum(is_known(cell) for cell in cells[:_MAX_JUDGED_CELLS]), len(cells)

    return max(_DELIMITERS, key=count)  # comma wins a tie


def _split(line: str, delimiter: str) -> list[str]:
    """Return the cells of a header line, at most one more than allowed; a line too long for csv becomes one unknown cell."""
    if line.count(delimiter) > 2 * MAX_COLUMNS:  # quotes may hide some delimiters, but not half of a header
        return [""] * (MAX_COLUMNS + 1)
    try:
        return next(csv.reader([line], delimiter=delimiter), [])[: MAX_COLUMNS + 1]
    except csv.Error:
        return [""]


def _find_header(file: IO[str], is_known: IsKnown) -> tuple[str, tuple[str, ...], int]:
    """Return the header line, the lines above it, and the number of file lines up to the header.

    Blank lines and Excel's "sep=;" hint are skipped.
    """
    lines: list[str] = []
    ends: list[int] = []
    num_read = 0
    while len(lines) < MAX_PREAMBLE_LINES and (line := _read_line(file)):
        num_read += 1
        if line.strip() and not line.strip("\ufeff \r\n").casefold().startswith("sep="):
            lines.append(line.strip("\r\n").removeprefix("\ufeff"))
            ends.append(num_read)
    if not lines:
        return "", (), num_read
    if "\0" in lines[0]:
        return lines[0], (), ends[0]
    best = find_header([_split(line, detect_delimiter(line, is_known)) for line in lines], is_known)
    return lines[best], tuple(lines[:best]), ends[best]


def _read_line(file: IO[str]) -> str:
    """Read one line; an overlong line is cut to its start, which then fails as a row."""
    line = file.readline(_MAX_LINE_CHARS)
    rest = line
    while len(rest) == _MAX_LINE_CHARS and not rest.endswith(("\n", "\r")):
        rest = file.readline(_MAX_LINE_CHARS)
    return line
