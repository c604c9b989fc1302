"""Tomorrow's plan: the share of impressions of each creative in each context, or at each position of a slate.

Joins the account's creatives to the rows of a log by name; a creative without impressions is planned from its family (brand,
category, placement) and, if a score table is given, from its predicted rate. Does not import torch.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from adcreative.catalog.event_log import EventLog
from adcreative.creative import Creative
from adcreative.delivery.rotation.outlook import Outlook, find_outlook
from adcreative.delivery.rotation.policies import choose_shares
from adcreative.delivery.rotation.posterior import RatePosterior, fit_posterior
from adcreative.delivery.rotation.slate_choice import choose_slates, find_kinds, place_shares
from adcreative.delivery.rotation.slate_model import SlateModel, Slates, fit_slate_model
from adcreative.errors import CatalogError, ConfigError, TrainingError

PLAN_COLUMNS = (
    "context",
    "slot",
    "creative",
    "share",
    "ctr",
    "ctr_low",
    "ctr_high",
    "impressions",
    "family",
)
SLATE_COLUMNS = ("context", "slate", "slot", "creative", "propensity")
MIN_SHARE = 1e-4  # smaller shares are not planned, unless exploration is requested
TIRED = 0.5
MIN_SURVIVAL = 0.01  # no forecast removes an ad's whole share
NUM_SLATES = 1000
MIN_CONTEXT_CLICKS, MAX_CONTEXTS = 50, 12  # clicks of a context with its own slates; maximum number of such contexts
MAX_NAMES = 3


@dataclass(frozen=True, kw_only=True)
class Account:
    """Creatives by name, with the family of each and its predicted rate (NaN: none).

    survival: [N] in (0, 1], forecast probability to last; falling: [N] factor left of the click rate after a week, by the
        forecast trend. 1 without a forecast.
    """

    names: tuple[str, ...]
    families: tuple[str, ...]
    words: tuple[str, ...]
    predicted: np.ndarray
    survival: np.ndarray
    falling: np.ndarray

    @property
    def groups(self) -> np.ndarray:
        """[N] the number of each creative's family."""
        return np.asarray(pd.factorize(np.array(self.families, object))[0])


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Rows with PLAN_COLUMNS, complete slates with SLATE_COLUMNS (empty for one slot), and sentences for the user."""

    rows: pd.DataFrame
    slates: pd.DataFrame
    lines: tuple[str, ...]
    warnings: tuple[str, ...]


def read_account_creatives(
    creatives: Sequence[Creative],
    scores: Mapping[str, float] | None = None,
    survival: Mapping[str, float] | None = None,
    falling: Mapping[str, float] | None = None,
) -> Account:
    """Return the account's creatives, one per name.

    Args:
        scores: name -> predicted rate or strength (0..1). survival: name -> forecast probability to last. falling: name ->
            factor left of the click rate after a week, from a forecast without probabilities.
    Raises:
        CatalogError: there are no creatives.
    """
    first: dict[str, Creative] = {}
    for creative in creatives:
        first.setdefault(creative.name, creative)
    if not first:
        raise CatalogError("the account has no creatives to rotate")
    known = scores or {}
    return Account(
        names=tuple(first),
        families=tuple(" / ".join(part for part in (one.brand, one.category, one.placement) if part) for one in first.values()),
        words=tuple(" ".join((one.headline, one.body, one.file_name)) for one in first.values()),
        predicted=np.array([known.get(name, np.nan) for name in first], np.float64),
        survival=np.clip([(survival or {}).get(name, 1.0) for name in first], MIN_SURVIVAL, 1.0),
        falling=np.clip([(falling or {}).get(name, 1.0) for name in first], MIN_SURVIVAL, 1.0),
    )


def plan_rotation(
    account: Account,
    log: EventLog,
    *,
    policy: str,
    slots: int = 1,
    explore: float = 0.0,
    half_life_days: float | None = None,
    seed: int = 0,
) -> Plan:
    """Plan the next impressions.

    Args:
        policy: see `policies` for one slot, `slate_choice` for several slots.
        slots: number of creatives shown together. explore: share of impressions split equally over all (one slot only).
        half_life_days: age at which results count half; 0: no decay; None: chosen by evaluation, see `outlook`.
    Raises:
        CatalogError: no row of the log belongs to this account. ConfigError: a setting is out of range.
    """
    if slots < 1 or not 0 <= (half_life_days or 0) < math.inf:
        raise ConfigError(f"slots must be at least 1 and the half-life 0 or more, got {slots} and {half_life_days}")
    rows, warnings = join_rows(account, log)
    if slots > 1 and explore:
        raise ConfigError("explore is for one slot; in-slate sampling explores by itself")
    outlook = find_outlook(rows, len(account.names), account.groups, half_life_days)
    if not outlook.has_days:  # without a trend in the log the forecast's trend is used; with both it would count twice
        account = replace(account, survival=account.survival * account.falling)
    if slots == 1:
        plan = _plan_single(account, rows, policy, explore, outlook, warnings)
    else:
        plan = _plan_slates(account, rows, policy, slots, np.random.default_rng(seed), outlook, warnings)
    return replace(plan, lines=(outlook.reason, *plan.lines))


def join_rows(account: Account, log: EventLog) -> tuple[pd.DataFrame, list[str]]:
    """Return the log's rows of known creatives with their number, and warnings about other rows."""
    number = {name: at for at, name in enumerate(account.names)}
    at = log.rows["creative"].map(number)
    unknown = log.rows["creative"][at.isna()].unique()
    if at.isna().all():
        raise CatalogError(
            f'no creative of the log is in the account: the log has "{str(unknown[0])[:60]}", the account '
            f'"{account.names[0][:60]}"; the names (ad_name) must be the same'
        )
    warnings = [*log.notes, *log.warnings]
    if len(unknown):
        shown = ", ".join(f'"{str(name)[:40]}"' for name in unknown[:MAX_NAMES])
        warnings.append(f"{len(unknown)} creatives of the log are not in the account and are not planned, such as {shown}.")
    return log.rows[at.notna()].assign(item=at[at.notna()].astype(int)), warnings


def _plan_single(
    account: Account, rows: pd.DataFrame, policy: str, explore: float, outlook: Outlook, warnings: list[str]
) -> Plan:
    contexts, at = np.unique(rows["context"].to_numpy(str), return_inverse=True)
    shape = (len(account.names), len(contexts))
    cell = rows["item"].to_numpy() * len(contexts) + at
    clicks, shown, real = (
        np.bincount(cell, values, shape[0] * shape[1]).reshape(shape)
        for values in (
            outlook.weight * rows["clicks"],
            outlook.weight * np.maximum(outlook.level * rows["impressions"], rows["clicks"]),
            rows["impressions"],
        )
    )
    known = None if np.isnan(account.predicted).all() else account.predicted
    seen = fit_posterior(clicks, shown, groups=account.groups, predicted=known)
    posterior = seen.moved(outlook.shift, outlook.deviation)
    expected = seen.moved(outlook.shift, np.zeros(shape[0]))  # a trend's continuation is not explored
    plain = choose_shares(policy, *expected.logit_moments(), explore=explore)
    shares = (plain - explore / shape[0]) * account.survival[:, None]  # the explored share is equal for all
    shares = (1 - explore) * shares / np.maximum(shares.sum(axis=0), 1e-300) + explore / shape[0]
    kept = np.where((shares >= MIN_SHARE) | (explore > 0), shares, 0.0)
    kept = kept / kept.sum(axis=0, keepdims=True)
    return Plan(
        rows=_tabulate(account, contexts, kept, posterior, real),
        slates=pd.DataFrame(columns=list(SLATE_COLUMNS)),
        lines=(
            *(_say(account, context, kept[:, c], posterior, c) for c, context in enumerate(contexts)),
            *_say_moved(account, plain, shares),
        ),
        warnings=tuple(warnings),
    )


def _say_moved(account: Account, before: np.ndarray, after: np.ndarray) -> tuple[str, ...]:
    """Return sentences on changes by the forecast in shares [N, C]."""
    tired = int((account.survival < TIRED).sum())
    if (account.survival == 1).all():
        return ()
    moved = float(np.abs(after - before).sum(axis=0).mean() / 2)
    return (f"the forecast moves {moved:.0%} of the impressions; {tired} ads more likely than not end within a week",)


def _tabulate(
    account: Account, contexts: np.ndarray, shares: np.ndarray, posterior: RatePosterior, shown: np.ndarray
) -> pd.DataFrame:
    item, context = np.nonzero(shares)
    low, high = posterior.interval()
    table = pd.DataFrame(
        {
            "context": contexts[context],
            "slot": 1,
            "creative": np.array(account.names, object)[item],
            "share": shares[item, context],
            "ctr": posterior.mean[item, context],
            "ctr_low": low[item, context],
            "ctr_high": high[item, context],
            "impressions": shown[item, context].astype(int),
            "family": np.array(account.families, object)[item],
        }
    )
    return table.sort_values(["context", "share", "creative"], ascending=[True, False, True], ignore_index=True)


def _say(account: Account, context: str, shares: np.ndarray, posterior: RatePosterior, at: int) -> str:
    """Return one sentence with the leading creative in a context, and its certainty."""
    leader = int(posterior.mean[:, at].argmax())
    most = int(shares.argmax())
    wide = int((shares >= 0.01).sum())
    where = f"{context}: " if context else ""
    sure = (
        "is clearly the best" if shares[most] > 0.95 else "is probably the best" if shares[most] > 0.6 else "leads, not surely"
    )
    name = account.names[most if shares[most] > 0.6 else leader]
    return (
        f'{where}"{name[:60]}" {sure} ({posterior.mean[most if shares[most] > 0.6 else leader, at]:.2%}); '
        f"{wide} of {len(shares)} creatives get 1 % of the impressions or more, the first {shares[most]:.0%}"
    )


def _plan_slates(
    account: Account,
    rows: pd.DataFrame,
    policy: str,
    slots: int,
    rng: np.random.Generator,
    outlook: Outlook,
    warnings: list[str],
) -> Plan:
    rows = rows.assign(weight=outlook.weight).sort_values(["slate", "position"], kind="stable")
    if rows["slate"].nunique() == len(rows):
        raise ConfigError(
            f"a plan for {slots} slots needs a log of slates: a column slate that rows shown together share; "
            "plan one slot, or log slates"
        )
    kinds = find_kinds(list(account.words), account.groups)
    tables, ready, lines = [], [], []
    for context, fitted in _fit_by_context(account, rows):
        model = replace(
            fitted, attraction=fitted.attraction + outlook.shift, spread=np.sqrt(fitted.spread**2 + outlook.deviation**2)
        )
        tilted = replace(model, attraction=model.attraction + np.log(account.survival), spread=fitted.spread)  # as for one slot
        drawn = choose_slates(tilted, slots, NUM_SLATES, policy=policy, rng=rng, kinds=kinds)
        shares = place_shares(drawn, len(account.names))  # [slots, N]
        shown = rows[rows["context"] == context] if context else rows
        tables.append(_tabulate_slates(account, context, model, shares, shown))
        ready.append(_list_slates(account, context, drawn, shares))
        lines += _say_slates(account, context, model, drawn, shares)
    if (account.survival < 1).any():
        tired = int((account.survival < TIRED).sum())
        lines.append(f"{tired} ads more likely than not end within a week by the forecast, and are shown less")
    return Plan(
        rows=pd.concat(tables, ignore_index=True),
        slates=pd.concat(ready, ignore_index=True),
        lines=tuple(lines),
        warnings=tuple(warnings),
    )


def _fit_by_context(account: Account, rows: pd.DataFrame) -> Iterator[tuple[str, SlateModel]]:
    """Yield contexts and the click model of each, with the other contexts as prior; "" is all contexts together.

    Only the most clicked contexts, at most MAX_CONTEXTS, have their own models; a plan uses "" for the others.
    """

    def slates_of(part: pd.DataFrame) -> Slates:
        return Slates(
            item=part["item"].to_numpy(),
            slate=np.unique(part["slate"].to_numpy(), return_inverse=True)[1],
            position=part["position"].to_numpy().astype(int) - 1,
            clicked=part["clicks"].to_numpy() > 0,
            num_items=len(account.names),
            weight=part.groupby("slate")["weight"].transform("first").to_numpy(),
        )

    where = rows.groupby("slate")["context"].transform("first")
    clicks = rows.groupby(where)["clicks"].sum().sort_values(ascending=False, kind="stable")
    wanted = [str(name) for name, count in clicks.items() if count >= MIN_CONTEXT_CLICKS][:MAX_CONTEXTS]
    if len(clicks) < 2 or len(wanted) < len(clicks):
        yield "", fit_slate_model(slates_of(rows), account.groups)
    for context in sorted(wanted) if len(clicks) > 1 else ():
        others = rows[where != context]
        try:
            prior = fit_slate_model(slates_of(others), account.groups)
        except TrainingError:  # too few clicks in other contexts
            prior = None
        yield context, fit_slate_model(slates_of(rows[where == context]), account.groups, prior=prior)


def _tabulate_slates(account: Account, context: str, model: SlateModel, shares: np.ndarray, rows: pd.DataFrame) -> pd.DataFrame:
    shown = np.bincount(rows["item"], rows["impressions"], len(account.names)).astype(int)
    place, item = np.nonzero(shares)
    low, middle, high = _place_rates(model, len(shares))
    return pd.DataFrame(
        {
            "context": context,
            "slot": place + 1,
            "creative": np.array(account.names, object)[item],
            "share": shares[place, item],
            "ctr": middle[item, place],
            "ctr_low": low[item, place],
            "ctr_high": high[item, place],
            "impressions": shown[item],
            "family": np.array(account.families, object)[item],
        }
    ).sort_values(["slot", "share", "creative"], ascending=[True, False, True], ignore_index=True)


def _list_slates(account: Account, context: str, drawn: np.ndarray, shares: np.ndarray) -> pd.DataFrame:
    num, slots = drawn.shape
    return pd.DataFrame(
        {
            "context": context,
            "slate": np.repeat(np.arange(1, num + 1), slots),
            "slot": np.tile(np.arange(1, slots + 1), num),
            "creative": np.array(account.names, object)[drawn.ravel()],
            "propensity": shares[np.tile(np.arange(slots), num), drawn.ravel()],
        }
    )


def _say_slates(account: Account, context: str, model: SlateModel, drawn: np.ndarray, shares: np.ndarray) -> list[str]:
    expected = np.array([model.click_chances(one).sum() for one in drawn])
    where = f"{context}: " if context else ""
    return [
        f"{where}a slate of {len(shares)} is clicked in {expected.mean():.2%} of views, by the model; {len(drawn):,} slates "
        f"show {len(np.unique(drawn)):,} of {len(account.names):,} creatives, none twice in a slate",
        f'{where}first place: "{account.names[int(shares[0].argmax())][:60]}" in {shares[0].max():.0%} of slates',
    ]


def _place_rates(model: SlateModel, slots: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return [N, slots] low, middle and high click probabilities of each creative at each position, among average creatives."""
    position = np.append(model.position, np.full(max(0, slots - len(model.position)), model.position[-1]))[:slots]
    company = np.exp(model.attraction).mean() * (slots - 1) + np.exp(model.no_click_at(slots))
    appeal = [np.exp((model.attraction + z * model.spread)[:, None] + position) for z in (-1.645, 0.0, 1.645)]
    low, middle, high = (one / (one + company) for one in appeal)
    return low, middle, high


def plan_as_rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a plan's table for a CSV: rates with six digits."""
    rounded = table.copy()
    for name in rounded.columns.intersection(["share", "ctr", "ctr_low", "ctr_high", "propensity"]):
        rounded[name] = rounded[name].round(6)
    return [{str(key): value for key, value in row.items()} for row in rounded.to_dict("records")]
