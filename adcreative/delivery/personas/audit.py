"""Does a declared profile say which ads a person prefers? Held against no profile, shuffled profiles, and left-out people
and ads.

Four figures, each the mean over people of AUC within the person, with a bootstrap interval over people:

    new people           persons that were left out of the fit
    new people and ads   ads left out too
    without profiles     main effects only: what an average says
    shuffled profiles    profiles given to other people: what chance says; must stay near "without profiles"

No torch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from adcreative.delivery.personas.model import (
    STRENGTHS,
    PersonaModel,
    Responses,
    check_responses,
    effect_intervals,
    fit_persona_model,
    person_aucs,
)
from adcreative.metrics.bootstrap import draw_group_counts, percentile_interval
from adcreative.progress import Count, uncounted

NUM_FOLDS = 5
SMALL = 300  # people; below it the evidence is called small


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A mean over people with its 95 % interval over people."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Audit:
    """The four figures, and the effects W [T, d] with intervals over people; is_useful: profiles say more than an average."""

    new_people: Figure
    new_people_and_ads: Figure
    without_profiles: Figure
    shuffled_profiles: Figure
    effects: np.ndarray
    low: np.ndarray
    high: np.ndarray
    model: PersonaModel
    num_people: int
    num_ads: int

    @property
    def is_useful(self) -> bool:
        return self.new_people.low > max(self.without_profiles.value, self.shuffled_profiles.value)


def audit_personas(responses: Responses, *, seed: int = 0, progress: Count = uncounted) -> Audit:
    """Measure what profiles are worth, on people and ads that the model has not seen.

    Raises:
        TrainingError: as `fit_persona_model`.
    """
    check_responses(responses)
    rng = np.random.default_rng(seed)
    people, ads = rng.permutation(np.unique(responses.person)), rng.permutation(np.unique(responses.ad))
    shuffled = Responses(
        person=responses.person, ad=responses.ad, value=responses.value, features=responses.features,
        traits=_permute(responses.traits, people, rng),
    )  # fmt: skip
    found: dict[str, dict[int, float]] = {name: {} for name in ("people", "both", "without", "shuffled")}
    for fold in range(NUM_FOLDS):
        progress(fold, NUM_FOLDS + 1)
        test, few = people[fold::NUM_FOLDS], ads[fold::NUM_FOLDS]
        rest = np.setdiff1d(people, test)
        model = fit_persona_model(responses.of_people(rest))
        asked = responses.of_people(test)
        found["people"] |= person_aucs(asked, model.predict(responses.traits, responses.features, model.ad_effect))
        average = np.broadcast_to(model.ad_effect, (len(responses.traits), len(responses.features)))
        found["without"] |= person_aucs(asked, average)
        unseen = fit_persona_model(responses.of_people(rest).without_ads(few))
        other = asked.without_ads(np.setdiff1d(ads, few))
        found["both"] |= person_aucs(other, unseen.predict(responses.traits, responses.features))
        wrong = fit_persona_model(shuffled.of_people(rest))
        found["shuffled"] |= person_aucs(asked, wrong.predict(shuffled.traits, shuffled.features, wrong.ad_effect))
    progress(NUM_FOLDS, NUM_FOLDS + 1)
    model = fit_persona_model(responses)
    low, high = effect_intervals(responses, strength=STRENGTHS[1], seed=seed)
    figures = {name: _figure(list(values.values()), seed) for name, values in found.items()}
    progress(NUM_FOLDS + 1, NUM_FOLDS + 1)
    return Audit(
        new_people=figures["people"], new_people_and_ads=figures["both"], without_profiles=figures["without"],
        shuffled_profiles=figures["shuffled"], effects=fit_persona_model(responses, strength=STRENGTHS[1]).effects, low=low,
        high=high, model=model, num_people=len(people), num_ads=len(ads),
    )  # fmt: skip


def _permute(traits: np.ndarray, people: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    mixed = traits.copy()
    mixed[people] = traits[rng.permutation(people)]
    return mixed


def _figure(values: list[float], seed: int) -> Figure:
    if not values:
        return Figure(value=float("nan"), low=float("nan"), high=float("nan"))
    numbers = np.array(values)
    counts = draw_group_counts(len(numbers), 500, rng=np.random.default_rng(seed))
    low, high = percentile_interval(counts @ numbers / len(numbers), 0.95) or (numbers[0], numbers[0])
    return Figure(value=float(numbers.mean()), low=low, high=high)
