"""Prints each sheet of a workbook as a line of JSON: its name and its rows. A separate program; see `other_sheets`.

Calamine allocates a sheet up to its last cell at once. A tiny file can put a cell into the far corner, and running out of
memory ends the process: here a separate process with a memory limit.
"""

from __future__ import annotations

import contextlib
import json
import sys
from datetime import date, datetime, time

MAX_MEMORY = 2 << 30  # bytes; a full .xls sheet (65,536 rows of 256 cells) takes half a gigabyte


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time(0) else value.isoformat(sep=" ")
    return value.isoformat() if isinstance(value, (date, time)) else str(value)


def main(path: str) -> None:
    """Print the sheets of the workbook at `path`."""
    import python_calamine  # not imported by code that only needs the path of this file

    with contextlib.suppress(ImportError):  # Windows has no resource limits
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))
    book = python_calamine.load_workbook(path)
    for name in book.sheet_names:
        rows = book.get_sheet_by_name(name).to_python()
        sys.stdout.write(json.dumps([name, rows], default=_plain) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
