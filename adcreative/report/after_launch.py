"""Offline pages of the verbs after launch: tomorrow's shares as bars, and the expected lifetime of each ad as intervals.

Knows plain values only; loads nothing from the network.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from itertools import groupby
from typing import Any

from adcreative.report.rendering import read_part, render_part

MAX_SHOWN, MAX_CONTEXTS = 15, 24
WIDTH, ROW, LEFT, CURVE_HEIGHT = 640, 20, 190, 200
HORIZON_DAYS = 90
NAME_LENGTH = 28


def render_rotation(rows: Sequence[Mapping[str, Any]], lines: Sequence[str], warnings: Sequence[str]) -> str:
    """Return the page of a plan: the largest shares of each context and slot, with click rates and their 90 % intervals.

    Args:
        rows: rows of the plan, ordered by context and slot, largest share first.
    """
    groups = [
        {"context": context, "slot": slot, "rows": list(members)}
        for (context, slot), members in groupby(rows, key=lambda row: (row["context"], row["slot"]))
    ]
    top = max([row["ctr_high"] for group in groups for row in group["rows"][:MAX_SHOWN]], default=0.0) or 1.0
    for group in groups:
        members = group["rows"]
        group["more"] = max(len(members) - MAX_SHOWN, 0)
        group["rows"] = [
            {
                **row,
                "width": round(100 * row["share"], 2),
                **{f"{name}_x": round(100 * row[name] / top, 2) for name in ("ctr", "ctr_low", "ctr_high")},
            }
            for row in members[:MAX_SHOWN]
        ]
    return render_part(
        "rotation.html.j2",
        groups=groups[:MAX_CONTEXTS],
        num_hidden=max(len(groups) - MAX_CONTEXTS, 0),
        lines=lines,
        warnings=warnings,
        has_slots=any(row["slot"] != 1 for row in rows),
        top=top,
        style=read_part("explanation.css"),
    )


def render_forecast(rows: Sequence[Mapping[str, Any]], figures: Mapping[str, Any], lines: Sequence[str], today: date) -> str:
    """Return the page of a forecast: the refresh queue with an interval of days per ad, and the mean curve of running ads.

    Args:
        rows: rows of the forecast, most urgent first. figures: as in its JSON. today: last day of the log.
    """
    running = [row for row in rows if row["state"] == "running"]
    shown = [row for row in running if row["retire_by"]][:MAX_SHOWN]
    spans = [
        {
            "name": str(row["creative"])[:NAME_LENGTH],
            "retire_by": row["retire_by"],
            "y": 14 + ROW * at,
            "low": _x(row["retire_by_low"], today),
            "middle": _x(row["retire_by"], today),
            "high": _x(row["retire_by_high"], today),
            "is_open": row["retire_by_high"] is None,
        }
        for at, row in enumerate(shown)
    ]
    ticks = [{"x": _x((today + timedelta(days)).isoformat(), today), "day": days} for days in (0, 7, 30, 60, 90)]
    trends = [row for row in running if row["weekly_change"] is not None and not row["retire_by"]][:MAX_SHOWN]
    return render_part(
        "forecast.html.j2",
        spans=spans,
        ticks=ticks,
        trends=trends,
        lines=lines,
        figures=figures,
        today=today.isoformat(),
        curve=_curve(figures["still_running_by_day"]),
        width=WIDTH,
        left=LEFT,
        curve_height=CURVE_HEIGHT,
        height=30 + ROW * max(len(spans), 1),
        num_running=len(running),
        style=read_part("explanation.css"),
    )


def _x(day: str | None, today: date) -> float:
    """Return the x coordinate of a day between today and the horizon; later days, and None, are clipped to the horizon."""
    days = HORIZON_DAYS if day is None else min((date.fromisoformat(day) - today).days, HORIZON_DAYS)
    return round(LEFT + max(days, 0) / HORIZON_DAYS * (WIDTH - LEFT - 20), 1)


def _curve(values: Sequence[float]) -> str:
    """Return polyline points of the probability of still running by age in days; "" without a curve."""
    if len(values) < 2:
        return ""
    step = (WIDTH - 60) / (len(values) - 1)
    height = CURVE_HEIGHT - 40
    return " ".join(f"{40 + step * at:.1f},{10 + height * (1 - value):.1f}" for at, value in enumerate(values))
