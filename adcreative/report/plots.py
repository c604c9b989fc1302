"""Figures of an evaluation as one PNG: predicted against observed rates, coverage of the intervals by decile, ranking within
tests and across creatives, and distance of the creatives from the training data.

Knows plain values only. Drawn by matplotlib on a separate canvas, without windows or global state.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LEVEL = 0.9
PROMISED = (0.88, 0.92)
RANKING: Mapping[str, tuple[str, float | None]] = {  # metric -> label, and value of random guessing
    "pairwise_accuracy": ("pairs of a test", 0.5),
    "pairwise_accuracy_significant": ("pairs that differ", 0.5),
    "spearman": ("rank correlation", 0.0),
    "ndcg_at_10": ("NDCG@10", None),
}
INK, SOFT = "#1c1b19", "#9a948a"
RATE_COLOUR, COVERAGE_COLOUR = "#005cb8", "#d66000"


def draw_evaluation(metrics: Mapping[str, Any]) -> bytes:
    """Return a PNG of the result of `measure_held_out`; bars are 90 % intervals over groups."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 8.4), dpi=120, layout="constrained")
    (reliability, coverage), (ranking, evidence) = figure.subplots(2, 2, height_ratios=(4.6, 3.4))
    _draw_reliability(reliability, metrics["reliability"])
    _draw_coverage(coverage, metrics["deciles"])
    _draw_ranking(ranking, metrics)
    _draw_evidence(evidence, metrics["drift"], metrics["evidence"])
    ece = metrics["ece"]
    figure.suptitle(
        f"{metrics['n']} creatives in {metrics['num_groups']} groups: {metrics['verdict']}"
        + ("" if ece is None else f"; calibration error {100 * ece:.2f} points")
        + f"; coverage {metrics['coverage']:.1%}",
        fontsize=11,
        color=INK,
    )
    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_png(buffer)
    return buffer.getvalue()


def draw_account(figures: Mapping[str, Any]) -> bytes:
    """Return a PNG of an account model's out-of-fold figures: rates by tenth of impressions, coverage by impressions."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.4), dpi=110, layout="constrained")
    reliability, coverage = figure.subplots(1, 2)
    no_interval = {"observed_interval": None, "coverage_interval": None}
    _draw_reliability(reliability, [{**one, **no_interval} for one in figures["reliability"]])
    _draw_chance(coverage, [one["by_chance"] for one in figures["by_impressions"]])
    _draw_coverage(coverage, [{**one, **no_interval} for one in figures["by_impressions"]])
    coverage.set_xlabel("tenth of the ads, fewest impressions first")
    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_png(buffer)
    return buffer.getvalue()


def _draw_reliability(axes: Axes, bins: Sequence[Mapping[str, Any]]) -> None:
    predicted, observed = ([100 * one[name] for one in bins] for name in ("predicted", "observed"))
    top = 1.15 * max([*predicted, *observed, 1e-6])
    axes.plot([0, top], [0, top], color=SOFT, linewidth=1, linestyle="--", label="predicted = observed")
    bars = _bars([one["observed"] for one in bins], [one["observed_interval"] for one in bins])
    axes.errorbar(
        predicted,
        observed,
        yerr=100 * bars,
        fmt="o",
        color=RATE_COLOUR,
        capsize=3,
        markersize=5,
        label="a tenth of the impressions",
    )
    axes.set(xlabel="predicted rate, %", ylabel="observed rate, %", title="Do rates mean what they say?", xlim=(0, top))
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, fontsize=9)


def _draw_chance(axes: Axes, ranges: Sequence[Sequence[float]]) -> None:
    """Draw the 90 % range of the coverage by chance for this number of ads."""
    places, (low, high) = np.arange(1, len(ranges) + 1), 100 * np.array(ranges, dtype=float).T
    axes.bar(places, high - low, bottom=low, width=0.5, color=SOFT, alpha=0.2, label="by chance alone")


def _draw_coverage(axes: Axes, deciles: Sequence[Mapping[str, Any]]) -> None:
    places = np.arange(1, len(deciles) + 1)
    bars = _bars([one["coverage"] for one in deciles], [one["coverage_interval"] for one in deciles])
    axes.axhspan(*(100 * edge for edge in PROMISED), color=SOFT, alpha=0.3, label="88 to 92 %")
    axes.axhline(100 * LEVEL, color=SOFT, linewidth=1, linestyle="--")
    axes.errorbar(
        places,
        [100 * one["coverage"] for one in deciles],
        yerr=100 * bars,
        fmt="s",
        color=COVERAGE_COLOUR,
        capsize=3,
        markersize=5,
        label="a tenth of the creatives",
    )
    axes.set(
        xlabel="decile of predicted rate",
        ylabel="clicks inside the 90 % interval, %",
        title="Do intervals cover?",
        ylim=(0, 104),
        xticks=places,
    )
    axes.legend(frameon=False, fontsize=9, loc="lower left")


def _draw_ranking(axes: Axes, metrics: Mapping[str, Any]) -> None:
    """Draw the measured metrics of RANKING with intervals, and the chance level."""
    known = [(name, label, chance) for name, (label, chance) in RANKING.items() if metrics[name] is not None]
    places = np.arange(len(known))
    values = [metrics[name] for name, _, _ in known]
    bars = _bars(values, [metrics["intervals"].get(name) for name, _, _ in known]) if known else None
    axes.errorbar(values, places, xerr=bars, fmt="o", color=RATE_COLOUR, capsize=3, markersize=5)
    chances = [(place, chance) for place, (_, _, chance) in zip(places, known, strict=True) if chance is not None]
    axes.plot(
        [chance for _, chance in chances], [place for place, _ in chances], "|", color=SOFT, markersize=22, label="chance"
    )
    labels = [label for _, label, _ in known]
    axes.set(
        yticks=places, yticklabels=labels, xlim=(min([0.0, *values]), 1), ylim=(len(known), -0.6), title="Is the order right?"
    )
    if chances:
        axes.legend(frameon=False, fontsize=9, loc="lower right")


def _draw_evidence(axes: Axes, drift: Mapping[str, Any], evidence: Mapping[str, Any]) -> None:
    """Draw the share of creatives far from the training data, by modality, and the evidence behind predictions."""
    names = list(drift)
    axes.barh(np.arange(len(names)), [100 * drift[name]["far"] for name in names], color=COVERAGE_COLOUR, height=0.5)
    axes.set(
        yticks=np.arange(len(names)),
        yticklabels=names,
        xlim=(0, 100),
        ylim=(max(len(names), 1) - 0.4, -0.6),
        xlabel="creatives far from the training data, %",
        title="Does it know such creatives?",
    )
    rows = "rows: " + (", ".join(f"{number} {grade}" for grade, number in evidence["rows"].items() if number) or "none")
    learnt = [f"{name}: {one['grade']}" for name, one in evidence.items() if name != "rows" and one["n"]]
    axes.text(0.98, 0.95, "\n".join([*learnt, rows]), transform=axes.transAxes, ha="right", va="top", fontsize=9, color=INK)


def _bars(values: Sequence[float], intervals: Sequence[Sequence[float] | None]) -> np.ndarray:
    """Return [2, N] lengths below and above; 0 for a missing or one-sided interval."""
    pairs = [(value, value) if pair is None else pair for value, pair in zip(values, intervals, strict=True)]
    low, high = np.array(pairs, float).reshape(-1, 2).T
    return np.stack([np.maximum(np.array(values) - low, 0), np.maximum(high - np.array(values), 0)])
