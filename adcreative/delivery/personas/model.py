"""Ratings or clicks of people with declared profiles: which profile goes with which feature of an ad.

    y_ua = base + person_u + ad_a + P_u' W F_a         P [U, T] traits, F [A, d] features of ads, both standardised

W [T, d] is a ridge regression on the products P_t F_k, after the means of persons and ads are taken out (two-way, iterated).
Only W can change which ads a person prefers: a main effect of a trait moves all ads alike, which is why it is never reported
as "who likes what". The ridge strength is chosen on left-out persons.

No torch. Source: Roffo & Vinciarelli, Personality in Computational Advertising, EMPIRE 2016 (data, tasks). The bilinear form
is ours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from adcreative.errors import TrainingError
from adcreative.metrics.binary import area_under_curve
from adcreative.metrics.bootstrap import draw_group_counts, percentile_interval

STRENGTHS = (1.0, 10.0, 100.0, 1000.0, 10_000.0)
SWEEPS = 20
MIN_PEOPLE, MIN_ADS = 20, 10
NUM_DRAWS = 200


@dataclass(frozen=True, kw_only=True)
class Responses:
    """Answers of people to ads: person [M] (0..U-1), ad [M] (0..A-1), value [M]; traits [U, T], features [A, d], both raw."""

    person: np.ndarray
    ad: np.ndarray
    value: np.ndarray
    traits: np.ndarray
    features: np.ndarray

    def of_people(self, people: np.ndarray) -> Responses:
        """Return the answers of some people only; numbers stay."""
        keep = np.isin(self.person, people)
        return Responses(person=self.person[keep], ad=self.ad[keep], value=self.value[keep], traits=self.traits,
                         features=self.features)  # fmt: skip

    def without_ads(self, ads: np.ndarray) -> Responses:
        """Return the answers to all ads but these."""
        keep = ~np.isin(self.ad, ads)
        return Responses(person=self.person[keep], ad=self.ad[keep], value=self.value[keep], traits=self.traits,
                         features=self.features)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class PersonaModel:
    """The fitted form: effects W [T, d] in units of the answers per standard deviation of both; ad_effect [A]; base."""

    base: float
    ad_effect: np.ndarray
    effects: np.ndarray
    trait_mean: np.ndarray
    trait_scale: np.ndarray
    feature_mean: np.ndarray
    feature_scale: np.ndarray

    def predict(self, traits: np.ndarray, features: np.ndarray, ad_effect: np.ndarray | None = None) -> np.ndarray:
        """Return [U, A] expected answers of people that were never asked.

        Args:
            traits: [U, T]. features: [A, d]. ad_effect: [A]; 0 for ads that were never rated.
        """
        p = (traits - self.trait_mean) / self.trait_scale
        f = (features - self.feature_mean) / self.feature_scale
        main = np.zeros(len(features)) if ad_effect is None else ad_effect
        return self.base + main + p @ self.effects @ f.T

    def shifts(self, traits: np.ndarray, features: np.ndarray) -> np.ndarray:
        """Return [U, A] by how much the answers of people differ from the average person's to the same ad."""
        found: np.ndarray = self.predict(traits, features) - self.base
        return found


def fit_persona_model(responses: Responses, *, strength: float | None = None) -> PersonaModel:
    """Fit main effects and interactions.

    Args:
        strength: of the ridge; chosen on left-out people when None.
    Raises:
        TrainingError: all answers are the same.
    """
    if not len(responses.value) or np.ptp(responses.value) == 0:
        raise TrainingError("all answers are the same, so nothing tells the ads apart")
    prepared = _Prepared(responses)
    return prepared.fit(_choose_strength(responses) if strength is None else strength)


class _Prepared:
    """The normal equations of the interactions, made once for every strength of the ridge."""

    def __init__(self, responses: Responses) -> None:
        self.responses = responses
        self.trait_mean, self.trait_scale = _scale(responses.traits[np.unique(responses.person)])
        self.feature_mean, self.feature_scale = _scale(responses.features[np.unique(responses.ad)])
        self.p = (responses.traits - self.trait_mean) / self.trait_scale
        self.f = (responses.features - self.feature_mean) / self.feature_scale
        pairs = self.p[responses.person][:, :, None] * self.f[responses.ad][:, None, :]
        self.design = _without_means(pairs.reshape(len(responses.value), -1), responses)  # [M, T * d]
        self.left = _without_means(responses.value[:, None], responses)[:, 0]
        self.gram, self.sums = self.design.T @ self.design, self.design.T @ self.left

    def fit(self, strength: float) -> PersonaModel:
        answers = self.responses
        solved = np.linalg.solve(self.gram + strength * np.eye(len(self.gram)), self.sums)
        effects = solved.reshape(self.p.shape[1], self.f.shape[1])
        base = float(answers.value.mean())
        table = self.p @ effects @ self.f.T  # [U, A]
        rest = answers.value - base - table[answers.person, answers.ad]
        ad = np.zeros(len(self.f))
        for _ in range(SWEEPS):
            person = _means(rest - ad[answers.ad], answers.person, len(self.p))
            ad = _means(rest - person[answers.person], answers.ad, len(self.f))
        return PersonaModel(
            base=base, ad_effect=ad, effects=effects, trait_mean=self.trait_mean, trait_scale=self.trait_scale,
            feature_mean=self.feature_mean, feature_scale=self.feature_scale,
        )  # fmt: skip


def check_responses(responses: Responses) -> None:
    """Raise TrainingError when there is too little to learn from."""
    people, ads = len(np.unique(responses.person)), len(np.unique(responses.ad))
    if people < MIN_PEOPLE or ads < MIN_ADS:
        raise TrainingError(f"{people} people and {ads} ads have answers; at least {MIN_PEOPLE} and {MIN_ADS} are needed")


def _choose_strength(responses: Responses) -> float:
    people = np.unique(responses.person)
    half = people[::2]
    learn, test = responses.of_people(np.setdiff1d(people, half)), responses.of_people(half)
    if len(np.unique(learn.person)) < MIN_PEOPLE:
        return STRENGTHS[2]
    scores, prepared = {}, _Prepared(learn)
    for strength in STRENGTHS:
        model = prepared.fit(strength)
        scores[strength] = mean_person_auc(test, model.predict(test.traits, test.features, model.ad_effect))
    return max(scores, key=lambda one: (scores[one], one))


def _without_means(values: np.ndarray, responses: Responses) -> np.ndarray:
    """Return columns [M, K] with the means of persons and of ads taken out."""
    values = values - values.mean(axis=0)
    for _ in range(SWEEPS if len(np.unique(np.bincount(responses.person))) > 2 else 3):
        for groups, num in ((responses.person, len(responses.traits)), (responses.ad, len(responses.features))):
            counts = np.maximum(np.bincount(groups, minlength=num), 1)
            means = np.stack([np.bincount(groups, column, num) for column in values.T], axis=1) / counts[:, None]
            values = values - means[groups]
    return values


def _means(values: np.ndarray, groups: np.ndarray, num: int) -> np.ndarray:
    means: np.ndarray = np.bincount(groups, values, num) / np.maximum(np.bincount(groups, minlength=num), 1)
    return means


def _scale(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    spread = rows.std(axis=0)
    return rows.mean(axis=0), np.where(spread > 1e-9, spread, 1.0)


def person_aucs(responses: Responses, predicted: np.ndarray) -> dict[int, float]:
    """Return person -> AUC of its own answers, above its own mean against below; people with one kind only are left out.

    Args:
        predicted: [U, A].
    """
    found = {}
    for person in np.unique(responses.person):
        mine = responses.person == person
        liked = responses.value[mine] > responses.value[mine].mean()
        if liked.any() and not liked.all():
            found[int(person)] = area_under_curve(liked.astype(float), predicted[person, responses.ad[mine]])
    return found


def mean_person_auc(responses: Responses, predicted: np.ndarray) -> float:
    """Return the mean over people of AUC within the person, the figure that traits can raise."""
    found = person_aucs(responses, predicted)
    return float(np.mean(list(found.values()))) if found else float("nan")


def effect_intervals(
    responses: Responses, *, strength: float, level: float = 0.95, num_draws: int = NUM_DRAWS, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Return low and high [T, d] of every effect, by drawing whole people with replacement.

    Each person's part of the normal equations is added up once, so that a draw is one solve.
    """
    prepared = _Prepared(responses)
    design, left = prepared.design, prepared.left
    people, member = np.unique(responses.person, return_inverse=True)
    order = np.argsort(member, kind="stable")
    parts = np.split(order, np.cumsum(np.bincount(member))[:-1])
    grams = np.stack([design[rows].T @ design[rows] for rows in parts])
    sums = np.stack([design[rows].T @ left[rows] for rows in parts])
    ridge = strength * np.eye(design.shape[1])
    draws = np.stack([
        np.linalg.solve(np.tensordot(counts, grams, 1) + ridge, counts @ sums)
        for counts in draw_group_counts(len(people), num_draws, rng=np.random.default_rng(seed))
    ])  # fmt: skip
    bounds = [percentile_interval(draws[:, at], level) or (0.0, 0.0) for at in range(draws.shape[1])]
    shape = prepared.p.shape[1], prepared.f.shape[1]
    return np.array([low for low, _ in bounds]).reshape(shape), np.array([high for _, high in bounds]).reshape(shape)
