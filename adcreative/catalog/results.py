"""Results of ads without pictures: the rows of a platform's export, for read-outs and for learning from tests.

Rows left out are counted by reason: totals, rows without a name, rows without delivery, rows with an impossible number.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from adcreative.catalog.boundary import GuardedSource, typed
from adcreative.catalog.mapping import TableSettings, read_settings
from adcreative.catalog.names import clean_text
from adcreative.catalog.platforms.columns import fold_column
from adcreative.catalog.platforms.layout import NO_PART, PlatformLayout, find_fault
from adcreative.catalog.platforms.levels import describe_missing
from adcreative.catalog.platforms.matching import match_layout
from adcreative.catalog.platforms.totals import LeftOut
from adcreative.catalog.sources import open_source
from adcreative.errors import CatalogError
from adcreative.problem import Problem

_WORDS = ("headline", "primary_text", "description")
NO_DELIVERY, BROKEN, IMPOSSIBLE = "no delivery", "broken row", "impossible number"


@dataclass(frozen=True, kw_only=True)
class ResultRow:
    """Figures of one ad in one ad set and segment over a range of days (YYYY-MM-DD, "" when unknown).

    ad_name identifies the ad: its name, with its words if several ads share the name, else its words, else its id.
    conversions and revenue (in currency) are None if the export has none. context: further segments, name -> value.
    """

    ad_name: str
    impressions: int
    clicks: int
    ad_id: str = ""
    campaign: str = ""
    ad_set: str = ""
    platform: str = ""
    placement: str = ""
    date_start: str = ""
    date_end: str = ""
    spend: float | None = None
    currency: str = ""
    row: int = 0
    conversions: float | None = None
    revenue: float | None = None
    words: str = ""
    context: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def ctr(self) -> float:
        """Clicks per impression, 0..1; an export's own click rate is not used."""
        return self.clicks / self.impressions


@dataclass(frozen=True, kw_only=True)
class Results:
    """The usable rows of one export, the number of other rows by reason, and sentences for the user."""

    rows: tuple[ResultRow, ...]
    dropped: Mapping[str, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def read_results(path: Path, *, columns: Path | TableSettings | None = None) -> Results:
    """Read the export of an ad platform, or a table with ad_name, impressions and clicks.

    Raises:
        CatalogError: the file cannot be read, its columns are unknown, it lists no ads, or no row is left.
        ConfigError: the mapping file `columns` is invalid.
    """
    path = Path(path)
    settings = read_settings(columns)
    with typed(path.name):
        if not path.is_file():
            raise CatalogError(f"there is no file at {path}. Check the path.")
        source = open_source(path, frozenset(fold_column(name) for name in settings.columns), sheet=settings.sheet)
        layout = match_layout(source.header, settings.columns, source.preamble, source.iter_cells())
        if layout is None:
            raise CatalogError(describe_missing(source.header, path.name) or _describe_unknown(source.header, path.name))
        layout = layout.read_dates(source, settings.dates, path.name)
        layout = layout.read_numbers(source, path.name, decimals=settings.decimals, rates=settings.rates)
        left_out = layout.find_left_out(source, path.name)
        rows, dropped, faults, num_ctr_off = _read_rows(source, layout, left_out)
    counts = ", ".join(f"{number} x {reason}" for reason, number in sorted(dropped.items()))
    if not rows:
        if {*dropped} == {NO_PART}:
            raise CatalogError(f"{path.name} is an asset report without a headline, description or image; it lists no ads.")
        why = "; ".join([counts or "no rows at all", *faults])
        raise CatalogError(f"{path.name} has no row with impressions ({why}). Export the right dates.")
    notes = [note for note in (*layout.notes, layout.dates.note) if note]
    warnings = [*source.warnings, *(f"{path.name}: {note}" for note in notes)]
    if dropped:
        warnings.append(Problem("rows_left_out", table=path.name, counts=counts))
    warnings += [f"{path.name}: {note}" for note in left_out.notes]
    warnings += [f"{path.name}: {fault}." for fault in faults]
    if num_ctr_off:
        warnings.append(f"{path.name}: the click rate given in {num_ctr_off} rows does not fit their counts; it is not used.")
    names = Counter(row.ad_name for row in rows)
    if repeated := sum(number > 1 for number in names.values()):
        warnings.append(
            f"{path.name}: {repeated} ad names stand in several rows (ad sets, placements or days); they are added up."
        )
    return Results(rows=tuple(rows), dropped=dict(dropped), warnings=tuple(warnings))


def _describe_unknown(header: tuple[str, ...], name: str) -> str:
    found = ", ".join(f'"{column.strip()[:40]}"' for column in header[:12] if column.strip())
    return (
        f"{name}: no columns for impressions, clicks and the name of the ad were found among {found}. "
        "Rename them, or say which they are in a mapping file, where the command takes --columns."
    )


def _read_rows(
    source: GuardedSource, layout: PlatformLayout, left_out: LeftOut
) -> tuple[list[ResultRow], Counter[str], list[str], int]:
    """Return the usable rows, numbers of rows left out by reason, the first fault of each kind, number of deviating rates."""
    rows: list[ResultRow] = []
    dropped: Counter[str] = Counter()
    faults: dict[str, str] = {}
    num_off = [0, 0]  # read as percent, and as shares
    for raw in source.read_rows():
        if raw.row in left_out.rows:
            dropped[left_out.rows[raw.row]] += 1
            continue
        broken = raw.fault or raw.doubt
        values = BROKEN if broken else layout.convert(raw.cells)
        item = values if isinstance(values, str) else _build_row(values, raw.row)
        if isinstance(item, ResultRow):
            rows.append(item)
        else:
            reason, fault = (item, broken[0].rstrip(".") if broken else "") if isinstance(item, str) else item
            dropped[reason] += 1
            if fault:
                faults.setdefault(reason, f"row {raw.row}: {fault}")
        if isinstance(values, dict):
            num_off = [number + is_off for number, is_off in zip(num_off, values["ctr_off"], strict=True)]
    return _tell_apart(rows), dropped, list(faults.values()), min(num_off)


def _tell_apart(rows: list[ResultRow]) -> list[ResultRow]:
    """Return the rows, with the words added to the name of ads that share a name but not the words."""
    words: dict[str, set[str]] = {}
    for row in rows:
        words.setdefault(row.ad_name, set()).add(row.words)
    return [
        replace(row, ad_name=f"{row.ad_name}: {row.words}"[:1000]) if len(words[row.ad_name]) > 1 and row.words else row
        for row in rows
    ]


def _build_row(values: dict[str, Any], row: int) -> ResultRow | tuple[str, str]:
    """Return the row, or the reason why it is left out and its fault."""
    impressions, clicks = values["impressions"], values["clicks"] or 0  # platforms leave the cell of a zero empty
    if impressions is None or (impressions == 0 and not clicks):
        return NO_DELIVERY, ""
    if fault := find_fault(values):
        return IMPOSSIBLE, fault
    names = ("ad_id", "campaign", "ad_set", "platform", "placement", "date_start", "date_end", "currency")
    texts = {name: clean_text(str(values.get(name) or ""))[:1000] for name in names}
    words = " / ".join(str(text) for name in _WORDS if (text := values.get(name)))
    name = str(values.get("ad_name") or words or values.get("ad_id") or values.get("file_name"))
    context = {key: clean_text(str(value))[:1000] for key, value in values["context"].items()}
    return ResultRow(
        ad_name=clean_text(name)[:1000],
        impressions=int(impressions),
        clicks=int(clicks),
        spend=values["spend"],
        row=row,
        conversions=values["conversions"],
        revenue=values["revenue"],
        words=clean_text(words)[:1000],
        context=context,
        **texts,
    )
