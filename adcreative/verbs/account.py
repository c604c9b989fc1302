"""An account's results at a glance: results of each ad, ads with too little data, and predicted against real rates."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from adcreative.artifacts import write_atomically
from adcreative.catalog.mapping import TableSettings, format_settings
from adcreative.catalog.mapping import read_settings as read_table_settings
from adcreative.catalog.platforms.columns import fold_column
from adcreative.catalog.platforms.matching import find_fields, match_layout
from adcreative.catalog.proposal import ColumnProposal, MappingProposal, propose_mapping
from adcreative.catalog.results import ResultRow, read_results
from adcreative.catalog.sources import open_source
from adcreative.delivery.forecast.trend import Fatigue, measure_fatigue
from adcreative.errors import CatalogError, ConfigError
from adcreative.problem import has_code
from adcreative.verbs.campaign import import_results

__all__ = [
    "METRICS",
    "AccountView",
    "AdLine",
    "ColumnProposal",
    "ColumnView",
    "MappingProposal",
    "Metric",
    "propose_mapping",
    "read_account",
    "read_columns",
    "read_result_rows",
    "read_settings",
    "write_mapping",
    "write_settings",
]

NEEDED_COLUMNS = ("ad_name", "impressions", "clicks")
_IDENTITY = ("ad_name", "headline", "primary_text", "description", "ad_id")

MIN_CLICKS = 30  # the 90 % interval of a rate with fewer clicks is wider than plus and minus a third
MIN_CONVERSIONS = 10
Metric = Literal["ctr", "cpc", "cost_per_conversion", "roas"]
METRICS: tuple[Metric, ...] = ("ctr", "cpc", "cost_per_conversion", "roas")
# metric -> display name, and the columns that the metric needs besides clicks
MADE_OF: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "cpc": ("cost per click", ("spend",)),
    "cost_per_conversion": ("cost per conversion", ("spend", "conversions")),
    "roas": ("return on ad spend", ("spend", "revenue")),
}
_PROPOSED = "# Proposed by adcreative: which column is which, and why. Correct it and give it with --columns."
_SMALLER_IS_BETTER = ("cpc", "cost_per_conversion")


@dataclass(frozen=True, kw_only=True)
class AdLine:
    """One ad: counts, click rate (0..1) with the 90 % interval, and the rate predicted before the ad ran, where known.

    spend and revenue are in the account's currency; cpc, cost_per_conversion and roas (revenue over spend) follow from them and
    are None where the export lacks the columns. enough_data refers to the metric that the ads are ranked by.
    """

    name: str
    impressions: int
    clicks: int
    ctr: float
    ctr_low: float
    ctr_high: float
    enough_data: bool
    ctr_predicted: float | None = None
    spend: float | None = None
    conversions: float | None = None
    revenue: float | None = None
    cpc: float | None = None
    cost_per_conversion: float | None = None
    roas: float | None = None


@dataclass(frozen=True, kw_only=True)
class AccountView:
    """All ads of an export: ads with enough data first, the best of them on top. dropped: reason to number of rows.

    metric is the ranking key, currency the currency of all amounts ("" when unknown or mixed).
    figures: how predictions compare with results (`delivery.recalibration`); None when no run was given. fatigue: how each ad's
    rate changes with the ad's age; drift: how the rate of all ads together changes.
    """

    ads: tuple[AdLine, ...]
    dropped: dict[str, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    figures: dict[str, Any] | None = None
    fatigue: tuple[Fatigue, ...] = ()
    drift: Fatigue | None = None
    metric: Metric = "ctr"
    currency: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class ColumnView:
    """The columns of an export: header, first rows, and the column found for each of our columns ("" when none).

    is_known: all needed columns were found by name. Otherwise `found` holds the suggestions of `proposal`, with reasons.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    found: dict[str, str]
    is_known: bool
    proposal: MappingProposal | None = None


def read_columns(results: Path, *, num_rows: int = 3) -> ColumnView:
    """Return the columns of an export before the rows are read, so that the user can name unknown columns.

    Raises:
        CatalogError: the file cannot be read as a table.
    """
    results = Path(results)
    if not results.is_file():
        raise CatalogError(f"there is no file at {results.name}. Check the path.")
    source = open_source(results)
    layout = match_layout(source.header, {}, source.preamble, source.iter_cells())
    proposal = propose_mapping(results)
    suggested = {column.target: column.column for column in reversed(proposal.columns) if column.target}
    known = find_fields(source.header)
    found = {ours: known.get(ours, "") or suggested.get(ours, "") for ours in (*NEEDED_COLUMNS, "day")}
    found["ad_name"] = found["ad_name"] or next(
        (known.get(n) or suggested[n] for n in _IDENTITY if n in {**known, **suggested}), ""
    )
    if layout is not None:
        found["clicks"] = layout.clicks_column
    rows = tuple(
        tuple("" if cell is None else str(cell)[:80] for cell in cells) for cells in islice(source.iter_cells(), num_rows)
    )
    return ColumnView(
        header=source.header, rows=rows, found=found, is_known=layout is not None, proposal=None if layout else proposal
    )


def read_settings(
    columns: Path | None, *, sheet: str = "", name_pattern: str = "", dates: str = "", rates: str = "", decimals: str = ""
) -> TableSettings:
    """Return the settings of a mapping file. An argument other than "" replaces the setting in the file.

    Raises:
        ConfigError: the mapping file is wrong.
    """
    settings = read_table_settings(columns, dates=dates)
    given = {"sheet": sheet, "name_pattern": name_pattern, "rates": rates, "decimals": decimals}
    return replace(settings, **{name: text for name, text in given.items() if text})  # type: ignore[arg-type]


def write_mapping(proposal: MappingProposal, out: Path) -> Path:
    """Write a proposal as a mapping file (TOML) for `columns`; return the path.

    Raises:
        CatalogError: the proposal lacks a needed column (its note says what to export instead), or the file cannot be written.
        ConfigError: another file exists at the path and is not replaced.
    """
    if proposal.missing:
        lacks = " and ".join(proposal.missing)
        raise CatalogError(proposal.note or f"no column was found for {lacks}. Say which it is in a mapping file (--columns).")
    lines = [
        f"# {fold_column(column.column)[:60]}: {column.reason} ({column.confidence:.0%})\n".replace("\n#", " ")
        for column in proposal.columns
    ]
    return write_settings(proposal.settings, out, lines)


def write_settings(settings: TableSettings, out: Path, lines: Sequence[str] = ()) -> Path:
    """Write the settings of a table as a mapping file (TOML) for `columns`; return the path.

    Args:
        lines: comment lines for the top of the file, each with comment sign and line end.
    Raises:
        CatalogError: the file cannot be written. ConfigError: another file exists at the path and is not replaced.
    """
    if out.exists() and not _was_proposed(out):
        raise ConfigError(f"{out} is there and was not written by a proposal; move it away, or give it with --columns.")
    write_atomically(out, "".join((f"{_PROPOSED}\n", *lines, format_settings(settings))).encode())
    return out


def _was_proposed(path: Path) -> bool:
    try:
        return path.read_bytes().startswith(_PROPOSED.encode())
    except OSError:
        return False


def read_result_rows(results: Path, *, columns: Path | None = None, dates: str = "") -> tuple[ResultRow, ...]:
    """Return the rows of a platform's export: one for each ad, segment and period of days.

    dates: the order of day, month and year: "dmy", "mdy" or "ymd"; "" detects the order.

    Raises:
        CatalogError: the export cannot be used. ConfigError: the mapping file is wrong.
    """
    return tuple(read_results(Path(results), columns=read_table_settings(columns, dates=dates)).rows)


def read_account(
    results: Path,
    *,
    run: Path | None = None,
    campaign: str = "",
    db: Path | None = None,
    columns: Path | None = None,
    dates: str = "",
    metric: Metric = "ctr",
) -> AccountView:
    """Read a platform's export, or a table with ad_name, impressions and clicks, and rank the ads.

    Args:
        run: the run folder of some of the ads, with the campaign they were packed for: predictions are then compared with
            results. db: the DuckDB file of the comparison; needed with `run`.
        columns: a mapping file, for an export with unknown columns. dates: as for `read_result_rows`.
        metric: the ranking key: "ctr", "cpc", "cost_per_conversion" or "roas".
    Raises:
        CatalogError: the export cannot be used, lacks columns that the metric needs, or has no row of the run.
        ConfigError: DuckDB is not installed, the mapping file is wrong, or there is no such metric.
    """
    if metric not in METRICS:
        raise ConfigError(f'no metric named "{metric}"; known: {", ".join(METRICS)}.')
    found = read_results(Path(results), columns=read_table_settings(columns, dates=dates))
    predicted, figures, warnings = {}, None, list(found.warnings)
    if run is not None and db is not None:
        taken = import_results(results, db, run=run, campaign=campaign, columns=columns, dates=dates)
        warnings += [text for text in taken.warnings if text not in warnings]
        warnings = [text for text in warnings if not has_code(text, "no_known_variant")]  # ranked here all the same
        figures = json.loads(db.with_suffix(".json").read_text(encoding="utf-8"))
        predicted = _predictions(db)
    by_name: dict[str, list[ResultRow]] = {}
    for row in found.rows:
        by_name.setdefault(row.ad_name, []).append(row)
    ads = [_add_up(name, rows, predicted.get(name), metric) for name, rows in by_name.items()]
    if all(getattr(ad, metric) is None for ad in ads):
        said, parts = MADE_OF[metric]
        missing = [part for part in parts if all(getattr(ad, part) is None for ad in ads)] or parts
        raise CatalogError(
            f"{Path(results).name} has no {' and no '.join(missing)}, so its ads cannot be ranked by {said}. Export "
            f"{'this column' if len(missing) == 1 else 'these columns'}."
        )
    currencies = {row.currency for row in found.rows if row.currency}
    if len(currencies) > 1 and metric != "ctr":
        warnings.append(f"the rows are in several currencies ({', '.join(sorted(currencies))}), which are not converted.")
    return AccountView(
        ads=tuple(sorted(ads, key=lambda ad: _rank(ad, metric))),
        dropped=dict(found.dropped),
        warnings=tuple(warnings),
        figures=figures,
        fatigue=measure_fatigue(found.rows),
        drift=next(iter(measure_fatigue(found.rows, together="all ads")), None),
        metric=metric,
        currency=currencies.pop() if len(currencies) == 1 else "",
    )


def _add_up(name: str, rows: Sequence[ResultRow], ctr_predicted: float | None, metric: Metric) -> AdLine:
    """Return the sums of one ad over its rows, and the rates computed from the sums."""
    from scipy.stats import beta

    impressions, clicks = sum(row.impressions for row in rows), sum(row.clicks for row in rows)
    spend, conversions, revenue = (_sum([getattr(row, what) for row in rows]) for what in ("spend", "conversions", "revenue"))
    # Jeffreys interval (Brown, Cai & DasGupta 2001, equation 7)
    low, high = beta.ppf((0.05, 0.95), clicks + 0.5, impressions - clicks + 0.5)
    num_events = clicks if metric in ("ctr", "cpc") else conversions or 0.0
    return AdLine(
        name=name,
        impressions=impressions,
        clicks=clicks,
        ctr=clicks / impressions,
        ctr_low=float(low) if clicks else 0.0,
        ctr_high=float(high),
        enough_data=num_events >= (MIN_CLICKS if metric in ("ctr", "cpc") else MIN_CONVERSIONS),
        ctr_predicted=ctr_predicted,
        spend=spend,
        conversions=conversions,
        revenue=revenue,
        cpc=spend / clicks if spend is not None and clicks else None,
        cost_per_conversion=spend / conversions if spend is not None and conversions else None,
        roas=revenue / spend if revenue is not None and spend else None,
    )


def _sum(amounts: Sequence[float | None]) -> float | None:
    known = [amount for amount in amounts if amount is not None]
    return sum(known) if known else None


def _rank(ad: AdLine, metric: Metric) -> tuple[bool, bool, float, str]:
    value = getattr(ad, metric)
    if value is None:
        return True, True, 0.0, ad.name
    return not ad.enough_data, False, value if metric in _SMALLER_IS_BETTER else -value, ad.name


def _predictions(db: Path) -> dict[str, float]:
    """Return ad name -> predicted rate of every variant that has results."""
    from adcreative.delivery.experiment.loop import read_outcomes

    return {row["name"]: row["ctr_predicted"] for row in read_outcomes(db)}
