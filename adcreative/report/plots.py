"""Figures of an evaluation as one PNG: predicted against observed rates, and coverage of the intervals by decile.

Knows plain values only. Drawn by matplotlib on its own canvas, without windows or global state.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

LEVEL = 0.9
PROMISED = (0.88, 0.92)
INK, SOFT = "#1c1b19", "#9a948a"
RATE_COLOUR, COVERAGE_COLOUR = "#005cb8", "#d66000"


def draw_evaluation(metrics: Mapping[str, Any]) -> bytes:
    """Return a PNG of what `measure_held_out` found; bars are 90 % intervals over groups."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.6), dpi=120, layout="constrained")
    reliability, coverage = figure.subplots(1, 2)
    _draw_reliability(reliability, metrics["reliability"])
    _draw_coverage(coverage, metrics["deciles"])
    ece = metrics["ece"]
    figure.suptitle(
        f"{metrics['n']} creatives in {metrics['num_groups']} groups: {metrics['verdict']}"
        + ("" if ece is None else f"; calibration error {100 * ece:.2f} points")
        + f"; coverage {metrics['coverage']:.1%}",
        fontsize=11, color=INK,
    )  # fmt: skip
    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_png(buffer)
    return buffer.getvalue()


def _draw_reliability(axes: Any, bins: Sequence[Mapping[str, Any]]) -> None:
    predicted, observed = ([100 * one[name] for one in bins] for name in ("predicted", "observed"))
    top = 1.15 * max([*predicted, *observed, 1e-6])
    axes.plot([0, top], [0, top], color=SOFT, linewidth=1, linestyle="--", label="predicted = observed")
    bars = _bars([one["observed"] for one in bins], [one["observed_interval"] for one in bins])
    axes.errorbar(
        predicted, observed, yerr=100 * bars, fmt="o", color=RATE_COLOUR, capsize=3, markersize=5,
        label="a tenth of the impressions",
    )  # fmt: skip
    axes.set(xlabel="predicted rate, %", ylabel="observed rate, %", title="Do rates mean what they say?", xlim=(0, top))
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, fontsize=9)


def _draw_coverage(axes: Any, deciles: Sequence[Mapping[str, Any]]) -> None:
    places = np.arange(1, len(deciles) + 1)
    bars = _bars([one["coverage"] for one in deciles], [one["coverage_interval"] for one in deciles])
    axes.axhspan(*(100 * edge for edge in PROMISED), color=SOFT, alpha=0.3, label="88 to 92 %")
    axes.axhline(100 * LEVEL, color=SOFT, linewidth=1, linestyle="--")
    axes.errorbar(
        places, [100 * one["coverage"] for one in deciles], yerr=100 * bars, fmt="s", color=COVERAGE_COLOUR, capsize=3,
        markersize=5, label="a tenth of the creatives",
    )  # fmt: skip
    axes.set(xlabel="decile of predicted rate", ylabel="clicks inside the 90 % interval, %", title="Do intervals cover?",
             ylim=(0, 104), xticks=places)  # fmt: skip
    axes.legend(frameon=False, fontsize=9, loc="lower left")


def _bars(values: Sequence[float], intervals: Sequence[Sequence[float] | None]) -> np.ndarray:
    """Return [2, N] lengths below and above; 0 where no interval is known or it lies on one side."""
    pairs = [(value, value) if pair is None else pair for value, pair in zip(values, intervals, strict=True)]
    low, high = np.array(pairs, float).reshape(-1, 2).T
    return np.stack([np.maximum(np.array(values) - low, 0), np.maximum(high - np.array(values), 0)])
