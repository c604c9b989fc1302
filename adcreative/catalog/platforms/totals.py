"""Find rows that are not single ads: totals, subtotals, copies, rows without a name. The same rule for every reader.

A total must be proven: the row is named a total, or lacks a name, a day or a breakdown value, and its figures are the sums of
the rows it covers: the rows above, or the rows with the same values. A row named like a total without being a sum is an ad
("Total: Sale" is a brand), and so is a named ad whose figures happen to be a sum. Removed rows are reported by name and row.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import Any

from adcreative.catalog.platforms.columns import TABLES
from adcreative.errors import CatalogError

TOTAL_ROW, NO_NAME, SUBTOTAL, COPY = "total row", "no ad name", "subtotal over a breakdown", "row given twice"
_WORDS = (
    "total|totals|grand total|subtotal|sub total|overall|sum|gesamt|gesamtsumme|gesamtergebnis|insgesamt|summe|zwischensumme|"
    "ergebnis|alles|total général|totaux|sous-total|totales|total general|totale|totali|totale complessivo|subtotale|"
    "total geral|totaal|eindtotaal|subtotaal|suma|suma końcowa|razem|łącznie|合計|総計|小計|合算|總計|总计|合计|小计|总和|합계|"
    "총계|총합계|소계|jumlah|total keseluruhan|toplam|genel toplam|ara toplam"
)
_RESULTS = (
    r"(?:results from|ergebnisse (?:von|aus)|résultats (?:de|des|pour)|resultados de|risultati (?:di|da)|resultaten (?:van|uit)"
    r"|wyniki (?:z|dla)|hasil dari)\s+[\d.,\s]+.*"
    r"|.*\d+\s*(?:件|个|個|則|개).*(?:結果|成效|成果|결과)"
    r"|\d+\s+\w+\s+sonuçları.*"
)
_BARE = re.compile(rf"\W*(?:{_WORDS})\W*", re.IGNORECASE)
_TOTAL = re.compile(
    rf"\W*(?:(?:{_WORDS})(?:\s*[:：].*|\s+(?:of|for|von|de|di|van|z|dari)\s+\d+\s.*|\s+[-\u2013\u2014]\s+.*)?|{_RESULTS})\W*",
    re.IGNORECASE,
)
_OTHER_WORDS = "итого|всего|totalt|i alt|yhteensä|celkem|összesen|σύνολο|รวม|Σ"
_ENDS_IN_A_WORD = re.compile(  # "Account total", "TOTAL (3 ads)", "Summe aller Anzeigen"
    rf"(?:.*\s)?(?:{_WORDS}|{_OTHER_WORDS})(?:\s*[(\[].*|\s+(?:aller|całkowita|wszystkich)\b.*)?", re.IGNORECASE
)
_STEM = re.compile(  # "red Total" and "Total red" cover the rows of red
    rf"(.*\S)\s*[:：\-]?\s+(?:{_WORDS}|{_OTHER_WORDS})|(?:{_WORDS}|{_OTHER_WORDS})\s*[:：\-]?\s+(.*\S)", re.IGNORECASE
)
_ALL = frozenset(TABLES["cells"]["all"])
_MAX_NAME = 200
_MIN_PARTS = 2  # rows summed by a total with a suffix ("Total - Winter"); a single row may be equal by chance
NUM_COUNTS = 2  # of a row's figures, impressions and clicks: sums are exact
_ROUNDED, _WHOLE_ROUNDED = 0.005, 0.5  # money is rounded in each row, to cents or to whole units
_MAX_SHOWN = 3
_MANY_SHOWN = 100  # impressions from which two equal rows are a copy
_COPIED, _BLANK = 1 / 3, 0.2  # shares of rows: small equal rows are copies; blank names repeat the name above

_TOLD = {  # singular, plural
    TOTAL_ROW: ("is the sum of others, and no ad", "are sums of others, and no ads"),
    SUBTOTAL: ("is the sum of an ad's rows over a breakdown, and no ad", "are sums of ads' rows over a breakdown, and no ads"),
    COPY: (
        "agrees with an earlier row in every cell and is counted once",
        "agree with earlier rows in every cell and are counted once",
    ),
    NO_NAME: ("names no ad", "name no ads"),
    "alike": (
        "agrees with an earlier row in every cell and is counted, too",
        "agree with earlier rows in every cell and are counted, too",
    ),
    "sum": ("is the sum of all other rows but is not called a total, and is read as an ad",) * 2,
    "called": (
        "is called like a total but is not the sum of others, and is read as an ad",
        "are called like totals but are not the sums of others, and are read as ads",
    ),
    "over all": (
        "stands for all of a breakdown but is not the sum of its rows, and is read as an ad",
        "stand for all of a breakdown but are not the sums of its rows, and are read as ads",
    ),
}

Figures = tuple[float | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One row of a table, as the file writes it.

    name: identifier of the ad, "" for none; label: the first cell, used in messages. figures: impressions, clicks, then other
    additive figures; None for a blank cell. ad and parts: further fields of the ad, and the day and breakdown values, "" for
    all of them, in column order. mark: hash of the cells, for finding copies; empty where equal rows are not copies.
    """

    row: int
    name: str
    figures: Figures
    ad: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    mark: bytes = b""
    label: str = ""

    def __str__(self) -> str:
        shown = self.name or self.label
        return f'row {self.row} ("{shown[:60]}")' if re.search(r"[^\W\d_]", shown) else f"row {self.row}"


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """Rows that are not ads, row number -> reason, and sentences about these rows and about rows that only look like totals."""

    rows: Mapping[int, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


NOTHING = LeftOut()


def is_total(value: object) -> bool:
    """Return whether a total may have this name, such as "Total: Ads", "Gesamtsumme", "All" or "Results from 12 ads"."""
    return (
        isinstance(value, str) and len(value) < _MAX_NAME and (_TOTAL.fullmatch(value.strip()) is not None or means_all(value))
    )


def means_all(value: object) -> bool:
    """Return whether a breakdown cell stands for all values."""
    return isinstance(value, str) and value.strip().casefold() in _ALL


def say_when(row: Mapping[str, Any], names: Collection[str]) -> str:
    """Return the day of a row as written, "" for several days or none, "-" if the table has no days."""
    if not {"day", "date_start"} & {*names}:
        return "-"
    first = row.get("date_start")
    start = row.get("day") or (first if row.get("date_end", first) == first else "")
    return "" if is_total(start) else str(start or "")


def mark_row(cells: Iterable[Any]) -> bytes:
    """Return a 16-byte hash over all cells of a row."""
    return hashlib.blake2b("\0".join(map(str, cells)).encode("utf-8", "surrogatepass"), digest_size=16).digest()


def find_left_out(lines: Iterable[Line], *, needs_name: bool = True, table: str = "the table") -> LeftOut:
    """Return the rows of a table that are totals, subtotals or copies; memory grows with the rows.

    needs_name: rows without a name are left out, too, whether or not they are sums. table: name of the table in messages.

    Raises:
        CatalogError: many rows have no name, as in a pivot table that names an ad only in its first row.
    """
    lines = _drop_sparse(list(lines))
    kept, copies = _part_copies(lines)
    candidates = [line for line in kept if may_be_total(line)]
    groups = _Groups([line for line in kept if not may_be_total(line)] if candidates else [])
    held = {line.row for line in candidates if groups.hold(line)}
    subtotals = {line.row for line in candidates if line.row in held and line.name and not _says_total(line.name)}
    ads = [line for line in kept if line.row not in subtotals]
    totals = _find_totals(ads, held) if candidates else set()
    nameless = {line.row: TOTAL_ROW if is_total(line.label) else NO_NAME for line in ads if needs_name and not line.name}
    blank = [line for line in ads if nameless.get(line.row) == NO_NAME and line.row not in totals and line.figures[0]]
    if len(blank) >= max(_MIN_PARTS, _BLANK * len(kept)):
        raise CatalogError(
            f"{table}: {_tell(blank, *_TOLD[NO_NAME])[:-1]}, as in a pivot table that names an ad in its first row alone; "
            "repeat the names in all rows, and export it again."
        )
    rows = nameless | {line.row: COPY for line in copies}
    rows |= dict.fromkeys(subtotals, SUBTOTAL) | dict.fromkeys(totals, TOTAL_ROW)
    by_reason = {reason: [line for line in lines if rows.get(line.row) == reason] for reason in _TOLD}
    by_reason["called"] = [
        line
        for line in candidates
        if line.row not in rows and (_is_called_total(line.name) or groups.find_named(line) is not None)
    ]
    by_reason["alike"] = [line for line in _find_repeated(kept) if line.row not in rows and line.figures[0]]
    by_reason["sum"] = _last_that_is_a_sum(ads, rows)
    by_reason["over all"] = [line for line in kept if not all(line.parts) and line.row not in rows]
    by_reason[TOTAL_ROW] = [line for line in by_reason[TOTAL_ROW] if line.row in totals]
    by_reason[NO_NAME] = [line for line in kept if line.row in nameless and line.row not in totals]
    notes = (_tell(by_reason[reason], *said) for reason, said in _TOLD.items())
    return LeftOut(rows=rows, notes=tuple(filter(None, notes)))


def _drop_sparse(lines: list[Line]) -> list[Line]:
    """Return the rows without breakdown fields that fewer than half of the rows fill in."""
    num = len(lines[0].parts) if lines else 0
    sparse = [at for at in range(num) if 2 * sum(bool(line.parts[at]) for line in lines) < len(lines)]
    if not sparse:
        return lines
    return [replace(line, parts=tuple("-" if at in sparse else part for at, part in enumerate(line.parts))) for line in lines]


def _tell(lines: Sequence[Line], one: str, several: str) -> str:
    """Return a sentence with the names of rows, "" for no rows."""
    if not lines:
        return ""
    more = f" and {len(lines) - _MAX_SHOWN} more" if len(lines) > _MAX_SHOWN else ""
    return f"{', '.join(map(str, lines[:_MAX_SHOWN]))}{more} {several if len(lines) > 1 else one}."


def _part_copies(lines: Sequence[Line]) -> tuple[list[Line], list[Line]]:
    """Return the rows without copies, and the copies.

    Small ads may be equal by chance; once a row with many impressions occurs twice, or many rows do, the file has copies.
    """
    repeated = _find_repeated(lines)
    is_much = len(repeated) >= max(_MIN_PARTS, _COPIED * len(lines))
    if not is_much and not any((line.figures[0] or 0) >= _MANY_SHOWN for line in repeated):
        return list(lines), []
    gone = {line.row for line in repeated}
    return [line for line in lines if line.row not in gone], repeated


def _find_repeated(lines: Sequence[Line]) -> list[Line]:
    """Return the rows that are equal to an earlier row in every cell."""
    seen: set[bytes] = set()
    repeated = []
    for line in lines:
        if line.mark and line.mark in seen:
            repeated.append(line)
        seen.add(line.mark)
    return repeated


class _Sums:
    """Column sums of figures, and the comparison with a row."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self._sums: list[float] = []
        self._is_whole: list[bool] = []
        self._num = 0

    def add(self, figures: Figures) -> None:
        if not self._num:
            self._sums, self._is_whole = [0.0] * len(figures), [True] * len(figures)
        self._num += 1
        for at, figure in enumerate(figures):
            self._sums[at] += figure or 0.0
            self._is_whole[at] &= float(figure or 0.0).is_integer()

    def is_in(self, line: Line) -> bool:
        """Return whether a row's figures are the sums; counts exactly, money within rounding of each row."""
        least = 1 if not line.name or means_all(line.name) or _BARE.fullmatch(line.name) else _MIN_PARTS
        if self._num < least or not line.figures[0]:
            return False
        for at, figure in enumerate(line.figures):
            rounding = 0.0 if at < NUM_COUNTS else self._num * (_WHOLE_ROUNDED if self._is_whole[at] else _ROUNDED)
            if figure is not None and abs(figure - self._sums[at]) > rounding + 1e-9 * abs(self._sums[at]):
                return False
        return True


def _last_that_is_a_sum(ads: Sequence[Line], left_out: Mapping[int, str]) -> list[Line]:
    """Return the last row if it is the sum of all others: an unnamed total, or a coincidence."""
    kept = [line for line in ads if line.row not in left_out]
    whole = _Sums()
    for line in kept[:-1]:
        whole.add(line.figures)
    return kept[-1:] if len(kept) > _MIN_PARTS and not is_total(kept[-1].name) and whole.is_in(kept[-1]) else []


def _is_called_total(name: str) -> bool:
    return is_total(name) or _ENDS_IN_A_WORD.fullmatch(name.strip()[:_MAX_NAME]) is not None


@lru_cache(maxsize=65_536)
def _says_total(text: str) -> bool:
    return _is_called_total(text) or _STEM.fullmatch(text.strip()[:_MAX_NAME]) is not None


def may_be_total(line: Line) -> bool:
    """Return whether a row has delivery and lacks a name, a day or a breakdown value, or has "total" at an end of its name."""
    return bool(line.figures[0]) and (not line.name or not all(line.parts) or _says_total(line.name))


class _Groups:
    """Sums over rows with the same values in some fields."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self._lines = lines
        self._sums: dict[tuple[int, ...], defaultdict[tuple[str, ...], _Sums]] = {}

    def hold(self, line: Line) -> bool:
        """Return whether a row is the sum of the rows it names, or of the rows with the same values."""
        said, unnamed = (*line.ad, *line.parts), replace(line, name="")
        if (named := self.find_named(line)) is not None and named.is_in(unnamed):
            return True
        if _says_total(line.name) and not _is_called_total(line.name):
            return False  # "Total comfort"
        places = tuple(at for at, value in enumerate(said) if value not in ("", "-") and not _says_total(value))
        if places and places not in self._sums:
            self._sums[places] = defaultdict(_Sums)
            for one in self._lines:
                values = (*one.ad, *one.parts)
                self._sums[places][tuple(values[at] for at in places)].add(one.figures)
        probe = line if _says_total(line.name) else unnamed
        return bool(places) and self._sums[places][tuple(said[at] for at in places)].is_in(probe)

    def find_named(self, line: Line) -> _Sums | None:
        """Return the sums of the rows named by a total, None if there are no such rows."""
        found = _STEM.fullmatch(line.name.strip()[:_MAX_NAME])
        return self._by_value.get((found[1] or found[2]).casefold()) if found else None

    @cached_property
    def _by_value(self) -> defaultdict[str, _Sums]:
        sums: defaultdict[str, _Sums] = defaultdict(_Sums)
        for one in self._lines:
            for value in {value.casefold() for value in (one.name, *one.ad, *one.parts)}:
                sums[value].add(one.figures)
        return sums


def _find_totals(lines: Sequence[Line], found: Collection[int]) -> set[int]:
    """Return the totals by name, without a name, or in `found`, that are a sum: of the rows since the last total, or of all.

    The sum of all rows is at the start or the end, where other totals may be next to it.
    """
    found = {line.row for line in lines if line.row in found}
    is_named = [not line.name or _is_called_total(line.name) or line.row in found for line in lines]
    others = [at for at, named in enumerate(is_named) if not named]
    first, last = (others[0], others[-1]) if others else (0, -1)
    whole, above, block = _Sums(), _Sums(), _Sums()
    for at in others:
        whole.add(lines[at].figures)
    found |= {line.row for line in lines[:first] if whole.is_in(line)}
    for at, line in enumerate(lines):
        if line.row in found or (is_named[at] and (block.is_in(line) or (at > last and above.is_in(line)))):
            found.add(line.row)
            if at >= first:
                block.clear()
        elif line.name:
            above.add(line.figures)
            block.add(line.figures)
    return found
