"""What was shown and what came of it: one row for each creative shown, in one table, for everything that happens after launch.

    slate       the page view, carousel or request it was part of; rows of one slate were shown together
    position    1 = first place of the slate
    creative    which creative; names are those of the account's table
    impressions, clicks, conversions     1 and 0 or 1 for a single showing; sums where a row stands for many
    propensity  the chance with which the policy of the time showed this creative at this place; empty when nobody noted it
    time, user, context                  day or moment; who (or a cohort); where (placement, page, device)

Only creative and clicks (or click) are needed; the rest makes more possible: slates need `slate`, off-policy estimates
`propensity`. Names of other systems are known (`ALIASES`); exports of ad platforms are read as by
`read_results`. Loads no torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from adcreative.catalog.boundary import typed
from adcreative.catalog.datasets.finn_slates import read_finn_slates
from adcreative.catalog.datasets.open_bandit import add_open_bandit_context
from adcreative.catalog.formats.logs import iter_log
from adcreative.catalog.results import read_results
from adcreative.catalog.tables import atomic_file, write_rows
from adcreative.errors import CatalogError, ConfigError

COLUMNS = (
    "time", "user", "context", "slate", "position", "creative", "impressions", "clicks", "conversions", "propensity",
)  # fmt: skip
ALIASES: Mapping[str, tuple[str, ...]] = {
    "time": ("time", "timestamp", "ts", "datetime", "day", "date", "date_start"),
    "user": ("user", "user_id", "uid", "userid", "cohort"),
    "context": ("context", "placement", "page", "site", "device"),
    "slate": ("slate", "slate_id", "request", "request_id", "page_view", "pageview_id", "impression_id"),
    "position": ("position", "slot", "place", "rank"),
    "creative": ("creative", "creative_id", "ad_name", "ad", "ad_id", "item_id", "item"),
    "impressions": ("impressions", "shown", "views", "imps"),
    "clicks": ("clicks", "click", "clicked", "is_click", "clk"),
    "conversions": ("conversions", "conversion", "converted", "purchase"),
    "propensity": ("propensity", "propensity_score", "pscore", "action_prob"),
}
MAX_SHOWN = 60


@dataclass(frozen=True)
class EventLog:
    """Rows of a log under `COLUMNS`, sorted by slate and position; warnings are sentences for the user.

    slate numbers count from 0 without gaps; rows that named none are slates of their own. propensity is NaN where unknown.
    """

    rows: pd.DataFrame
    warnings: tuple[str, ...] = ()

    @property
    def has_slates(self) -> bool:
        """Whether creatives were shown together."""
        return bool(len(self.rows)) and int(self.rows["slate"].iloc[-1]) + 1 < len(self.rows)

    @property
    def num_days(self) -> int:
        """Different days; 0 when the log has no times."""
        return len({day for day in self.rows["time"].str[:10].unique() if day})


def read_event_log(path: Path) -> EventLog:
    """Read a log: parquet or CSV (a file, or a folder of parts), a FINN slate file (.npz), an ad platform's export.

    Raises:
        CatalogError: it is missing, has no creative or no clicks, or has impossible numbers; the message names the row.
    """
    path = Path(path)
    with typed(str(path)):
        return _read_event_log(path)


def _read_event_log(path: Path) -> EventLog:
    if path.suffix == ".npz":
        return build_event_log(read_finn_slates(path), str(path))
    if path.suffix.casefold() in (".xlsx", ".xls"):
        return build_event_log(_read_export(path), str(path))
    try:
        table = pd.concat([*iter_log(path)] or [pd.DataFrame()], ignore_index=True)
    except CatalogError:
        if not path.is_file() or path.suffix.casefold() not in (".csv", ".tsv", ".txt"):
            raise
        return build_event_log(_read_export(path), str(path))  # UTF-16, a preamble, semicolons: as platforms write them
    table = add_open_bandit_context(table)
    known = {str(name).strip().casefold() for name in table.columns}
    if not (known & set(ALIASES["creative"]) and known & set(ALIASES["clicks"])) and path.is_file():
        table = _read_export(path)
    return build_event_log(table, str(path))


def build_event_log(table: pd.DataFrame, where: str) -> EventLog:
    """Return a table with known column names as a log.

    Args:
        where: what a message calls the table.
    Raises:
        CatalogError: as `read_event_log`.
    """
    found = _find_columns(table)
    for needed, what in (("creative", "which creative was shown"), ("clicks", "whether it was clicked")):
        if needed not in found:
            raise CatalogError(f"{where} has no column that says {what}; name one {', '.join(ALIASES[needed][:3])}")
    if not len(table):
        raise CatalogError(f"{where} has no row; export some days of results")
    rows = pd.DataFrame({"creative": table[found["creative"]].astype(str).to_numpy()})
    for name, missing in (("impressions", 1.0), ("clicks", 0.0), ("conversions", 0.0), ("position", 1.0)):
        rows[name] = _numbers(table, found.get(name), missing, where)
    rows["propensity"] = _numbers(table, found.get("propensity"), np.nan, where)
    for name in ("time", "user", "context"):
        rows[name] = table[found[name]].fillna("").astype(str).to_numpy() if name in found else ""
    if "slate" in found:
        slate = pd.factorize(table[found["slate"]].astype(str))[0]
        rows["slate"] = slate
    else:
        rows["slate"] = np.arange(len(rows))
    _check(rows, where)
    rows = rows.sort_values(["slate", "position"], kind="stable", ignore_index=True)[list(COLUMNS)]
    warnings = []
    doubled = rows.duplicated(["slate", "creative"]).sum() if "slate" in found else 0
    if doubled:
        warnings.append(f"{doubled} rows repeat a creative within one slate; each counts as shown.")
    return EventLog(rows, tuple(warnings))


def write_event_log(log: EventLog, out: Path) -> None:
    """Write a log that `read_event_log` reads: parquet or CSV, by the name of the file; all of it or nothing."""
    if out.suffix.casefold() not in (".parquet", ".pq"):
        known = log.rows.astype(object).where(log.rows.notna(), None)  # an empty cell where nobody noted a propensity
        write_rows(out, (dict(zip(COLUMNS, row, strict=True)) for row in known.itertuples(index=False)), COLUMNS)
        return
    with atomic_file(out, binary=True) as file:
        log.rows.to_parquet(file, index=False)


def read_propensities_needed(log: EventLog, where: str) -> np.ndarray:
    """Return [N] the propensities of a log.

    Raises:
        ConfigError: the log has none, or not for every row.
    """
    noted = log.rows["propensity"].to_numpy()
    num_missing = int(np.isnan(noted).sum())
    if num_missing:
        share = "no propensities" if num_missing == len(noted) else f"no propensity in {num_missing} of {len(noted)} rows"
        raise ConfigError(
            f"{where} has {share}; an estimate of another policy needs the chance of each showing: log the share of the plan"
        )
    return noted


def _find_columns(table: pd.DataFrame) -> dict[str, str]:
    """Return our name -> column of the table."""
    names = {str(name).strip().casefold().replace(" ", "_"): name for name in table.columns}
    found = {}
    for ours, aliases in ALIASES.items():
        hit = next((names[alias] for alias in aliases if alias in names), None)
        if hit is not None:
            found[ours] = hit
    return found


def _numbers(table: pd.DataFrame, column: str | None, missing: float, where: str) -> np.ndarray:
    if column is None:
        return np.full(len(table), missing)
    numbers = pd.to_numeric(table[column], errors="coerce")
    broken = numbers.isna() & table[column].notna() & (table[column].astype(str).str.strip() != "")
    if broken.any():
        at = int(np.flatnonzero(broken.to_numpy())[0])
        shown = str(table[column].iloc[at])[:MAX_SHOWN]
        raise CatalogError(f'{where} row {at + 1}: "{shown}" in the column {column} is no number; correct it')
    return numbers.fillna(missing).to_numpy(np.float64)


def _check(rows: pd.DataFrame, where: str) -> None:
    """Raise CatalogError for the first row that cannot be."""
    shown, clicks = rows["impressions"].to_numpy(), rows["clicks"].to_numpy()
    chance = rows["propensity"].to_numpy()
    faults = (
        (~np.isfinite(shown) | (shown < 0), "impressions must be 0 or more"),
        (~np.isfinite(clicks) | (clicks < 0) | (clicks > shown), "clicks must lie between 0 and the impressions"),
        (~np.isnan(chance) & ~((chance > 0) & (chance <= 1)), "a propensity must be above 0 and at most 1"),
        (rows["position"].to_numpy() < 1, "positions count from 1"),
        ((rows["creative"].str.strip() == "").to_numpy(), "the creative is not named"),
    )
    for is_broken, what in faults:
        if is_broken.any():
            raise CatalogError(f"{where} row {int(np.flatnonzero(is_broken)[0]) + 1}: {what}; correct or remove it")


def _read_export(path: Path) -> pd.DataFrame:
    """Return the rows of an ad platform's export under our names."""
    found = read_results(path)
    return pd.DataFrame(
        {
            "creative": [row.ad_name for row in found.rows], "time": [row.date_start for row in found.rows],
            "context": [row.placement or row.platform for row in found.rows],
            "impressions": [row.impressions for row in found.rows], "clicks": [row.clicks for row in found.rows],
            "conversions": [row.conversions for row in found.rows],
        }
    )  # fmt: skip
