"""Which columns of a header are which, on which platform and in which language.

Columns are told by their names (see `columns`). The rows at the top of the file settle what names leave open: which kind of
click has numbers in it. How numbers and days are written is told by all rows (see `number_votes` and `dates`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from adcreative.catalog.platforms.columns import (
    PART_FIELDS,
    UNVERIFIED,
    Alias,
    Platform,
    all_spellings,
    find_alias,
    fold_column,
    load_platforms,
    read_currency,
    split_number,
)
from adcreative.catalog.platforms.days import UNORDERED, find_range
from adcreative.catalog.platforms.layout import BREAKDOWN_FIELDS, IDENTITY_FIELDS, IGNORE, TEXT_FIELDS, PlatformLayout
from adcreative.catalog.platforms.numbers import finite, is_blank, read_marks
from adcreative.creative import COLUMNS, SEGMENT_COLUMNS

_CLICK_RATES: Mapping[str, tuple[str, ...]] = {
    "clicks": ("ctr", "ctr_all"), "clicks_link": ("ctr_link", "ctr"), "clicks_outbound": ("ctr_outbound", "ctr_link"),
    "clicks_all": ("ctr_all", "ctr"),
}  # fmt: skip
_DERIVED = ("ctr_link", "ctr", "ctr_outbound", "ctr_all", "cpc_link", "cpc", "cpc_all")
_OUTCOMES = {"conversions": ("purchases", "conversions", "results", "leads"), "revenue": ("revenue", "roas")}
_CLICK_KINDS = {"clicks_all": ", which counts every click on the ad", "clicks_outbound": ", which counts clicks that leave"}
_OTHER_TARGETS = ("campaign", "ad_set", "ad_id", "day", "ctr", "conversions", "revenue", "image_hash", "long_headline")
TARGETS = (*COLUMNS, *(name for name in (*_OTHER_TARGETS, *SEGMENT_COLUMNS) if name not in COLUMNS), IGNORE)


@dataclass(frozen=True)
class _Recognised:
    """What each column of a header means: alias (None: unknown) one entry a column, by the best platform and language."""

    platform: Platform
    language: str
    aliases: tuple[Alias | None, ...]
    is_certain: bool  # some column belongs to this platform and hardly another


def match_layout(
    header: Sequence[str],
    mapping: Mapping[str, str] | None = None,
    preamble: Sequence[str] = (),
    sample: Sequence[Sequence[Any]] = (),
    *,
    needs_results: bool = True,
) -> PlatformLayout | None:
    """Return the layout of a platform export, or None when impressions, clicks or whatever names an ad are not found.

    Args:
        header: the column names as they stand in the file.
        mapping: column name -> our name, from the user's file; goes before what we know ("ignore": do not read).
        preamble: lines that stood above the header; one may hold the dates.
        sample: the first rows' cells, from which number formats and the columns with numbers are told.
        needs_results: False takes a list of ads without impressions and clicks too, when it has their words or pictures.
    """
    given = {fold_column(name): column for name, column in (mapping or {}).items()}
    recognised = _recognise(header)
    places = _place_columns(header, recognised.aliases, given)
    cells = _Sample(sample)
    clicks, rate = _choose_clicks(places, recognised.platform, cells, is_given="clicks" in given.values())
    derived = "" if clicks or "impressions" not in places else _choose_derived(places, cells)
    has_results = "impressions" in places and bool(clicks or derived)
    words = (*TEXT_FIELDS, "file_name")
    if not any(name in places for name in (IDENTITY_FIELDS if has_results else words)) or (needs_results and not has_results):
        return None
    parts = _order_parts(header, places)
    names = [""] * len(header)
    for column, positions in places.items():
        for position in positions if column in PART_FIELDS else positions[:1]:
            names[position] = column
    spend = header[places["spend"][0]] if "spend" in places else ""
    kinds = {name: (name,) if name in given.values() else order for name, order in _OUTCOMES.items()}
    conversions = _choose_filled(places, kinds["conversions"], cells)
    revenue = _choose_filled(places, kinds["revenue"], cells)
    platform = recognised.platform.key if recognised.is_certain else ""
    source = clicks or derived
    return PlatformLayout(
        platform=platform, language=recognised.language, names=tuple(names),
        currency=read_currency(spend) or next((code for name in header if (code := read_currency(name))), ""),
        clicks_column=header[places[source][0]].strip() if source else "", ad_set_is=recognised.platform.ad_set_is,
        clicks_field=clicks, clicks_from=derived,
        rate_field=rate, conversions_field=conversions, revenue_field=revenue, parts=parts,
        date_range=find_range(preamble, UNORDERED), repeated=_find_repeated(header, places),
        broken_down=tuple(name for name in BREAKDOWN_FIELDS if name in places and cells.is_mostly_filled(places, name)),
        notes=_describe(header, places, source, derived, conversions, revenue),
    )  # fmt: skip


def find_fields(header: Sequence[str]) -> dict[str, str]:
    """Return field -> column name of all that is known in a header, whether or not it lists ads."""
    recognised = _recognise(header)
    places = _place_columns(header, recognised.aliases, {})
    return {column: header[positions[0]].strip() for column, positions in places.items()}


def find_platform(header: Sequence[str]) -> Platform:
    """Return the platform whose column names fit a header best."""
    return _recognise(header).platform


def count_known(header: Sequence[str]) -> int:
    """Return how many columns of a header some platform has."""
    return sum(alias is not None for alias in _recognise(header).aliases)


def _recognise(header: Sequence[str]) -> _Recognised:
    folded = [fold_column(name) for name in header]
    platforms = load_platforms()
    best: tuple[float, Platform, str, bool] | None = None
    for platform in platforms:
        for language, spellings in platform.languages.items():
            hits = [(name, alias) for name in folded if name and (alias := find_alias(spellings, name)) is not None]
            owners = [_count_owners(platforms, platform, name) for name, _ in hits]
            score = sum(0.5 + 1 / number for number in owners)
            is_certain = len(hits) >= 3 and sum(number <= 2 for number in owners) >= 2
            if best is None or score > best[0] + 1e-9:
                best = (score, platform, language, is_certain)
    assert best is not None
    _, platform, language, is_certain = best
    own = platform.languages[language]
    same = [other.languages[language] for other in platforms if language in other.languages]
    aliases = []
    for name in folded:
        found = find_alias(own, name) or next((a for s in same if (a := find_alias(s, name))), None)
        aliases.append((found or find_alias(all_spellings(), name)) if name else None)
    return _Recognised(platform, language, tuple(aliases), bool(platform.key) and is_certain)


def _count_owners(platforms: Sequence[Platform], own: Platform, folded: str) -> int:
    """Return how many platforms have a column of that name: `own`, and those where it was seen in a real header."""
    others = (other.languages.values() for other in platforms if other is not own)
    return 1 + sum(any(_is_verified(find_alias(spellings, folded)) for spellings in languages) for languages in others)


def _is_verified(alias: Alias | None) -> bool:
    return alias is not None and alias.source != UNVERIFIED


def _place_columns(
    header: Sequence[str], aliases: Sequence[Alias | None], given: Mapping[str, str]
) -> dict[str, tuple[int, ...]]:
    """Return field -> positions of its columns, the best spelling first."""
    ranked: dict[str, list[tuple[int, int]]] = {}
    for position, (name, alias) in enumerate(zip(header, aliases, strict=True)):
        folded = fold_column(name)
        if folded in given:
            if given[folded] != IGNORE:
                ranked.setdefault(given[folded], []).append((-1, position))
        elif alias is not None and alias.field != "other":
            ranked.setdefault(alias.field, []).append((alias.rank, position))
    return {column: tuple(position for _, position in sorted(found)) for column, found in ranked.items()}


def _order_parts(header: Sequence[str], places: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    """Return the positions of each text field's columns in reading order: by their number, then as they stand."""
    return {
        name: tuple(sorted(places[name], key=lambda at: (split_number(fold_column(header[at]))[1], at)))
        for name in PART_FIELDS
        if name in places
    }


class _Sample:
    """The first rows of a table, by column."""

    def __init__(self, rows: Sequence[Sequence[Any]]) -> None:
        self._rows = rows

    def column(self, places: Mapping[str, tuple[int, ...]], name: str) -> list[Any]:
        if name not in places:
            return []
        at = places[name][0]
        return [row[at] for row in self._rows if at < len(row) and not is_blank(row[at])]

    def is_mostly_filled(self, places: Mapping[str, tuple[int, ...]], name: str) -> bool:
        return 2 * len(self.column(places, name)) > len(self._rows) > 0

    def has_rows(self) -> bool:
        return bool(self._rows)


def _choose_clicks(
    places: Mapping[str, tuple[int, ...]], platform: Platform, cells: _Sample, *, is_given: bool
) -> tuple[str, str]:
    """Return the kind of clicks to take and the rate that belongs to it ("" when there is none); the user's choice first."""
    order = ("clicks",) if is_given else (*platform.clicks_order, *_CLICK_RATES)
    names = [name for name in order if name in places]
    counted = [name for name in names if any(_has_number(cell, is_count=True) for cell in cells.column(places, name))]
    if not names:
        return "", ""
    chosen = counted[0] if counted else names[0]
    if (
        not counted
        and cells.has_rows()
        and not any(cells.column(places, name) for name in names)
        and _choose_derived(places, cells)
    ):
        return "", ""
    others = [name for name in names if name != chosen]
    for rate in _CLICK_RATES[chosen]:
        is_own = rate == _CLICK_RATES[chosen][0] or not any(_CLICK_RATES[other][0] == rate for other in others)
        if rate in places and is_own and not (rate == "ctr" and len(set(names)) > 1 and chosen != "clicks"):
            return chosen, rate
    return chosen, ""


def _choose_derived(places: Mapping[str, tuple[int, ...]], cells: _Sample) -> str:
    for name in _DERIVED:
        is_enough = name in places and (name.startswith("ctr") or "spend" in places)
        if is_enough and any(map(_has_number, cells.column(places, name))):
            return name
    return ""


def _has_number(cell: Any, *, is_count: bool = False) -> bool:
    """True when a cell is a number other than 0, whatever its decimal sign."""
    return any(read_marks(cell, is_count=is_count)) if isinstance(cell, str) else bool(finite(cell))


def _choose_filled(places: Mapping[str, tuple[int, ...]], names: Sequence[str], cells: _Sample) -> str:
    """Return the first of `names` whose column has a number above 0 in the sample, else the first not empty, else ""."""
    there = [name for name in names if name in places and (cells.column(places, name) or not cells.has_rows())]
    for name in there:
        if any(map(_has_number, cells.column(places, name))):
            return name
    return there[0] if there else ""


def _find_repeated(header: Sequence[str], places: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    """Return what several columns of one and the same name are taken for, with their places; texts may have several."""
    found = {}
    for name, positions in places.items():
        same = tuple(at for at in positions if fold_column(header[at]) == fold_column(header[positions[0]]))
        if len(same) > 1 and name not in PART_FIELDS:
            found[name] = same
    return found


def _describe(
    header: Sequence[str], places: Mapping[str, tuple[int, ...]], source: str, derived: str, conversions: str, revenue: str
) -> tuple[str, ...]:
    """Return what the user should know of the choice: where clicks, conversions and revenue come from."""
    notes = []
    if source:
        column = header[places[source][0]].strip()
        if derived:
            notes.append(f'there is no column of clicks; they are computed from "{column}".')
        else:
            notes.append(f'clicks are taken from the column "{column}"{_CLICK_KINDS.get(source, "")}.')
    for name, chosen in (("conversions", conversions), ("revenue", revenue)):
        if chosen and source:
            times = " times the spend" if chosen == "roas" else ""
            notes.append(f'{name} are taken from the column "{header[places[chosen][0]].strip()}"{times}.')
    return tuple(note.replace("revenue are", "revenue is") for note in notes)
