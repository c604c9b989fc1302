"""Off-policy evaluation of a rotation policy from a log with propensities: its estimated clicks, and whether the log suffices.

A policy is a table of shares by context, slot and creative (a plan), or "uniform". On each day the shares of the creatives that
ran on that day are scaled to sum to 1, since other ads could not have been shown. Slates are evaluated as wholes (SIPS, RIPS)
and per position (IIPS); single impressions by IPS, SNIPS and DR. The reward model of DR and cascade DR is the click rate by
context, slot and creative, shrunk to the creative's rate, fitted on the other half of the users. Does not import torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from adcreative.catalog.event_log import EventLog, read_propensities_needed
from adcreative.catalog.formats.logs import read_names
from adcreative.errors import ConfigError
from adcreative.metrics import off_policy as ope

MAX_UNSUPPORTED = 0.01  # share of the policy's impressions without support in the log
MIN_EFFECTIVE = 30.0
FEW = 0.05  # share of the rows; a smaller effective sample size gives a warning
PSEUDO = 50.0
DEFAULT_CLIP = 100.0
MEAN_WEIGHT, SURE_OF_MEAN = (0.8, 1.25), 300.0  # effective rows from which the mean weight is informative

Shares = Mapping[tuple[str, int], Mapping[str, float]]


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """Estimates of a policy's clicks per impression (per view for slates), next to the logged click rate.

    best: the recommended estimate: DR; for slates cascade DR, or independent DR if slates cannot be weighted as wholes.
    effective: effective sample size. lift, lift_low, lift_high: best over logged, minus 1.
    """

    logged: ope.Estimate
    estimates: tuple[ope.Estimate, ...]
    best: ope.Estimate
    effective: float
    num_rows: int
    unsupported: float
    warnings: tuple[str, ...]

    @property
    def lift(self) -> tuple[float, float, float]:
        """Relative change of the click rate against the log with its interval, ignoring the uncertainty of the logged rate."""
        base = max(self.logged.value, 1e-12)
        return self.best.value / base - 1, self.best.low / base - 1, self.best.high / base - 1


def read_plan_shares(plan: pd.DataFrame, where: str) -> Shares:
    """Return the shares in a plan by context and slot.

    Raises:
        ConfigError: a column is missing, or shares do not sum to 1.
    """
    missing = [name for name in ("creative", "share") if name not in plan.columns]
    if missing:
        raise ConfigError(f'{where} has no column "{missing[0]}"; give the plan that rotate wrote')
    table = plan.assign(
        context=read_names(plan["context"]) if "context" in plan.columns else "",
        slot=plan["slot"].astype(int) if "slot" in plan.columns else 1,
        creative=read_names(plan["creative"]),
    )
    grouped: Any = table.groupby(["context", "slot"])
    shares = {
        (str(context), int(slot)): dict(zip(rows["creative"], rows["share"].astype(float), strict=True))
        for (context, slot), rows in grouped
    }
    for (context, slot), cell in shares.items():
        total = sum(cell.values())
        if not 0.98 < total < 1.02 or min(cell.values()) < 0:
            raise ConfigError(f'{where}: the shares of context "{context}", slot {slot} sum to {total:.3f}; they must sum to 1')
    return shares


def uniform_shares(log: EventLog) -> Shares:
    """Return equal shares for the creatives in each context and slot of a log."""
    cells: Any = log.rows.groupby(["context", "position"])["creative"].unique()
    return {
        (str(context), int(position)): dict.fromkeys(map(str, names), 1 / len(names))
        for (context, position), names in cells.items()
    }


def judge_policy(log: EventLog, shares: Shares, where: str, *, clip: float = DEFAULT_CLIP, seed: int = 0) -> Judgement:
    """Estimate the clicks that a policy would have earned.

    Args:
        shares: shares of the policy; contexts missing in the policy use the shares of context "".
        where: name of the log in messages. clip: upper limit of weights, which biases towards 0.
    Raises:
        ConfigError: the log has no propensities, the policy lacks support in the log, or too few rows remain.
    """
    logged_chance = read_propensities_needed(log, where)
    rows = log.rows
    choices = _Choices(rows, shares)
    policy_chance = choices.chance
    unsupported = choices.unsupported
    if unsupported > MAX_UNSUPPORTED:
        raise ConfigError(
            f"{unsupported:.1%} of what the policy shows was never shown in that context and slot of {where}, so the log "
            "cannot tell what it would earn; explore first (rotate --explore 0.05), or judge a policy within what was shown"
        )
    weights = ope.importance_weights(policy_chance, logged_chance, clip=clip)
    shown = rows["impressions"].to_numpy()
    mean_weight = float((policy_chance / logged_chance * shown).sum() / shown.sum())
    effective = ope.effective_sample_size(np.repeat(weights, np.minimum(shown, 50).astype(int)))
    if effective < MIN_EFFECTIVE:
        raise ConfigError(
            f"the log is worth only {effective:.0f} rows for this policy ({len(rows)} are there), at least "
            f"{MIN_EFFECTIVE:.0f} are needed; log more days, or a policy nearer to the one that ran"
        )
    if not MEAN_WEIGHT[0] <= mean_weight <= MEAN_WEIGHT[1] and effective > SURE_OF_MEAN:
        raise ConfigError(
            f"the weights average {mean_weight:.2f} where 1 is expected, so the propensities of {where} are not the chances of "
            "choosing among these creatives at one place; check how they were logged"
        )
    model = _Rates(rows, choices)
    judged = _judge_slates if log.has_slates else _judge_single
    logged, estimates, best, reason = judged(rows, weights, model, seed)
    warnings = [*log.notes, *log.warnings, *([reason] if reason else [])]
    if effective < FEW * len(rows):
        warnings.append(f"the estimate rests on {effective:.0f} of {len(rows)} rows: the policy is far from the one that ran.")
    if (cut := float((policy_chance / logged_chance > clip).mean())) > 0:
        warnings.append(f"{cut:.2%} of the weights were above {clip:g} and were cut, which makes the estimate cautious.")
    return Judgement(
        logged=logged,
        estimates=estimates,
        best=best,
        effective=effective,
        num_rows=len(rows),
        unsupported=unsupported,
        warnings=tuple(warnings),
    )


def _cell(shares: Shares, cell: tuple[str, int]) -> Mapping[str, float]:
    return shares.get(cell) or shares.get(("", cell[1])) or {}


class _Choices:
    """The policy's probabilities at every row: (context, slot, day) of the row, its probabilities, and unsupported creatives.

    chance: [M] of the logged creative. cell: [M] number of (context, slot, day). shares: creative -> probability in each cell.
    """

    def __init__(self, rows: pd.DataFrame, shares: Shares) -> None:
        days = rows["time"].str[:10].to_numpy()
        names = rows["creative"].to_numpy()
        running = {day: set(names[days == day]) for day in np.unique(days)}
        known: dict[tuple[str, int], set[str]] = {}
        at = pd.MultiIndex.from_arrays([rows["context"], rows["position"].astype(int), days])
        self.cell, cells = pd.factorize(at)
        for (context, slot, _), part in zip(cells, self._rows_of(len(cells)), strict=True):
            known.setdefault((context, slot), set()).update(names[part])
        counts = np.bincount(self.cell, rows["impressions"], len(cells))
        missing = 0.0
        self.shares: list[dict[str, float]] = []
        for (context, slot, day), count in zip(cells, counts, strict=True):
            planned = _cell(shares, (context, slot))
            missing += count * (
                sum(share for name, share in planned.items() if name not in known[context, slot]) if planned else 1
            )
            able = {name: share for name, share in planned.items() if name in running[day] and share > 0}
            total = sum(able.values())
            self.shares.append({name: share / total for name, share in able.items()} if total > 0 else {})
        self.unsupported = float(missing / counts.sum())
        self.chance = np.array(
            [self.shares[cell].get(name, 0.0) for cell, name in zip(self.cell, names, strict=True)], np.float64
        )

    def _rows_of(self, num: int) -> list[np.ndarray]:
        order = np.argsort(self.cell, kind="stable")
        return np.split(order, np.cumsum(np.bincount(self.cell, minlength=num))[:-1])


class _Rates:
    """Click rates by context, slot and creative, fitted on the other half of the users: [M] of the log, [M] of the policy."""

    def __init__(self, rows: pd.DataFrame, choices: _Choices) -> None:
        half = _groups(rows) % 2
        key = pd.factorize(pd.MultiIndex.from_arrays([rows["context"], rows["position"], rows["creative"]]))[0]
        place = pd.factorize(pd.MultiIndex.from_arrays([rows["context"], rows["position"]]))[0]
        creative, names = pd.factorize(rows["creative"])
        number = {name: at for at, name in enumerate(names)}
        clicks, shown = rows["clicks"].to_numpy(), rows["impressions"].to_numpy()
        first = np.unique(key, return_index=True)[1]
        key_of = {(place[at], creative[at]): key[at] for at in first}
        place_of_cell = place[np.unique(choices.cell, return_index=True)[1]]
        self.logged, self.policy, self.place = np.zeros(len(rows)), np.zeros(len(rows)), np.zeros(len(rows))
        for part in (0, 1):
            learn, mine = half != part, half == part
            base = (clicks[learn].sum() + 1) / (shown[learn].sum() + PSEUDO)
            by_name = _shrunk(creative[learn], clicks[learn], shown[learn], np.full(len(names), base))
            by_place = _shrunk(place[learn], clicks[learn], shown[learn], np.full(int(place.max()) + 1, base))
            by_key = _shrunk(key[learn], clicks[learn], shown[learn], by_name[creative[first]] * by_place[place[first]] / base)
            expected = np.array(
                [
                    sum(
                        share * (by_key[key_of[at, number[name]]] if (at, number[name]) in key_of else by_place[at])
                        for name, share in of.items()
                    )
                    for at, of in zip(place_of_cell, choices.shares, strict=True)
                ]
            )
            self.logged[mine], self.policy[mine] = by_key[key[mine]], expected[choices.cell[mine]]
            self.place[mine] = by_place[place[mine]]


def _shrunk(at: np.ndarray, clicks: np.ndarray, shown: np.ndarray, prior: np.ndarray) -> np.ndarray:
    size = len(prior)
    rates: np.ndarray = (np.bincount(at, clicks, size) + PSEUDO * prior) / (np.bincount(at, shown, size) + PSEUDO)
    return rates


def _groups(rows: pd.DataFrame) -> np.ndarray:
    """Return [M] the group of each row: the user if users are known, else the slate."""
    named = (rows["user"] != "").all() and rows["user"].nunique() > 1
    return np.asarray(pd.factorize(rows["user"] if named else rows["slate"])[0])


def _judge_single(
    rows: pd.DataFrame, weights: np.ndarray, model: _Rates, seed: int
) -> tuple[ope.Estimate, tuple[ope.Estimate, ...], ope.Estimate, str]:
    clicks, shown, groups = rows["clicks"].to_numpy(), rows["impressions"].to_numpy(), _groups(rows)
    dr = shown * model.policy + weights * (clicks - shown * model.logged)
    found = (
        ope.estimate("IPS", ope.inverse_propensity(weights, clicks), groups, over=shown, seed=seed),
        ope.estimate("SNIPS", weights * clicks, groups, over=weights * shown, seed=seed),
        ope.estimate("DR", dr, groups, over=shown, seed=seed),
    )
    return ope.estimate("logged", clicks, groups, over=shown, seed=seed), found, found[2], ""


def _judge_slates(
    rows: pd.DataFrame, weights: np.ndarray, model: _Rates, seed: int
) -> tuple[ope.Estimate, tuple[ope.Estimate, ...], ope.Estimate, str]:
    slate = rows["slate"].to_numpy()
    number = np.unique(slate, return_inverse=True)[1]
    place = np.arange(len(rows)) - np.flatnonzero(np.diff(slate, prepend=-1))[number]
    shape = (int(number[-1]) + 1, int(place.max()) + 1)

    def spread(values: np.ndarray, missing: float) -> np.ndarray:
        table = np.full(shape, missing)
        table[number, place] = values
        return table

    won, w = spread(rows["clicks"].to_numpy(), 0.0), spread(weights, 1.0)
    rest = spread(model.place, 0.0)
    later = np.cumsum(rest[:, ::-1], axis=1)[:, ::-1] - rest  # mean reward of the positions after this one
    logged, policy = spread(model.logged, 0.0), spread(model.policy, 0.0)
    is_place = spread(np.ones(len(rows)), 0.0)
    groups = _groups(rows)[np.flatnonzero(place == 0)]
    independent = (policy + w * (won - logged)).sum(axis=1)
    values = [("IIPS", ope.slate_independent(w, won)), ("independent DR", independent)]
    if (reason := _why_not_whole(w)) == "":
        later_logged, later_policy = is_place * (logged + later), is_place * (policy + later)
        values += [
            ("SIPS", ope.slate_standard(w, won)),
            ("RIPS", ope.slate_reward_interaction(w, won)),
            ("cascade DR", ope.slate_cascade_dr(w, won, later_logged, later_policy)),
        ]
    found = tuple(ope.estimate(name, one, groups, seed=seed) for name, one in values)
    return ope.estimate("logged", won.sum(axis=1), groups, seed=seed), found, found[-1], reason


def _why_not_whole(weights: np.ndarray) -> str:
    """Return the reason why slates cannot be weighted as wholes, or "".

    The weight of a whole slate is the product over its positions, which is valid only if each propensity is conditional on the
    earlier positions; then the weights average 1.
    """
    whole = weights.prod(axis=1)
    mean, effective = float(whole.mean()), ope.effective_sample_size(whole)
    if effective < MIN_EFFECTIVE:
        return f"whole slates are worth only {effective:.0f} views, so they are judged place by place."
    if not MEAN_WEIGHT[0] <= mean <= MEAN_WEIGHT[1]:
        return (
            f"the weights of whole slates average {mean:.2f} where 1 is expected (places were not chosen one after the other "
            "with the chances that were logged), so slates are judged place by place."
        )
    return ""
