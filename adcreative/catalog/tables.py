"""Tables that we write: CSV that no spreadsheet executes, and files that are there whole or not at all.

A text cell that a spreadsheet would take for a formula gets one apostrophe in front; `unescape_cell` is the exact
inverse, and our reader applies it, so that what we wrote is read back unchanged.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from adcreative.artifacts import open_atomically
from adcreative.creative import Creative, FailedCreative
from adcreative.errors import CatalogError, CreativeError

FAILURE_COLUMNS = ("file_name", "ad_name", "problem", "remedy")
# What Excel, LibreOffice and Google Sheets start a formula with, full-width and small forms and the minus sign included, also
# behind white space and invisible characters, which some of them pass over (OWASP ASVS 5.0, 1.2.10, "CSV injection").
_INVISIBLE = "\\s\\x00-\\x1f\\x7f-\\x9f\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff"
_SIGNS = "=+\\-@\uff1d\uff0b\uff0d\uff20\ufe66\ufe62\ufe63\ufe6b\u2212"
_FORMULA = f"(?:[\\t\\r\\n\\x00]|[{_INVISIBLE}]*[{_SIGNS}])"
_STARTS_FORMULA = re.compile(f"'*{_FORMULA}")
_WAS_ESCAPED = re.compile(f"'+{_FORMULA}")


def escape_cell(text: str) -> str:
    """Return `text` with an apostrophe in front when a spreadsheet would take it for a formula."""
    return f"'{text}" if _STARTS_FORMULA.match(text) else text


def unescape_cell(text: str) -> str:
    """Return what `escape_cell` was given: `unescape_cell(escape_cell(text)) == text` for every text."""
    return text[1:] if _WAS_ESCAPED.match(text) else text


@contextmanager
def atomic_file(path: Path, *, binary: bool = False) -> Iterator[IO[Any]]:
    """Open a file that appears under `path` only when the block ends well; a crash leaves the older file as it was.

    The folder is made when missing. Text is UTF-8 with "\\n" line ends.

    Raises:
        CatalogError: the file cannot be written there.
    """
    path = Path(path)
    try:
        with open_atomically(path, is_text=not binary) as file:
            yield file
    except OSError as error:
        raise CatalogError(f"{path} cannot be written ({error.strerror or error}). Choose another place.") from error


def write_rows(path: Path, rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> int:
    """Write a CSV with formula escaping, all of it or nothing; return the number of rows.

    Rows may come from a generator; they are not gathered. None becomes an empty cell, lists and tuples are joined
    by "; ", numbers stay numbers.

    Raises:
        CatalogError: a row has a key that is not in `columns`, or the file cannot be written.
    """
    known, num_rows = set(columns), 0
    with atomic_file(path) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        for row in rows:
            extra = [key for key in row if key not in known]
            if extra:
                raise CatalogError(f"{Path(path).name}: no column {extra}; expected {list(columns)}. Add it to the columns.")
            writer.writerow([_format_cell(row.get(column)) for column in columns])
            num_rows += 1
    return num_rows


def failures_path(out: Path) -> Path:
    """Return where the failures of a result lie: scores.csv has scores.failures.csv."""
    return out.with_name(f"{out.stem}.failures.csv")


def write_failures(path: Path, failures: Iterable[FailedCreative]) -> int:
    """Write a failure table (file_name, ad_name, problem, remedy), with its header even when nothing failed."""
    rows = ({column: getattr(failure, column) for column in FAILURE_COLUMNS} for failure in failures)
    return write_rows(path, rows, FAILURE_COLUMNS)


def failed_creative(creative: Creative, error: CreativeError) -> FailedCreative:
    """Turn the error of one creative into its row of the failure table, naming the data row it came from."""
    problem = f"row {creative.row}: {error.problem}" if creative.row else error.problem
    return FailedCreative(file_name=creative.file_name, ad_name=creative.ad_name, problem=problem, remedy=error.remedy)


def _format_cell(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, (list, tuple)):
        value = "; ".join(str(item) for item in value)
    if isinstance(value, (str, Path)):
        text = str(value).replace("\r\n", "\n").replace("\r", "\n")  # a lone CR outside quotes would split the row
        return escape_cell(text.encode("utf-8", "replace").decode("utf-8"))
    return value
