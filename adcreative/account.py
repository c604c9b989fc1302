"""An account's results at a glance: what each ad did, which have too little data to say, and how the predictions held."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from adcreative.campaign import import_results
from adcreative.catalog.results import read_results

__all__ = ["AccountView", "AdLine", "read_account"]

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

    figures: how predictions compare with results (`delivery.recalibration`); None when no run was given.
    """

    ads: tuple[AdLine, ...]
    dropped: dict[str, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    figures: dict[str, Any] | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return asdict(self)


def read_account(results: Path, *, run: Path | None = None, campaign: str = "", db: Path | None = None) -> AccountView:
    """Read a platform's export (Meta Ads Manager, Google Ads, or ad_name, impressions, clicks) and rank its ads.

    Args:
        run: the run folder that some of the ads come from, with the campaign they were packed for: predictions are then held
            against results. db: the DuckDB file that the comparison is kept in; needed with `run`.
    Raises:
        CatalogError: the export cannot be used, or none of its rows belongs to the run. ConfigError: DuckDB is not installed.
    """
    from scipy.stats import beta

    found = read_results(Path(results))
    counts: dict[str, tuple[int, int]] = {}
    for row in found.rows:
        impressions, clicks = counts.get(row.ad_name, (0, 0))
        counts[row.ad_name] = (impressions + row.impressions, clicks + row.clicks)
    predicted, figures, warnings = {}, None, list(found.warnings)
    if run is not None and db is not None:
        warnings += [text for text in import_results(results, db, run=run, campaign=campaign).warnings if text not in warnings]
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
    return AccountView(ads=tuple(ads), dropped=dict(found.dropped), warnings=tuple(warnings), figures=figures)


def _predictions(db: Path) -> dict[str, float]:
    """Return ad name to the rate predicted for it, of every variant that has results."""
    from adcreative.delivery.loop import read_outcomes

    return {row["name"]: row["ctr_predicted"] for row in read_outcomes(db)}
