"""Find rows of a catalogue that occur twice, with 16 bytes of memory per row."""

from __future__ import annotations

import hashlib

from adcreative.creative import Creative, FailedCreative

# Two rows with the same values in these columns, and in context, are one creative in one place: one is a copy.
_IDENTITY_COLUMNS = (
    "file_name",
    "headline",
    "primary_text",
    "description",
    "cta",
    "brand",
    "platform",
    "placement",
    "audience",
    "test_id",
    "date_start",
    "date_end",
)


class SeenRows:
    """Finds rows that occur twice; keeps 16 bytes per row and the first row of every ad_name."""

    def __init__(self) -> None:
        self._rows: dict[bytes, str] = {}
        self._ad_names: dict[bytes, str] = {}
        self._files: set[bytes] = set()
        self._first_repeat = ""
        self._num_repeats = 0

    def check(self, creative: Creative, label: str) -> Creative | FailedCreative:
        """Return the creative, or a failure if an earlier row is the same creative in the same place."""
        segment = (f"{name}={value}" for name, value in sorted(creative.context.items()))
        mark = _mark("\0".join((*(getattr(creative, column) for column in _IDENTITY_COLUMNS), *segment)))
        if mark in self._rows:
            return FailedCreative(
                file_name=creative.file_name,
                ad_name=creative.ad_name,
                problem=f"{label}: it repeats {self._rows[mark]} (same picture, words, test, placement and dates).",
                remedy="Remove one of the two rows, or tell them apart by test_id, placement or date_start.",
            )
        self._rows[mark] = label
        if creative.ad_name:
            name_mark = _mark(creative.ad_name)
            if name_mark in self._ad_names:
                self._num_repeats += 1
                rows = f"{self._ad_names[name_mark]} and {label}"
                self._first_repeat = self._first_repeat or f'"{creative.ad_name[:60]}" ({rows})'
            else:
                self._ad_names[name_mark] = label
        return creative

    def add_file(self, file_name: str) -> None:
        self._files.add(_mark(file_name))

    def has_file(self, file_name: str) -> bool:
        return _mark(file_name) in self._files

    def warnings(self) -> list[str]:
        if not self._num_repeats:
            return []
        more = f", and {self._num_repeats - 1} more" if self._num_repeats > 1 else ""
        return [f"ad_name is not unique: {self._first_repeat}{more}. Results are told apart by row."]


def _mark(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
