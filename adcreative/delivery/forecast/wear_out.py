"""Lifetime forecast for an account: compare Kaplan-Meier, Cox and a survival forest; the best model predicts each ad's end.

Each model gives out-of-fold curves for whole families of ads, which are judged by calibration of their level (`level`) and by
the concordance of short lives (all ads, followed for 10 days), of long lives (ads that lived 10 days) and of all. A model with
a wrong level is rescaled, and rejected if the level stays wrong. Among the others, the mean of short and long concordance
decides; a model must be better by MIN_GAIN than simpler models. If none beats one common curve, the common curve is used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from adcreative.delivery.forecast.level import MAX_GAP, Levelled, SurvivalModel, find_known_age, settle_level
from adcreative.delivery.forecast.lifetimes import Lifetimes
from adcreative.errors import ConfigError, TrainingError
from adcreative.metrics.survival import concordance, kaplan_meier
from adcreative.progress import Count, uncounted

if TYPE_CHECKING:
    from sksurv.base import SurvivalAnalysisMixin

SHORT_DAYS = 10.0
MIN_ADS, MIN_ENDED, MIN_LENGTHS = 80, 40, 5
NUM_FOLDS = 4
MANY_ADS = 2000  # above this number, a single fold, a quarter, is enough
FOREST_ADS = 1500
HORIZON = 365
TIMES = np.arange(0.0, HORIZON + 1)
MIN_GAIN = 0.01
JUDGED_DAYS = np.array([1, 2, 3, 5, 7, 10, 15, 20, 30, 45, 60, 90, 120], float)

FitsLives = Callable[[Lifetimes, np.ndarray, int], SurvivalModel]  # of lifetimes, features [N, K] and a seed


class KaplanMeier:
    """The same curve for every ad: the baseline."""

    def __init__(self, durations: np.ndarray, ended: np.ndarray) -> None:
        self.durations, self.ended = durations, ended

    def survival(self, features: np.ndarray, times: np.ndarray) -> np.ndarray:
        return np.tile(kaplan_meier(self.durations, self.ended, times), (len(features), 1))


class StepCurves:
    """Curves of a scikit-survival estimator fitted to standardised features, using the first columns of its input."""

    def __init__(
        self, estimator: SurvivalAnalysisMixin, features: np.ndarray, durations: np.ndarray, ended: np.ndarray
    ) -> None:
        spread = features.std(axis=0)
        self.mean, self.scale = features.mean(axis=0), np.where(spread > 1e-9, spread, 1.0)
        outcome = np.array(list(zip(ended.astype(bool), durations, strict=True)), dtype=[("ended", bool), ("days", float)])
        self.estimator = estimator.fit((features - self.mean) / self.scale, outcome)

    def survival(self, features: np.ndarray, times: np.ndarray) -> np.ndarray:
        rows = (features[:, : len(self.mean)] - self.mean) / self.scale
        curves = self.estimator.predict_survival_function(rows, return_array=True)
        place = np.searchsorted(self.estimator.unique_times_, times, side="right")
        padded = np.concatenate([np.ones((len(curves), 1)), curves], axis=1)
        return padded[:, place]


@dataclass(frozen=True, kw_only=True)
class WearOut:
    """The chosen model, its name, method -> out-of-fold concordance of short, long and all lives, and method -> gap of level.

    gaps: 0..1, None if the log covers no age of 30 days. num_held_out: number of evaluated ads, each by models trained without
    the ad's family.
    """

    model: Levelled
    method: str
    figures: dict[str, dict[str, float | None]]
    gaps: dict[str, float | None]
    num_held_out: int

    @property
    def known_age(self) -> int:
        """Largest age in days that the log covers."""
        return self.model.level.known_age


def fit_wear_out(
    lives: Lifetimes,
    features: np.ndarray,
    groups: np.ndarray,
    *,
    seed: int,
    also: Mapping[str, FitsLives] | None = None,
    num_further: int = 0,
    progress: Count = uncounted,
) -> WearOut:
    """Fit and compare all models.

    Args:
        features: [N, K] known at the time of the forecast. groups: [N] families, held out as wholes.
        also: further models by name, simpler first. num_further: last columns of `features`, read only by these models.
    Raises:
        TrainingError: too few ads, too few ended ads, or all ended at nearly the same age. ConfigError: scikit-survival is not
            installed.
    """
    num_ended = int(lives.ended.sum())
    if len(lives.names) < MIN_ADS or num_ended < MIN_ENDED:
        raise TrainingError(
            f"{len(lives.names)} ads, {num_ended} of which ended, are too few to learn lifetimes from; "
            f"{MIN_ADS} and {MIN_ENDED} are needed"
        )
    if len(np.unique(lives.duration[lives.ended])) < MIN_LENGTHS:
        raise TrainingError(
            f"the ads that ended lived for fewer than {MIN_LENGTHS} different numbers of days; nothing can be told"
        )
    makers, folds = _makers(lives, features, seed, also or {}, num_further), _folds(groups, seed)
    learnt = [np.setdiff1d(np.arange(len(groups)), fold) for fold in folds]
    known_age = find_known_age(lives.followed)
    days = np.arange(max(float(known_age), JUDGED_DAYS[-1]) + 1)
    steps = len(folds) * len(makers) + 1
    figures: dict[str, dict[str, float | None]] = {}
    gaps: dict[str, float | None] = {}
    levels = {}
    for number, (name, make) in enumerate(makers.items()):
        curves = []
        for at, (fold, rows) in enumerate(zip(folds, learnt, strict=True)):
            progress(number * len(folds) + at, steps)
            curves.append(make(rows).survival(features[fold], days))
        levels[name], gaps[name] = settle_level(np.concatenate(curves), folds, learnt, lives.followed, lives.ended, known_age)
        levelled = [levels[name].apply(one) for one in curves]
        found = [
            measure_concordance(one[:, JUDGED_DAYS.astype(int)], lives.take(fold))
            for one, fold in zip(levelled, folds, strict=True)
        ]
        figures[name] = _mean(found, list(map(len, folds)))
    method = choose_method(figures, gaps)
    model = Levelled(model=makers[method](np.arange(len(groups))), level=levels[method])
    progress(steps, steps)
    return WearOut(model=model, method=method, figures=figures, gaps=gaps, num_held_out=sum(map(len, folds)))


def choose_method(figures: Mapping[str, Mapping[str, float | None]], gaps: Mapping[str, float | None]) -> str:
    """Return, among the methods with a right level, the simplest whose mean of short and long concordance is within MIN_GAIN of
    the best.

    Args:
        figures, gaps: method -> measured values, simpler methods first.
    """
    merit = {
        name: _merit(found) for name, found in figures.items() if name != "kaplan-meier" and (gaps.get(name) or 0.0) <= MAX_GAP
    }
    best = max(merit.values(), default=0.0)
    if best < 0.5 + MIN_GAIN:
        return "kaplan-meier"
    return next(name for name, value in merit.items() if value >= best - MIN_GAIN)


def _makers(
    lives: Lifetimes, features: np.ndarray, seed: int, also: Mapping[str, FitsLives], num_further: int
) -> dict[str, Callable[[np.ndarray], SurvivalModel]]:
    """Return method -> function that fits it to some ads (rows), simpler methods first."""
    cox_of, forest_of = _estimators()
    followed, plain = lives.followed, features[:, : features.shape[1] - num_further]

    def curves(estimator: object, rows: np.ndarray) -> StepCurves:
        known = rows[followed[rows] > 0]
        return StepCurves(estimator, plain[known], followed[known], lives.ended[known])

    def further(fit: FitsLives) -> Callable[[np.ndarray], SurvivalModel]:
        return lambda rows: fit(lives.take(rows), features[rows], seed)

    def forest(rows: np.ndarray) -> StepCurves:
        return curves(forest_of(seed), np.random.default_rng(seed).permutation(rows)[:FOREST_ADS])

    return {
        "kaplan-meier": lambda rows: KaplanMeier(followed[rows], lives.ended[rows]),
        "cox": lambda rows: curves(cox_of(), rows),
        "forest": forest,
        **{name: further(fit) for name, fit in also.items()},
    }


def _folds(groups: np.ndarray, seed: int) -> list[np.ndarray]:
    """Return the rows of NUM_FOLDS sets of whole families; for a large account only the first set. If all ads are of one
    family, each ad is its own family."""
    groups = groups if len(np.unique(groups)) > 1 else np.arange(len(groups))
    families = np.random.default_rng(seed).permutation(np.unique(groups))
    folds = [np.flatnonzero(np.isin(groups, part)) for part in np.array_split(families, min(NUM_FOLDS, len(families)))]
    return folds[:1] if len(groups) > MANY_ADS else folds


def _estimators() -> tuple[Callable[[], Any], Callable[[int], Any]]:
    try:
        from sksurv.ensemble import RandomSurvivalForest
        from sksurv.linear_model import CoxPHSurvivalAnalysis
    except ImportError as error:
        raise ConfigError('a forecast needs scikit-survival: pip install "adcreative[delivery]"') from error
    return (
        lambda: CoxPHSurvivalAnalysis(alpha=1.0),
        lambda seed: RandomSurvivalForest(n_estimators=60, min_samples_leaf=15, max_features="sqrt", random_state=seed),
    )


def measure_concordance(curves: np.ndarray, lives: Lifetimes) -> dict[str, float | None]:
    """Return the concordance of short, long and all lives; None without a pair of known order.

    Args:
        curves: [N, 13] the probability that each ad still runs at JUDGED_DAYS.
    """
    is_short = JUDGED_DAYS <= SHORT_DAYS
    short_risk = -curves[:, is_short].sum(axis=1)
    at_ten = np.maximum(curves[:, JUDGED_DAYS == SHORT_DAYS], 1e-12)
    long_risk = -(curves[:, ~is_short] / at_ten).sum(axis=1)
    followed = lives.followed
    alive = followed > SHORT_DAYS
    short_end = np.minimum(followed, SHORT_DAYS), lives.ended & (followed <= SHORT_DAYS)
    return {
        "short": _or_none(short_end[0], short_end[1], short_risk),
        "long": _or_none(followed[alive], lives.ended[alive], long_risk[alive]),
        "all": _or_none(followed, lives.ended, -curves.sum(axis=1)),
    }


def _or_none(durations: np.ndarray, ended: np.ndarray, risk: np.ndarray) -> float | None:
    try:
        return concordance(durations, ended, risk)
    except TrainingError:
        return None


def _mean(found: Sequence[Mapping[str, float | None]], sizes: Sequence[int]) -> dict[str, float | None]:
    """Return the mean concordance over folds by size: curves of different folds' models are not compared."""
    means: dict[str, float | None] = {}
    for part in found[0]:
        known = [(value, size) for one, size in zip(found, sizes, strict=True) if (value := one[part]) is not None]
        total = sum(size for _, size in known)
        means[part] = sum(value * size for value, size in known) / total if known else None
    return means


def _merit(figures: Mapping[str, float | None]) -> float:
    known = [value for name in ("short", "long") if (value := figures[name]) is not None]
    return float(np.mean(known)) if known else 0.0


def remaining_days(curves: np.ndarray, ages: np.ndarray, chances: tuple[float, ...]) -> np.ndarray:
    """Return [N, Q] further days until the probability of an end reaches each of `chances`, for ads that lived `ages` days.

    Args:
        curves: [N, T] survival at days 0, 1, 2 ...
    Returns:
        inf if the curve does not fall that far within its days.
    """
    found = np.full((len(curves), len(chances)), np.inf)
    for row, age in enumerate(np.minimum(ages.astype(int), curves.shape[1] - 1)):
        left = curves[row, age:] / max(float(curves[row, age]), 1e-12)
        for column, chance in enumerate(chances):
            reached = np.flatnonzero(left <= 1 - chance)
            if len(reached):
                found[row, column] = reached[0]
    return found
