"""Figures for the card of an account's model: members and floors compared, and the out-of-fold accuracy of the stack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy import special
from scipy.stats import binom, spearmanr

from adcreative.creative import Creative
from adcreative.ctr.account.intervals import RateSpread
from adcreative.ctr.account.stacking import Comparison, bounded_share
from adcreative.ctr.account.table import AccountTable
from adcreative.metrics.calibration import NUM_BINS
from adcreative.metrics.creatives import bootstrap_metrics, evaluate_predictions


def describe_members(
    members: Mapping[str, np.ndarray],
    weights: Mapping[str, float],
    comparisons: Mapping[str, Comparison],
    floors: Sequence[str],
    clicks: np.ndarray,
    impressions: np.ndarray,
) -> dict[str, Any]:
    """Return member -> weight, is_floor, out-of-fold figures, and the decrease of loss by the stack, with interval.

    spearman: rank correlation of predicted and observed rates (None: one of them is constant). level: predicted over observed
    clicks, with a bounded weight per ad. gain_of_stack: nats per counted impression, 90 % interval over groups, paired.
    """
    share, rates = bounded_share(clicks, impressions), clicks / impressions
    described = {}
    for name, log_odds in members.items():
        one = comparisons[name]
        is_flat = np.ptp(log_odds) < 1e-12 or np.ptp(rates) < 1e-12
        described[name] = {
            "weight": float(weights.get(name, 0.0)),
            "is_floor": name in floors,
            "spearman": None if is_flat else float(spearmanr(log_odds, rates)[0]),
            "level": float((share * impressions) @ special.expit(log_odds) / max(float(share @ clicks), 1e-9)),
            "gain_of_stack": one.gain,
            "gain_interval": [one.low, one.high],
        }
    return described


COVERAGE, CHANCE = 0.9, 0.9


def chance_range(num_ads: int) -> list[float]:
    """Return the range of the coverage of num_ads ads in nine of ten draws, when 90 % intervals are correct."""
    low, high = binom.interval(CHANCE, num_ads, COVERAGE)
    return [float(low) / num_ads, float(high) / num_ads]


def measure_out_of_fold(
    creatives: Sequence[Creative],
    log_odds: np.ndarray,
    spread: RateSpread,
    variance: np.ndarray,
    table: AccountTable,
    *,
    seed: int,
) -> dict[str, Any]:
    """Return the metrics of `evaluate` for out-of-fold log-odds [N], with level and coverage, both by decile of impressions.

    reliability: ten bins of equal counted impressions: predicted and observed rate.
    """
    rates, clicks, impressions = special.expit(log_odds), table.clicks, table.impressions
    metrics: dict[str, Any] = evaluate_predictions(creatives, rates)
    covered = spread.covered(log_odds, variance, clicks, impressions)
    share = bounded_share(clicks, impressions)
    counted, counted_clicks = share * impressions, share * clicks

    def level(rows: np.ndarray) -> float:
        return float(counted[rows] @ rates[rows] / max(float(counted_clicks[rows].sum()), 1e-9))

    everyone = np.arange(len(rates))
    metrics |= {"coverage": float(covered.mean()), "level": level(everyone)}
    metrics["by_impressions"] = [
        {
            "n": len(rows),
            "impressions": float(impressions[rows].mean()),
            "coverage": float(covered[rows].mean()),
            "by_chance": chance_range(len(rows)),
            "level": level(rows),
        }
        for rows in np.array_split(np.argsort(impressions, kind="stable"), NUM_BINS)
        if len(rows)
    ]
    order = np.argsort(rates, kind="stable")
    reached = np.cumsum(counted[order]) - counted[order] / 2
    bins = np.minimum((reached / counted.sum() * NUM_BINS).astype(int), NUM_BINS - 1)
    metrics["reliability"] = [
        {
            "n": len(rows),
            "predicted": float(counted[rows] @ rates[rows] / counted[rows].sum()),
            "observed": float(counted_clicks[rows].sum() / counted[rows].sum()),
        }
        for rows in (order[bins == number] for number in range(NUM_BINS))
        if len(rows)
    ]
    intervals = bootstrap_metrics(creatives, rates, seed=seed)
    metrics["intervals"] = {name: list(pair) for name, pair in intervals.items() if pair is not None}
    return metrics
