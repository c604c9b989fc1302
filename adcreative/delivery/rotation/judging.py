"""Judges another way of rotating from a log with propensities: what it would have earned, and whether the log can say so.

A policy is a table of shares by context, slot and creative (a plan), or "uniform". Slates are judged as wholes (SIPS, RIPS) and
place by place (IIPS); single showings by IPS, SNIPS and DR. The model of DR and cascade DR is the click rate by context,
slot and creative, shrunk to that of the creative, learnt on the other half of the users. No torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from adcreative.catalog.event_log import EventLog, read_propensities_needed
from adcreative.errors import ConfigError
from adcreative.metrics import off_policy as ope

MAX_UNSUPPORTED = 0.01  # part of the policy's showings that the log never made
MIN_EFFECTIVE = 30.0
FEW = 0.05  # an effective sample size below this part of the rows is warned of
PSEUDO = 50.0
DEFAULT_CLIP = 100.0

Shares = Mapping[tuple[str, int], Mapping[str, float]]


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """Estimates of clicks per impression (per view for slates) of a policy, beside what the log earned.

    best: the estimate to quote: DR, for slates cascade DR. effective: rows the estimate is worth. lift, lift_low, lift_high:
    best over logged, less 1.
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
        """Relative change of the click rate against the log with its interval, that of the log's own rate left out."""
        base = max(self.logged.value, 1e-12)
        return self.best.value / base - 1, self.best.low / base - 1, self.best.high / base - 1


def read_plan_shares(plan: pd.DataFrame, where: str) -> Shares:
    """Return the shares of a plan by context and slot.

    Raises:
        ConfigError: a column is missing, or shares do not sum to 1.
    """
    missing = [name for name in ("creative", "share") if name not in plan.columns]
    if missing:
        raise ConfigError(f'{where} has no column "{missing[0]}"; give the plan that rotate wrote')
    table = plan.assign(
        context=plan["context"].fillna("").astype(str) if "context" in plan.columns else "",
        slot=plan["slot"].astype(int) if "slot" in plan.columns else 1, creative=plan["creative"].astype(str),
    )  # fmt: skip
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
    """Return equal shares of the creatives that each context and slot of a log has."""
    cells: Any = log.rows.groupby(["context", "position"])["creative"].unique()
    return {
        (str(context), int(position)): dict.fromkeys(map(str, names), 1 / len(names))
        for (context, position), names in cells.items()
    }


def judge_policy(log: EventLog, shares: Shares, where: str, *, clip: float = DEFAULT_CLIP, seed: int = 0) -> Judgement:
    """Estimate what a policy would have earned.

    Args:
        shares: of the policy; a context that it does not name uses the shares of context "".
        where: what messages call the log. clip: weights above it are cut, which biases towards 0.
    Raises:
        ConfigError: the log has no propensities, the policy shows what the log never did, or too few rows remain.
    """
    logged_chance = read_propensities_needed(log, where)
    rows = log.rows
    cells = list(zip(rows["context"], rows["position"].astype(int), strict=True))
    policy_chance = np.array(
        [_cell(shares, cell).get(name, 0.0) for cell, name in zip(cells, rows["creative"], strict=True)], np.float64
    )
    unsupported = _unsupported(rows, cells, shares)
    if unsupported > MAX_UNSUPPORTED:
        raise ConfigError(
            f"{unsupported:.1%} of what the policy shows was never shown in that context and slot of {where}, so the log "
            "cannot tell what it would earn; explore first (rotate --explore 0.05), or judge a policy within what was shown"
        )
    weights = ope.importance_weights(policy_chance, logged_chance, clip=clip)
    shown = rows["impressions"].to_numpy()
    effective = ope.effective_sample_size(np.repeat(weights, np.minimum(shown, 50).astype(int)))
    if effective < MIN_EFFECTIVE:
        raise ConfigError(
            f"the log is worth only {effective:.0f} rows for this policy ({len(rows)} are there), at least "
            f"{MIN_EFFECTIVE:.0f} are needed; log more days, or a policy nearer to the one that ran"
        )
    model = _Rates(rows, cells, shares)
    judged = _judge_slates if log.has_slates else _judge_single
    logged, estimates, best = judged(rows, weights, model, seed)
    warnings = []
    if effective < FEW * len(rows):
        warnings.append(f"the estimate rests on {effective:.0f} of {len(rows)} rows: the policy is far from the one that ran.")
    if (cut := float((policy_chance / logged_chance > clip).mean())) > 0:
        warnings.append(f"{cut:.2%} of the weights were above {clip:g} and were cut, which makes the estimate cautious.")
    return Judgement(
        logged=logged, estimates=estimates, best=best, effective=effective, num_rows=len(rows), unsupported=unsupported,
        warnings=tuple(warnings),
    )  # fmt: skip


def _cell(shares: Shares, cell: tuple[str, int]) -> Mapping[str, float]:
    return shares.get(cell) or shares.get(("", cell[1])) or {}


def _unsupported(rows: pd.DataFrame, cells: list[tuple[str, int]], shares: Shares) -> float:
    """Return the part of the policy's showings that the log never made."""
    table = pd.DataFrame({"cell": pd.factorize(pd.MultiIndex.from_tuples(cells))[0], "creative": rows["creative"].to_numpy()})
    table["shown"] = rows["impressions"].to_numpy()
    missing = total = 0.0
    for at, part in table.groupby("cell"):
        first = cells[int(np.flatnonzero(table["cell"].to_numpy() == at)[0])]
        seen, planned = set(part["creative"]), _cell(shares, first)
        missed = sum(share for name, share in planned.items() if name not in seen) if planned else 1.0
        missing += missed * part["shown"].sum()
        total += part["shown"].sum()
    return missing / total


class _Rates:
    """Click rates by context, slot and creative, from the other half of the users: [M] of what was shown, [M] of the policy."""

    def __init__(self, rows: pd.DataFrame, cells: list[tuple[str, int]], shares: Shares) -> None:
        half = _groups(rows) % 2
        key = pd.factorize(pd.MultiIndex.from_arrays([rows["context"], rows["position"], rows["creative"]]))[0]
        cell, which = pd.factorize(pd.MultiIndex.from_tuples(cells))
        creative, names = pd.factorize(rows["creative"])
        clicks, shown = rows["clicks"].to_numpy(), rows["impressions"].to_numpy()
        self.logged, self.policy = np.zeros(len(rows)), np.zeros(len(rows))
        self.place = np.zeros(len(rows))  # mean rate of the cell
        for part in (0, 1):
            learn = half != part
            base = (clicks[learn].sum() + 1) / (shown[learn].sum() + PSEUDO)
            by_name = _shrunk(creative[learn], clicks[learn], shown[learn], np.full(len(names), base))
            by_cell = _shrunk(cell[learn], clicks[learn], shown[learn], np.full(len(which), base))
            first = np.unique(key, return_index=True)[1]
            prior = by_name[creative[first]] * by_cell[cell[first]] / base
            by_key = _shrunk(key[learn], clicks[learn], shown[learn], prior)
            of = {(cell[at], creative[at]): by_key[key[at]] for at in first}
            number = {name: at for at, name in enumerate(names)}
            expected = np.array(
                [
                    sum(
                        share * of.get((at, number.get(name, -1)), by_cell[at])
                        for name, share in _cell(shares, (str(one[0]), int(one[1]))).items()
                    )
                    for at, one in enumerate(which)
                ]
            )
            mine = half == part
            self.logged[mine], self.policy[mine] = by_key[key[mine]], expected[cell[mine]]
            self.place[mine] = by_cell[cell[mine]]


def _shrunk(at: np.ndarray, clicks: np.ndarray, shown: np.ndarray, prior: np.ndarray) -> np.ndarray:
    size = len(prior)
    rates: np.ndarray = (np.bincount(at, clicks, size) + PSEUDO * prior) / (np.bincount(at, shown, size) + PSEUDO)
    return rates


def _groups(rows: pd.DataFrame) -> np.ndarray:
    """Return [M] whose row it is: the user where users are known, else the slate."""
    named = (rows["user"] != "").all() and rows["user"].nunique() > 1
    return np.asarray(pd.factorize(rows["user"] if named else rows["slate"])[0])


def _judge_single(
    rows: pd.DataFrame, weights: np.ndarray, model: _Rates, seed: int
) -> tuple[ope.Estimate, tuple[ope.Estimate, ...], ope.Estimate]:
    clicks, shown, groups = rows["clicks"].to_numpy(), rows["impressions"].to_numpy(), _groups(rows)
    dr = shown * model.policy + weights * (clicks - shown * model.logged)
    found = (
        ope.estimate("IPS", ope.inverse_propensity(weights, clicks), groups, over=shown, seed=seed),
        ope.estimate("SNIPS", weights * clicks, groups, over=weights * shown, seed=seed),
        ope.estimate("DR", dr, groups, over=shown, seed=seed),
    )
    return ope.estimate("logged", clicks, groups, over=shown, seed=seed), found, found[2]


def _judge_slates(
    rows: pd.DataFrame, weights: np.ndarray, model: _Rates, seed: int
) -> tuple[ope.Estimate, tuple[ope.Estimate, ...], ope.Estimate]:
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
    later = np.cumsum(rest[:, ::-1], axis=1)[:, ::-1] - rest  # what the places after this one earn on average
    logged, policy = spread(model.logged, 0.0), spread(model.policy, 0.0)
    is_place = spread(np.ones(len(rows)), 0.0)
    groups = _groups(rows)[np.flatnonzero(place == 0)]
    values = (
        ("SIPS", ope.slate_standard(w, won)), ("IIPS", ope.slate_independent(w, won)),
        ("RIPS", ope.slate_reward_interaction(w, won)),
        ("cascade DR", ope.slate_cascade_dr(w, won, is_place * (logged + later), is_place * (policy + later))),
    )  # fmt: skip
    found = tuple(ope.estimate(name, one, groups, seed=seed) for name, one in values)
    return ope.estimate("logged", won.sum(axis=1), groups, seed=seed), found, found[3]
