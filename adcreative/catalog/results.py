"""Results of ads without their pictures: the rows of a platform's export, for read-outs and for learning from tests.

What is left out is counted by reason: totals, rows without a name, rows without delivery, rows with a number that cannot be.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adcreative.catalog.mapping import read_mapping
from adcreative.catalog.platforms.columns import fold_column
from adcreative.catalog.platforms.layout import match_layout
from adcreative.catalog.rows import clean_text
from adcreative.catalog.sources import open_source
from adcreative.errors import CatalogError

NO_DELIVERY, BROKEN, IMPOSSIBLE = "no delivery", "broken row", "impossible number"


@dataclass(frozen=True, kw_only=True)
class ResultRow:
    """Impressions and clicks of one ad in one ad set over one span of days (YYYY-MM-DD, "" when unknown)."""

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


def read_results(path: Path, *, columns: Path | None = None) -> Results:
    """Read a Meta Ads Manager or Google Ads export, or a table with ad_name, impressions and clicks.

    Raises:
        CatalogError: the file cannot be read, its columns are unknown, or no row is left.
        ConfigError: the mapping file `columns` is wrong.
    """
    path = Path(path)
    if not path.is_file():
        raise CatalogError(f"there is no file at {path}. Check the path.")
    mapping = read_mapping(columns) if columns else {}
    source = open_source(path, frozenset(fold_column(name) for name in mapping))
    layout = match_layout(source.header, mapping, getattr(source, "preamble", ()))
    if layout is None:
        found = ", ".join(f'"{name.strip()[:40]}"' for name in source.header[:12] if name.strip())
        raise CatalogError(
            f"{path.name}: no columns for impressions, clicks and the name of the ad were found among {found}. "
            "Say which they are in a mapping file (--columns)."
        )
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
    left_out = ", ".join(f"{number} x {reason}" for reason, number in sorted(dropped.items()))
    if not rows:
        raise CatalogError(f"{path.name} has no row with impressions ({left_out or 'no rows at all'}). Export the right dates.")
    warnings = [*source.warnings, f'{path.name}: clicks are taken from the column "{layout.clicks_column}".']
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


def _build_row(values: dict[str, Any], row: int) -> ResultRow | str:
    """Return the row, or the reason why it is left out."""
    impressions, clicks, spend = values["impressions"], values["clicks"], values["spend"]
    if impressions is None or impressions == 0:
        return NO_DELIVERY
    clicks = 0 if clicks is None else clicks  # platforms leave the cell of a zero empty
    if not all(isinstance(count, (int, float)) and count == int(count) for count in (impressions, clicks)):
        return IMPOSSIBLE
    if not 0 <= clicks <= impressions or isinstance(spend, str):
        return IMPOSSIBLE
    names = ("ad_id", "campaign", "ad_set", "platform", "placement", "date_start", "date_end", "currency")
    texts = {name: clean_text(str(values.get(name) or ""))[:1000] for name in names}
    name = next(str(text) for text in (values.get(n) for n in ("ad_name", "ad_id", "headline", "file_name")) if text)
    return ResultRow(
        ad_name=clean_text(name)[:1000], impressions=int(impressions), clicks=int(clicks), spend=spend, row=row, **texts
    )
