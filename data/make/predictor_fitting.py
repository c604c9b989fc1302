"""Fit a predictor to creatives with results: check, split by group, train the ensemble, calibrate, measure.

Four parts without common groups: training fits scalers, vocabularies and weights; validation stops the training; calibration
fits rates and intervals; test only measures. All refusals come before anything is written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from sklearn.model_selection import GroupKFold

from adcreative.catalog.splits import check_split, split_groups
from adcreative.creative import Creative
from adcreative.ctr.calibration import DOMAINS, Calibrator, ScoredCounts
from adcreative.ctr.change_vectors import change_vectors
from adcreative.ctr.changes import ChangeCalibration, HeldOutChanges, fit_change_calibration
from adcreative.ctr.config import PredictorConfig
from adcreative.ctr.creative_network import CreativeNetwork, build_ctr_model
from adcreative.ctr.evidence import KNOWN, OODScore, describe_known, fit_ood_score, parse_provenance
from adcreative.ctr.predictor import CHUNK_ROWS, Predictor, domain_of
from adcreative.ctr.trainable import EMBEDDINGS, check_trainable
from adcreative.ctr.training.loop import Callbacks, train_model
from adcreative.ctr.training.trainer import RunState
from adcreative.ctr.training.warm_start import fit_wide_path
from adcreative.errors import CatalogError, TrainingError
from adcreative.features.batch import FIELDS, MODALITIES, CreativeFeatures, FeatureBatch
from adcreative.features.builder import FeatureBuilder
from adcreative.features.outcomes import Counts, count_outcomes
from adcreative.metrics.creatives import bootstrap_metrics, evaluate_predictions
from adcreative.progress import Count, ShouldStop, never, uncounted
from data.make.predictor_calibration import fit_calibrator, match_coverage, replace_logits

ENOUGH_GROUPS = 200
MIN_CHANGE_ROWS = 40
NUM_FOLDS = 4


@dataclass(frozen=True)
class _Trained:
    """The result of training and its inputs, before calibration."""

    builder: FeatureBuilder
    members: list[CreativeNetwork]
    features: Sequence[CreativeFeatures]
    batch: FeatureBatch
    counts: Counts
    config: PredictorConfig
    seed: int
    start: Predictor | None


def fit_predictor(
    creatives: Sequence[Creative],
    features: Sequence[CreativeFeatures],
    config: PredictorConfig,
    *,
    seed: int,
    provenance: Mapping[str, str] | None = None,
    start: Predictor | None = None,
    progress: Count = uncounted,
    should_stop: ShouldStop = never,
) -> Predictor:
    """Fit a predictor.

    Args:
        creatives, features: one of each; creatives without results are left out.
        seed: determines the split and, with the member's number, each network; the same seed gives the same predictor.
            provenance: modality -> "measured", "simulated" or "none", optionally "grade: phrase" (see `evidence.py`).
            start: a predictor to continue from (transfer learning): its encoding and, for each member, its weights, shifted to
                the base rate of these creatives. Weights that few rows do not contradict stay unchanged.
            progress: called with (epochs done, maximum epochs of all members).
    Raises:
        TrainingError: too few creatives, groups or clicks, impossible results, no difference to learn, or stopped.
        FeatureError: features are invalid.
        ConfigError: unknown model name, modality or grade.
    """
    parse_provenance(provenance, tuple(MODALITIES))
    rows = [row for row, creative in enumerate(creatives) if creative.has_results]
    creatives, features = [creatives[row] for row in rows], [features[row] for row in rows]
    check_trainable(creatives, config)
    splits = _split(creatives, config, seed)
    if start is None:
        builder = FeatureBuilder.fit(creatives, features, splits[0], ignored_categories=config.ignored_categories)
    else:
        config, builder = _continue_config(config, start), start.builder
    is_training = np.isin(np.arange(len(creatives)), splits[0])
    batch, counts = builder.encode_table(creatives, features, is_training), count_outcomes(creatives)
    callbacks = Callbacks(progress, should_stop)
    fitted = _Trained(builder, [], features, batch, counts, config, seed, start)
    members, summaries = _train_members(fitted, splits, config=config, seed=seed, callbacks=callbacks)
    fitted.members.extend(members)
    calibration = _calibrate(fitted, splits, callbacks)
    ood_scores = _fit_ood_scores(features, splits, seed)
    trained = [name for name in MODALITIES if any(_is_trained(builder, field) for field in MODALITIES[name])]
    notes = {
        "seed": seed,
        "grades": {name: list(pair) for name, pair in parse_provenance(provenance, trained).items()},
        "training": _describe_training(creatives, splits, summaries),
        "metrics": measure(creatives, calibration.calibrator, calibration.scored, splits[3], seed),
        KNOWN: {
            name: describe_known([creatives[r] for r in splits[0] if getattr(features[r], field) is not None], chosen.tolist())
            for name, field in EMBEDDINGS.items()
            if name in ood_scores and (chosen := ood_scores[name].chosen) is not None
        },
    }
    return Predictor(
        builder, members, calibration.calibrator, config=config, changes=calibration.changes, ood_scores=ood_scores, notes=notes
    )


@dataclass(frozen=True)
class _Calibration:
    """The fits on creatives unseen by the networks; `scored` has the ensemble's scores of all creatives."""

    scored: ScoredCounts
    calibrator: Calibrator
    changes: ChangeCalibration


def _calibrate(trained: _Trained, splits: Sequence[np.ndarray], callbacks: Callbacks) -> _Calibration:
    """Fit levels, intervals and changes on logits of networks trained without the creatives in question."""
    logits = np.stack([member.log_odds(trained.batch) for member in trained.members])
    scored = ScoredCounts(logits.mean(axis=0), logits.std(axis=0), domain_of(trained.batch), trained.counts)
    parts = _cross_fit(trained, splits, callbacks)
    unseen = replace_logits(
        scored, [(rows, _mean_logits(nets, trained.batch.index_select(torch.from_numpy(rows)))) for rows, nets in parts]
    )
    calibrator = fit_calibrator(unseen, seed=trained.seed)
    if len(np.unique(unseen.counts.group)) >= ENOUGH_GROUPS:
        calibrator = match_coverage(calibrator, unseen)
    return _Calibration(scored, calibrator, _fit_changes(trained, calibrator, scored, parts))


def measure(
    creatives: Sequence[Creative], calibrator: Calibrator, scored: ScoredCounts, test_idx: np.ndarray, seed: int
) -> dict[str, Any]:
    """Return held-out figures: the metrics of `evaluate`, their 90 % bootstrap intervals over groups, interval coverage."""
    judged, held_out = [creatives[row] for row in test_idx], scored.index_select(test_idx)
    ctr = calibrator.rate(calibrator.log_odds(held_out.logit, held_out.domain), held_out.domain)
    metrics: dict[str, Any] = evaluate_predictions(judged, ctr)
    metrics["coverage"] = calibrator.coverage(held_out)
    for number, name in enumerate(DOMAINS):
        if (held_out.domain == number).any():
            metrics[f"coverage_{name}"] = calibrator.coverage(held_out.index_select(np.flatnonzero(held_out.domain == number)))
    intervals = bootstrap_metrics(judged, ctr, seed=seed)
    metrics["intervals"] = {name: list(pair) for name, pair in intervals.items() if pair is not None}
    return metrics


def _split(creatives: Sequence[Creative], config: PredictorConfig, seed: int) -> list[np.ndarray]:
    """Return train, validation, calibration and test rows; by group, never by row."""
    keys = {c.test_id or c.brand or c.ad_name or c.file_name or c.headline for c in creatives}
    needed = f"at least {config.min_groups} tests, brands or ads are needed, so that some can be held out"
    if len(keys) < config.min_groups and len({c.name for c in creatives}) < config.min_groups:
        raise TrainingError(f"the creatives form {len(keys)} groups (test_id, else brand, else name); {needed}")
    try:
        splits = split_groups(creatives, config.fractions, seed)
        check_split(creatives, splits)
    except CatalogError as error:
        raise TrainingError(f"the creatives cannot be split by group ({error}); {needed}") from error
    for name, rows in zip(("training", "validation", "calibration", "test"), splits, strict=True):
        if sum(creatives[row].clicks or 0 for row in rows) == 0:
            raise TrainingError(
                f"the {name} split of {len(rows)} creatives has no clicks; add creatives of more tests or brands"
            )
    return splits


def _fit_changes(
    trained: _Trained, calibrator: Calibrator, scored: ScoredCounts, parts: Sequence[tuple[np.ndarray, list[CreativeNetwork]]]
) -> ChangeCalibration:
    """Fit the ratio of true to predicted changes, on creatives unseen by the network in question, never on the test split.

    Creatives without a picture are used only if few have one.
    """
    if sum((scored.domain[idx] == 1).sum() for idx, _ in parts) >= MIN_CHANGE_ROWS:
        parts = [(idx[scored.domain[idx] == 1], members) for idx, members in parts]
    idx = np.concatenate([rows for rows, _ in parts])
    full, no_words, no_faces, context = (
        calibrator.log_odds(
            np.concatenate(
                [
                    _mean_logits(members, _without(trained.batch.index_select(torch.from_numpy(r)), names))
                    for r, members in parts
                ]
            ),
            scored.domain[idx],
        )
        for names in ((), ("words",), ("words", "faces"), ("words", "faces", "picture", "look"))
    )
    words_vectors, picture_vectors = change_vectors(trained.builder, [trained.features[row] for row in idx])
    return fit_change_calibration(
        HeldOutChanges(
            full,
            full - no_words,
            no_faces - context,
            no_words - no_faces,
            trained.counts.impressions[idx],
            trained.counts.clicks[idx],
            trained.counts.group[idx],
            words_vectors,
            picture_vectors,
        )
    )


def _without(batch: FeatureBatch, modalities: Sequence[str]) -> FeatureBatch:
    for name in modalities:
        batch = batch.without(name)
    return batch


def _mean_logits(members: Sequence[CreativeNetwork], batch: FeatureBatch) -> np.ndarray:
    return np.mean([member.log_odds(batch) for member in members], axis=0)


def _cross_fit(
    trained: _Trained, splits: Sequence[np.ndarray], callbacks: Callbacks
) -> list[tuple[np.ndarray, list[CreativeNetwork]]]:
    """Return (rows, a network that has not seen their groups) for NUM_FOLDS parts of all rows except the test split.

    A tenth of the groups would estimate level, variation and slopes badly, since a group shares its luck; so all are used.
    """
    rows = np.sort(np.concatenate(splits[:3]))
    counts = trained.counts
    is_validation = np.isin(np.arange(len(counts.group)), splits[1])
    config = replace(trained.config, num_members=1)
    parts: list[tuple[np.ndarray, list[CreativeNetwork]]] = []
    for number, (rest, fold_rows) in enumerate(GroupKFold(NUM_FOLDS).split(rows, groups=counts.group[rows])):
        others = rows[rest]
        own_splits = [others[~is_validation[others]], others[is_validation[others]]]
        if len(own_splits[1]) and counts.clicks[own_splits[1]].sum():
            members, _ = _train_members(
                trained,
                own_splits,
                config=config,
                seed=trained.seed + 7919 * (number + 1),
                callbacks=Callbacks(should_stop=callbacks.should_stop),
            )
            parts.append((rows[fold_rows], members))
    return parts or [(np.sort(np.concatenate([splits[1], splits[2]])), trained.members)]


def _continue_config(config: PredictorConfig, start: Predictor) -> PredictorConfig:
    """Return the settings of a fit that continues from `start`: its networks, smaller learning rates."""
    rates = ("learning_rate", "embedding_learning_rate", "wide_learning_rate")
    slower = {name: getattr(config.training, name) * config.transfer_rate for name in rates}
    return replace(
        config,
        model_name=start.config.model_name,
        model=start.config.model,
        ignored_categories=start.config.ignored_categories,
        training=replace(config.training, **slower),
    )


def _train_members(
    trained: _Trained, splits: Sequence[np.ndarray], *, config: PredictorConfig, seed: int, callbacks: Callbacks
) -> tuple[list[CreativeNetwork], list[RunState]]:
    members, summaries = [], []
    for number in range(config.num_members):
        member_seed = seed * 1000 + number
        generator = torch.Generator().manual_seed(member_seed)
        member = build_ctr_model(config.model_name, trained.builder.spec, config.model, generator=generator)
        if trained.start is not None:
            member.load_state_dict(trained.start.members[number % len(trained.start.members)].state_dict())
        if member.wide is not None:
            scale = 1.0 if trained.start is None else config.transfer_rate
            rng = np.random.default_rng([seed, number])
            fit_wide_path(member.eval(), trained.batch, trained.counts, splits[0], rng=rng, scale=scale)

        def tell(done: int, most: int, number: int = number) -> None:
            callbacks.progress(number * most + done, config.num_members * most)

        parts = (splits[0], splits[1])
        own_callbacks = Callbacks(tell, callbacks.should_stop)
        summary = train_model(
            member, trained.batch, trained.counts, parts, config=config.training, seed=member_seed, callbacks=own_callbacks
        )
        summaries.append(summary)
        members.append(member.round_weights())
    return members, summaries


def _is_trained(builder: FeatureBuilder, field: str) -> bool:
    return builder.spec.widths.get(field, 0) > 0 or builder.spec.vocab_sizes.get(field, 1) > 1


def _fit_ood_scores(features: Sequence[CreativeFeatures], splits: Sequence[np.ndarray], seed: int) -> dict[str, OODScore]:
    rng = np.random.default_rng(seed)
    ood_scores = {}
    for modality, name in EMBEDDINGS.items():
        train, held_out = (
            np.array([value for row in rows if (value := getattr(features[row], name)) is not None], np.float32)
            for rows in (splits[0], np.concatenate(splits[1:]))
        )
        if (ood_score := fit_ood_score(train, held_out, rng=rng)) is not None:
            ood_scores[modality] = ood_score
    return ood_scores


def _describe_training(
    creatives: Sequence[Creative], splits: Sequence[np.ndarray], summaries: Sequence[RunState]
) -> dict[str, Any]:
    return {
        "num_creatives": len(creatives),
        "num_tests": len({c.test_id for c in creatives if c.test_id}),
        "clicks": sum(c.clicks or 0 for c in creatives),
        "impressions": sum(c.impressions or 0 for c in creatives),
        "split": {name: len(rows) for name, rows in zip(("train", "validation", "calibration", "test"), splits, strict=True)},
        "best_epochs": [summary.best_epoch for summary in summaries],
        "validation_losses": [[epoch["loss"] for epoch in one.history] for one in summaries],
        "num_fields": len(FIELDS),
    }


def predict_rates(predictor: Predictor, creatives: Sequence[Creative], features: Sequence[CreativeFeatures]) -> np.ndarray:
    """Return expected rates [N] without reasons and evidence, which evaluation does not need."""
    parts = []
    for start in range(0, len(creatives), CHUNK_ROWS):
        part = slice(start, start + CHUNK_ROWS)
        log_odds, _ = predictor.predict_log_odds(creatives[part], features[part])
        parts.append(1.0 / (1.0 + np.exp(-log_odds)))
    return np.concatenate(parts)
