"""JSON lines: one object a line. The columns are the keys of all lines, in the order in which they first appear."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from adcreative.catalog.formats.csv import detect_encoding
from adcreative.catalog.formats.raw_rows import RawRow
from adcreative.errors import CatalogError

_MAX_COLUMNS = 500


class JsonlSource:
    """A .jsonl file; read twice, first for its keys, so that memory stays flat."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._encoding, encoding_warning = detect_encoding(path)
        self.warnings: tuple[str, ...] = (encoding_warning,) if encoding_warning else ()
        columns: dict[str, None] = {}
        first_fault = ""
        for _, value in self._read_objects():
            if isinstance(value, dict):
                columns.update(dict.fromkeys(value))
            else:
                first_fault = first_fault or value[0]
            if len(columns) > _MAX_COLUMNS:
                raise CatalogError(f"{path.name} has more than {_MAX_COLUMNS} different keys. Write one object a creative.")
        if not columns:
            reason = first_fault or "it holds nothing but blank lines."
            raise CatalogError(f"{path.name} has no usable line: {reason} Write one JSON object a line.")
        self.header: tuple[str, ...] = tuple(columns)

    def read_rows(self) -> Iterator[RawRow]:
        for row, value in self._read_objects():
            if isinstance(value, dict):
                yield RawRow(row=row, cells=[value.get(column) for column in self.header])
            else:
                yield RawRow(row=row, fault=value)

    def _read_objects(self) -> Iterator[tuple[int, dict[str, Any] | tuple[str, str]]]:
        """Yield (line number, object or fault) of every line with text."""
        with self._path.open(encoding=self._encoding, errors="replace", newline="\n") as file:
            for row, line in enumerate(file, start=1):
                if line.strip():
                    yield row, _parse_line(line)


def _parse_line(line: str) -> dict[str, Any] | tuple[str, str]:
    try:
        value = json.loads(line)
    except RecursionError:
        return "it is nested too deeply.", "Write one flat JSON object a line."
    except ValueError as error:
        return f"it is not JSON ({error}).", "Write one JSON object a line."
    if not isinstance(value, dict):
        return f"it is a JSON {type(value).__name__}, not an object.", "Write one JSON object a line."
    return value
