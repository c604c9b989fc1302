"""Match the lines of an earlier run to today's rows by a hash of each line's inputs.

A line belongs to the row with the same hash, at whatever position the row is today: moved rows keep their lines, changed rows
are computed again. Of a purged row only a salted hash of its names is kept, which still matches. Does not import torch.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adcreative.artifacts import hash_bytes, hash_file, hash_files
from adcreative.creative import NUMBER_COLUMNS, Creative
from adcreative.errors import ConfigError
from adcreative.provenance.run_records import MADE_FROM

_NOT_MEANT = ("row", "image_path", "image_u8", *NUMBER_COLUMNS)  # position of the ad, and its results: not hashed
_LATER = ("words", "read_note", "read_guess")  # fields unknown to earlier versions: left out of the hash when empty

Names = tuple[str, str]  # file_name and ad_name


@dataclass(frozen=True)
class Kept:
    """Lines that are still valid. places: today's row number -> key of its line. num_changed: rows with an outdated line."""

    places: Mapping[int, int]
    num_changed: int = 0

    def warnings(self, num_rows: int) -> tuple[str, ...]:
        """Return a sentence with the number of rows that are computed again."""
        sentence = f"{self.num_changed} of {num_rows} rows changed since this run began; done anew"
        return (sentence,) if self.num_changed else ()


def find_kept(
    lines: Mapping[int, Mapping[str, Any]],
    rows: Iterable[tuple[int, str, Names]],
    is_wanted: Callable[[int], bool] = lambda row: True,
) -> Kept:
    """Match the lines of an earlier run to today's rows.

    Args:
        lines: key -> line. rows: number, hash and names of each row wanted today.
        is_wanted: whether a row number is wanted; lines of other rows are kept for a later run.
    Raises:
        ConfigError: a line has no hash of its inputs.
    """
    if not lines:
        return Kept({})
    made, purged = _sort_lines(lines)
    places, loose, num_rows = dict[int, int](), dict[int, tuple[str, int | None]](), 0
    for row, digest, names in rows:
        num_rows += 1
        if row in made.get(digest, ()):
            places[row] = row
            made[digest].remove(row)
        elif (key := _find_purged(purged, names)) is not None or digest in made:
            loose[row] = digest, key
    for row, (digest, key) in loose.items():
        if made.get(digest):
            places[row] = min(made[digest])
            made[digest].remove(places[row])
        elif key is not None:
            places[row] = key
    unused = [key for keys in made.values() for key in keys]
    places |= {key: key for key in unused if not is_wanted(key)}
    num_to_do = num_rows - sum(map(is_wanted, places))
    return Kept(places, min(sum(map(is_wanted, unused)), num_to_do))


def hash_creative(creative: Creative, *more: str) -> str:
    """Return a hash of an ad's names, words, context and picture bytes, and of any further strings that decide about the ad."""
    values = {name: value for name, value in vars(creative).items() if name not in _NOT_MEANT and (value or name not in _LATER)}
    return hash_values(values | {"context": dict(creative.context)}, _hash_picture(creative), *more)


def hash_with_counts(creative: Creative) -> str:
    """Return a hash of an ad and its results (counts)."""
    return hash_creative(creative, *(str(getattr(creative, name)) for name in NUMBER_COLUMNS))


def hash_named(**models: str) -> dict[str, str]:
    """Return a hash of the model files for each named model that is a local path, for the settings of a run.

    models: role -> model name; names of a server or hub model get no hash.
    """
    paths = {f"{name}_sha256": Path(spec.strip()) for name, spec in models.items() if re.search(r"[/\\.]", spec)}
    return {name: hash_files(path) for name, path in paths.items() if path.exists()}


def hash_values(*values: object) -> str:
    """Return a hash of plain values."""
    return hash_bytes(*(json.dumps(one, sort_keys=True, default=str).encode() for one in values))


def hash_names(salt: str, file_name: str, ad_name: str) -> str:
    """Return a salted hash of a purged creative's names, which identifies the creative without keeping a name."""
    return hashlib.sha256("\0".join((salt, file_name, ad_name)).encode("utf-8", "replace")).hexdigest()


def _sort_lines(lines: Mapping[int, Mapping[str, Any]]) -> tuple[dict[str, set[int]], dict[int, tuple[str, str]]]:
    """Return hash -> keys of its lines, and key -> salt and name hash of each purged line."""
    made: dict[str, set[int]] = defaultdict(set)
    purged: dict[int, tuple[str, str]] = {}
    for key, line in lines.items():
        if "purged" in line:
            salt, digest = line["purged"]
            purged[key] = salt, digest
        elif isinstance(line.get(MADE_FROM), str):
            made[line[MADE_FROM]].add(key)
        else:
            raise ConfigError(
                f"what this run kept of row {key} is damaged, or is of an earlier version; choose another --out, or start over "
                "with --restart"
            )
    return dict(made), purged


def _find_purged(purged: Mapping[int, tuple[str, str]], names: Names) -> int | None:
    return next((key for key, (salt, digest) in purged.items() if hash_names(salt, *names) == digest), None)


def _hash_picture(creative: Creative) -> str:
    if creative.image_u8 is not None:
        return hash_bytes(str(creative.image_u8.shape).encode(), creative.image_u8.tobytes())
    if creative.image_path is None:
        return "none"
    try:
        return hash_file(creative.image_path)
    except OSError:  # the error is reported with the row
        return "unreadable"
