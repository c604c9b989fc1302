"""Results of ads without their pictures: the rows of a platform's export, for read-outs and for learning from tests.

What is left out is counted by reason: totals, rows without a name, rows without delivery, rows with a number that cannot be.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from adcreative.catalog.boundary import GuardedSource, typed
from adcreative.catalog.mapping import TableSettings, read_settings
from adcreative.catalog.platforms.columns import fold_column
from adcreative.catalog.platforms.layout import TOTAL_ROW, PlatformLayout
from adcreative.catalog.platforms.levels import describe_missing
from adcreative.catalog.platforms.matching import match_layout
from adcreative.catalog.platforms.numbers import finite
from adcreative.catalog.rows import clean_text
from adcreative.catalog.sources import open_source
from adcreative.errors import CatalogError

_WORDS = ("headline", "primary_text", "description")
_MAX_COUNT = 1e12
NO_DELIVERY, BROKEN, IMPOSSIBLE = "no delivery", "broken row", "impossible number"


@dataclass(frozen=True, kw_only=True)
class ResultRow:
    """Figures of one ad in one ad set and segment over one span of days (YYYY-MM-DD, "" when unknown).

    ad_name is what identifies the ad: its name, with its words where several ads share the name, else its words, else its id.
    conversions and revenue (in currency) are None where the export has none. context: further segments, name to value.
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
        """Clicks per impression, 0..1; an export's own click rate is not read."""
        return self.clicks / self.impressions


@dataclass(frozen=True, kw_only=True)
class Results:
    """The usable rows of one export, how many others were left out and why, and sentences the user should see."""

    rows: tuple[ResultRow, ...]
    dropped: Mapping[str, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def read_results(path: Path, *, columns: Path | TableSettings | None = None) -> Results:
    """Read the export of an ad platform, or a table with ad_name, impressions and clicks.

    Raises:
        CatalogError: the file cannot be read, its columns are unknown, it lists no ads, or no row is left.
        ConfigError: the mapping file `columns` is wrong.
    """
    path = Path(path)
    settings = read_settings(columns)
    with typed(path.name):
        if not path.is_file():
            raise CatalogError(f"there is no file at {path}. Check the path.")
        source = open_source(path, frozenset(fold_column(name) for name in settings.columns), sheet=settings.sheet)
        layout = match_layout(source.header, settings.columns, source.preamble, source.read_sample())
        if layout is None:
            raise CatalogError(describe_missing(source.header, path.name) or _describe_unknown(source.header, path.name))
        layout = layout.read_dates(source, settings.dates, path.name)
        rows, dropped, num_ctr_off = _read_rows(source, layout)
    left_out = ", ".join(f"{number} x {reason}" for reason, number in sorted(dropped.items()))
    if not rows:
        raise CatalogError(f"{path.name} has no row with impressions ({left_out or 'no rows at all'}). Export the right dates.")
    notes = [note for note in (*layout.notes, layout.dates.note) if note]
    warnings = [*source.warnings, *(f"{path.name}: {note}" for note in notes)]
    if dropped:
        warnings.append(f"{path.name}: rows were left out: {left_out}.")
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
        "Say which they are in a mapping file (--columns)."
    )


def _read_rows(source: GuardedSource, layout: PlatformLayout) -> tuple[list[ResultRow], Counter[str], int]:
    """Return the usable rows, how many others were left out and why, and in how many the given click rate is off."""
    rows: list[ResultRow] = []
    dropped: Counter[str] = Counter()
    num_ctr_off = 0
    for raw in source.read_rows():
        values = BROKEN if raw.fault else layout.convert(raw.cells)
        item = values if isinstance(values, str) else _build_row(values, raw.row)
        if isinstance(item, str):
            dropped[item] += 1
        else:
            rows.append(item)
        num_ctr_off += isinstance(values, dict) and values["is_ctr_off"]
    if (at := _find_sum(rows)) is not None:
        del rows[at]
        dropped[TOTAL_ROW] += 1
    return _tell_apart(rows), dropped, num_ctr_off


def _find_sum(rows: list[ResultRow]) -> int | None:
    """Return the place of a first or last row that is the sum of all others (a total without a word for it), or None."""
    if len(rows) < 3:
        return None
    sums = sum(row.impressions for row in rows), sum(row.clicks for row in rows)
    for at in (len(rows) - 1, 0):
        if (2 * rows[at].impressions, 2 * rows[at].clicks) == sums and rows[at].clicks:
            return at
    return None


def _tell_apart(rows: list[ResultRow]) -> list[ResultRow]:
    """Return the rows with the words added to the name of ads that share a name but not their words."""
    words: dict[str, set[str]] = {}
    for row in rows:
        words.setdefault(row.ad_name, set()).add(row.words)
    return [
        replace(row, ad_name=f"{row.ad_name}: {row.words}"[:1000]) if len(words[row.ad_name]) > 1 and row.words else row
        for row in rows
    ]


def _build_row(values: dict[str, Any], row: int) -> ResultRow | str:
    """Return the row, or the reason why it is left out."""
    impressions, clicks, spend = values["impressions"], values["clicks"], values["spend"]
    if impressions is None or impressions == 0:
        return NO_DELIVERY
    clicks = 0 if clicks is None else clicks  # platforms leave the cell of a zero empty
    counts = finite(impressions), finite(clicks)
    if any(count is None or count != int(count) or count > _MAX_COUNT for count in counts):
        return IMPOSSIBLE
    if not 0 <= clicks <= impressions or isinstance(spend, str):
        return IMPOSSIBLE
    names = ("ad_id", "campaign", "ad_set", "platform", "placement", "date_start", "date_end", "currency")
    texts = {name: clean_text(str(values.get(name) or ""))[:1000] for name in names}
    words = " / ".join(str(text) for name in _WORDS if (text := values.get(name)))
    name = str(values.get("ad_name") or words or values.get("ad_id") or values.get("file_name"))
    context = {key: clean_text(str(value))[:1000] for key, value in values["context"].items()}
    return ResultRow(
        ad_name=clean_text(name)[:1000], impressions=int(impressions), clicks=int(clicks), spend=finite(spend), row=row,
        conversions=values["conversions"], revenue=values["revenue"], words=clean_text(words)[:1000], context=context, **texts,
    )  # fmt: skip
