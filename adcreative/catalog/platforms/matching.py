"""Match the columns of a header to our fields, a platform and a language.

Columns are matched by name (see `columns`). All rows decide ambiguities of names: which kind of clicks has numbers. Formats of
numbers and days are inferred from all rows (see `number_votes` and `dates`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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
    "clicks": ("ctr", "ctr_all"),
    "clicks_link": ("ctr_link", "ctr"),
    "clicks_outbound": ("ctr_outbound", "ctr_link"),
    "clicks_all": ("ctr_all", "ctr"),
}
_DERIVED = ("ctr_link", "ctr", "ctr_outbound", "ctr_all", "cpc_link", "cpc", "cpc_all")
_OUTCOMES = {"conversions": ("purchases", "conversions", "results", "leads"), "revenue": ("revenue", "roas")}
_FIGURES = frozenset((*_CLICK_RATES, *_DERIVED, *_OUTCOMES["conversions"], *_OUTCOMES["revenue"]))
_CLICK_KINDS = {"clicks_all": ", which counts every click on the ad", "clicks_outbound": ", which counts clicks that leave"}
_ASSETS = (
    "each headline, description and image is read as a part by itself. An impression counts for all parts that were shown, so "
    "their figures are compared within a kind and not added up."
)
_OTHER_TARGETS = ("campaign", "ad_set", "ad_id", "day", "ctr", "conversions", "revenue", "image_hash", "long_headline")
TARGETS = (*COLUMNS, *(name for name in (*_OTHER_TARGETS, *SEGMENT_COLUMNS) if name not in COLUMNS), IGNORE)


@dataclass(frozen=True)
class _Recognised:
    """The matched columns of a header: aliases has one entry per column (None: unknown), by the best platform and language."""

    platform: Platform
    language: str
    aliases: tuple[Alias | None, ...]
    is_certain: bool  # some column belongs to this platform and to few others


def match_layout(
    header: Sequence[str],
    mapping: Mapping[str, str] | None = None,
    preamble: Sequence[str] = (),
    rows: Iterable[Sequence[Any]] = (),
    *,
    needs_results: bool = True,
) -> PlatformLayout | None:
    """Return the layout of a platform export, or None without impressions, clicks or an identifier of ads.

    Args:
        header: the column names as in the file.
        mapping: column name -> our name, from the user's file; overrides known names ("ignore": do not read).
        preamble: the lines above the header; one may hold the dates.
        rows: the cells of all rows, which show the columns with numbers; scanned once.
        needs_results: False also accepts a list of ads without impressions and clicks, if it has words or pictures.
    """
    given = {fold_column(name): column for name, column in (mapping or {}).items()}
    recognised = _recognise(header)
    places = _place_columns(header, recognised.aliases, given)
    if "asset_type" not in places:
        places.pop("asset", None)
    cells = _Cells(places, rows)
    clicks, rate = _choose_clicks(places, recognised.platform, cells, is_given="clicks" in given.values())
    derived = "" if clicks or "impressions" not in places else _choose_derived(places, cells)
    has_results = "impressions" in places and bool(clicks or derived)
    words = (*TEXT_FIELDS, "file_name", "asset", *(() if recognised.platform.clicks_order else ("ad_id",)))
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
        platform=platform,
        language=recognised.language,
        names=tuple(names),
        currency=read_currency(spend) or next((code for name in header if (code := read_currency(name))), ""),
        clicks_column=header[places[source][0]].strip() if source else "",
        ad_set_is=recognised.platform.ad_set_is,
        clicks_field=clicks,
        clicks_from=derived,
        rate_field=rate,
        conversions_field=conversions,
        revenue_field=revenue,
        parts=parts,
        date_range=find_range(preamble, UNORDERED),
        repeated=_find_repeated(places),
        broken_down=tuple(filter(cells.is_mostly_filled, BREAKDOWN_FIELDS)),
        notes=(
            *([_ASSETS] if "asset" in places else []),
            *_describe(header, places, source, derived, conversions, revenue),
            *_tell_blank(header, places, clicks, cells),
        ),
    )


def find_fields(header: Sequence[str]) -> dict[str, str]:
    """Return field -> column name for all known columns of a header, whether or not the table lists ads."""
    recognised = _recognise(header)
    places = _place_columns(header, recognised.aliases, {})
    return {column: header[positions[0]].strip() for column, positions in places.items()}


def find_platform(header: Sequence[str]) -> Platform:
    """Return the platform whose column names match a header best."""
    return _recognise(header).platform


def count_known(header: Sequence[str]) -> int:
    """Return the number of header columns known on any platform."""
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
    """Return the number of platforms with a column of this name: `own`, and platforms where a real header had it."""
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
    said = {column for column, found in ranked.items() if column not in PART_FIELDS and min(found)[0] < 0}
    return {
        column: tuple(position for rank, position in sorted(found) if rank < 0 or column not in said)
        for column, found in ranked.items()
    }


def _order_parts(header: Sequence[str], places: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    """Return the positions of each text field's columns in reading order: by number, then by position."""
    return {
        name: tuple(sorted(places[name], key=lambda at: (split_number(fold_column(header[at]))[1], at)))
        for name in PART_FIELDS
        if name in places
    }


class _Cells:
    """Statistics over the cells of a table's columns: numbers of filled cells, and columns with a nonzero number."""

    def __init__(self, places: Mapping[str, tuple[int, ...]], rows: Iterable[Sequence[Any]]) -> None:
        self.num_rows = 0
        self.num_filled = dict.fromkeys(places, 0)
        self.with_number: set[str] = set()
        self.with_count: set[str] = set()
        for cells in rows:
            self.num_rows += 1
            for name, (at, *_) in places.items():
                if at >= len(cells) or is_blank(cells[at]):
                    continue
                self.num_filled[name] += 1
                if name not in self.with_count and name in _FIGURES:
                    self.with_number.update([name] if _has_number(cells[at]) else [])
                    self.with_count.update([name] if _has_number(cells[at], is_count=True) else [])

    def is_filled(self, name: str) -> bool:
        return self.num_filled.get(name, 0) > 0

    def is_mostly_filled(self, name: str) -> bool:
        return 2 * self.num_filled.get(name, 0) > self.num_rows > 0


def _choose_clicks(
    places: Mapping[str, tuple[int, ...]], platform: Platform, cells: _Cells, *, is_given: bool
) -> tuple[str, str]:
    """Return the kind of clicks to use and its click rate ("" if there is none); the user's choice comes first."""
    order = ("clicks",) if is_given else (*platform.clicks_order, *_CLICK_RATES)
    names = [name for name in order if name in places]
    counted = [name for name in names if name in cells.with_count]
    if not names:
        return "", ""
    chosen = counted[0] if counted else names[0]
    if not counted and cells.num_rows and not any(map(cells.is_filled, names)) and _choose_derived(places, cells):
        return "", ""
    others = [name for name in names if name != chosen]
    for rate in _CLICK_RATES[chosen]:
        is_own = rate == _CLICK_RATES[chosen][0] or not any(_CLICK_RATES[other][0] == rate for other in others)
        if rate in places and is_own and not (rate == "ctr" and len(set(names)) > 1 and chosen != "clicks"):
            return chosen, rate
    return chosen, ""


def _choose_derived(places: Mapping[str, tuple[int, ...]], cells: _Cells) -> str:
    for name in _DERIVED:
        is_enough = name in places and (name.startswith("ctr") or "spend" in places)
        if is_enough and name in cells.with_number:
            return name
    return ""


def _has_number(cell: object, *, is_count: bool = False) -> bool:
    """Return whether a cell is a number other than 0, with any decimal sign."""
    return any(read_marks(cell, is_count=is_count)) if isinstance(cell, str) else bool(finite(cell))


def _choose_filled(places: Mapping[str, tuple[int, ...]], names: Sequence[str], cells: _Cells) -> str:
    """Return the first of `names` whose column has a nonzero number, else the first column that is not empty, else ""."""
    there = [name for name in names if name in places and (cells.is_filled(name) or not cells.num_rows)]
    return next((name for name in there if name in cells.with_number), there[0] if there else "")


def _find_repeated(places: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    """Return the fields matched by several columns, with positions; text fields may have several."""
    return {name: positions for name, positions in places.items() if len(positions) > 1 and name not in PART_FIELDS}


def _tell_blank(header: Sequence[str], places: Mapping[str, tuple[int, ...]], clicks: str, cells: _Cells) -> tuple[str, ...]:
    """Return a note if the chosen column of clicks has more blank cells than another: platforms leave zeros blank."""
    fuller = [
        name for name in _CLICK_RATES if name in cells.with_count and cells.num_filled[name] > cells.num_filled.get(clicks, 0)
    ]
    if not clicks or not fuller:
        return ()
    column, other = (header[places[name][0]].strip() for name in (clicks, fuller[0]))
    num = cells.num_rows - cells.num_filled[clicks]
    return (f'"{column}" is empty in {num} of {cells.num_rows} rows, which count no clicks, and "{other}" in fewer.',)


def _describe(
    header: Sequence[str], places: Mapping[str, tuple[int, ...]], source: str, derived: str, conversions: str, revenue: str
) -> tuple[str, ...]:
    """Return notes on the sources of clicks, conversions and revenue."""
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
