"""Fit the model of an account: members on all ads, predictions out of fold by group, the stack, its spread, what changes bring.

Groups (ads with the same words or of one test) are left out in turn. Everything that is stated about the model is measured on
ads whose group the members had not seen, with weights that the other folds decided.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.model_selection import GroupKFold

from adcreative.creative import Creative
from adcreative.ctr.account.card import describe_members, measure_out_of_fold
from adcreative.ctr.account.encoder import AccountEncoder, Encoded
from adcreative.ctr.account.intervals import RateSpread, fit_spread
from adcreative.ctr.account.members import FLOORS, MEAN, MEMBERS, MIXED, Job, Member
from adcreative.ctr.account.mixed_model import MixedModel
from adcreative.ctr.account.model import AccountModel, Stack, change_vectors
from adcreative.ctr.account.stacking import compare, cross_fitted, fit_shift, fit_weights, losses
from adcreative.ctr.account.table import AccountTable, number_groups, read_table, read_text
from adcreative.ctr.changes import ChangeCalibration, HeldOutChanges, fit_change_calibration
from adcreative.ctr.config import PredictorConfig
from adcreative.ctr.evidence import OODScore, fit_ood_score, parse_provenance
from adcreative.ctr.fitting import EMBEDDINGS, check_trainable
from adcreative.ctr.known_creatives import NOTE, describe_known
from adcreative.ctr.predictor import Predictor
from adcreative.encoders.language import detect_language
from adcreative.errors import TrainingError
from adcreative.features.batch import CreativeFeatures
from adcreative.features.outcomes import fold

NUM_FOLDS = 5
SEED_STEP = 1000  # between the seeds of predictor, judge and auditor
MIN_GROUPS = 12
MIN_WEIGHT = 0.01
KEPT_SHARE = 2 / 3  # of the groups that judge and auditor each learn from
# what is blanked, one after the other, to see what words, faces and picture add: the channels of `ctr.changes`
VERSIONS: tuple[tuple[str, ...], ...] = ((), ("words",), ("words", "faces"), ("words", "faces", "picture", "look"))
Progress = Callable[[int, int], None]
ShouldStop = Callable[[], bool]


@dataclass
class _Watch:
    """Counts fitted members, tells the progress, and stops when asked to."""

    total: int
    progress: Progress | None
    should_stop: ShouldStop | None
    done: int = 0

    def step(self) -> None:
        """Raises TrainingError when the fit was stopped."""
        if self.should_stop is not None and self.should_stop():
            raise TrainingError("stopped before the model was fitted; nothing was written")
        self.done += 1
        if self.progress is not None:
            self.progress(self.done, self.total)


@dataclass(frozen=True, eq=False)
class _OutOfFold:
    """Predictions for ads whose group was left out: version -> member -> log-odds [N]; variance [N] and nugget of the mixed
    model; fold [N]."""

    versions: Sequence[Mapping[str, np.ndarray]]
    variance: np.ndarray
    nugget: float
    fold: np.ndarray


@dataclass(frozen=True, eq=False)
class _Learnt:
    """What judge and auditor take over from the predictor's fit."""

    weights: Mapping[str, float]
    shift: float
    spread: RateSpread
    changes: ChangeCalibration
    notes: dict[str, Any] = field(default_factory=dict)


def fit_account(
    creatives: Sequence[Creative],
    features: Sequence[CreativeFeatures],
    *,
    seed: int,
    config: PredictorConfig | None = None,
    shipped: Sequence[Predictor | None] = (None, None, None),
    provenance: Mapping[str, str] | None = None,
    progress: Progress | None = None,
    should_stop: ShouldStop | None = None,
) -> tuple[AccountModel, AccountModel, AccountModel]:
    """Fit predictor, judge and auditor of an account.

    The predictor learns from all ads. Judge and auditor each learn from two thirds of the groups, drawn apart, and start from
    another shipped model, with the predictor's weights, level and spread: second and third opinions at little cost.

    Args:
        creatives, features: one of each; creatives without results are left out.
        config: least numbers of ads and clicks, and the hashes of the encoders.
        shipped: general predictors whose scores become members and effects; None for those without one.
        progress: told (members fitted, members to fit).
    Raises:
        TrainingError: too few creatives, groups or clicks, results that cannot be, no difference to learn, or stopped.
    """
    config = config or PredictorConfig()
    kept = [row for row, creative in enumerate(creatives) if creative.has_results]
    creatives, features = [creatives[row] for row in kept], [features[row] for row in kept]
    check_trainable(creatives, config)
    group = number_groups(creatives)
    _check_groups(group, config)
    watch = _Watch((NUM_FOLDS + len(shipped)) * len(MEMBERS), progress, should_stop)
    shipped = [one if _is_of_use(creatives, features) else None for one in shipped]
    tables = [_read(creatives, features, one) for one in shipped]
    encoders = [AccountEncoder.fit(table, seed=seed) for table in tables]
    encoded = encoders[0].encode(tables[0])
    fitted = _fit_members(tables[0], encoded, seed=seed, watch=watch)
    unseen = _predict_out_of_fold(tables[0], encoders[0], fitted, seed=seed, watch=watch)
    learnt = _learn(creatives, features, tables[0], encoded, fitted, unseen, seed)
    learnt.notes.update(_describe(creatives, features, learnt, provenance, config, seed))
    ood_scores, learnt.notes[NOTE] = _fit_ood_scores(creatives, features, unseen.fold, seed)
    models = []
    for number, general in enumerate(shipped):
        own = fitted
        if number:
            part = tables[number].rows(_draw_groups(group, seed=seed + number))
            own = _fit_members(
                part, encoders[number].encode(part), seed=seed + number, watch=watch, start=fitted,
                only=[name for name in fitted if name in learnt.weights or name == MIXED],
            )  # fmt: skip
        notes = {**learnt.notes, "seed": seed + SEED_STEP * number, "encoder_hashes": dict(config.encoder_hashes)}
        models.append(_put_together(encoders[number], own, learnt, ood_scores, notes, general))
    if progress is not None:
        progress(watch.total, watch.total)
    return models[0], models[1], models[2]


def _put_together(
    encoder: AccountEncoder,
    members: Mapping[str, Member],
    learnt: _Learnt,
    ood_scores: Mapping[str, OODScore],
    notes: Mapping[str, Any],
    shipped: Predictor | None,
) -> AccountModel:
    """Return a model of the members that have a weight, and of the mixed model, whose variances its intervals need."""
    kept = {name: member for name, member in members.items() if name in learnt.weights or name == MIXED}
    stack = Stack(kept, learnt.weights, learnt.shift)
    return AccountModel(
        encoder, stack, learnt.spread, changes=learnt.changes, ood_scores=ood_scores, notes=notes, shipped=shipped
    )


def _read(creatives: Sequence[Creative], features: Sequence[CreativeFeatures], shipped: Predictor | None) -> AccountTable:
    return read_table(creatives, features, None if shipped is None else shipped.predict_parts(creatives, features))


def _is_of_use(creatives: Sequence[Creative], features: Sequence[CreativeFeatures]) -> bool:
    """True where the shipped predictor can say something: it reads English words, and pictures."""
    return any(one.image is not None for one in features) or any(detect_language(read_text(one)) == "en" for one in creatives)


def _check_groups(group: np.ndarray, config: PredictorConfig) -> None:
    num = len(np.unique(group))
    if num < config.min_groups:
        raise TrainingError(
            f"the creatives form {num} groups (same words or test_id, else picture or name); at least {config.min_groups} are "
            "needed, so that some can be held out"
        )


def _fit_members(
    table: AccountTable,
    encoded: Encoded,
    *,
    seed: int,
    watch: _Watch,
    start: Mapping[str, Member] | None = None,
    only: Sequence[str] | None = None,
) -> dict[str, Member]:
    """Return the members that these ads have something for, in the order of MEMBERS."""
    fitted = {}
    for name, kind in MEMBERS.items():
        watch.step()
        if only is None or name in only:
            job = Job(encoded, table.clicks, table.impressions, seed, (start or {}).get(name))
            member = kind.fit(job) or (None if start is None else MEMBERS[MEAN].fit(job))  # a fold may lack what all have
            if member is not None:
                fitted[name] = member
    return fitted


def _predict_out_of_fold(
    table: AccountTable, encoder: AccountEncoder, fitted: Mapping[str, Member], *, seed: int, watch: _Watch
) -> _OutOfFold:
    num = len(table)
    encoded = [encoder.encode(table.without(parts)) for parts in VERSIONS]
    versions = [{name: np.zeros(num) for name in fitted} for _ in VERSIONS]
    variance, fold, nuggets = np.zeros(num), np.zeros(num, np.int64), []
    folds = GroupKFold(NUM_FOLDS, shuffle=True, random_state=seed).split(np.zeros(num), groups=table.group)
    for number, (others, own) in enumerate(folds):
        fold[own] = number
        members = _fit_members(
            table.rows(others), encoded[0].rows(others), seed=seed, watch=watch, start=fitted, only=list(fitted)
        )
        for place, version in enumerate(encoded):
            rows = version.rows(own)
            for name, member in members.items():
                versions[place][name][own] = member.log_odds(rows)
        mixed = members.get(MIXED)
        if isinstance(mixed, MixedModel):
            variance[own] = mixed.predict(encoded[0].rows(own))[1]
            nuggets.append(mixed.nugget)
    return _OutOfFold(versions, variance, float(np.mean(nuggets)) if nuggets else 0.05, fold)


def _learn(
    creatives: Sequence[Creative],
    features: Sequence[CreativeFeatures],
    table: AccountTable,
    encoded: Encoded,
    fitted: Mapping[str, Member],
    unseen: _OutOfFold,
    seed: int,
) -> _Learnt:
    names, clicks, impressions = list(fitted), table.clicks, table.impressions
    stacked = [np.stack([version[name] for name in names], axis=1) for version in unseen.versions]
    raw = fit_weights(stacked[0], clicks, impressions)
    raw = np.where(raw >= MIN_WEIGHT, raw, 0.0)
    raw = raw / raw.sum()
    held_out = cross_fitted(stacked[0], clicks, impressions, unseen.fold)
    floors = [name for name in names if name in FLOORS]
    best = min(floors, key=lambda name: float(losses(unseen.versions[0][name], clicks, impressions).sum()))
    if losses(held_out, clicks, impressions).sum() > losses(unseen.versions[0][best], clicks, impressions).sum():
        raw = np.array([float(name == best) for name in names])  # too few ads to weigh members: the best floor alone
        held_out = unseen.versions[0][best]
    shift = fit_shift(stacked[0] @ raw, clicks, impressions)
    spread = fit_spread(held_out, unseen.variance, clicks, impressions, nugget=unseen.nugget, seed=seed)
    full, no_words, no_faces, context = (version @ raw + shift for version in stacked)
    words_vectors, picture_vectors, _ = change_vectors(encoded)
    weights = {name: float(weight) for name, weight in zip(names, raw, strict=True) if weight > 0}
    scale = Stack(fitted, weights, shift).change_scale
    changes = fit_change_calibration(
        HeldOutChanges(
            context + scale * (full - context), scale * (full - no_words), scale * (no_faces - context),
            scale * (no_words - no_faces), impressions, clicks, number_contexts(creatives), words_vectors, picture_vectors,
        ),
        prior_slope=1.0,
    )  # fmt: skip
    members = unseen.versions[0]
    comparisons = compare(held_out, members, clicks, impressions, table.group, seed=seed)
    notes = {
        "members": describe_members(members, weights, comparisons, FLOORS, clicks, impressions),
        "metrics": measure_out_of_fold(creatives, held_out, spread, unseen.variance, table, seed=seed),
        "is_skilled": bool(comparisons[MEAN].low > 0),
    }
    return _Learnt(weights, shift, spread, changes, notes)


def _describe(
    creatives: Sequence[Creative],
    features: Sequence[CreativeFeatures],
    learnt: _Learnt,
    provenance: Mapping[str, str] | None,
    config: PredictorConfig,
    seed: int,
) -> dict[str, Any]:
    has = {
        "words": any(one.has_words for one in creatives),
        "picture": any(one.image is not None for one in features),
        "look": any(one.look is not None for one in features),
        "faces": any(len(one.face_shares) for one in features),
        "context": True,
    }
    languages = [detect_language(read_text(one)) for one in creatives]
    named = {language: languages.count(language) for language in sorted(set(languages)) if language}
    grades = parse_provenance(provenance, [name for name, is_there in has.items() if is_there])
    return {
        "seed": seed,
        "grades": {name: list(pair) for name, pair in grades.items()},
        "languages": named,
        "training": {
            "num_creatives": len(creatives), "num_groups": len(np.unique(number_groups(creatives))),
            "num_tests": len({one.test_id for one in creatives if one.test_id}),
            "clicks": sum(one.clicks or 0 for one in creatives), "impressions": sum(one.impressions or 0 for one in creatives),
            "languages": named, "weights": dict(learnt.weights),
        },
    }  # fmt: skip


def _fit_ood_scores(
    creatives: Sequence[Creative], features: Sequence[CreativeFeatures], fold: np.ndarray, seed: int
) -> tuple[dict[str, OODScore], dict[str, Any]]:
    """Return modality -> out-of-distribution score, and the ads that it refers to."""
    rng = np.random.default_rng(seed)
    ood_scores, known = {}, {}
    for modality, name in EMBEDDINGS.items():
        rows = [row for row, one in enumerate(features) if getattr(one, name) is not None and fold[row]]
        held_out = [getattr(one, name) for row, one in enumerate(features) if getattr(one, name) is not None and not fold[row]]
        train = np.array([getattr(features[row], name) for row in rows], np.float32)
        if (score := fit_ood_score(train, np.array(held_out, np.float32), rng=rng)) is not None:
            ood_scores[modality] = score
            chosen = [] if score.chosen is None else score.chosen.tolist()
            known[modality] = describe_known([creatives[row] for row in rows], chosen)
    return ood_scores, known


def _draw_groups(group: np.ndarray, *, seed: int) -> np.ndarray:
    """Return the rows of KEPT_SHARE of the groups."""
    names = np.unique(group)
    rng = np.random.default_rng([seed, 17])
    chosen = rng.choice(names, max(int(np.ceil(KEPT_SHARE * len(names))), 2), replace=False)
    return np.flatnonzero(np.isin(group, chosen))


def number_contexts(creatives: Sequence[Creative]) -> np.ndarray:
    """Return [N] int64: ads of one test have the same number, else ads of one brand, else ads shown in the same context.

    Inside such a group rates differ by words and picture more than by whom the ads were shown to.
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
