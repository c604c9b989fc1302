"""Fit one part of an account's model: members on all ads, predictions out of fold by group, the stack, spread and changes.

Groups are left out in turn. Every stated figure of a part is measured on ads whose group the members had not seen,
with weights fitted on the other folds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from scipy import special
from sklearn.model_selection import GroupKFold

from adcreative.creative import Creative
from adcreative.ctr.account.card import describe_members, measure_out_of_fold
from adcreative.ctr.account.encoder import AccountEncoder, Encoded
from adcreative.ctr.account.intervals import RateSpread, fit_spread
from adcreative.ctr.account.members import (
    CARRIES_OVER,
    FLOORS,
    KNOWN_GROUPS,
    MEAN,
    MEMBERS,
    MIXED,
    NAMED,
    NETWORKS,
    NEW_GROUPS,
    SHARED,
    UNGROUPED,
    Job,
    Member,
)
from adcreative.ctr.account.mixed_model import MixedModel
from adcreative.ctr.account.part import Part, Stack, change_vectors
from adcreative.ctr.account.stacking import Even, compare, cross_fitted, fit_shift, fit_weights, losses
from adcreative.ctr.account.table import AccountTable
from adcreative.ctr.changes import ChangeCalibration, HeldOutChanges, fit_change_calibration
from adcreative.ctr.predictor import Predictor
from adcreative.ctr.search_shrinkage import fit_searched_share
from adcreative.ctr.trade import NOTE as PEERS
from adcreative.ctr.trade import NUM_STEPS
from adcreative.errors import TrainingError
from adcreative.features.outcomes import fold
from adcreative.progress import Count, ShouldStop, never, uncounted

NUM_FOLDS = 5
MIN_WEIGHT = 0.01
# Distances between few groups are chance, and the mean may win; the ranking of their ads transfers and is always kept.
MAX_MEAN = 0.5  # of the weights for ads of new groups
PRIOR_GROUPS = 20  # prior towards no shift, and equal weights: the level of a few groups, and their best member, are chance
NO_NUGGET = 0.05  # variation of ads beyond all effects, squared log-odds, where no mixed model was fitted
KEPT_SHARE = 2 / 3  # share of the groups for judge and auditor each
# channels blanked one after the other to measure the share of words, faces and picture: as in `ctr.changes`
VERSIONS: tuple[tuple[str, ...], ...] = ((), ("words",), ("words", "faces"), ("words", "faces", "picture", "look"))


@dataclass
class Watch:
    """Counts fitted members, reports progress, and stops when requested."""

    total: int
    progress: Count = uncounted
    should_stop: ShouldStop = never
    done: int = 0

    def step(self) -> None:
        """Raises TrainingError when the fit was stopped."""
        if self.should_stop():
            raise TrainingError("stopped before the model was fitted; nothing was written")
        self.done += 1
        self.progress(self.done, self.total)

    def finish(self) -> None:
        """Report completion, whatever was left out."""
        self.progress(self.total, self.total)


@dataclass(frozen=True, eq=False)
class _OutOfFold:
    """Predictions for ads whose group was left out: version -> member -> log-odds [N]; fold [N].

    variances [N], nuggets: by mixed model, "" being the one with the most effects.
    """

    versions: Sequence[Mapping[str, np.ndarray]]
    variances: Mapping[str, np.ndarray]
    nuggets: Mapping[str, float]
    fold: np.ndarray


@dataclass(frozen=True, eq=False)
class _Learnt:
    """Results of the predictor's fit that judge and auditor reuse."""

    weights: Mapping[str, float]
    shift: float
    spread: RateSpread
    changes: ChangeCalibration
    spread_by: str = ""
    notes: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class FittedParts:
    """The same part of predictor, judge and auditor; notes on the first: members, metrics, is_skilled; folds [N] and weights.

    fitted: all members of the first, with or without weight.
    """

    parts: tuple[Part, ...]
    notes: dict[str, Any]
    weights: Mapping[str, float]
    fold: np.ndarray
    fitted: Mapping[str, Member]


def fit_parts(
    creatives: Sequence[Creative],
    tables: Sequence[AccountTable],
    *,
    seed: int,
    watch: Watch,
    shipped: Sequence[Predictor | None] = (None, None, None),
    group_column: str = "",
    known: FittedParts | None = None,
    candidates: Sequence[str] = (),
) -> FittedParts:
    """Fit the same part of several models, from the same ads read with different shipped models.

    The first learns from all ads. The others each learn from KEPT_SHARE of the groups, drawn separately, with the first one's
    weights, level and spread.

    Args:
        tables: one per model; `group` holds the groups that no split may cut.
        shipped: one per model: the general predictor from which networks start.
        group_column: for the part for ads of new values there; "" for the other part.
        known: the other part, fitted to the same ads: its encoders, and members without group effects, are reused.
        candidates: further members, of `members.NAMED`.
    """
    names = (*(NEW_GROUPS if group_column else KNOWN_GROUPS), *candidates)
    if known is None:
        encoders = [AccountEncoder.fit(table, seed=seed) for table in tables]
    else:
        encoders = [part.encoder for part in known.parts]
    encoded = encoders[0].encode(tables[0])
    taken = {} if known is None else {name: known.fitted[name] for name in SHARED if name in known.fitted}
    guess = {} if known is None or MIXED not in known.fitted else {UNGROUPED: known.fitted[MIXED]}
    first = _Setting(watch, group_column, shipped[0], guess)
    fitted = taken | _fit_members(tables[0], encoded, first, seed=seed, only=[name for name in names if name not in taken])
    fitted = {name: fitted[name] for name in names if name in fitted}
    unseen = _predict_out_of_fold(tables[0], encoders[0], fitted, first, seed=seed)
    learnt = _learn(creatives, tables[0], encoded, fitted, unseen, seed, group_column)
    parts, kept = [], {*learnt.weights, MIXED, UNGROUPED, learnt.spread_by}
    for number, (table, encoder) in enumerate(zip(tables, encoders, strict=True)):
        own = fitted
        if number:
            some = table.rows(_draw_groups(table.group, seed=seed + number))
            own = _fit_members(
                some,
                encoder.encode(some),
                replace(first, shipped=shipped[number]),
                seed=seed + number,
                start=fitted,
                only=[name for name in fitted if name in kept],
            )
        stack = Stack({name: one for name, one in own.items() if name in kept}, learnt.weights, learnt.shift, learnt.spread_by)
        parts.append(Part(encoder, stack, learnt.spread, learnt.changes))
    return FittedParts(tuple(parts), learnt.notes, learnt.weights, unseen.fold, fitted)


@dataclass(frozen=True)
class _Setting:
    """Shared settings of the fits of one part. guess: member -> a fit to the same ads with other effects, as a start."""

    watch: Watch
    group_column: str
    shipped: Predictor | None
    guess: Mapping[str, Member]


def _fit_members(
    table: AccountTable,
    encoded: Encoded,
    setting: _Setting,
    *,
    seed: int,
    only: Sequence[str],
    start: Mapping[str, Member] | None = None,
) -> dict[str, Member]:
    """Return the fitted members with inputs in these ads, in the order of MEMBERS."""
    fitted = {}
    for name, kind in MEMBERS.items():
        if name in only:
            setting.watch.step()
            job = Job(
                encoded,
                table.clicks,
                table.impressions,
                seed,
                (start or setting.guess).get(name),
                setting.group_column,
                table.group,
                setting.shipped,
            )
            member = kind.fit(job) or (None if start is None else MEMBERS[MEAN].fit(job))  # a fold may lack inputs
            if member is not None:
                fitted[name] = member
    return fitted


def _predict_out_of_fold(
    table: AccountTable, encoder: AccountEncoder, fitted: Mapping[str, Member], setting: _Setting, *, seed: int
) -> _OutOfFold:
    num = len(table)
    encoded = [encoder.encode(table.without(parts)) for parts in VERSIONS]
    versions = [{name: np.zeros(num) for name in fitted} for _ in VERSIONS]
    fold, nuggets = np.zeros(num, np.int64), dict[str, list[float]]()
    variances = {name: np.zeros(num) for name in ("", *fitted)}
    num_folds = min(NUM_FOLDS, len(np.unique(table.group)))
    folds = GroupKFold(num_folds, shuffle=True, random_state=seed).split(np.zeros(num), groups=table.group)
    for number, (others, own) in enumerate(folds):
        fold[own] = number
        members = _fit_members(table.rows(others), encoded[0].rows(others), setting, seed=seed, only=list(fitted), start=fitted)
        for place, version in enumerate(encoded):
            rows = version.rows(own)
            for name, member in members.items():
                versions[place][name][own] = member.log_odds(rows)
        for name, one in {"": Stack(members, {}, 0.0).mixed, **members}.items():
            if isinstance(one, MixedModel):
                variances[name][own] = one.predict(encoded[0].rows(own))[1]
                nuggets.setdefault(name, []).append(one.nugget)
    means = {name: float(np.mean(found)) for name, found in nuggets.items()}
    return _OutOfFold(versions, variances, means, fold)


def _learn(
    creatives: Sequence[Creative],
    table: AccountTable,
    encoded: Encoded,
    fitted: Mapping[str, Member],
    unseen: _OutOfFold,
    seed: int,
    group_column: str,
) -> _Learnt:
    names, clicks, impressions = list(fitted), table.clicks, table.impressions
    stacked = [np.stack([version[name] for name in names], axis=1) for version in unseen.versions]
    raw, held_out = _weigh(unseen.versions[0], table, unseen.fold, group_column)
    shift = fit_shift(stacked[0] @ raw, clicks, impressions)
    if group_column:
        num_groups = len(np.unique(table.group))
        shift *= num_groups / (num_groups + PRIOR_GROUPS)
    weights = {name: float(weight) for name, weight in zip(names, raw, strict=True) if weight > 0}
    spread_by = Stack(fitted, weights, shift).find_spread(encoded.dense)
    variance, nugget = unseen.variances[spread_by], unseen.nuggets.get(spread_by, NO_NUGGET)
    spread = fit_spread(held_out, variance, clicks, impressions, nugget=nugget, seed=seed)
    full, no_words, no_faces, context = (version @ raw + shift for version in stacked)
    words_vectors, picture_vectors, _ = change_vectors(encoded)
    scale = Stack(fitted, weights, shift).change_scale
    changes = fit_change_calibration(
        HeldOutChanges(
            context + scale * (full - context),
            scale * (full - no_words),
            scale * (no_faces - context),
            scale * (no_words - no_faces),
            impressions,
            clicks,
            number_contexts(creatives),
            words_vectors,
            picture_vectors,
        ),
        prior_slope=1.0,
    )
    share = fit_searched_share(context + scale * (full - context), impressions, clicks, number_contexts(creatives))
    changes = replace(changes, searched_share=share)
    members = unseen.versions[0]
    comparisons = compare(held_out, members, clicks, impressions, table.group, seed=seed)
    notes = {
        "members": describe_members(members, weights, comparisons, FLOORS, clicks, impressions),
        "metrics": measure_out_of_fold(creatives, held_out, spread, variance, table, seed=seed),
        "is_skilled": bool(comparisons[MEAN].low > 0),
        PEERS: np.quantile(special.expit(held_out), np.linspace(0, 1, NUM_STEPS + 1)).tolist(),
    }
    rest = {name: one for name, one in members.items() if name not in (*NETWORKS, *NAMED.values())}
    if len(rest) < len(members):
        _, without = _weigh(rest, table, unseen.fold, group_column)
        gain = compare(held_out, {"": without}, clicks, impressions, table.group, seed=seed)[""]
        notes["gain_of_networks"] = [gain.gain, gain.low, gain.high]
    return _Learnt(weights, shift, spread, changes, spread_by, notes)


def _weigh(
    members: Mapping[str, np.ndarray], table: AccountTable, fold: np.ndarray, group_column: str
) -> tuple[np.ndarray, np.ndarray]:
    """Return the weight of each member, and the log-odds [N] of the stack with weights fitted without an ad's fold.

    members: name -> out-of-fold log-odds [N].
    """
    names, clicks, impressions = list(members), table.clicks, table.impressions
    predictions = np.stack(list(members.values()), axis=1)
    is_capped = bool(group_column) and len(names) > 1
    upper = np.array([MAX_MEAN if name == MEAN and is_capped else 1.0 for name in names])
    even = _even_weights(names, len(np.unique(table.group))) if is_capped else None
    raw = fit_weights(predictions, clicks, impressions, upper, even)
    raw = np.where(raw >= MIN_WEIGHT, raw, 0.0)
    held_out = cross_fitted(predictions, clicks, impressions, fold, upper, even)
    floors = [name for name in names if name in FLOORS]
    best = min(floors, key=lambda name: float(losses(members[name], clicks, impressions).sum()))
    own, floor = (losses(one, clicks, impressions).sum() for one in (held_out, members[best]))
    if own > floor and not is_capped:
        return np.array([float(name == best) for name in names]), members[best]  # too few ads to weigh members
    return raw / raw.sum(), held_out


def _even_weights(names: Sequence[str], num_groups: int) -> Even:
    """Return equal weights of the members that transfer to new groups, with a stronger prior for fewer groups."""
    is_even = np.array([name in CARRIES_OVER for name in names], np.float64)
    return Even(is_even / is_even.sum(), PRIOR_GROUPS / (num_groups + PRIOR_GROUPS))


def _draw_groups(group: np.ndarray, *, seed: int) -> np.ndarray:
    """Return the rows of KEPT_SHARE of the groups."""
    names = np.unique(group)
    rng = np.random.default_rng([seed, 17])
    chosen = rng.choice(names, max(int(np.ceil(KEPT_SHARE * len(names))), 2), replace=False)
    return np.flatnonzero(np.isin(group, chosen))


def number_contexts(creatives: Sequence[Creative]) -> np.ndarray:
    """Return [N] int64: ads of one test have the same number, else ads of one brand, else ads shown in the same context.

    Inside such a group rates differ more by words and picture than by audience.
    """
    keys: list[tuple[Any, ...]] = []
    has_brands = len({fold(creative.brand) for creative in creatives}) > 2
    for creative in creatives:
        context = (creative.category, creative.platform, creative.placement, creative.audience)
        if creative.test_id or has_brands:
            keys.append(("test", creative.test_id) if creative.test_id else ("brand", fold(creative.brand)))
        else:
            keys.append((*context, *sorted(creative.context.items())))
    numbers: dict[Any, int] = {}
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys], np.int64)
