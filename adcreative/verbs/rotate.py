"""The verbs `rotate` and `evaluate_policy`: tomorrow's share of each creative, and off-policy evaluation of other rotations."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from adcreative.artifacts import dump_json, open_atomically, write_atomically
from adcreative.catalog import read_catalog
from adcreative.catalog.boundary import typed
from adcreative.catalog.event_log import read_event_log, read_numbers
from adcreative.catalog.formats.logs import read_names, read_whole_log
from adcreative.catalog.tables import beside, write_rows
from adcreative.errors import ConfigError
from adcreative.options import takes
from adcreative.progress import Progress, ShouldStop, never, silent
from adcreative.report.after_launch import render_rotation
from adcreative.runs.batch import RunSummary
from adcreative.runs.outputs import check_outputs, own_outputs
from adcreative.verbs.score_table import LEVEL_UNKNOWN
from adcreative.verbs.settings import ReadSettings, RotateSettings

if TYPE_CHECKING:
    from adcreative.catalog.event_log import EventLog
    from adcreative.delivery.rotation.judging import Judgement
    from adcreative.delivery.rotation.plan import Account, Plan

    Planner = Callable[[Account, EventLog, RotateSettings], Plan]

STOPPED = "stopped before the result was complete; nothing was written"
MAX_LINES = 12


@takes(RotateSettings)
def rotate(
    account: Path,
    out: Path,
    settings: RotateSettings,
    *,
    log: Path,
    plan_by: Planner | None = None,
    restart: bool = False,
    progress: Progress = silent,
    should_stop: ShouldStop = never,
) -> RunSummary:
    """Plan tomorrow's share of impressions for each creative of an account; write `out` (CSV) and a page (HTML).

    For one slot, the share of a creative is its probability to be the best in the context (Thompson sampling), and is the
    propensity to log. For several slots, a model of clicks among the shown creatives fills slates for each context;
    `<out>.slates.csv` holds a thousand ready slates per context. New creatives start at the rate of their family (brand,
    category, placement).

    Args:
        account: folder or table of creatives, joined to the log by name.
        log: impressions and clicks: see `catalog.event_log`; dates, rates and decimals give the format of account and log.
        settings: how shares are planned; fields may be given as keywords. `scores`: predicted starting rates of new
            creatives. `forecast`: the share of a running ad is multiplied by its chance to last the week; its trends are used
            only where the log has too few days to estimate trends.
        plan_by: planner in place of `delivery.rotation`.
    Raises:
        CatalogError: account or log cannot be used, or have no name in common. ConfigError: a setting, or stopped.
        TrainingError: the slates hold too few clicks.
    """
    from adcreative.delivery.rotation import plan as planning

    out = Path(out)
    slates_out = beside(out, ".slates.csv")
    page_out = beside(out, ".html")
    outputs, inputs = (out, slates_out, page_out), (account, log, settings.scores, settings.forecast)
    check_outputs(outputs, inputs, restart=restart)
    progress("reading the account", 0, 3)
    known = read_catalog(Path(account), columns=settings.table, with_days=False).creatives
    creatives = planning.read_account_creatives(known, _read_scores(settings.scores), *_read_survival(settings.forecast))
    progress("reading the log", 1, 3)
    events = read_event_log(Path(log), **settings.written)
    progress("planning", 2, 3)
    if should_stop():
        raise ConfigError(STOPPED)
    plan = (plan_by or _plan)(creatives, events, settings)
    if should_stop():
        raise ConfigError(STOPPED)
    with own_outputs(outputs, inputs, restart=restart):
        write_rows(out, planning.plan_as_rows(plan.rows), planning.PLAN_COLUMNS)
        if len(plan.slates):
            write_rows(slates_out, planning.plan_as_rows(plan.slates), tuple(plan.slates.columns))
        else:
            slates_out.unlink(missing_ok=True)
        write_atomically(page_out, render_rotation(planning.plan_as_rows(plan.rows), plan.lines, plan.warnings).encode())
    progress("planning", 3, 3)
    more = (f"... and {len(plan.lines) - MAX_LINES} more contexts",) if len(plan.lines) > MAX_LINES else ()
    return RunSummary(path=out, done=len(plan.rows), warnings=plan.warnings, lines=plan.lines[:MAX_LINES] + more)


def _plan(creatives: Account, events: EventLog, settings: RotateSettings) -> Plan:
    from adcreative.delivery.rotation.plan import plan_rotation

    policy, slots = settings.policy, settings.slots
    return plan_rotation(
        creatives,
        events,
        policy=policy or ("ts" if slots == 1 else "in-slate"),
        slots=slots,
        explore=settings.explore,
        half_life_days=settings.half_life_days,
        seed=settings.seed,
    )


def _read_scores(path: Path | None) -> dict[str, float]:
    """Return name -> rate of a score table, or strength where the table states no rate.

    Raises:
        ConfigError: the table has neither.
    """
    if path is None:
        return {}
    table = read_whole_log(Path(path))
    if "ad_name" not in table.columns or not {"ctr", "strength"} & set(table.columns):
        raise ConfigError(f"{path} is no table of score: it needs ad_name and ctr or strength")
    kinds = {name: "ctr" for name in ("ctr", "strength") if name in table.columns}
    numbers, _ = read_numbers(table.replace(LEVEL_UNKNOWN, ""), kinds, str(path))
    value = numbers.get("ctr", np.full(len(table), np.nan))
    if np.isnan(value).all() and "strength" in numbers:
        value = np.clip(numbers["strength"], 0.02, 0.98)
    return {name: float(one) for name, one in zip(read_names(table["ad_name"]), value, strict=True) if one == one}


def _read_survival(path: Path | None) -> tuple[dict[str, float], dict[str, float]]:
    """Return name -> chance of each running ad to last the week, and name -> remaining share (0..1) of the click rate.

    The latter is given where only a trend is known.

    Raises:
        ConfigError: the table is no forecast.
    """
    if path is None:
        return {}, {}
    table = read_whole_log(Path(path))
    needed = ("creative", "state", "ends_in_7_days", "weekly_change", "change_high")
    if missing := [name for name in needed if name not in table.columns]:
        raise ConfigError(f'{path} is no table of forecast: it has no column "{missing[0]}"')
    numbers, _ = read_numbers(table, dict.fromkeys(needed[2:], "ctr"), str(path))
    ends, change, high = (numbers[name] for name in needed[2:])
    falling = np.where(high < 0, 1 + change, 1.0)
    names = read_names(table["creative"])
    chances, trend = {}, {}
    for name, state, chance, left in zip(names, table["state"], 1 - ends, falling, strict=True):
        if state == "running" and chance == chance:
            chances[name] = float(np.clip(chance, 0, 1))
        elif state == "running":
            trend[name] = float(np.clip(left, 0, 1))
    return chances, trend


@takes(ReadSettings)
def evaluate_policy(
    log: Path,
    out: Path,
    settings: ReadSettings,
    *,
    policy: Path | str = "uniform",
    clip: float = 100.0,
    seed: int = 0,
    restart: bool = False,
    progress: Progress = silent,
    should_stop: ShouldStop = never,
) -> RunSummary:
    """Estimate the clicks of another rotation from a log with propensities; write `out` (JSON).

    Args:
        policy: the plan that `rotate` wrote, or "uniform".
        clip: upper limit of importance weights. settings: format of the log; fields may be given as keywords.
    Raises:
        CatalogError: the log cannot be read. ConfigError: the log has no propensities, never shows the policy's choices, or has
            too small an effective sample size; or stopped.
    """
    from adcreative.delivery.rotation.judging import judge_policy, read_plan_shares, uniform_shares

    out, plan = Path(out), None if str(policy) == "uniform" else Path(policy)
    if plan is not None and not plan.is_file():
        raise ConfigError(f'"{policy}" is neither a plan that rotate wrote nor "uniform"')
    check_outputs((out,), (log, plan), restart=restart)
    if clip <= 0:
        raise ConfigError(f"clip must be above 0, got {clip}")
    progress("reading the log", 0, 2)
    events = read_event_log(Path(log), **settings.written)
    with typed(str(policy)):
        shares = uniform_shares(events) if plan is None else read_plan_shares(read_whole_log(plan), plan.name)
    if should_stop():
        raise ConfigError(STOPPED)
    progress("estimating", 1, 2)
    found = judge_policy(events, shares, Path(log).name, clip=clip, seed=seed)
    with own_outputs((out,), (log, plan), restart=restart), open_atomically(out, is_text=True) as file:
        file.write(dump_json(_as_dict(found, str(policy)), indent=1))
    progress("estimating", 2, 2)
    return RunSummary(path=out, done=found.num_rows, warnings=found.warnings, lines=_say(found))


def _as_dict(found: Judgement, policy: str) -> dict[str, object]:
    lift, low, high = found.lift
    return {
        "policy": policy,
        "num_rows": found.num_rows,
        "effective_rows": found.effective,
        "unsupported": found.unsupported,
        "logged": vars(found.logged),
        "estimates": [vars(one) for one in found.estimates],
        "best": found.best.name,
        "lift": lift,
        "lift_low": low,
        "lift_high": high,
    }


def _say(found: Judgement) -> tuple[str, ...]:
    lift, low, high = found.lift
    answer = "no difference that is sure"
    if low > 0 or high < 0:
        answer = "more clicks than what ran" if low > 0 else "fewer clicks than what ran"
    return (
        *(f"{one.name}: {one.value:.4f} ({one.low:.4f} to {one.high:.4f})" for one in (found.logged, *found.estimates)),
        f"{answer}: {lift:+.1%} ({low:+.1%} to {high:+.1%}) by {found.best.name}, worth {found.effective:,.0f} rows of "
        f"{found.num_rows:,}",
    )
