"""Ratings or clicks of people with declared profiles: which traits go with which ad features, and whether profiles are useful.

    y_ua = base + person_u + ad_a + P_u' W F_a         P [U, T] traits, F [A, d] features of ads, both standardised

W [T, d] is a ridge regression on the products P_t F_k, after the means of persons and ads are removed (two-way, iterated).
Only W can change which ads a person prefers: a main effect of a trait moves all ads alike. The audit compares the model with
no profiles and with shuffled ones, on people and ads left out of the fit. No torch.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from adcreative.errors import TrainingError
from adcreative.metrics.binary import area_under_curve
from adcreative.metrics.bootstrap import Interval, draw_group_counts, percentile_interval
from adcreative.progress import Count, uncounted

STRENGTHS = (1.0, 10.0, 100.0, 1000.0, 10_000.0)
SWEEPS = 20
MIN_PEOPLE, MIN_ADS = 20, 10
NUM_DRAWS, NUM_FOLDS = 200, 5


@dataclass(frozen=True)
class Responses:
    """Answers of people to ads: person [M] (0..U-1), ad [M] (0..A-1), value [M]; traits [U, T], features [A, d], both raw."""

    person: np.ndarray
    ad: np.ndarray
    value: np.ndarray
    traits: np.ndarray
    features: np.ndarray

    def only(self, keep: np.ndarray) -> Responses:
        """Return the answers selected by a mask [M]; numbers are kept."""
        return replace(self, person=self.person[keep], ad=self.ad[keep], value=self.value[keep])

    def of_people(self, people: np.ndarray) -> Responses:
        """Return the answers of some people only."""
        return self.only(np.isin(self.person, people))


@dataclass(frozen=True, kw_only=True)
class PersonaModel:
    """The fitted model: effects W [T, d] in units of the answers per standard deviation of both; ad_effect [A]; base."""

    base: float
    ad_effect: np.ndarray
    effects: np.ndarray
    trait_mean: np.ndarray
    trait_scale: np.ndarray
    feature_mean: np.ndarray
    feature_scale: np.ndarray

    def shifts(self, traits: np.ndarray, features: np.ndarray) -> np.ndarray:
        """Return [U, A] the differences between answers of people [U, T] and of the average person to the same ads [A, d]."""
        p = (traits - self.trait_mean) / self.trait_scale
        f = (features - self.feature_mean) / self.feature_scale
        shifts: np.ndarray = p @ self.effects @ f.T
        return shifts

    def predict(self, responses: Responses) -> np.ndarray:
        """Return [U, A] expected answers; only for the ads of the fit, by number."""
        expected: np.ndarray = self.base + self.ad_effect + self.shifts(responses.traits, responses.features)
        return expected


@dataclass(frozen=True, kw_only=True)
class Audit:
    """Usefulness of profiles; each figure is the mean over people of AUC within the person.

    figures: "new_people" left out of the fit; "new_people_and_ads", ads left out too; "without_profiles", main
    effects only; "shuffled_profiles", those of other people, which must stay near "without_profiles". effects W [T, d], with
    intervals over people.
    """

    figures: dict[str, Interval]
    effects: np.ndarray
    low: np.ndarray
    high: np.ndarray
    model: PersonaModel

    @property
    def is_useful(self) -> bool:
        """Whether profiles predict better than the average and than chance."""
        figures = self.figures
        return figures["new_people"].low > max(figures["without_profiles"].value, figures["shuffled_profiles"].value)


def audit_personas(responses: Responses, *, seed: int = 0, progress: Count = uncounted) -> Audit:
    """Measure the usefulness of profiles, on people and ads outside the training data.

    Raises:
        TrainingError: too few people or ads, or as `fit_persona_model`.
    """
    rng = np.random.default_rng(seed)
    people, ads = rng.permutation(np.unique(responses.person)), rng.permutation(np.unique(responses.ad))
    if len(people) < MIN_PEOPLE or len(ads) < MIN_ADS:
        raise TrainingError(
            f"{len(people)} people and {len(ads)} ads have answers; at least {MIN_PEOPLE} and {MIN_ADS} are needed"
        )
    mixed = responses.traits.copy()
    mixed[people] = responses.traits[rng.permutation(people)]
    shuffled = replace(responses, traits=mixed)
    names = ("new_people", "new_people_and_ads", "without_profiles", "shuffled_profiles")
    found: dict[str, list[float]] = {name: [] for name in names}
    for fold in range(NUM_FOLDS):
        progress(fold, NUM_FOLDS + 1)
        test, few = people[fold::NUM_FOLDS], ads[fold::NUM_FOLDS]
        rest = np.setdiff1d(people, test)
        asked = responses.of_people(test)
        model = fit_persona_model(responses.of_people(rest))
        found["new_people"] += person_aucs(asked, model.predict(responses))
        found["without_profiles"] += person_aucs(asked, np.tile(model.ad_effect, (len(responses.traits), 1)))
        learn = responses.of_people(rest)
        unseen = fit_persona_model(learn.only(~np.isin(learn.ad, few)))
        found["new_people_and_ads"] += person_aucs(
            asked.only(np.isin(asked.ad, few)), unseen.shifts(responses.traits, responses.features)
        )
        found["shuffled_profiles"] += person_aucs(asked, fit_persona_model(shuffled.of_people(rest)).predict(shuffled))
    progress(NUM_FOLDS, NUM_FOLDS + 1)
    low, high = effect_intervals(responses, strength=STRENGTHS[1], seed=seed)
    audit = Audit(
        figures={name: _figure(values, seed) for name, values in found.items()},
        model=fit_persona_model(responses),
        effects=fit_persona_model(responses, strength=STRENGTHS[1]).effects,
        low=low,
        high=high,
    )
    progress(NUM_FOLDS + 1, NUM_FOLDS + 1)
    return audit


def _figure(values: list[float], seed: int) -> Interval:
    if not values:
        return Interval(float("nan"), float("nan"), float("nan"))
    counts = draw_group_counts(len(values), 500, rng=np.random.default_rng(seed))
    low, high = percentile_interval(counts @ np.array(values) / len(values), 0.95) or (values[0], values[0])
    return Interval(float(np.mean(values)), low, high)


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
    """The normal equations of the interactions, computed once for every strength of the ridge."""

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
            base=base,
            ad_effect=ad,
            effects=effects,
            trait_mean=self.trait_mean,
            trait_scale=self.trait_scale,
            feature_mean=self.feature_mean,
            feature_scale=self.feature_scale,
        )


def _choose_strength(responses: Responses) -> float:
    people = np.unique(responses.person)
    half = people[::2]
    learn, test = responses.of_people(np.setdiff1d(people, half)), responses.of_people(half)
    if len(np.unique(learn.person)) < MIN_PEOPLE:
        return STRENGTHS[2]
    scores, prepared = {}, _Prepared(learn)
    for strength in STRENGTHS:
        model = prepared.fit(strength)
        aucs = person_aucs(test, model.predict(test))
        scores[strength] = float(np.mean(aucs)) if aucs else float("nan")
    return max(scores, key=lambda one: (scores[one], one))


def _without_means(values: np.ndarray, responses: Responses) -> np.ndarray:
    """Return columns [M, K] with the means of persons and of ads removed."""
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


def person_aucs(responses: Responses, predicted: np.ndarray) -> list[float]:
    """Return each person's AUC of answers above the person's mean against below; people with one kind only are left out.

    Args:
        predicted: [U, A].
    """
    found = []
    for person in np.unique(responses.person):
        mine = responses.person == person
        liked = responses.value[mine] > responses.value[mine].mean()
        if liked.any() and not liked.all():
            found.append(area_under_curve(liked.astype(float), predicted[person, responses.ad[mine]]))
    return found


def effect_intervals(responses: Responses, *, strength: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return low and high [T, d] of the 95 % interval of every effect, by drawing whole people with replacement.

    Each person's part of the normal equations is summed once, so that a draw is one solve.
    """
    prepared = _Prepared(responses)
    rows = [np.flatnonzero(responses.person == person) for person in np.unique(responses.person)]
    grams = np.stack([prepared.design[one].T @ prepared.design[one] for one in rows])
    sums = np.stack([prepared.design[one].T @ prepared.left[one] for one in rows])
    ridge = strength * np.eye(len(prepared.gram))
    draws = [
        np.linalg.solve(np.tensordot(counts, grams, 1) + ridge, counts @ sums)
        for counts in draw_group_counts(len(rows), NUM_DRAWS, rng=np.random.default_rng(seed))
    ]
    low, high = np.quantile(draws, (0.025, 0.975), axis=0).reshape(2, prepared.p.shape[1], prepared.f.shape[1])
    return low, high
