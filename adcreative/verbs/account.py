"""An account's results at a glance: what each ad did, which have too little data to say, and how the predictions held."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from adcreative.catalog.platforms.columns import BY_LANGUAGE, fold_column
from adcreative.catalog.platforms.layout import match_layout
from adcreative.catalog.results import read_results
from adcreative.catalog.sources import open_source
from adcreative.delivery.forecast.trend import Fatigue, measure_fatigue
from adcreative.errors import CatalogError
from adcreative.verbs.campaign import import_results

__all__ = ["AccountView", "AdLine", "ColumnView", "read_account", "read_columns"]

NEEDED_COLUMNS = ("ad_name", "impressions", "clicks")

MIN_CLICKS = 30  # below it the 90 % interval of a rate is wider than plus and minus a third


@dataclass(frozen=True, kw_only=True)
class AdLine:
    """One ad: its counts, its click rate (0..1) with the 90 % interval, and the rate predicted before it ran, where known."""

    name: str
    impressions: int
    clicks: int
    ctr: float
    ctr_low: float
    ctr_high: float
    enough_data: bool
    ctr_predicted: float | None = None


@dataclass(frozen=True, kw_only=True)
class AccountView:
    """All ads of an export, those with enough data first and the best of them on top; reasons to how many rows were dropped.

    figures: how predictions compare with results (`delivery.recalibration`); None when no run was given. fatigue: how each ad's
    rate changes with its age; drift: how that of all ads together does.
    """

    ads: tuple[AdLine, ...]
    dropped: dict[str, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    figures: dict[str, Any] | None = None
    fatigue: tuple[Fatigue, ...] = ()
    drift: Fatigue | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class ColumnView:
    """The columns of an export: its header, the first rows, and which column we take for which of ours ("" when none)."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    found: dict[str, str]
    is_known: bool


def read_columns(results: Path, *, num_rows: int = 3) -> ColumnView:
    """Look at an export's columns before it is read, so that the user can say what those are that we do not know.

    Raises:
        CatalogError: the file cannot be read as a table.
    """
    results = Path(results)
    if not results.is_file():
        raise CatalogError(f"there is no file at {results.name}. Check the path.")
    source = open_source(results)
    layout = match_layout(source.header, {}, getattr(source, "preamble", ()))
    found = dict.fromkeys((*NEEDED_COLUMNS, "day"), "")
    if layout is not None:
        found |= {ours: theirs for ours, theirs in zip(layout.names, source.header, strict=True) if ours in found}
        found["clicks"] = layout.clicks_column
    else:
        for ours in found:
            known = {spelling for names in BY_LANGUAGE.values() for spelling, (name, _) in names.items() if name == ours}
            found[ours] = next((name for name in source.header if fold_column(name) in known), "")
    rows: list[tuple[str, ...]] = []
    for raw in source.read_rows():
        if len(rows) == num_rows:
            break
        if raw.fault is None:
            rows.append(tuple("" if cell is None else str(cell)[:80] for cell in raw.cells))
    return ColumnView(header=tuple(source.header), rows=tuple(rows), found=found, is_known=layout is not None)


def read_account(
    results: Path,
    *,
    run: Path | None = None,
    campaign: str = "",
    db: Path | None = None,
    columns: Path | None = None,
) -> AccountView:
    """Read a platform's export (Meta Ads Manager, Google Ads, or ad_name, impressions, clicks) and rank its ads.

    Args:
        run: the run folder that some of the ads come from, with the campaign they were packed for: predictions are then held
            against results. db: the DuckDB file that the comparison is kept in; needed with `run`.
        columns: a mapping file, for an export whose columns we do not know.
    Raises:
        CatalogError: the export cannot be used, or none of its rows belongs to the run. ConfigError: DuckDB is not installed,
            or the mapping file is wrong.
    """
    from scipy.stats import beta

    found = read_results(Path(results), columns=columns)
    counts: dict[str, tuple[int, int]] = {}
    for row in found.rows:
        impressions, clicks = counts.get(row.ad_name, (0, 0))
        counts[row.ad_name] = (impressions + row.impressions, clicks + row.clicks)
    predicted, figures, warnings = {}, None, list(found.warnings)
    if run is not None and db is not None:
        taken = import_results(results, db, run=run, campaign=campaign, columns=columns)
        warnings += [text for text in taken.warnings if text not in warnings]
        warnings = [text for text in warnings if "belong to no known variant" not in text]  # they are ranked here all the same
        figures = json.loads(db.with_suffix(".json").read_text(encoding="utf-8"))
        predicted = _predictions(db)
    ads = []
    for name, (impressions, clicks) in counts.items():
        # Jeffreys interval (Brown, Cai & DasGupta 2001, equation 7)
        low, high = beta.ppf((0.05, 0.95), clicks + 0.5, impressions - clicks + 0.5)
        ads.append(
            AdLine(
                name=name, impressions=impressions, clicks=clicks, ctr=clicks / impressions,
                ctr_low=float(low) if clicks else 0.0, ctr_high=float(high), enough_data=clicks >= MIN_CLICKS,
                ctr_predicted=predicted.get(name),
            )
        )  # fmt: skip
    ads.sort(key=lambda ad: (not ad.enough_data, -ad.ctr, ad.name))
    return AccountView(
        ads=tuple(ads), dropped=dict(found.dropped), warnings=tuple(warnings), figures=figures,
        fatigue=measure_fatigue(found.rows), drift=next(iter(measure_fatigue(found.rows, together="all ads")), None),
    )  # fmt: skip


def _predictions(db: Path) -> dict[str, float]:
    """Return ad name to the rate predicted for it, of every variant that has results."""
    from adcreative.delivery.experiment.loop import read_outcomes

    return {row["name"]: row["ctr_predicted"] for row in read_outcomes(db)}
