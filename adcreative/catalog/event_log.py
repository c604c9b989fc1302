"""What was shown and what came of it: one row for each creative shown, in one table, for everything that happens after launch.

    slate       the page view, carousel or request it was part of; rows of one slate were shown together
    position    1 = first place of the slate
    creative    which creative; names are those of the account's table
    impressions, clicks, conversions     1 and 0 or 1 for a single showing; sums where a row stands for many
    propensity  the chance with which the policy of the time showed this creative at this place; empty when nobody noted it
    time, user, context                  day or moment; who (or a cohort); where (placement, page, device)

Names and ids are text, digit by digit, and days are read in one order for the whole log (see `platforms.dates`).
Only creative and clicks (or click) are needed; the rest makes more possible: slates need `slate`, off-policy estimates
`propensity`. Names of other systems are known (`ALIASES`); exports of ad platforms are read as by
`read_results`. Loads no torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from adcreative.catalog.boundary import typed
from adcreative.catalog.datasets.finn_slates import read_finn_slates
from adcreative.catalog.datasets.open_bandit import FEATURES, add_open_bandit_context
from adcreative.catalog.formats.logs import iter_log, read_names
from adcreative.catalog.mapping import TableSettings
from adcreative.catalog.names import is_rounded
from adcreative.catalog.platforms.dates import DateVote
from adcreative.catalog.platforms.days import check_order
from adcreative.catalog.platforms.totals import NOTHING, LeftOut, Line, find_left_out, is_total
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
NUMBERS = ("position", "impressions", "clicks", "conversions", "propensity")
DAYS = ("day", "date", "date_start")  # columns whose numbers are days of a spreadsheet; those of others count steps or seconds
TEXTS = frozenset(alias for name, aliases in ALIASES.items() if name not in NUMBERS for alias in aliases)
_ISO, _CLOCK, _STEP = r"\d{4}-\d\d-\d\d(?!\d)", r"^(.*?)([T\s]+\d{1,2}:\d\d.*)?$", r"-?\d+(?:\.\d*)?"


@dataclass(frozen=True)
class EventLog:
    """Rows of a log under `COLUMNS`, sorted by slate and position; warnings are sentences for the user, and so are notes.

    notes say how the log was read, such as which of day and month stands first.

    slate numbers count from 0 without gaps; rows that named none are slates of their own. propensity is NaN where unknown.
    """

    rows: pd.DataFrame
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def has_slates(self) -> bool:
        """Whether creatives were shown together."""
        return bool(len(self.rows)) and int(self.rows["slate"].iloc[-1]) + 1 < len(self.rows)

    @property
    def num_days(self) -> int:
        """Different days; 0 when the log has no times."""
        return len({day for day in self.rows["time"].str[:10].unique() if day})


def read_event_log(path: Path, *, dates: str = "") -> EventLog:
    """Read a log: parquet or CSV (a file, or a folder of parts), a FINN slate file (.npz), an ad platform's export.

    Args:
        dates: "dmy", "mdy" or "ymd", the order of its days; "" lets the log tell it.
    Raises:
        CatalogError: it is missing, has no creative or no clicks, has impossible numbers, a row without a creative or a day
            that is none, or nothing tells the order of day and month; the message names the row.
        ConfigError: there is no such order.
    """
    path = Path(path)
    with typed(str(path)):
        return _read_event_log(path, dates)


def _read_event_log(path: Path, dates: str) -> EventLog:
    if path.suffix == ".npz":
        return build_event_log(read_finn_slates(path), str(path))
    if path.suffix.casefold() in (".xlsx", ".xls"):
        return _read_export(path, dates)
    try:
        table = pd.concat([*iter_log(path, is_text=_is_text)] or [pd.DataFrame()], ignore_index=True)
    except CatalogError:
        if not path.is_file() or path.suffix.casefold() not in (".csv", ".tsv", ".txt"):
            raise
        return _read_export(path, dates)  # UTF-16, a preamble, semicolons: as platforms write them
    table = add_open_bandit_context(table)
    known = {_fold(name) for name in table.columns}
    if not (known & set(ALIASES["creative"]) and known & set(ALIASES["clicks"])) and path.is_file():
        return _read_export(path, dates)
    return build_event_log(table, str(path), dates=dates)


def _fold(name: object) -> str:
    return str(name).strip().casefold().replace(" ", "_")


def _is_text(name: str) -> bool:
    return _fold(name) in TEXTS or name.startswith(FEATURES)


def build_event_log(table: pd.DataFrame, where: str, *, dates: str = "", today: date | None = None) -> EventLog:
    """Return a table with known column names as a log.

    Args:
        where: what a message calls the table. dates: the order of its days, "" lets it tell. today: no day lies after it.
    Raises:
        CatalogError, ConfigError: as `read_event_log`.
    """
    found = _find_columns(table)
    for needed, what in (("creative", "which creative was shown"), ("clicks", "whether it was clicked")):
        if needed not in found:
            raise CatalogError(f"{where} has no column that says {what}; name one {', '.join(ALIASES[needed][:3])}")
    if not len(table):
        raise CatalogError(f"{where} has no row; export some days of results")
    rows = pd.DataFrame({"creative": read_names(table[found["creative"]]).to_numpy()})
    for name, missing in (("impressions", 1.0), ("clicks", 0.0), ("conversions", 0.0), ("position", 1.0)):
        rows[name] = _numbers(table, found.get(name), 0.0 if name == "impressions" and name in found else missing, where)
    rows["propensity"] = _numbers(table, found.get("propensity"), np.nan, where)
    for name in ("time", "user", "context"):
        rows[name] = read_names(table[found[name]]).to_numpy() if name in found else ""
    rows["time"], note = read_times(rows["time"], _fold(found.get("time", "")), where, dates, today or date.today())
    rows["slate"] = _number_slates(table[found["slate"]]) if "slate" in found else np.arange(len(rows))
    _check(rows, where)
    left_out = _find_totals(rows) if "impressions" in found else NOTHING
    rows = rows.drop(index=[row - 1 for row in left_out.rows])
    rows = rows.sort_values(["slate", "position"], kind="stable", ignore_index=True)[list(COLUMNS)]
    warnings = [f"{where}: {note}" for note in left_out.notes]
    doubled = rows.duplicated(["slate", "creative"]).sum() if "slate" in found else 0
    if doubled:
        warnings.append(f"{doubled} rows repeat a creative within one slate; each counts as shown.")
    return EventLog(rows, tuple(warnings), (f"{Path(where).name}: {note}",) if note else ())


def _number_slates(column: pd.Series) -> np.ndarray:
    """Return [M] the number of each row's slate, from 0 in order of appearance; a row that names none is one of its own."""
    slates = read_names(column).to_numpy(object)
    unnamed = np.flatnonzero(slates == "")
    slates[unnamed] = [f"\n{number}" for number in unnamed]  # no name has a line break
    return np.asarray(pd.factorize(slates)[0])


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
    names = {_fold(name): name for name in table.columns}
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


def _find_totals(rows: pd.DataFrame) -> LeftOut:
    """Return which rows of a log are totals over the others, such as the last line of a report saved as a log."""
    if not any(map(is_total, rows["creative"].unique())):
        return NOTHING
    columns = (rows[name].tolist() for name in ("creative", "impressions", "clicks", "conversions"))
    return find_left_out(
        Line(row=number, name=name, figures=tuple(figures))
        for number, (name, *figures) in enumerate(zip(*columns, strict=True), start=1)
    )


def _check(rows: pd.DataFrame, where: str) -> None:
    """Raise CatalogError for the first row that cannot be."""
    shown, clicks = rows["impressions"].to_numpy(), rows["clicks"].to_numpy()
    chance = rows["propensity"].to_numpy()
    faults = (
        (~np.isfinite(shown) | (shown < 0), "impressions must be 0 or more"),
        (~np.isfinite(clicks) | (clicks < 0) | (clicks > shown), "clicks must lie between 0 and the impressions"),
        ((shown % 1 != 0) | (clicks % 1 != 0), "impressions and clicks are whole numbers"),
        (~np.isnan(chance) & ~((chance > 0) & (chance <= 1)), "a propensity must be above 0 and at most 1"),
        (~(rows["conversions"].to_numpy() >= 0), "conversions must be 0 or more"),
        (rows["position"].to_numpy() < 1, "positions count from 1"),
        ((rows["creative"] == "").to_numpy(), "the creative is not named"),
        (_is_rounded(rows["creative"]), "the creative is an id that a spreadsheet rounded, so several ads may share it"),
    )
    for is_broken, what in faults:
        if is_broken.any():
            raise CatalogError(f"{where} row {int(np.flatnonzero(is_broken)[0]) + 1}: {what}; correct or remove it")


def _is_rounded(names: pd.Series) -> np.ndarray:
    codes, found = pd.factorize(names)
    return np.array([is_rounded(name) for name in found], dtype=bool)[codes]


def read_times(times: pd.Series, column: str, where: str, dates: str, today: date) -> tuple[pd.Series, str]:
    """Return moments that begin with YYYY-MM-DD, and a sentence on how days were read ("" where nothing was chosen).

    Counted steps, seconds and texts without days stay as they are, and so does what follows the day.

    Raises:
        CatalogError: nothing tells the order, or a moment is no day as the others are written. ConfigError: no such order.
    """
    is_open = (times != "") & ~times.str.match(_ISO)
    if not is_open.any() or (column not in DAYS and times[is_open].str.fullmatch(_STEP).all()):
        check_order(dates)
        return times, ""
    parts = times[is_open].str.extract(_CLOCK)
    codes, written = pd.factorize(parts[0].str.strip())
    vote = DateVote(today=today)
    for text, number in zip(written, np.bincount(codes, minlength=len(written)), strict=True):
        vote.add(text, number=int(number))
    reading = vote.decide(dates, where)
    if not reading.is_dated:
        return times, "" if times[is_open].str.fullmatch(_STEP).all() else reading.note
    days = np.array([reading.read(text) for text in written], dtype=object)[codes]
    if (broken := np.flatnonzero(days == None)).size:  # noqa: E711 - of an array
        at = int(np.flatnonzero(is_open)[broken[0]])
        raise CatalogError(
            f'{where} row {at + 1}: "{times.iloc[at][:MAX_SHOWN]}" is no day as the others are written; correct it'
        )
    found = times.copy()
    found[is_open] = days + parts[1].fillna("").to_numpy(object)
    return found, reading.note


def _read_export(path: Path, dates: str) -> EventLog:
    """Return the rows of an ad platform's export as a log, with what its reader says of them."""
    found = read_results(path, columns=TableSettings(dates=dates))
    table = pd.DataFrame(
        {
            "creative": [row.ad_name for row in found.rows], "time": [row.date_start for row in found.rows],
            "context": [row.placement or row.platform for row in found.rows],
            "impressions": [row.impressions for row in found.rows], "clicks": [row.clicks for row in found.rows],
            "conversions": [row.conversions for row in found.rows],
        }
    )  # fmt: skip
    log = build_event_log(table, str(path))
    return replace(log, notes=(*found.warnings, *log.notes))
