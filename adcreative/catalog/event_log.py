"""Event logs: one row per creative shown, with clicks and conversions, in one table for everything after launch.

    slate       page view, carousel or request; the rows of one slate were shown together
    position    1 = first position of the slate
    creative    the creative; names are those of the account's table
    impressions, clicks, conversions     1 and 0 or 1 for a single impression; sums where a row aggregates several
    propensity  probability that the logging policy shows this creative at this position; empty when unknown
    time, user, context                  day or moment; user (or cohort); where (placement, page, device)

Names and ids are text, digit by digit; days are read in one order for the whole log (see `platforms.dates`), and numbers with
one decimal sign (see `platforms.number_votes`).
Only creative and clicks (or click) are needed; further columns enable more: slates need `slate`, off-policy estimates
`propensity`. Column names of other systems are known (`ALIASES`); exports of ad platforms are read like `read_results`. Does
not import torch.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from adcreative.artifacts import open_atomically
from adcreative.catalog.boundary import typed
from adcreative.catalog.datasets.finn_slates import read_finn_slates
from adcreative.catalog.datasets.open_bandit import FEATURES, add_open_bandit_context
from adcreative.catalog.formats.logs import iter_log, log_names, read_names
from adcreative.catalog.formats.raw_rows import RawRow
from adcreative.catalog.mapping import TableSettings
from adcreative.catalog.names import is_rounded
from adcreative.catalog.platforms.dates import DateVote
from adcreative.catalog.platforms.days import DateReading, Digits, as_day, check_order, parse_day, say_day
from adcreative.catalog.platforms.number_votes import COUNTS, find_numbers
from adcreative.catalog.platforms.numbers import POINT, is_blank
from adcreative.catalog.platforms.rates import check_rates
from adcreative.catalog.platforms.totals import NOTHING, LeftOut, Line, find_left_out, is_total
from adcreative.catalog.results import read_results
from adcreative.catalog.tables import write_rows
from adcreative.errors import CatalogError, ConfigError

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
COLUMNS = tuple(ALIASES)
MAX_SHOWN = 60
NUMBERS = {  # our number columns -> kind of number in an export with the same notation
    "position": "impressions",
    "impressions": "impressions",
    "clicks": "clicks",
    "conversions": "conversions",
    "propensity": "ctr",
}
DAYS = ("day", "date", "date_start")  # columns whose numbers are spreadsheet days; elsewhere numbers count steps or seconds
KNOWN = frozenset(alias for aliases in ALIASES.values() for alias in aliases)
_ISO, _CLOCK, _STEP = r"\d{4}-\d\d-\d\d(?!\d)", r"^(.*?)([T\s]+\d{1,2}:\d\d.*)?$", r"-?\d+(?:\.\d*)?"
_COMPACT = r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"
_WIDTH = re.compile(r"Expected \d+ columns, got \d+")  # pyarrow's message for a row that is too short or too long
_BARE = re.compile(r"[\d\s.,'\u2019()+\-\u2212eE]+")  # a number without a unit
_PLAIN, _MANY = re.compile(r"0|[1-9]\d*|0\.\d+"), 1000  # no comma and no group of three; at most _MANY vote
_WHOLE, _FLOAT = re.compile(r"0|[1-9]\d*"), re.compile(r"(0|[1-9]\d*)\.0+")  # an id, and the same id written as a float
_TRUTHS = {"true": 1, "false": 0}
_MUCH = 4  # ratio of the spans of days from which the other order of short numbers is rejected


@dataclass(frozen=True)
class EventLog:
    """Rows of a log with the columns `COLUMNS`, sorted by slate and position; warnings and notes are sentences for the user.

    notes describe how the log was read, such as the order of day and month.

    Slate numbers start at 0 without gaps; a row without a slate gets its own. propensity is NaN where unknown.
    """

    rows: pd.DataFrame
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def has_slates(self) -> bool:
        """Whether any creatives were shown together."""
        return bool(len(self.rows)) and int(self.rows["slate"].iloc[-1]) + 1 < len(self.rows)

    @property
    def num_days(self) -> int:
        """Number of distinct days; 0 when the log has no times."""
        return len({day for day in self.rows["time"].str[:10].unique() if day})


def read_event_log(path: Path, *, dates: str = "", rates: str = "", decimals: str = "") -> EventLog:
    """Read a log: parquet or CSV (a file, or a folder of parts), a FINN slate file (.npz), or an ad platform's export.

    Args:
        dates: "dmy", "mdy" or "ymd", the order of days; "" infers it from the log. decimals: "point" or "comma", the decimal
            sign; "" infers it. rates: "percent" or "share", the unit of an export's click rates.
    Raises:
        CatalogError: the log is missing, or has no creative or no clicks, impossible numbers, a row without a creative, of
            another width or with an invalid day, two contradicting columns of one kind, or rounded ids, or the order of day and
            month or the decimal sign is ambiguous; the message names the row or the column.
        ConfigError: an unknown order, sign or unit.
    """
    path = Path(path)
    check_rates(rates)
    with typed(str(path)):
        return _read_event_log(path, TableSettings(dates=dates, rates=rates, decimals=decimals))


def _read_event_log(path: Path, settings: TableSettings) -> EventLog:
    if path.suffix == ".npz":
        return build_event_log(read_finn_slates(path), str(path))
    if path.suffix.casefold() in (".xlsx", ".xls"):
        return _read_export(path, settings)
    is_csv = path.is_file() and path.suffix.casefold() in (".csv", ".tsv", ".txt")
    try:
        parts = [*iter_log(path, is_text=lambda name: _fold(name) in KNOWN or name.startswith(FEATURES))] or [pd.DataFrame()]
    except CatalogError as error:
        if not is_csv or (_WIDTH.search(str(error)) and _is_log(log_names(path))):
            raise
        return _read_export(path, settings)  # UTF-16, a preamble, semicolons: as platforms write them
    known: list[set[str]] = [{_fold(str(name)) for name in part.columns} & KNOWN for part in parts]
    if lacking := sorted(known[0].union(*known) - known[0].intersection(*known)):
        raise CatalogError(f'{path}: some of its files lack the column "{lacking[0]}" that others have; export them alike')
    table = add_open_bandit_context(pd.concat(parts, ignore_index=True))
    if not _is_log(table.columns) and path.is_file():
        return _read_export(path, settings)
    return build_event_log(table, str(path), dates=settings.dates, decimals=settings.decimals)


def _is_log(columns: Iterable[Any]) -> bool:
    known = set(map(_fold, columns))
    return bool(known & set(ALIASES["creative"]) and known & set(ALIASES["clicks"]))


def _fold(name: object) -> str:
    return str(name).strip().casefold().replace(" ", "_")


def build_event_log(
    table: pd.DataFrame,
    where: str,
    *,
    dates: str = "",
    decimals: str = "",
    today: date | None = None,
    with_totals: bool = True,
) -> EventLog:
    """Return a table with known column names as a log.

    Args:
        where: name of the table in messages. dates, decimals: as in `read_event_log`. today: the latest possible day.
        with_totals: whether rows may be totals, which are left out; False where another reader has done so.
    Raises:
        CatalogError, ConfigError: as `read_event_log`.
    """
    found, notes = _find_columns(table, where)
    for needed, what in (("creative", "which creative was shown"), ("clicks", "whether it was clicked")):
        if needed not in found:
            raise CatalogError(f"{where} has no column that says {what}; name one {', '.join(ALIASES[needed][:3])}")
    if not len(table):
        raise CatalogError(f"{where} has no row; export some days of results")
    rows = pd.DataFrame(index=range(len(table)))
    for name in ("creative", "user", "slate", "context", "time"):
        rows[name] = read_names(table[found[name]]).to_numpy() if name in found else ""
    for name in ("creative", "user", "slate"):
        rows[name], note = _join_spellings(rows[name])
        notes.append(note and f'the column "{found[name]}" {note}')
    kinds = {found[name]: kind for name, kind in NUMBERS.items() if name in found}
    numbers, note = read_numbers(table, kinds, where, decimals=decimals)
    notes.append(note)
    blank = {"impressions": 0.0 if "impressions" in found else 1.0, "clicks": 0.0, "conversions": 0.0, "position": 1.0}
    for name in NUMBERS:
        cells = numbers[found[name]] if name in found else np.full(len(table), np.nan)
        rows[name] = np.where(np.isnan(cells), blank.get(name, np.nan), cells)
    rows["time"], note = read_times(rows["time"], _fold(found.get("time", "")), where, dates, today or date.today())
    notes.append(note)
    _check(rows, where)
    same = int(rows.duplicated().sum())
    rows["slate"] = _number_slates(rows["slate"]) if "slate" in found else np.arange(len(rows))
    left_out = _find_totals(rows) if with_totals and "impressions" in found else NOTHING
    rows = rows.drop(index=[row - 1 for row in left_out.rows])
    rows = rows.sort_values(["slate", "position"], kind="stable", ignore_index=True)[list(COLUMNS)]
    warnings = [f"{where}: {note}" for note in left_out.notes]
    if same:
        warnings.append(
            f"{same:,} of {len(table):,} rows say the same as an earlier one, and each counts: right where nothing tells "
            "showings apart, wrong where the log was given twice."
        )
    doubled = rows.duplicated(["slate", "creative"]).sum() if "slate" in found else 0
    if doubled:
        warnings.append(f"{doubled} rows repeat a creative within one slate; each counts as shown.")
    return EventLog(rows, tuple(warnings), tuple(f"{Path(where).name}: {note}" for note in notes if note))


def _number_slates(names: pd.Series) -> np.ndarray:
    """Return [M] the slate number of each row, from 0 in order of appearance; a row without a slate gets its own number."""
    slates = names.to_numpy(object)
    unnamed = np.flatnonzero(slates == "")
    slates[unnamed] = [f"\n{number}" for number in unnamed]  # no name has a line break
    return np.asarray(pd.factorize(slates)[0])


def write_event_log(log: EventLog, out: Path) -> None:
    """Write a log in a form `read_event_log` can read: parquet or CSV, by the file suffix; atomic."""
    if out.suffix.casefold() not in (".parquet", ".pq"):
        known = log.rows.astype(object).where(log.rows.notna(), None)  # an empty cell for an unknown propensity
        write_rows(out, (dict(zip(COLUMNS, row, strict=True)) for row in known.itertuples(index=False)), COLUMNS)
        return
    with open_atomically(out) as file:
        log.rows.to_parquet(file, index=False)


def read_propensities_needed(log: EventLog, where: str) -> np.ndarray:
    """Return [N] the propensities of a log.

    Raises:
        ConfigError: the log has no propensities, or lacks some.
    """
    noted = log.rows["propensity"].to_numpy()
    num_missing = int(np.isnan(noted).sum())
    if num_missing:
        share = "no propensities" if num_missing == len(noted) else f"no propensity in {num_missing} of {len(noted)} rows"
        raise ConfigError(
            f"{where} has {share}; an estimate of another policy needs the chance of each showing: log the share of the plan"
        )
    return noted


def _find_columns(table: pd.DataFrame, where: str) -> tuple[dict[str, Any], list[str]]:
    """Return our name -> column of the table, and a sentence for each column that is ignored in favour of another.

    Raises:
        CatalogError: two columns of the same meaning contradict each other.
    """
    found, notes = {}, []
    for ours, aliases in ALIASES.items():
        hits = sorted((name for name in table.columns if _fold(name) in aliases), key=lambda name: aliases.index(_fold(name)))
        if not hits:
            continue
        first = found[ours] = hits[0]
        for other in hits[1:]:
            texts = [table[name].astype(str).str.strip() for name in (first, other)]
            if ours == "time":
                texts = [text.str[:10] for text in texts]
            if (texts[0] == texts[1]).all():
                continue
            is_guess = _fold(first) == _fold(other) or ours == "time" or (ours in NUMBERS and _fold(first) != ours)
            if is_guess:
                raise CatalogError(
                    f'{where} has two columns for {ours}, "{first}" and "{other}", and they differ; rename or remove one'
                )
            notes.append(f'{ours} is read from the column "{first}", not from "{other}", which differs.')
    return found, notes


def _join_spellings(names: pd.Series) -> tuple[pd.Series, str]:
    """Return ids with 7.0 as 7 where the column has both notations of an id, and a sentence about this, else ""."""
    codes, found = pd.factorize(names)
    floats = [at for at, name in enumerate(found) if _FLOAT.fullmatch(name)]
    if not floats or not any(map(_WHOLE.fullmatch, found)):
        return names, ""
    joined = np.array(found, dtype=object)
    joined[floats] = [name.partition(".")[0] for name in joined[floats]]
    note = f'writes ids as "{found[floats[0]]}" and without decimals; both are one.'
    return pd.Series(joined[codes], index=names.index, dtype=str), note


class _Cells:
    """The distinct cells of text columns, each at its first row, as a source of table rows.

    A few of the cells that are the same number under both decimal signs represent all of them.
    """

    warnings = ()

    def __init__(self, table: pd.DataFrame, columns: Sequence[Any], where: str) -> None:
        self.header = tuple(map(str, columns))
        self.columns: list[tuple[np.ndarray, list[Any], np.ndarray]] = []  # codes of rows, cells, first rows
        for name in columns:
            try:
                codes, found = pd.factorize(table[name])
            except TypeError as error:
                raise CatalogError(f'{where}: the column "{name}" holds lists or records; it needs one number a row') from error
            first = np.flatnonzero(~pd.Series(codes).duplicated() & (codes >= 0))
            self.columns.append((codes, list(found), first + 1))

    def read_rows(self) -> Iterator[RawRow]:
        """Yield one row per cell, with all other cells blank."""
        for at, (_, found, first) in enumerate(self.columns):
            before, behind, num_plain = [None] * at, [None] * (len(self.columns) - at - 1), 0
            for cell, row in zip(found, first, strict=True):
                if isinstance(cell, str) and _PLAIN.fullmatch(cell):
                    num_plain += 1
                    if num_plain > _MANY:
                        continue
                yield RawRow(row=int(row), cells=[*before, cell, *behind])


def read_numbers(
    table: pd.DataFrame, kinds: Mapping[Any, str], where: str, *, decimals: str = ""
) -> tuple[dict[Any, np.ndarray], str]:
    """Return columns of a table as numbers [N], NaN for blank cells, and a sentence on how they were read, or "".

    All text columns are read with one decimal sign; columns of a typed file are already numbers.

    Args:
        kinds: column -> kind of its numbers, of `number_votes.COUNTS` or `AMOUNTS`. where: name of the table in messages.
    Raises:
        CatalogError: a cell is not a number, or the decimal sign is ambiguous. ConfigError: invalid `decimals`.
    """
    typed_columns = [name for name in kinds if pd.api.types.is_numeric_dtype(table[name])]
    numbers = {name: table[name].to_numpy(np.float64, na_value=np.nan) for name in typed_columns}
    written = {name: kind for name, kind in kinds.items() if name not in numbers}
    source = _Cells(table, list(written), where)
    reading = find_numbers(source, list(written.values()), name=where, given=decimals)
    for (name, kind), (codes, found, first) in zip(written.items(), source.columns, strict=True):
        read = reading.count if kind in COUNTS else reading.amount
        plain = _PLAIN if reading.decimal == POINT else _WHOLE
        values = [float(one) if isinstance(one, str) and plain.fullmatch(one) else _as_number(one, read) for one in found]
        if None in values:
            at = values.index(None)
            shown = str(found[at])[:MAX_SHOWN]
            raise CatalogError(f'{where} row {first[at]}: "{shown}" in the column {name} is no number; correct it')
        numbers[name] = np.array([*values, np.nan])[codes]  # the code of a gap is -1
    return numbers, reading.note


def _as_number(cell: object, read: Callable[[str], Any]) -> float | None:
    """Return the number in a cell, NaN for a blank cell, None if the cell is not a number."""
    if is_blank(cell):
        return float("nan")
    if isinstance(cell, str):
        text = cell.strip()
        cell = _TRUTHS.get(text.casefold(), read(text) if _BARE.fullmatch(text) else text)
    return float(cell) if isinstance(cell, (int, float, Decimal)) else None


def _find_totals(rows: pd.DataFrame) -> LeftOut:
    """Return the rows of a log that are totals over other rows, such as the last line of a report saved as a log."""
    if not any(map(is_total, rows["creative"].unique())):
        return NOTHING
    columns = (rows[name].tolist() for name in ("creative", "impressions", "clicks", "conversions"))
    return find_left_out(
        Line(row=number, name=name, figures=tuple(figures))
        for number, (name, *figures) in enumerate(zip(*columns, strict=True), start=1)
    )


def _check(rows: pd.DataFrame, where: str) -> None:
    """Raise CatalogError for the first impossible row."""
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
    """Return times that begin with YYYY-MM-DD, and a sentence on how days were read ("" if there was no choice).

    Step counts, seconds, texts without days, and the part after the day are unchanged.

    Raises:
        CatalogError: the order is ambiguous, or a time is not a day in that order. ConfigError: an unknown order.
    """
    filled = times[times != ""]
    check_order(dates)
    is_compact = column not in DAYS and filled.str.fullmatch(_COMPACT).all()
    if not len(filled) or (column not in DAYS and not is_compact and filled.str.fullmatch(_STEP).all()):
        return times, ""
    parts = filled.str[:10].to_frame(0).assign(rest=filled.str[10:])
    is_open = ~filled.str.match(_ISO)
    if is_open.any():
        opened = filled[is_open].str.extract(_CLOCK)
        parts.loc[is_open, 0], parts.loc[is_open, "rest"] = opened[0].str.strip(), opened[1].fillna("")
    codes, written = pd.factorize(parts[0])
    vote = DateVote(today=today)
    for text, number in zip(written, np.bincount(codes, minlength=len(written)), strict=True):
        vote.add(text, number=int(number))
    reading = vote.decide(dates, where)
    if not reading.is_dated and vote.num_read:
        raise CatalogError(f"{where}: only some of its rows hold days; {reading.note} Correct it or leave the column out.")
    if not reading.is_dated:
        return times, "" if filled.str.fullmatch(_STEP).all() else reading.note
    _check_one_way(written, reading, where, dates, today)
    days = np.array([reading.read(text) for text in written], dtype=object)[codes]
    if (broken := np.flatnonzero(days == None)).size:  # noqa: E711 - of an array
        row, shown = int(filled.index[broken[0]]) + 1, filled.iloc[broken[0]][:MAX_SHOWN]
        raise CatalogError(f'{where} row {row}: "{shown}" is no day as the others are written; correct it')
    found = times.copy()
    found[filled.index] = days + parts["rest"].to_numpy(object)
    return found, f'"{filled.iloc[0]}" is read as the day {found[filled.index[0]]}.' if is_compact else reading.note


def _check_one_way(written: Iterable[str], reading: DateReading, where: str, dates: str, today: date) -> None:
    """Refuse columns with both ambiguous and unambiguous days, and short days that fit two orders.

    Raises:
        CatalogError: the user gave no order.
    """
    parsed = {text: parse_day(text) for text in written}
    plain = [text for text, day in parsed.items() if isinstance(day, date)]
    opened = {text: day for text, day in parsed.items() if isinstance(day, Digits)}
    if plain and opened and not dates:
        raise CatalogError(
            f'{where}: its days are written in two ways, "{plain[0]}" and "{next(iter(opened))}"; export it again with '
            "days of one kind, or say --dates dmy, mdy or ymd for the others."
        )
    if dates or reading.order == "ymd" or not opened or not all(one.is_short for one in opened.values()):
        return
    year_first, chosen = ([as_day(one, order, reading.years) for one in opened.values()] for order in ("ymd", reading.order))
    if year_first != chosen and all(day and day <= today for day in year_first) and _MUCH * _span(chosen) > _span(year_first):
        text, one = next(iter(opened.items()))
        raise CatalogError(
            f'{where}: its days can be read two ways, "{text}" as {say_day(as_day(one, reading.order, reading.years))} or as '
            f"{say_day(as_day(one, 'ymd', reading.years))}, and no row tells which; say --dates {reading.order} or --dates ymd."
        )


def _span(days: Iterable[date | None]) -> int:
    known = [day.toordinal() for day in days if day]
    return max(known) - min(known) + 1


def _read_export(path: Path, settings: TableSettings) -> EventLog:
    """Return the rows of an ad platform's export as a log, with the warnings of the export's reader."""
    found = read_results(path, columns=settings)
    table = pd.DataFrame(
        {
            "creative": [row.ad_name for row in found.rows],
            "time": [row.date_start for row in found.rows],
            "context": [row.placement or row.platform for row in found.rows],
            "impressions": [row.impressions for row in found.rows],
            "clicks": [row.clicks for row in found.rows],
            "conversions": [row.conversions for row in found.rows],
        }
    )
    log = build_event_log(table, str(path), with_totals=False)
    return replace(log, notes=(*found.warnings, *log.notes))
