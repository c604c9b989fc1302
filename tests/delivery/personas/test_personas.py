"""Planted people: profiles that go with features are found, main effects and shuffled profiles say nothing of who likes
what."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest

from adcreative.delivery.personas.audit import Audit, audit_personas
from adcreative.delivery.personas.model import Responses, effect_intervals, fit_persona_model, mean_person_auc
from adcreative.errors import TrainingError


@lru_cache(maxsize=2)
def plant(interaction: float = 1.0, seed: int = 0) -> tuple[Responses, np.ndarray]:
    """120 people x 300 ads: answers 1 to 5 from person, ad, trait main effects, and trait x feature effects W."""
    rng = np.random.default_rng(seed)
    traits, features = rng.normal(0, 1, (120, 5)), rng.normal(0, 1, (300, 6))
    effects = rng.normal(0, 0.35, (5, 6)) * interaction
    person = rng.normal(0, 0.5, 120) + 0.4 * traits[:, 0]
    score = 3 + person[:, None] + 0.05 * rng.normal(0, 1, 300) + traits @ effects @ features.T
    value = np.clip(np.rint(score + rng.normal(0, 0.6, score.shape)), 1, 5)
    who, what = (one.ravel() for one in np.indices(value.shape))
    return Responses(person=who, ad=what, value=value.ravel(), traits=traits, features=features), effects


@pytest.fixture(scope="module")
def audit() -> Audit:
    return audit_personas(plant()[0])


def test_profiles_tell_what_new_people_prefer_and_shuffled_ones_do_not(audit: Audit) -> None:
    assert audit.new_people.value >= 0.80
    assert audit.new_people_and_ads.value >= 0.80
    assert audit.shuffled_profiles.value <= 0.55
    assert audit.without_profiles.value <= 0.58
    assert audit.is_useful


def test_main_effects_alone_cannot_rank_ads_for_a_person() -> None:
    """The broken twin concatenates traits and features in a linear model: every person gets the same order."""
    responses, _ = plant()
    held_out, rest = np.arange(0, 120, 4), np.setdiff1d(np.arange(120), np.arange(0, 120, 4))
    learn, test = responses.of_people(rest), responses.of_people(held_out)
    design = np.hstack([learn.traits[learn.person], learn.features[learn.ad], np.ones((len(learn.value), 1))])
    weights = np.linalg.lstsq(design, learn.value, rcond=None)[0]
    predicted = (responses.traits @ weights[:5])[:, None] + responses.features @ weights[5:11]
    assert mean_person_auc(test, predicted) <= 0.6


def test_without_interaction_the_audit_says_so() -> None:
    found = audit_personas(plant(interaction=0.0, seed=3)[0])
    assert not found.is_useful
    assert found.new_people.value <= found.without_profiles.value + 0.02


def test_effects_and_their_intervals_hold_what_was_planted(audit: Audit) -> None:
    responses, effects = plant()
    assert np.corrcoef(audit.effects.ravel(), effects.ravel())[0, 1] > 0.95
    rng = np.random.default_rng(4)
    exact = responses.traits @ effects @ responses.features.T  # answers that are not cut at 1 and 5
    value = exact[responses.person, responses.ad] + rng.normal(0, 2, len(responses.value))
    open_ended = Responses(person=responses.person, ad=responses.ad, value=value, traits=responses.traits,
                           features=responses.features)  # fmt: skip
    low, high = effect_intervals(open_ended, strength=1.0)
    truth = effects * np.outer(responses.traits.std(axis=0), responses.features.std(axis=0))
    assert ((low <= truth) & (truth <= high)).mean() > 0.8
    assert ((high - low) < 0.1).all()


def test_an_effect_moves_the_ads_with_the_feature() -> None:
    responses, effects = plant()
    model = fit_persona_model(responses)
    trait, feature = np.unravel_index(np.abs(effects).argmax(), effects.shape)
    person, ads = np.zeros((1, 5)), np.zeros((2, 6))
    person[0, trait], ads[1, feature] = 2.0, 2.0
    plain, with_feature = model.predict(person, ads)[0]
    assert np.sign(with_feature - plain) == np.sign(effects[trait, feature])


def test_too_few_people_or_answers_that_are_all_the_same_are_refused() -> None:
    responses, _ = plant()
    with pytest.raises(TrainingError, match="10 people and 300 ads have answers"):
        audit_personas(responses.of_people(np.arange(10)))
    same = Responses(person=responses.person, ad=responses.ad, value=np.full(len(responses.value), 3.0),
                     traits=responses.traits, features=responses.features)  # fmt: skip
    with pytest.raises(TrainingError, match="all answers are the same"):
        fit_persona_model(same)
