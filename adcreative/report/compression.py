"""Page on the cost of a model's compression: sizes, speed, metrics with paired intervals, and a recommendation. Offline.

No difference is called better or worse if its interval includes 0. Knows plain values only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from adcreative.report.rendering import read_part, render_part

WIDTH, HEIGHT, MARGIN = 560, 220, 46
SMALLEST = 1e-4  # smaller differences are negligible, even if significant
FIGURES = (("auc", "AUC", True), ("log_loss", "log-loss", False), ("ece", "calibration error", False))


def verdict(compared: Mapping[str, float], *, larger_is_better: bool) -> str:
    """Return "better", "worse", or "no difference shown" for a difference with its interval."""
    low, high = compared["low"], compared["high"]
    if not low <= high:  # NaN: no interval could be computed
        return "no difference shown"
    if low > SMALLEST:
        return "better" if larger_is_better else "worse"
    if high < -SMALLEST:
        return "worse" if larger_is_better else "better"
    return "no difference shown"


def recommend(points: Sequence[Mapping[str, Any]]) -> str:
    """Return one or two sentences on whether to serve the last point instead of the first."""
    first, last = points[0], points[-1]
    auc = last["against_before"]["auc"]
    smaller, faster = first["disk_bytes"] / last["disk_bytes"], last["rows_per_s"] / first["rows_per_s"]
    size = f"{smaller:.1f} times smaller on disk" if smaller > 1.05 else "not smaller on disk"
    speed = f"{faster:.1f} times faster" if faster > 1.1 else "not faster" if faster > 0.9 else f"{1 / faster:.1f} times slower"
    interval = f"95 % interval {auc['low']:+.4f} to {auc['high']:+.4f}"
    said = f"It is {size} and {speed}. AUC changed by {auc['difference']:+.4f} ({interval})"
    found = verdict(auc, larger_is_better=True)
    if smaller <= 1.05 and faster <= 1.1:
        return f"{said}: it saves nothing; keep the model as it was."
    if found == "worse":
        return f"{said}: it costs accuracy. Serve it only where size or speed is worth that, or give it a larger budget."
    if found == "better":
        return f"{said}: it is better on these rows; serve it."
    return f"{said}: these rows show no difference; serve it if a loss of {max(-auc['low'], 0.0):.4f} would not matter."


def render_compression(report: Mapping[str, Any]) -> str:
    """Return the page of a `compression.json`; it loads nothing from the network."""
    rows = [
        {
            **point,
            "figures": [
                {
                    "name": label,
                    "value": point["against_before"][name]["after"],
                    **point["against_before"][name],
                    "verdict": verdict(point["against_before"][name], larger_is_better=is_better),
                }
                for name, label, is_better in FIGURES
            ],
        }
        for point in report["points"]
    ]
    steps = [{"method": step["method"], "said": _short(step)} for step in report["steps"]]
    return render_part(
        "compression.html.j2",
        report=report,
        rows=rows,
        steps=steps,
        curve=_curve(report["points"]),
        width=WIDTH,
        height=HEIGHT,
        style=read_part("explanation.css"),
    )


def _curve(points: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the coordinates of each point: size on disk from left to right, AUC upwards, with its interval."""
    most = max(point["disk_bytes"] for point in points)
    spans = [
        (
            point["auc"] + point["against_before"]["auc"]["low"] - point["against_before"]["auc"]["difference"],
            point["auc"] + point["against_before"]["auc"]["high"] - point["against_before"]["auc"]["difference"],
        )
        for point in points
    ]
    ends = [one for span in spans for one in span if one == one] + [point["auc"] for point in points]
    low, high = min(ends), max(ends)
    span = max(high - low, 1e-4)

    def up(auc: float) -> float:
        return round(HEIGHT - MARGIN - (auc - low) / span * (HEIGHT - 2 * MARGIN), 1)

    return [
        {
            "name": point["name"],
            "x": round(MARGIN + point["disk_bytes"] / most * (WIDTH - 2 * MARGIN), 1),
            "y": up(point["auc"]),
            "low": up(below) if below == below else up(point["auc"]),
            "high": up(above) if above == above else up(point["auc"]),
            "auc": point["auc"],
            "disk_bytes": point["disk_bytes"],
        }
        for point, (below, above) in zip(points, spans, strict=True)
    ]


def _short(step: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return a method's settings as (name, values) for a table; long lists are truncated."""
    rows = []
    for name, value in step.items():
        if name in ("method", "seed", "losses", "fitness", "kept_values"):
            continue
        if isinstance(value, Mapping):
            text = ", ".join(f"{_place(key)}: {_plain(one)}" for key, one in list(value.items())[:40])
        elif isinstance(value, list) and value and isinstance(value[0], Mapping):
            text = "; ".join(_plain_entry(one) for one in value[:12])
        else:
            text = _plain(value)
        rows.append((name.replace("_", " "), text))
    return rows


def _plain_entry(entry: Mapping[str, Any]) -> str:
    found = [
        f"{name}: {', '.join(map(str, one['such_as'][:4]))} ({one['values']})"
        for name, one in entry.items()
        if isinstance(one, Mapping)
    ]
    return " | ".join(found)


def _plain(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list | tuple):
        return " of ".join(map(str, value)) if len(value) == 2 else ", ".join(map(_plain, value))
    return str(value)


def _place(key: str) -> str:
    """Return the field of a table, or the layer, without its path in the network."""
    where, _, field = key.partition("/")
    view = where.split(".")[2] if where.startswith("inputs.views.") else ""
    return f"{field} ({view})" if view else field or key.removeprefix("network.")
