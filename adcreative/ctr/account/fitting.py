"""Fit predictor, judge and auditor of an account: each has one part for ads of known groups and one for ads of new groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from adcreative.creative import Creative
from adcreative.ctr.account.learnt_texts import LIMITS, LearntTexts
from adcreative.ctr.account.members import KNOWN_GROUPS, NEW_GROUPS, find_candidates
from adcreative.ctr.account.model import LEARNT_TEXTS, TEXT_ENCODER, AccountModel
from adcreative.ctr.account.part_fitting import NUM_FOLDS, FittedParts, Watch, fit_parts
from adcreative.ctr.account.seen_effects import count_pictures, measure_seen_effects
from adcreative.ctr.account.table import AccountTable, EncodesTexts, find_group_column, number_groups, read_table
from adcreative.ctr.account.word_effects import measure_word_effects
from adcreative.ctr.card import SEARCHED_SHARE
from adcreative.ctr.config import PredictorConfig
from adcreative.ctr.evidence import KNOWN, OODScore, describe_known, fit_ood_score, parse_provenance
from adcreative.ctr.predictor import Predictor
from adcreative.ctr.trainable import EMBEDDINGS, check_trainable
from adcreative.ctr.training.loop import NO_CALLBACKS, Callbacks
from adcreative.encoders.language import detect_language
from adcreative.errors import TrainingError
from adcreative.features.batch import CreativeFeatures

SEED_STEP = 1000  # between the seeds of predictor, judge and auditor


@threadpool_limits.wrap(limits=1)  # for matrices of a few hundred rows a second thread triples the cost
def fit_account(
    creatives: Sequence[Creative],
    features: Sequence[CreativeFeatures],
    *,
    seed: int,
    config: PredictorConfig | None = None,
    shipped: Sequence[Predictor | None] = (None, None, None),
    text_encoder: EncodesTexts | None = None,
    provenance: Mapping[str, str] | None = None,
    networks: Sequence[str] = (),
    callbacks: Callbacks = NO_CALLBACKS,
) -> tuple[AccountModel, AccountModel, AccountModel]:
    """Fit predictor, judge and auditor of an account.

    The predictor learns from all ads. Judge and auditor each learn from their own two thirds of the groups, and start from
    another shipped model, with the predictor's weights, level and spread: second and third opinions at little cost.

    Ads of a known group (its ad group, brand, campaign: the column that separates rates best) and ads of new
    groups are predicted by separate parts: results of the group itself are missing for a new group, so the second part is
    fitted without that column and weighed with whole groups left out.

    Args:
        creatives, features: one of each; creatives without results are left out.
        config: minimum numbers of ads and clicks, and the hashes of the encoders.
        shipped: general predictors whose scores become members and effects; None for models without one.
        text_encoder: a further encoder of words, such as a multilingual one; a loaded model requests it by name.
        networks: of the registry, as further members; those with histories compare an ad with the account's other ads.
        callbacks: called with (members fitted, members to fit).
    Raises:
        ConfigError: as `find_candidates`.
        TrainingError: too few creatives, groups or clicks, impossible results, no difference to learn, or stopped.
    """
    config = config or PredictorConfig()
    creatives, features = _keep_trainable(creatives, features, config)
    shipped = [one if _is_of_use(creatives, features) else None for one in shipped]
    tables = [_read(creatives, features, one, text_encoder) for one in shipped]
    group_column = find_group_column(tables[0])
    candidates = find_candidates(networks)
    num_members = len(KNOWN_GROUPS) + len(candidates) + (len(NEW_GROUPS) + len(candidates)) * bool(group_column)
    watch = Watch(num_members * (NUM_FOLDS + len(shipped)), callbacks.progress, callbacks.should_stop)
    known = fit_parts(creatives, tables, seed=seed, watch=watch, shipped=shipped, candidates=candidates)
    new: FittedParts | None = None
    if group_column:
        tables = [table.grouped_by(group_column) for table in tables]
        new = fit_parts(
            creatives,
            tables,
            seed=seed,
            watch=watch,
            shipped=shipped,
            group_column=group_column,
            known=known,
            candidates=candidates,
        )
    described = _describe(creatives, features, known.weights, provenance, seed)
    ood_scores, known_ads = _fit_ood_scores(creatives, features, known.fold, seed)
    effects = _measure_effects(creatives, features, tables[0], seed)
    of_new = None if new is None else {"column": group_column, "weights": dict(new.weights), **new.notes}
    notes = {
        **known.notes,
        **described,
        KNOWN: known_ads,
        "new_groups": of_new,
        **effects,
        "encoder_hashes": dict(config.encoder_hashes),
        "reads": sorted(_reads(known) | _reads(new)),
    }
    if text_encoder is not None:
        notes[TEXT_ENCODER] = {"name": text_encoder.name, "hash": text_encoder.content_hash}
    watch.finish()
    models = []
    for number, general in enumerate(shipped):
        halves = known.parts[number], None if new is None else new.parts[number]
        own = {**notes, "seed": seed + SEED_STEP * number, SEARCHED_SHARE: halves[0].changes.searched_share}
        models.append(AccountModel(*halves, group_column=group_column, ood_scores=ood_scores, notes=own, shipped=general))
        models[-1].text_encoder = text_encoder
    return models[0], models[1], models[2]


def _reads(half: FittedParts | None) -> frozenset[str]:
    return frozenset() if half is None else half.parts[0].parts_read


def _measure_effects(
    creatives: Sequence[Creative], features: Sequence[CreativeFeatures], table: AccountTable, seed: int
) -> dict[str, Any]:
    """Return the effects of features of headlines, pictures, faces and formats on the rate, for a model's notes."""
    return {
        "word_effects": [one.as_dict() for one in measure_word_effects(creatives, table, seed=seed)],
        "seen_effects": [one.as_dict() for one in measure_seen_effects(creatives, features, table, seed=seed)],
        "num_pictures": count_pictures(creatives, features),
    }


def _read(
    creatives: Sequence[Creative],
    features: Sequence[CreativeFeatures],
    shipped: Predictor | None,
    text_encoder: EncodesTexts | None,
) -> AccountTable:
    parts = None if shipped is None else shipped.predict_parts(creatives, features)
    return read_table(creatives, features, parts, text_encoder)


def _is_of_use(creatives: Sequence[Creative], features: Sequence[CreativeFeatures]) -> bool:
    """True where the shipped predictor has inputs: English words, or pictures."""
    return any(one.image is not None for one in features) or any(detect_language(one.text) == "en" for one in creatives)


def _keep_trainable(
    creatives: Sequence[Creative], features: Sequence[CreativeFeatures], config: PredictorConfig
) -> tuple[list[Creative], list[CreativeFeatures]]:
    """Return the ads with results and their features; refuse too few ads or groups."""
    kept = [row for row, creative in enumerate(creatives) if creative.has_results]
    creatives, features = [creatives[row] for row in kept], [features[row] for row in kept]
    check_trainable(creatives, config)
    num = len(np.unique(number_groups(creatives)))
    if num < config.min_groups:
        raise TrainingError(
            f"Different ads in these results: {num}, since ads of the same words, test or picture count as one; at least "
            f"{config.min_groups} are needed, so that some can be held out. Bring the results of more ads, or their own words."
        )
    return creatives, features


def _describe(
    creatives: Sequence[Creative],
    features: Sequence[CreativeFeatures],
    weights: Mapping[str, float],
    provenance: Mapping[str, str] | None,
    seed: int,
) -> dict[str, Any]:
    has = {
        "words": any(one.has_words for one in creatives),
        "picture": any(one.image is not None for one in features),
        "look": any(one.look is not None for one in features),
        "faces": any(len(one.face_shares) for one in features),
        "context": True,
    }
    languages = [detect_language(one.text) for one in creatives]
    named = {language: languages.count(language) for language in sorted(set(languages)) if language}
    grades = parse_provenance(provenance, [name for name, is_there in has.items() if is_there])
    learnt = LearntTexts.of(creatives)
    return {
        "seed": seed,
        LEARNT_TEXTS: None if learnt is None else learnt.as_dict(),
        "grades": {name: list(pair) for name, pair in grades.items()},
        "languages": named,
        "training": {
            "num_creatives": len(creatives),
            "num_groups": len(np.unique(number_groups(creatives))),
            "num_tests": len({one.test_id for one in creatives if one.test_id}),
            "clicks": sum(one.clicks or 0 for one in creatives),
            "impressions": sum(one.impressions or 0 for one in creatives),
            "languages": named,
            "weights": dict(weights),
        },
    }


def _fit_ood_scores(
    creatives: Sequence[Creative], features: Sequence[CreativeFeatures], fold: np.ndarray, seed: int
) -> tuple[dict[str, OODScore], dict[str, Any]]:
    """Return modality -> out-of-distribution score, and the ads of its reference embeddings."""
    rng = np.random.default_rng(seed)
    least = {"words": LIMITS.distance}
    ood_scores, known = {}, {}
    for modality, name in EMBEDDINGS.items():
        rows = [row for row, one in enumerate(features) if getattr(one, name) is not None and fold[row]]
        held_out = [getattr(one, name) for row, one in enumerate(features) if getattr(one, name) is not None and not fold[row]]
        train = np.array([getattr(features[row], name) for row in rows], np.float32)
        score = fit_ood_score(train, np.array(held_out, np.float32), rng=rng, least=least.get(modality, 0.0))
        if score is not None:
            ood_scores[modality] = score
            chosen = [] if score.chosen is None else score.chosen.tolist()
            known[modality] = describe_known([creatives[row] for row in rows], chosen)
    return ood_scores, known
