"""Propose a mapping for an unknown table from column names and cell values.

Three kinds of evidence: a spelling known on some platform; words in the column name that mean a field in some language; and
relations of numbers: impressions are never below clicks, a rate column is clicks over impressions, a cost per click is spend
over clicks. Every proposed column is shown with its reason and confidence (0..1).
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

from adcreative.catalog.boundary import typed
from adcreative.catalog.columns import read_header
from adcreative.catalog.mapping import TableSettings, read_settings
from adcreative.catalog.paths import is_picture_name
from adcreative.catalog.platforms.columns import PART_FIELDS, all_spellings, find_alias, fold_column
from adcreative.catalog.platforms.layout import IDENTITY_FIELDS
from adcreative.catalog.platforms.levels import describe_missing
from adcreative.catalog.platforms.matching import TARGETS, find_fields, match_layout
from adcreative.catalog.platforms.number_votes import guess_numbers
from adcreative.catalog.platforms.numbers import finite, is_blank
from adcreative.catalog.sources import open_source
from adcreative.config import read_packaged_yaml
from adcreative.errors import CatalogError

_FUZZY = 0.86  # ratio of matching letters above which a name counts as a misspelt known name
_NUMBER = re.compile(r"[^\w]{0,3}[A-Z]{0,3}[^\w]{0,2}\d[\d.,'\s\u00a0\u202f]*\s*[%€$£¥]?")
_NUM_SHOWN = 400  # rows used to judge unknown columns; the proposal is shown and confirmed
_ENOUGH_ROWS = 0.95
_TOLERANCE = 0.02
_NEEDED = ("impressions", "clicks")
_RENAMED = {
    "clicks_link": "clicks",
    "clicks_all": "clicks",
    "clicks_outbound": "clicks",
    "purchases": "conversions",
    "results": "conversions",
    "leads": "conversions",
    "long_headline": "headline",
    "publisher": "placement",
    "network": "placement",
}


@dataclass(frozen=True, kw_only=True)
class ColumnProposal:
    """One column: its proposed field ("" for none), the confidence (0..1), and the reason."""

    column: str
    target: str
    confidence: float
    reason: str


@dataclass(frozen=True, kw_only=True)
class MappingProposal:
    """Proposed fields of a table's columns. is_known: all columns are known by name, so no confirmation is needed.

    settings: the proposal as the content of a mapping file. missing: what the table lacks ("impressions", "clicks", "the name
    or words of an ad"); note: a sentence about the file's content if it is not a list of ads, else "".
    """

    columns: tuple[ColumnProposal, ...]
    is_known: bool
    missing: tuple[str, ...] = ()
    note: str = ""
    settings: TableSettings = field(default_factory=TableSettings)

    @property
    def confidence(self) -> float:
        """The lowest confidence among the needed columns, 0 if one is missing."""
        needed = [c.confidence for c in self.columns if c.target in (*_NEEDED, *IDENTITY_FIELDS)]
        return min(needed, default=0.0) if not self.missing else 0.0


def propose_mapping(path: Path, *, columns: Path | TableSettings | None = None, needs_results: bool = True) -> MappingProposal:
    """Propose the field of each column of a table; columns mapped by the user stay. A picture has no columns.

    needs_results: whether impressions and clicks are required; False accepts a list of ads to score.

    Raises:
        CatalogError: the file cannot be read as a table.
    """
    path = Path(path)
    settings = read_settings(columns)
    with typed(path.name):
        if not path.is_file():
            raise CatalogError(f"there is no file at {path}. Check the path.")
        if is_picture_name(path.name):
            return MappingProposal(columns=(), is_known=True, settings=settings)
        source = open_source(path, frozenset(fold_column(name) for name in settings.columns), sheet=settings.sheet)
        layout = match_layout(source.header, settings.columns, source.preamble, source.iter_cells())
        is_known = layout is not None
        if not needs_results and not is_known:
            is_known = not read_header(source.header, path.name, settings.columns, source.preamble, source.iter_cells()).faults
        proposals = _propose(source.header, list(islice(source.iter_cells(), _NUM_SHOWN)), settings.columns)
    targets = {proposal.target for proposal in proposals}
    missing = [name for name in _NEEDED if name not in targets] if needs_results else []
    if not targets & {*IDENTITY_FIELDS}:
        missing.append("the name or words of an ad")
    note = "" if is_known or not missing else describe_missing(source.header, path.name)
    return MappingProposal(
        columns=tuple(proposals),
        is_known=is_known,
        missing=() if is_known else tuple(missing),
        note=note,
        settings=replace(
            settings,
            columns=settings.columns
            if is_known
            else {proposal.column: proposal.target for proposal in proposals if proposal.target},
        ),
    )


def _propose(header: Sequence[str], sample: Sequence[Sequence[Any]], given: Mapping[str, str]) -> list[ColumnProposal]:
    folded_given = {fold_column(name): target for name, target in given.items()}
    by_name = {theirs: ours for ours, theirs in find_fields(header).items()}
    figures = _Figures(header, sample)
    candidates: list[ColumnProposal] = []
    for name in header:
        column, folded = name.strip(), fold_column(name)
        if folded in folded_given:
            candidates.append(ColumnProposal(column=column, target=folded_given[folded], confidence=1.0, reason="you said so"))
        elif column in by_name and (target := _rename(by_name[column])):
            candidates.append(ColumnProposal(column=column, target=target, confidence=0.98, reason="a column name we know"))
        elif column and find_alias(all_spellings(), folded) is None:
            candidates += _by_meaning(column, folded)
    candidates += figures.speak({c.column: c.target for c in candidates if c.confidence >= 0.9})
    return _settle(header, candidates, figures)


def _rename(field: str) -> str:
    renamed = _RENAMED.get(field, field)
    return renamed if renamed in TARGETS else ""


@cache
def _keywords() -> dict[str, tuple[tuple[str, ...], tuple[str, ...]]]:
    content = read_packaged_yaml(Path(__file__).parent / "keywords.yaml")
    return {
        field: (tuple(fold_column(str(word)) for word in lists["words"]), tuple(str(word) for word in lists["not"]))
        for field, lists in content.items()
    }


def _by_meaning(column: str, folded: str) -> list[ColumnProposal]:
    """Return proposals from the words in a column's name, highest confidence first."""
    plain = " ".join(re.sub(r"[()\[\]/.:,;#*]", " ", folded).split())
    found = []
    near = difflib.get_close_matches(folded, all_spellings(), n=1, cutoff=_FUZZY) if 5 <= len(folded) <= 80 else []
    if near and (target := _rename(all_spellings()[near[0]].field)):
        found.append(ColumnProposal(column=column, target=target, confidence=0.75, reason=f'spelt nearly like "{near[0]}"'))
    for target, (words, nots) in _keywords().items():
        hit = max((word for word in words if _begins(plain, word)), key=len, default="")
        if hit and not any(_begins(plain, word) for word in nots):
            sure = 0.55 + 0.25 * min(1.0, len(hit) / max(len(plain), 1))
            found.append(ColumnProposal(column=column, target=target, confidence=sure, reason=f'its name has "{hit}" in it'))
    return sorted(found, key=lambda proposal: -proposal.confidence)


def _begins(text: str, word: str) -> bool:
    """Return whether a word of `text` starts with `word`; in scripts without spaces, whether `text` contains it."""
    if any("\u2e80" <= letter <= "\ud7ff" or "\u0e00" <= letter <= "\u0e7f" for letter in word):
        return word in text
    return f" {text}".find(f" {word}") >= 0


class _Figures:
    """The columns of the sample as numbers and texts, and the relations between columns."""

    def __init__(self, header: Sequence[str], sample: Sequence[Sequence[Any]]) -> None:
        self._names = [name.strip() for name in header]
        columns = [[row[at] if at < len(row) else None for row in sample] for at in range(len(header))]
        self._filled = [[cell for cell in column if not is_blank(cell)] for column in columns]
        numbers = guess_numbers(cell for column in self._filled for cell in column)
        self._numbers = [[finite(numbers.amount(cell)) if _is_number(cell) else None for cell in column] for column in columns]
        self._counts = [at for at in range(len(header)) if self._is_count(at)]

    def _is_count(self, at: int) -> bool:
        numbers = [number for number in self._numbers[at] if number is not None]
        is_whole = all(number >= 0 and number == int(number) for number in numbers)
        return len(numbers) >= 3 and len(numbers) >= 0.8 * len(self._filled[at]) and is_whole and max(numbers) > 0

    def share_at_least(self, many: int, few: int) -> float:
        """Return the share of rows with both numbers where column `many` is not below column `few`."""
        pairs = self._pairs(many, few)
        return sum(a >= b for a, b in pairs) / len(pairs) if pairs else 0.0

    def _pairs(self, first: int, second: int) -> list[tuple[float, float]]:
        both = zip(self._numbers[first], self._numbers[second], strict=True)
        return [(a, b) for a, b in both if a is not None and b is not None]

    def fits(self, above: int, below: int, ratio: int) -> float:
        """Return the unit (100, 1 or 1000) in which column `ratio` is above/below in nearly all rows, or 0."""
        rows = [
            (a, b, r)
            for a, b, r in zip(self._numbers[above], self._numbers[below], self._numbers[ratio], strict=True)
            if a and b and r is not None and r > 0
        ]
        if len(rows) < 3 or len({round(r, 6) for _, _, r in rows}) < 2:
            return 0.0
        for unit in (100.0, 1.0, 1000.0):
            close = sum(abs(unit * a / b - r) <= _TOLERANCE * r + 0.006 for a, b, r in rows)
            if close >= _ENOUGH_ROWS * len(rows):
                return unit
        return 0.0

    def speak(self, settled: Mapping[str, str]) -> list[ColumnProposal]:
        """Return proposals from a fitting rate: impressions, clicks and the rate itself, spend and cost per click."""
        found: list[ColumnProposal] = []
        free = [at for at in self._counts if settled.get(self._names[at], "") in ("", "impressions", "clicks")]
        best: tuple[int, int, int] | None = None
        for many in free:
            for few in free:
                if many == few or self.share_at_least(many, few) < _ENOUGH_ROWS:
                    continue
                for ratio in range(len(self._names)):
                    if ratio not in (many, few) and ratio not in self._counts and self.fits(few, many, ratio) in (100.0, 1.0):
                        best = best or (many, few, ratio)
        if best is None:
            return found
        many, few, ratio = best
        why = f'"{self._names[ratio]}" is "{self._names[few]}" over "{self._names[many]}" in nearly all rows'
        found += [
            ColumnProposal(column=self._names[at], target=target, confidence=0.9, reason=why)
            for at, target in ((many, "impressions"), (few, "clicks"), (ratio, "ctr"))
        ]
        for money in range(len(self._names)):
            for cost in range(len(self._names)):
                if len({money, cost, many, few, ratio}) == 5 and self.fits(money, few, cost) == 1.0:
                    why = f'"{self._names[cost]}" is "{self._names[money]}" over the clicks in nearly all rows'
                    found.append(ColumnProposal(column=self._names[money], target="spend", confidence=0.88, reason=why))
        return found

    def speaks_against(self, proposal: ColumnProposal) -> bool:
        """Return whether the cells contradict the name: counts that are not numbers, words that are numbers."""
        at = self._names.index(proposal.column)
        numbers = [number for number in self._numbers[at] if number is not None]
        if proposal.target in ("impressions", "clicks"):
            return bool(self._filled[at]) and at not in self._counts and len(numbers) < 0.8 * len(self._filled[at])
        if proposal.target in (*PART_FIELDS, "ad_name"):
            return bool(self._filled[at]) and len(numbers) > 0.8 * len(self._filled[at])
        return False

    def swapped(self, impressions: str, clicks: str) -> bool:
        """Return whether the column of clicks exceeds that of impressions in most rows."""
        many, few = self._names.index(impressions), self._names.index(clicks)
        return bool(self._pairs(many, few)) and self.share_at_least(many, few) < 0.5

    def propose_texts(self, taken: set[str]) -> list[ColumnProposal]:
        """Return columns that look like an ad's words: distinct texts; short ones become a headline, longer ones a body."""
        found = []
        for at, name in enumerate(self._names):
            texts = [str(cell) for cell in self._filled[at] if not _is_number(cell) and re.search(r"[^\W\d_]{2}", str(cell))]
            if name in taken or not name or len(texts) < max(3, 0.6 * len(self._filled[at])):
                continue
            length = sum(map(len, texts)) / len(texts)
            distinct = len(set(texts)) / len(texts)
            if distinct < 0.3 or length < 6 or any("://" in text for text in texts[:20]):
                continue
            target = "primary_text" if length > 60 else "headline" if length > 15 and " " in texts[0] else "ad_name"
            why = f"its cells are texts of {length:.0f} letters, {distinct:.0%} of them distinct"
            found.append(ColumnProposal(column=name, target=target, confidence=0.4 + 0.2 * distinct, reason=why))
        return sorted(found, key=lambda proposal: -proposal.confidence)[:3]


def _is_number(cell: object) -> bool:
    if isinstance(cell, (int, float)) and not isinstance(cell, bool):
        return True
    return isinstance(cell, str) and len(cell) <= 40 and _NUMBER.fullmatch(cell.strip()) is not None


def _settle(header: Sequence[str], candidates: Sequence[ColumnProposal], figures: _Figures) -> list[ColumnProposal]:
    """Return one proposal per column: highest confidence first, each target once unless an ad has several of its kind."""
    chosen: dict[str, ColumnProposal] = {}
    taken: set[str] = set()
    for proposal in sorted(candidates, key=lambda c: -c.confidence):
        is_taken = proposal.target in taken and proposal.target not in (*PART_FIELDS, "ignore")
        if proposal.column in chosen or is_taken or (proposal.confidence < 0.9 and figures.speaks_against(proposal)):
            continue
        chosen[proposal.column] = proposal
        taken.add(proposal.target)
    if not taken & {*IDENTITY_FIELDS}:
        for proposal in figures.propose_texts(set(chosen)):
            if proposal.target not in taken:
                chosen[proposal.column] = proposal
                taken.add(proposal.target)
    by_target = {proposal.target: proposal for proposal in chosen.values()}
    if {"impressions", "clicks"} <= by_target.keys() and by_target["clicks"].confidence < 1.0:
        shown, clicked = by_target["impressions"].column, by_target["clicks"].column
        if figures.swapped(shown, clicked):
            why = "its numbers are the larger ones of the two in most rows"
            chosen[clicked] = ColumnProposal(column=clicked, target="impressions", confidence=0.5, reason=why)
            why = "its numbers are the smaller ones of the two in most rows"
            chosen[shown] = ColumnProposal(column=shown, target="clicks", confidence=0.5, reason=why)
    nothing = "nothing of ours is called so, and its numbers say nothing"
    return [
        chosen.get(name.strip()) or ColumnProposal(column=name.strip(), target="", confidence=0.0, reason=nothing)
        for name in header
        if name.strip()
    ]
