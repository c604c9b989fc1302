"""Write tables: CSV that no spreadsheet executes, and atomic files.

A text that a spreadsheet would take for a formula gets an apostrophe in front, at its start and after each sign at which a
spreadsheet of another locale would begin a new cell; `unescape_cell` is the exact inverse. Every text is quoted, column names
included: a reader recognises our tables by the header and undoes the escaping only there, so that our text is read back
unchanged and a user's own apostrophe stays.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from adcreative.artifacts import open_atomically
from adcreative.creative import Creative, FailedCreative
from adcreative.errors import CatalogError, CreativeError

FAILURE_COLUMNS = ("file_name", "ad_name", "problem", "remedy")
# Signs that start a formula in Excel, LibreOffice and Google Sheets, including full-width and small forms and the minus sign,
# also after white space and invisible characters, which some programs skip (OWASP ASVS 5.0, 1.2.10, "CSV injection").
_INVISIBLE = "\\x00-\\x08\\x0b\\x0c\\x0e-\\x20\\x7f-\\xa0\u00ad\u1680\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ufeff"
_SIGNS = "=+\\-@\uff1d\uff0b\uff0d\uff20\ufe66\ufe62\ufe63\ufe6b\u2212"
# Where a semicolon or a tab separates cells, our quotation marks do not quote: the text after such a sign, or after a line end,
# begins a cell there (OWASP: "use of the field separator to start a new cell").
_AT_START = f"\\A(?='*[\\t\\r\\n\\x00]|[{_INVISIBLE}\\t\\r\\n']*[{_SIGNS}])"
_BEHIND_SEPARATOR = f"(?<=[;\\t\\r\\n])(?=[{_INVISIBLE}'\"]*[{_SIGNS}])"
# "|" separates cells where a user says so, and parts of headlines ("Sale | +20 %"), so only what calls a function or reads
# another sheet is escaped there.
_BEHIND_BAR = f"(?<=\\|)(?=[{_INVISIBLE}\\t'\"]*[{_SIGNS}][^|\\r\\n]*?(?:\\w\\(|!\\$?[A-Za-z]{{1,3}}\\$?\\d))"
_PLACES = (_AT_START, _BEHIND_SEPARATOR, _BEHIND_BAR)
_STARTS_FORMULA = re.compile("|".join(_PLACES))
_WAS_ESCAPED = re.compile("|".join(part.replace("(?=", "'(?=", 1) for part in _PLACES))


def escape_cell(text: str) -> str:
    """Return `text` with an apostrophe before each formula seen by a spreadsheet; cells end at comma, semicolon, tab or bar."""
    return _STARTS_FORMULA.sub("'", text)


def unescape_cell(text: str) -> str:
    """Return the inverse of `escape_cell`: `unescape_cell(escape_cell(text)) == text` for every text."""
    return _WAS_ESCAPED.sub("", text)


def format_line(values: Iterable[Any]) -> str:
    """Return one line of CSV without its line end: texts quoted and escaped, numbers unchanged.

    None and "" become an empty cell, lists and tuples are joined by "; ".
    """
    line = ",".join(map(_format_cell, values))
    return line or '""'  # a line of a single empty cell would be an empty line


def is_our_header(line: str) -> bool:
    """Return whether `format_line` wrote a header: only this program quotes all names and nothing else."""
    try:
        names = next(csv.reader([line], strict=True), [])
    except csv.Error:
        return False
    return any(names) and format_line(map(unescape_cell, names)) == line


def parse_rows(text: str) -> list[dict[str, str]]:
    """Return the rows of a CSV table; the escaping is undone if this program wrote the table."""
    text = text.removeprefix("\ufeff")
    undo = unescape_cell if is_our_header(text.split("\n", 1)[0]) else str
    return [
        {undo(name): undo(cell or "") for name, cell in row.items() if name is not None}
        for row in csv.DictReader(io.StringIO(text, newline=""))
    ]


def read_our_rows(path: Path) -> list[dict[str, str]]:
    """Return the rows of a table written by this program; see `parse_rows`."""
    return parse_rows(path.read_bytes().decode("utf-8-sig"))


def format_rows(rows: Iterable[Mapping[str, Any]], columns: Sequence[str], name: str = "the table") -> Iterator[str]:
    """Yield the lines of a CSV with formula escaping, the header first; rows may be a generator.

    Raises:
        CatalogError: a row has a key that is not in `columns`; the message names the table `name`.
    """
    known = set(columns)
    yield f"{format_line(columns)}\n"
    for row in rows:
        extra = [key for key in row if key not in known]
        if extra:
            raise CatalogError(f"{name}: no column {extra}; expected {list(columns)}. Add it to the columns.")
        yield f"{format_line(row.get(column) for column in columns)}\n"


def write_rows(path: Path, rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> int:
    """Write a CSV with formula escaping atomically; return the number of rows.

    Rows are streamed. None becomes an empty cell, lists and tuples are joined by "; ", numbers stay numbers.

    Raises:
        CatalogError: a row has a key that is not in `columns`, or the file cannot be written.
    """
    num_lines = 0
    with open_atomically(path, is_text=True) as file:
        for line in format_rows(rows, columns, Path(path).name):
            file.write(line)
            num_lines += 1
    return num_lines - 1


def failures_path(out: Path) -> Path:
    """Return the path of a result's failure table: scores.csv has scores.failures.csv."""
    return beside(out, ".failures.csv")


def beside(out: Path, ending: str) -> Path:
    """Return the path of a file next to a result: scores.html for scores.csv and ".html".

    Raises:
        CatalogError: the result has no file name, such as "./".
    """
    if not out.name:
        raise CatalogError(f"{out} is a folder; name the file to write, such as {out / 'result'}{Path(ending).suffix}")
    return out.with_name(f"{out.stem}{ending}")


def write_failures(path: Path, failures: Iterable[FailedCreative]) -> int:
    """Write a failure table (file_name, ad_name, problem, remedy), with a header even if there are no failures."""
    rows = ({column: getattr(failure, column) for column in FAILURE_COLUMNS} for failure in failures)
    return write_rows(path, rows, FAILURE_COLUMNS)


def failed_creative(creative: Creative, error: CreativeError) -> FailedCreative:
    """Convert the error of one creative to its row of the failure table, with the number of the data row."""
    problem = f"row {creative.row}: {error.problem}" if creative.row else error.problem
    return FailedCreative(file_name=creative.file_name, ad_name=creative.ad_name, problem=problem, remedy=error.remedy)


def _format_cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, (list, tuple)):
        value = "; ".join(str(item) for item in value)
    if not isinstance(value, (str, Path)):
        return str(value)
    text = str(value).replace("\r\n", "\n").replace("\r", "\n")  # a lone CR outside quotes would split the row
    escaped = escape_cell(text.encode("utf-8", "replace").decode("utf-8"))
    return '"{}"'.format(escaped.replace('"', '""')) if escaped else ""
