"""The verb `forecast`: the remaining life of each ad, from rows by day, and the refresh queue for `optimize`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from adcreative.artifacts import dump_json, open_atomically, write_atomically
from adcreative.catalog import read_catalog
from adcreative.catalog.event_log import EventLog, read_event_log
from adcreative.catalog.formats.logs import list_log_files
from adcreative.catalog.mapping import TableSettings
from adcreative.catalog.names import read_name
from adcreative.catalog.results import ResultRow
from adcreative.catalog.sources import SOURCES, read_named_cells
from adcreative.catalog.tables import beside, write_rows
from adcreative.creative import COLUMNS, Creative
from adcreative.errors import ConfigError
from adcreative.options import takes
from adcreative.progress import Progress, ShouldStop, count_stage, never, silent
from adcreative.report.after_launch import render_forecast
from adcreative.runs.batch import RunSummary
from adcreative.runs.outputs import check_outputs, own_outputs
from adcreative.verbs.settings import ReadSettings

if TYPE_CHECKING:
    from adcreative.delivery.forecast.lifetimes import Lifetimes
    from adcreative.delivery.forecast.wear_out import FitsLives, WearOut

    Also = Callable[[Sequence[Creative | None]], tuple[np.ndarray, Mapping[str, FitsLives]]]

FORECAST_COLUMNS = (
    "creative",
    "state",
    "age_days",
    "impressions",
    "clicks",
    "cut_out_chance",
    "ends_in_7_days",
    "retire_by",
    "retire_by_low",
    "retire_by_high",
    "later_than",
    "refresh_rank",
    "weekly_change",
    "change_low",
    "change_high",
)
CHANCES = (0.1, 0.5, 0.9)  # probabilities that the ad has ended: early, middle and late end of the retire-by date
SOON_DAYS, CUT_OUT_DAYS = 7, 10
MAX_TRENDS = 300  # number of ads whose trend is fitted too: the first of the refresh queue
NUM_WORD_FEATURES = 8
ALONE = "the trend alone is shown"


@dataclass(frozen=True, kw_only=True)
class _Answer:
    rows: list[dict[str, Any]]
    curves: dict[str, list[float]]
    fitted: WearOut | None
    warnings: tuple[str, ...]


@takes(ReadSettings)
def forecast(
    account: Path,
    out: Path,
    settings: ReadSettings,
    *,
    creatives: Path | None = None,
    seed: int = 0,
    also: Also | None = None,
    restart: bool = False,
    progress: Progress = silent,
    should_stop: ShouldStop = never,
) -> RunSummary:
    """Forecast how long each ad will run before it is stopped; write `out` (CSV), figures next to it (JSON) and a page (HTML).

    For each running ad: the chance of a stop within its first ten days, the chance to end within a week, the day by
    which the ad has probably ended (with the days of 10 and 90 %; later_than where the day is beyond the ages in the log), the
    weekly change of click rate, and the rank in the refresh queue (chance to end within a week times clicks a day). An
    account with fewer than 80 ads, 40 of them ended, gets trends only.

    Args:
        account: export or log by day (ad, day, impressions, clicks); a column stop_reason marks ends with causes other than the
            ad. settings: format of account and creatives; fields may be given as keywords.
        creatives: folder or table of the ads: words are used as features, families are kept together when measuring, and
            `<out>.refresh.csv` lists the ads that `optimize` takes next, most urgent first.
        also: called with the ads in the order of their lives (None: unknown); returns features [N, V] for further models only,
            and these models by name; they are compared with Kaplan-Meier, Cox and a survival forest.
    Raises:
        CatalogError: there are no rows by day. ConfigError: stopped, or scikit-survival is not installed.
    """
    out = Path(out)
    sheet, queue_out = beside(out, ".json"), beside(out, ".refresh.csv")
    page = beside(out, ".html")
    outputs, inputs = (out, sheet, queue_out, page), (account, creatives)
    check_outputs(outputs, inputs, restart=restart)
    from adcreative.delivery.forecast.lifetimes import read_lifetimes

    progress("reading days", 0, 1)
    log = read_event_log(Path(account), **settings.written)
    lives = read_lifetimes(log.rows, Path(account).name, _read_reasons(Path(account)))
    ads = _read_ads(creatives, settings.table)
    if should_stop():
        raise ConfigError("stopped before the result was complete; nothing was written")
    answer = _answer(lives, log, ads, seed, also, progress)
    with own_outputs(outputs, inputs, restart=restart):
        write_rows(out, answer.rows, FORECAST_COLUMNS)
        queue = [ads[row["creative"]] for row in _queue(answer.rows) if row["creative"] in ads]
        if queue:
            write_rows(queue_out, (_as_metadata(one, queue_out.parent) for one in queue), COLUMNS)
        else:
            queue_out.unlink(missing_ok=True)
        write_atomically(sheet, dump_json(_as_dict(answer, lives), indent=1).encode())
        with open_atomically(page, is_text=True) as file:
            today = date.fromordinal(lives.last_day)
            file.write(render_forecast(answer.rows, _as_dict(answer, lives), _say(answer, lives), today))
    progress("forecasting", 1, 1)
    return RunSummary(
        path=out, done=len(lives.names), warnings=(*log.notes, *log.warnings, *answer.warnings), lines=_say(answer, lives)
    )


def _read_reasons(path: Path) -> dict[str, str]:
    """Return ad -> last stated reason of its end; empty where no table has such a column."""
    files = [path] if path.is_file() else list_log_files(path)
    found: dict[str, str] = {}
    for file in (one for one in files if one.suffix.casefold() in (*SOURCES, ".txt")):
        for ad, cells in read_named_cells(file, ("stop_reason",)).items():
            found[ad] = read_name(cells.get("stop_reason")) or found.get(ad, "")
    return {ad: reason for ad, reason in found.items() if reason}


def _read_ads(creatives: Path | None, written: TableSettings) -> dict[str, Creative]:
    if creatives is None:
        return {}
    return {one.name: one for one in reversed(read_catalog(Path(creatives), columns=written, with_days=False).creatives)}


def _answer(
    lives: Lifetimes,
    log: EventLog,
    ads: Mapping[str, Creative],
    seed: int,
    also: Also | None,
    progress: Progress,
) -> _Answer:
    from adcreative.delivery.forecast.wear_out import TIMES, fit_wear_out, remaining_days
    from adcreative.errors import TrainingError

    features, groups = _describe(lives, ads)
    known = [ads.get(name) for name in lives.names]
    vectors, further = also(known) if also else (np.zeros((len(known), 0)), {})
    features = np.hstack([features, vectors])
    fitted, warnings = None, list(lives.screens)
    try:
        fitted = fit_wear_out(
            lives,
            features,
            groups,
            seed=seed,
            also=further,
            num_further=vectors.shape[1],
            progress=count_stage(progress, "comparing models"),
        )
    except TrainingError as error:
        warnings.append(f"{error}; {ALONE}.")
    rows: list[dict[str, Any]] = [_plain_row(lives, at) for at in range(len(lives.names))]
    curves: dict[str, list[float]] = {}
    if fitted is not None:
        age = lives.last_day - lives.start + 1.0
        table = fitted.model.survival(features, TIMES)
        more = remaining_days(table[:, : fitted.known_age + 1], age, CHANCES)
        now, soon = (np.take_along_axis(table, _place(age + days, TIMES)[:, None], axis=1)[:, 0] for days in (0, SOON_DAYS))
        ends_soon = 1 - soon / np.maximum(now, 1e-12)
        cut_out = np.clip(1 - table[:, CUT_OUT_DAYS] / np.maximum(now, 1e-12), 0, 1)
        for at, row in enumerate(rows):
            if row["state"] == "running":
                row["cut_out_chance"] = round(float(cut_out[at]), 4) if age[at] < CUT_OUT_DAYS else None
                row["ends_in_7_days"] = round(float(ends_soon[at]), 4)
                row |= {
                    name: _date(lives.last_day + days)
                    for name, days in zip(("retire_by_low", "retire_by", "retire_by_high"), more[at], strict=True)
                }
                if row["retire_by"] is None:
                    row["later_than"] = _date(max(lives.start[at] + fitted.known_age - 1, lives.last_day))
        curves = {"mean": [round(float(value), 4) for value in table[lives.is_running].mean(axis=0)[: fitted.known_age + 1]]}
        worth = [(row["ends_in_7_days"] or 0.0) * row["clicks"] / max(row["age_days"], 1) for row in rows]
        running = [at for at in np.argsort(-np.array(worth), kind="stable") if rows[at]["state"] == "running"]
        for rank, at in enumerate(running, 1):
            rows[at]["refresh_rank"] = rank
    warnings += _add_trends(rows, log)
    return _Answer(rows=sorted(rows, key=_order), curves=curves, fitted=fitted, warnings=tuple(warnings))


def _place(days: np.ndarray, times: np.ndarray) -> np.ndarray:
    return np.minimum(days, times[-1]).astype(int)


def _order(row: dict[str, Any]) -> tuple[bool, float, str]:
    high = row["change_high"] if row["change_high"] is not None else 9.0
    return row["state"] != "running", row["refresh_rank"] or high, row["creative"]


def _queue(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the running ads to refresh: ranked ads that probably end within a month, or whose click rate falls."""
    month = [
        row
        for row in rows
        if row["state"] == "running"
        and (
            (row["refresh_rank"] and row["ends_in_7_days"] >= 1 - 0.5 ** (SOON_DAYS / 30))
            or (row["change_high"] is not None and row["change_high"] < 0)
        )
    ]
    return sorted(month, key=lambda row: row["refresh_rank"] or 10**9)


def _describe(lives: Lifetimes, ads: Mapping[str, Creative]) -> tuple[np.ndarray, np.ndarray]:
    """Return features [N, K] known when the ads were young, and families [N]."""
    known = [ads.get(name) for name in lives.names]
    families = [
        f"{one.brand}/{one.category}/{one.test_id or one.headline or name}" if one else name
        for name, one in zip(lives.names, known, strict=True)
    ]
    parts = [lives.early]
    words = [f"{one.headline} {one.body}" if one else "" for one in known]
    if len(set(words)) > 4 * NUM_WORD_FEATURES:
        from sklearn.decomposition import TruncatedSVD
        from sklearn.feature_extraction.text import TfidfVectorizer

        grams = TfidfVectorizer(ngram_range=(1, 2), min_df=2, max_features=20_000).fit_transform(words)
        if grams.shape[1] > NUM_WORD_FEATURES:
            parts.append(TruncatedSVD(NUM_WORD_FEATURES, random_state=0).fit_transform(grams))
    for name in ("category", "placement", "platform"):
        values = pd.Series([getattr(one, name) if one else "" for one in known])
        levels = [level for level, count in values.value_counts().head(8).items() if count >= 5]
        if len(levels) > 1:
            parts.append(np.stack([(values == level).to_numpy(float) for level in levels[1:]], axis=1))
    return np.hstack(parts), np.asarray(pd.factorize(np.array(families, object))[0])


def _plain_row(lives: Lifetimes, at: int) -> dict[str, Any]:
    state = "running" if lives.is_running[at] else "ended" if lives.ended[at] else "stopped"
    row = dict.fromkeys(FORECAST_COLUMNS)
    age = int(lives.last_day - lives.start[at] + 1) if state == "running" else int(lives.duration[at])
    return row | {
        "creative": lives.names[at],
        "state": state,
        "age_days": age,
        "impressions": int(lives.impressions[at]),
        "clicks": int(lives.clicks[at]),
    }


def _date(ordinal: float) -> str | None:
    return date.fromordinal(int(ordinal)).isoformat() if np.isfinite(ordinal) else None


def _add_trends(rows: list[dict[str, Any]], log: EventLog) -> list[str]:
    """Fit the weekly change of the most urgent running ads; return a warning when the whole account falls."""
    from adcreative.delivery.forecast.trend import measure_fatigue

    running = sorted((row for row in rows if row["state"] == "running"), key=lambda row: row["refresh_rank"] or -row["clicks"])
    chosen = {row["creative"]: row for row in running[:MAX_TRENDS]}
    daily = log.rows.assign(day=log.rows["time"].str[:10]).groupby(["creative", "day"])[["impressions", "clicks"]].sum()
    table = daily.reset_index()
    names = table["creative"].to_numpy()
    for found in measure_fatigue(_as_results(table[np.isin(names, list(chosen))])):
        if found.change is not None and found.low is not None and found.high is not None:
            chosen[found.name] |= {
                "weekly_change": round(found.change, 4),
                "change_low": round(found.low, 4),
                "change_high": round(found.high, 4),
            }
    whole = table.groupby("day")[["impressions", "clicks"]].sum().reset_index().assign(creative="all ads")
    drift = next(iter(measure_fatigue(_as_results(whole), together="all ads")), None)
    if drift is not None and drift.is_falling and drift.change is not None:
        return [
            f"the whole account's click rate falls by {-drift.change:.1%} a week: look at season and audience before the ads."
        ]
    return []


def _as_results(table: pd.DataFrame) -> list[ResultRow]:
    return [
        ResultRow(ad_name=str(name), impressions=int(shown), clicks=int(clicks), date_start=str(day), spend=None, row=0)
        for name, day, shown, clicks in zip(table["creative"], table["day"], table["impressions"], table["clicks"], strict=True)
        if shown > 0
    ]


def _as_metadata(one: Creative, folder: Path) -> dict[str, Any]:
    """Return the catalogue row of an ad; the path of the picture is relative to the queue's folder."""
    row = {name: getattr(one, name) for name in COLUMNS}
    if one.image_path is not None:
        path = one.image_path.resolve()
        inside = path.is_relative_to(folder.resolve())
        row["file_name"] = path.relative_to(folder.resolve()).as_posix() if inside else str(path)
    return row


def _as_dict(answer: _Answer, lives: Lifetimes) -> dict[str, Any]:
    fitted = answer.fitted
    return {
        "num_ads": len(lives.names),
        "num_running": int(lives.is_running.sum()),
        "num_ended": int(lives.ended.sum()),
        "method": fitted.method if fitted else "trend",
        "concordance": fitted.figures if fitted else {},
        "level_gap": fitted.gaps if fitted else {},
        "known_age_days": fitted.known_age if fitted else None,
        "num_held_out": fitted.num_held_out if fitted else 0,
        "screens": list(lives.screens),
        "still_running_by_day": answer.curves.get("mean", []),
    }


def _say(answer: _Answer, lives: Lifetimes) -> tuple[str, ...]:
    running = [row for row in answer.rows if row["state"] == "running"]
    lines = [f"{len(running)} of {len(lives.names)} ads are running, {int(lives.ended.sum())} ended by themselves"]
    if answer.fitted is not None:
        for name, figures in answer.fitted.figures.items():
            said = ", ".join(f"{part} {value:.3f}" for part, value in figures.items() if value is not None)
            gap = answer.fitted.gaps[name]
            off = "" if gap is None else f"; the share that still runs is off by {100 * gap:.1f} points at most"
            lines.append(f"concordance of {name}: {said}{off}")
        lines.append(
            f'"{answer.fitted.method}" is used, measured on {answer.fitted.num_held_out} ads, each by models that knew none of '
            "its family"
        )
        if num := sum(row["later_than"] is not None for row in running):
            lines.append(
                f"{num} of the running ads more likely than not outlive the {answer.fitted.known_age} days to which the log "
                "followed ten ads: for them no date is told, but the day after which it lies"
            )
    for row in _queue(answer.rows)[:5]:
        by = (
            f"retire by {row['retire_by']} ({row['retire_by_low']} to {row['retire_by_high'] or 'later'})"
            if row["retire_by"]
            else f"later than {row['later_than']}"
            if row["later_than"]
            else (
                f"its click rate changes by {row['weekly_change']:+.1%} a week" if row["weekly_change"] is not None else "soon"
            )
        )
        lines.append(f'refresh "{row["creative"][:60]}": {by}')
    return tuple(lines)
