"""Metrics of predicted click rates on creatives with results. Does not import torch.

Within a test: agreement of the predicted order of arms with the clicks. Across creatives: rank correlation, NDCG@10, log-loss
per impression, calibration error. Arms of one test with the same headline and no picture are the same words shown twice: they
are pooled (counts summed, predictions averaged by impressions), since they are indistinguishable.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from adcreative.creative import Creative
from adcreative.errors import FeatureError
from adcreative.metrics.bootstrap import iter_group_counts, percentile_interval
from adcreative.metrics.calibration import expected_calibration_error
from adcreative.metrics.ranking import ndcg, spearman_correlation

SIGNIFICANT_Z = 1.96
METRICS = (
    "n",
    "pairwise_accuracy",
    "pairwise_accuracy_significant",
    "spearman",
    "ndcg_at_10",
    "log_loss",
    "brier",
    "ece",
)


@dataclass(frozen=True)
class Arms:
    """Pooled creatives: counts and predicted rate [N] float64, and the bootstrap group [N] int64."""

    impressions: np.ndarray
    clicks: np.ndarray
    ctr: np.ndarray
    test: np.ndarray
    group: np.ndarray


def evaluate_predictions(creatives: Sequence[Creative], ctr: np.ndarray) -> dict[str, Any]:
    """Compute metrics of predicted rates; creatives without results are left out.

    Args:
        ctr: [N] predicted probabilities, one per creative.
    Returns:
        n (creatives or pooled arms), pairwise_accuracy and pairwise_accuracy_significant (pairs within a test; a predicted
        tie counts half, an observed tie not at all; significant: two-proportion |z| > 1.96), spearman, ndcg_at_10 (one
        list, gain = observed rate), log_loss (nats per impression), brier (mean squared error per impression), ece (0..1,
        ten bins of equal impressions). None for metrics that cannot be computed.
    Raises:
        FeatureError: lengths differ, or a prediction is not a probability.
    """
    return _measure(pool_arms(creatives, ctr))


def bootstrap_metrics(
    creatives: Sequence[Creative], ctr: np.ndarray, *, seed: int, num_draws: int = 200
) -> dict[str, tuple[float, float] | None]:
    """Return a 90 % interval per metric by drawing whole groups (test, else brand, else creative) with replacement.

    With fewer than two groups the sampling variance is unknown: every interval is None.
    """
    arms = pool_arms(creatives, ctr)
    groups, place = np.unique(arms.group, return_inverse=True)
    names = [name for name in METRICS if name != "n"]
    if len(groups) < 2:
        return dict.fromkeys(names)
    members = np.split(np.argsort(place, kind="stable"), np.cumsum(np.bincount(place))[:-1])
    draws: dict[str, list[float]] = {name: [] for name in names}
    for counts in iter_group_counts(len(groups), num_draws, rng=np.random.default_rng(seed)):
        chosen = np.repeat(np.arange(len(groups)), counts)
        rows = np.concatenate([members[group] for group in chosen])
        copies = np.repeat(np.arange(len(chosen)), [len(members[group]) for group in chosen])
        tests = np.where(arms.test[rows] < 0, -1, copies)  # a group drawn twice counts as two tests
        drawn = Arms(arms.impressions[rows], arms.clicks[rows], arms.ctr[rows], tests, arms.group[rows])
        for name, value in _measure(drawn).items():
            if name != "n" and value is not None:
                draws[name].append(value)
    return {name: percentile_interval(values, 0.9) for name, values in draws.items()}


def pool_arms(creatives: Sequence[Creative], ctr: np.ndarray) -> Arms:
    """Pool indistinguishable arms; number tests (-1: none) and groups. Raises as `evaluate_predictions`."""
    predicted = np.asarray(ctr, np.float64)
    if predicted.shape != (len(creatives),):
        raise FeatureError(f"{len(creatives)} creatives came with predictions of shape {list(predicted.shape)}")
    broken = np.flatnonzero(~((predicted >= 0) & (predicted <= 1)))
    if len(broken):
        name = creatives[broken[0]].name
        raise FeatureError(f'creative "{name}": predicted rate {predicted[broken[0]]} is not in 0..1')
    sums: dict[tuple[str, ...], list[float]] = {}
    for row, (creative, rate) in enumerate(zip(creatives, predicted, strict=True)):
        if not creative.has_results:
            continue
        is_pooled = bool(creative.test_id and creative.headline and not creative.has_image)
        key = (creative.test_id, creative.headline) if is_pooled else ("", str(row), creative.test_id, creative.brand)
        entry = sums.setdefault(key, [0.0, 0.0, 0.0])
        impressions = float(creative.impressions or 0)
        entry[0] += impressions
        entry[1] += float(creative.clicks or 0)
        entry[2] += impressions * float(rate)
    counts = np.array(list(sums.values()), np.float64).reshape(-1, 3)
    tests = [key[0] if len(key) == 2 else key[2] for key in sums]
    groups = [_group_name(key) for key in sums]
    return Arms(counts[:, 0], counts[:, 1], np.clip(counts[:, 2] / counts[:, 0], 0, 1), _number(tests), _number(groups))


def list_pairs(arms: Arms) -> tuple[np.ndarray, np.ndarray]:
    """Return all pairs of arms within a test with different observed rates, as two arrays of row numbers."""
    first, second = [], []
    order = np.argsort(arms.test, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(arms.test[order])) + 1):
        if len(rows) > 1 and arms.test[rows[0]] >= 0:
            a, b = np.triu_indices(len(rows), 1)
            first.append(rows[a])
            second.append(rows[b])
    if not first:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    a, b = np.concatenate(first), np.concatenate(second)
    differ = arms.clicks[a] * arms.impressions[b] != arms.clicks[b] * arms.impressions[a]
    return a[differ], b[differ]


def two_proportion_z(
    clicks_a: np.ndarray, impressions_a: np.ndarray, clicks_b: np.ndarray, impressions_b: np.ndarray
) -> np.ndarray:
    """Return the pooled two-proportion z statistic; 0 if no or all impressions were clicked."""
    pooled = (clicks_a + clicks_b) / (impressions_a + impressions_b)
    deviation = np.sqrt(pooled * (1 - pooled) * (1 / impressions_a + 1 / impressions_b))
    difference = clicks_a / impressions_a - clicks_b / impressions_b
    return np.divide(difference, deviation, out=np.zeros_like(difference), where=deviation > 0)


def _measure(arms: Arms) -> dict[str, Any]:
    metrics: dict[str, Any] = dict.fromkeys(METRICS)
    metrics["n"] = len(arms.ctr)
    if not len(arms.ctr):
        return metrics
    a, b = list_pairs(arms)
    if len(a):
        observed = arms.clicks[a] / arms.impressions[a] - arms.clicks[b] / arms.impressions[b]
        agreement = (1 + np.sign(observed) * np.sign(arms.ctr[a] - arms.ctr[b])) / 2
        z = two_proportion_z(arms.clicks[a], arms.impressions[a], arms.clicks[b], arms.impressions[b])
        metrics["pairwise_accuracy"] = float(agreement.mean())
        if (is_significant := np.abs(z) > SIGNIFICANT_Z).any():
            metrics["pairwise_accuracy_significant"] = float(agreement[is_significant].mean())
    rates = arms.clicks / arms.impressions
    clipped = np.clip(arms.ctr, 1e-7, 1 - 1e-7)
    nats = arms.clicks * np.log(clipped) + (arms.impressions - arms.clicks) * np.log1p(-clipped)
    metrics["spearman"] = spearman_correlation(arms.ctr, rates)
    metrics["ndcg_at_10"] = ndcg(arms.ctr, rates)
    metrics["log_loss"] = float(-nats.sum() / arms.impressions.sum())
    squares = arms.clicks * (1 - arms.ctr) ** 2 + (arms.impressions - arms.clicks) * arms.ctr**2
    metrics["brier"] = float(squares.sum() / arms.impressions.sum())
    metrics["ece"] = expected_calibration_error(arms.ctr, arms.clicks, arms.impressions)
    return metrics


def _group_name(key: tuple[str, ...]) -> str:
    if len(key) == 2:
        return f"test:{key[0]}"
    return f"test:{key[2]}" if key[2] else f"brand:{key[3]}" if key[3] else f"row:{key[1]}"


def _number(names: Sequence[str]) -> np.ndarray:
    """Return [N] int64 numbers of names in order of first appearance; -1 for the empty name."""
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(name, len(numbers)) if name else -1 for name in names], np.int64)
