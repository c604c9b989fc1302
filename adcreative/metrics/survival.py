"""Metrics and estimates of censored lifetimes: Kaplan-Meier, concordance. Does not import torch.

Durations count from the start of an ad; `ended` is False for an ad that still ran, or was stopped for another reason, when last
seen. A higher RISK means an earlier end, everywhere in this project, as in scikit-survival (lifelines has the opposite sign).
Source: Kaplan & Meier 1958; Harrell et al. 1982; Uno et al. 2011 (through scikit-survival).
"""

from __future__ import annotations

import numpy as np

from adcreative.errors import TrainingError


def concordance(durations: np.ndarray, ended: np.ndarray, risk: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Return Harrell's C, 0..1: among pairs of known order, the share in which the shorter life has the higher risk.

    A pair has a known order if the shorter life ended, or if one ended on the day the other was last seen. Equal risks count
    half. Pairs are weighted by the product of their weights.

    Args:
        durations: [N]. ended: [N] bool. risk: [N], higher = ends sooner. weights: [N]; None: all 1.
    Raises:
        TrainingError: no pair of the data has a known order.
    """
    weights = np.ones(len(durations)) if weights is None else np.asarray(weights, np.float64)
    ended = np.asarray(ended, bool)
    good = total = 0.0
    for at in np.flatnonzero(ended):
        later = (durations > durations[at]) | ((durations == durations[at]) & ~ended)
        pair = weights[later] * weights[at]
        total += pair.sum()
        good += (pair * ((risk[at] > risk[later]) + 0.5 * (risk[at] == risk[later]))).sum()
    if total == 0:
        raise TrainingError("no two lifetimes can be ordered: none ended, or all ended together; wait for more of them")
    return float(good / total)


def kaplan_meier(durations: np.ndarray, ended: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Return [T] the estimated share still running after each of `times`."""
    ends = np.unique(durations[np.asarray(ended, bool)])
    at_risk = np.array([(durations >= end).sum() for end in ends], np.float64)
    events = np.array([((durations == end) & ended).sum() for end in ends], np.float64)
    curve = np.cumprod(1 - events / at_risk) if len(ends) else np.zeros(0)
    place = np.searchsorted(ends, times, side="right")
    return np.concatenate([[1.0], curve])[place]
