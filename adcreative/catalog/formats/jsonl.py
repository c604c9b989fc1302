"""JSON lines: one object per line. The columns are the keys of all lines, in order of first appearance."""

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
    """A .jsonl file; read twice, first to collect its keys, so that memory stays constant."""

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
        """Yield (line number, object or fault) for every non-blank line."""
        with self._path.open(encoding=self._encoding, errors="replace", newline="\n") as file:
            for row, line in enumerate(file, start=1):
                if line.strip():
                    yield row, _parse_line(line)


class _RepeatedKeyError(Exception):
    """An object has a key twice."""


def _take_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise _RepeatedKeyError(next(key for key in keys if keys.count(key) > 1))
    return found


def _parse_line(line: str) -> dict[str, Any] | tuple[str, str]:
    try:
        value = json.loads(line, object_pairs_hook=_take_once)
    except _RepeatedKeyError as error:
        return f'it has the key "{str(error)[:60]}" twice.', "Keep the one that is meant."
    except RecursionError:
        return "it is nested too deeply.", "Write one flat JSON object a line."
    except ValueError as error:
        return f"it is not JSON ({error}).", "Write one JSON object a line."
    if not isinstance(value, dict):
        return f"it is a JSON {type(value).__name__}, not an object.", "Write one JSON object a line."
    return value
