"""Tomorrow's slates for each returning reader: the readers' model fitted to a log, and slates drawn for each of them.

The most recent readers get slates of their own, up to MAX_READERS; the slates of user "" are for everybody else, drawn as for
a reader without clicks.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from adcreative.catalog.event_log import EventLog
from adcreative.delivery.rotation.plan import PLAN_COLUMNS, SLATE_COLUMNS, Account, Plan, join_rows, plan_rotation
from adcreative.delivery.rotation.policies import check_policy
from adcreative.delivery.rotation.slate_choice import SLATE_POLICIES, choose_slates, find_kinds, place_shares
from adcreative.errors import ConfigError, TrainingError
from adcreative.options import takes
from adcreative.papers.slate_readers.settings import ALIKE, AUTO, RotateSettings
from adcreative.progress import Count, Progress, ShouldStop, count_stage, never, silent, uncounted
from adcreative.runs.batch import RunSummary
from adcreative.verbs import rotate as product

READER_COLUMNS = ("user", *SLATE_COLUMNS)
MAX_READERS, NUM_SLATES = 200, 200
MIN_OWN_CLICKS = 2.0  # of a reader on average, to follow by itself: one to tell a taste, one to be judged by


def plan_reader_slates(
    account: Account,
    log: EventLog,
    *,
    policy: str,
    slots: int,
    state: str,
    seed: int,
    progress: Count = uncounted,
    should_stop: ShouldStop = never,
) -> Plan:
    """Plan slates for readers.

    Args:
        policy: see `slate_choice`. slots: creatives shown together, at least 2. state: "gru" or "linear", see `model`; "auto":
            the best on held-out slates, and the plan of `rotate` where neither is better than all readers alike;
            "": as auto, and the plan of `rotate` for a log without returning readers.
    Returns:
        shares by place over all planned readers, slates under READER_COLUMNS.
    Raises:
        CatalogError: no row of the log is of this account. ConfigError: a setting, or a log without users or slates.
        TrainingError: too few readers or clicks.
    """
    from adcreative.papers.slate_readers.choice import choose_state
    from adcreative.papers.slate_readers.histories import NOTHING, read_histories
    from adcreative.papers.slate_readers.model import ReaderConfig, ReaderView, fit_readers, iter_click_chances

    check_policy(policy, SLATE_POLICIES)
    config = ReaderConfig() if state in ("", AUTO) else ReaderConfig(state=state)
    num = len(account.names)
    if state and not 2 <= slots <= num:
        raise ConfigError(f"readers are followed for slates of 2 to {num} places (as many as there are creatives), got {slots}")
    rows, warnings = join_rows(account, log)
    said: tuple[str, ...] = ()
    try:
        histories = read_histories(rows, num)
        is_worth_asking = bool(state) or (slots <= num and histories.num_clicks.mean() >= MIN_OWN_CLICKS)
    except (ConfigError, TrainingError):
        if state:
            raise
        is_worth_asking = False
    if not is_worth_asking:
        return plan_rotation(account, log, policy=policy, slots=slots, seed=seed)
    if state in ("", AUTO):
        choice = choose_state(histories, account.groups, config, seed=seed, progress=progress, should_stop=should_stop)
        said = (str(choice),)
        if choice.state == ALIKE:
            plain = plan_rotation(account, log, policy=policy, slots=slots, seed=seed)
            return replace(plain, lines=(*said, *plain.lines))
        config = replace(config, state=choice.state)
    network = fit_readers(histories, account.groups, config, seed=seed, progress=progress, should_stop=should_stop)
    kinds = find_kinds(list(account.words), account.groups)
    planned = np.argsort(-histories.last, kind="stable")[:MAX_READERS]
    clicks = np.vstack([np.full((1, histories.clicks.shape[1]), NOTHING), histories.clicks[planned]])  # first: a new reader
    rng, survival = np.random.default_rng(seed), np.log(account.survival * account.falling)
    slates = np.stack(
        [
            choose_slates(
                ReaderView(network, own[own != NOTHING], survival), slots, NUM_SLATES, policy=policy, rng=rng, kinds=kinds
            )
            for own in clicks
        ]
    )  # [1 + readers, NUM_SLATES, slots]
    low, middle, high = _place_rates(iter_click_chances(network, clicks, slates, seed), slates, num)
    shown = np.bincount(rows["item"], rows["impressions"], num).astype(int)
    shares = place_shares(slates.reshape(-1, slots), num)
    place, item = np.nonzero(shares)
    families, names = np.array(account.families, object)[item], np.array(account.names, object)
    table = pd.DataFrame(
        dict(
            zip(
                PLAN_COLUMNS,
                (
                    "",
                    place + 1,
                    names[item],
                    shares[place, item],
                    middle[place, item],
                    low[place, item],
                    high[place, item],
                    shown[item],
                    families,
                ),
                strict=True,
            )
        )
    )
    ready = [
        _list(one, name, names, num) for one, name in zip(slates, ("", *(histories.names[at] for at in planned)), strict=True)
    ]
    if rows["context"].nunique() > 1:
        warnings.append("readers are followed through all contexts together.")
    if len(histories.names) > MAX_READERS:
        warnings.append(f"the {MAX_READERS} readers seen last get slates of their own, of {len(histories.names)}.")
    return Plan(
        rows=table.sort_values(["slot", "share", "creative"], ascending=[True, False, True], ignore_index=True),
        slates=pd.concat(ready, ignore_index=True),
        lines=(*_say(slates, shares, middle, num), *said),
        warnings=tuple(warnings),
    )


def _list(slates: np.ndarray, user: str, names: np.ndarray, num_items: int) -> pd.DataFrame:
    """Return the ready slates [n, slots] of one reader; a propensity is the share of slates with the creative at that place."""
    num, slots = slates.shape
    shares = place_shares(slates, num_items)
    columns = (
        user,
        "",
        np.repeat(np.arange(1, num + 1), slots),
        np.tile(np.arange(1, slots + 1), num),
        names[slates.ravel()],
        shares[np.tile(np.arange(slots), num), slates.ravel()],
    )
    return pd.DataFrame(dict(zip(READER_COLUMNS, columns, strict=True)))


def _place_rates(chances: Iterable[np.ndarray], slates: np.ndarray, num: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return low, mean and high click chances [slots, N] of each creative at each place of its slates.

    Args:
        chances: of slates [U, n, slots], one array per draw.
    """
    cell = (slates + num * np.arange(slates.shape[2])).ravel()
    size = num * slates.shape[2]
    times = np.maximum(np.bincount(cell, minlength=size), 1)
    table = np.stack([np.bincount(cell, one.ravel(), size) / times for one in chances]).reshape(-1, slates.shape[2], num)
    return np.quantile(table, 0.05, axis=0), table.mean(axis=0), np.quantile(table, 0.95, axis=0)


def _say(slates: np.ndarray, shares: np.ndarray, rates: np.ndarray, num_items: int) -> tuple[str, ...]:
    clicked = float((shares * rates).sum())
    own = [len(np.unique(one)) for one in slates[1:]]
    return (
        f"{len(own)} readers get slates of their own, of {np.mean(own):.0f} creatives each on average; "
        f"all together show {len(np.unique(slates)):,} of {num_items:,}",
        f"a slate of {len(shares)} is clicked in {clicked:.2%} of views, by the model",
    )


@takes(RotateSettings)
def rotate(
    account: Path,
    out: Path,
    settings: RotateSettings,
    *,
    log: Path,
    restart: bool = False,
    progress: Progress = silent,
    should_stop: ShouldStop = never,
) -> RunSummary:
    """Plan tomorrow's share of impressions as `verbs.rotate` does; slates for each returning reader, where they are better.

    Raises:
        CatalogError: as `verbs.rotate`. ConfigError: as `verbs.rotate`, or the log names no users.
        TrainingError: the slates hold too few clicks or too few returning readers.
    """

    def plan(creatives: Account, events: EventLog, settings: product.RotateSettings) -> Plan:
        return plan_reader_slates(
            creatives,
            events,
            policy=settings.policy or "in-slate",
            slots=settings.slots,
            state=readers,
            seed=settings.seed,
            progress=count_stage(progress, "following readers"),
            should_stop=should_stop,
        )

    readers = settings.readers
    is_plain = settings.slots < 2 or settings.explore or settings.half_life_days is not None
    are_alike = readers == ALIKE or (not readers and is_plain)
    if not are_alike and (settings.explore or settings.half_life_days):
        raise ConfigError("explore and a half-life are not for readers: in-slate sampling explores, clicks follow the time")
    return product.rotate(
        account,
        out,
        settings,
        log=log,
        plan_by=None if are_alike else plan,
        restart=restart,
        progress=progress,
        should_stop=should_stop,
    )
