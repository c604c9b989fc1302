"""Offline page that ranks columns by information about clicks, as bars next to noise columns. Plain values only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from adcreative.report.rendering import read_part, render_part

MAX_SHOWN = 120


def render_ranks(report: Mapping[str, Any]) -> str:
    """Return the page for a report of `rank_features`; loads nothing from the network."""
    ranks = report["ranks"]
    largest = max([one["score"] for one in ranks if not one["is_noise"]] + [report["noise_line"], 1e-12])
    rows = [
        {
            **one,
            "width": round(100 * max(one["score"], 0.0) / largest, 2),
            "verdict": _verdict(one),
        }
        for one in ranks[:MAX_SHOWN]
    ]
    line = round(100 * max(report["noise_line"], 0.0) / largest, 2)
    return render_part(
        "feature_ranks.html.j2",
        report=report,
        rows=rows,
        line=line,
        num_hidden=max(len(ranks) - MAX_SHOWN, 0),
        style=read_part("explanation.css"),
    )


def _verdict(one: Mapping[str, Any]) -> str:
    if one["is_noise"]:
        return "noise, to compare with"
    return "says something" if one["says_something"] else "no more than noise"
