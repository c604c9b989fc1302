"""Calibrate the level of survival curves: the share of ads still running. A model may rank well with a wrong level.

    gap   = largest |mean S_model(t) - S_KM(t)| at t of 30, 60, 90 days, within the known ages; above MAX_GAP:
    H'(t) = sum over days of ratio_band(day) * (H(day) - H(day - 1)),   H = -log S
    ratio = (ends in the band at the rate of the training ads + k) / (ends that the model expects there for other ads + k)

The known age is the age to which MIN_AT_RISK ads were followed; beyond it the hazard of the preceding days continues, and no
date is given. Bands hold BAND_ENDS ends each. Does not import torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from adcreative.metrics.survival import kaplan_meier

LEVEL_DAYS = (30, 60, 90)
MAX_GAP = 0.03
MIN_AT_RISK = 10
BAND_ENDS, MAX_BANDS = 25, 10
PSEUDO_ENDS = 1.0
TAIL_DAYS = 30
SMALLEST = 1e-9


class SurvivalModel(Protocol):
    """Model that gives the probability of still running."""

    def survival(self, features: np.ndarray, times: np.ndarray) -> np.ndarray:
        """Return [N, T] the probability to run longer than each of `times`."""


@dataclass(frozen=True, kw_only=True)
class Level:
    """Scale factors of hazards: ratio [B] in bands of age (edges[b], edges[b + 1]], edges [B + 1] from day 0.

    known_age: whole days, the largest age covered by the log.
    """

    edges: np.ndarray
    ratio: np.ndarray
    known_age: int

    def apply(self, curves: np.ndarray) -> np.ndarray:
        """Return [N, T] curves with scaled hazards, and with the last hazard continued beyond the known age.

        Args:
            curves: [N, T] survival after 0, 1, 2 ... days, at least one day beyond 0.
        """
        days = np.arange(1, curves.shape[1])
        hazard = -np.diff(np.log(np.maximum(curves, SMALLEST)), axis=1)
        hazard = hazard * self.ratio[np.clip(np.searchsorted(self.edges, days, side="left") - 1, 0, len(self.ratio) - 1)]
        if len(days) > self.known_age:
            tail = hazard[:, max(self.known_age - TAIL_DAYS, 0) : self.known_age]
            hazard[:, self.known_age :] = tail.mean(axis=1, keepdims=True)
        return np.exp(-np.concatenate([np.zeros((len(curves), 1)), np.cumsum(hazard, axis=1)], axis=1))


@dataclass(frozen=True, kw_only=True)
class Levelled:
    """A model calibrated to the observed level."""

    model: SurvivalModel
    level: Level

    def survival(self, features: np.ndarray, times: np.ndarray) -> np.ndarray:
        """Return [N, T] at `times`, whole days."""
        days = np.arange(max(float(np.max(times)), 1.0) + 1)
        return self.level.apply(self.model.survival(features, days))[:, np.asarray(times, int)]


def find_known_age(durations: np.ndarray) -> int:
    """Return the largest age in days to which MIN_AT_RISK ads were followed, at least 1."""
    longest = np.sort(durations)[::-1]
    return max(int(longest[min(MIN_AT_RISK, len(longest)) - 1]), 1)


def settle_level(
    curves: np.ndarray,
    held: Sequence[np.ndarray],
    learnt: Sequence[np.ndarray],
    durations: np.ndarray,
    ended: np.ndarray,
    known_age: int,
) -> tuple[Level, float | None]:
    """Return the scale factors of a model's hazards (1 if the level is right), and the remaining gap.

    Args:
        as `fit_level`.
    """
    plain = Level(edges=np.array([0.0, known_age]), ratio=np.ones(1), known_age=known_age)
    found, gap = plain, measure_level(plain.apply(curves), durations, ended, known_age)
    if gap is not None and gap > MAX_GAP:
        found = fit_level(curves, held, learnt, durations, ended, known_age)
        gap = measure_level(found.apply(curves), durations, ended, known_age)
    return found, gap


def fit_level(
    curves: np.ndarray,
    held: Sequence[np.ndarray],
    learnt: Sequence[np.ndarray],
    durations: np.ndarray,
    ended: np.ndarray,
    known_age: int,
) -> Level:
    """Fit scale factors of hazards, so that the ads of some folds end as often, by their curves, as ads of the same age among
    the training ads.

    The outcomes of a fold's own ads are not used: they would calibrate a model other than the final one.

    Args:
        curves: [H, T] survival after 0, 1, 2 ... days, up to the known age or further, fold by fold. held, learnt: for each
            fold the ads of its curves, H in total, and the training ads, as indices. durations: [N] whole days. ended: [N]
            bool.
    """
    ends = np.minimum(durations[ended], known_age)
    num = int(np.clip(len(ends) // BAND_ENDS, 1, MAX_BANDS))
    inner = np.unique(np.ceil(np.quantile(ends, np.arange(1, num) / num))) if len(ends) else np.zeros(0)
    edges = np.concatenate([[0.0], inner[inner < known_age], [float(known_age)]])
    days, starts = np.arange(1, known_age + 1), edges[:-1].astype(int)

    def at_risk(rows: np.ndarray) -> np.ndarray:
        """Return [B] the days that ads ran in each band."""
        found: np.ndarray = np.add.reduceat((durations[rows, None] >= days).sum(axis=0), starts)
        return found

    chance = 1 - curves[:, 1 : known_age + 1] / np.maximum(curves[:, :known_age], SMALLEST)  # [H, days]
    lived = durations[np.concatenate(held), None] >= days
    expected = np.add.reduceat((chance * lived).sum(axis=0), starts)
    seen = np.zeros(len(starts))
    for mine, others in zip(held, learnt, strict=True):
        ends = durations[others][ended[others] & (durations[others] <= known_age)]
        seen += np.histogram(ends - 0.5, bins=edges)[0] * at_risk(mine) / np.maximum(at_risk(others), 1)
    return Level(edges=edges, ratio=(seen + PSEUDO_ENDS) / (expected + PSEUDO_ENDS), known_age=known_age)


def measure_level(curves: np.ndarray, durations: np.ndarray, ended: np.ndarray, known_age: int) -> float | None:
    """Return the largest gap between the mean of curves [H, T] and Kaplan-Meier at LEVEL_DAYS; None if the log covers none of
    these days.

    Args:
        curves: survival after 0, 1, 2 ... days. durations: [N] whole days. ended: [N] bool.
    """
    days = np.array([day for day in LEVEL_DAYS if day <= known_age])
    if not len(days):
        return None
    gaps = curves[:, days].mean(axis=0) - kaplan_meier(durations, ended, days)
    return float(np.abs(gaps).max())
