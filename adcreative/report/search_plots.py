"""Coordinates of two small charts of a search: its Pareto front, and the agreement of a second model with the first.

Knows plain records (SearchRecord as JSON) and positions in a box of BOX units; the template draws inline SVG. Gains are
relative changes of the click rate (0.12 is 12 % more). Values that are not pairs of finite numbers are dropped, since a
results.jsonl may be old or hand-written; a chart with fewer than two points is not drawn.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from adcreative.report.words import signed_percent

Point = tuple[float, float]
BOX = (364, 220)  # width and height of a chart
LEFT, TOP, HEIGHT = 66.0, 14.0, 160.0  # the area inside the axes
FRONT_WIDTH, CURVE_WIDTH = 280.0, 200.0  # the curve leaves room for the names of its lines
NUM_STEPS = 4  # approximate number of steps on an axis
MIN_GAIN_STEP, MIN_SIZE_STEP = 1e-3, 0.1  # finer ticks would have equal labels
LABEL_HEIGHT = 13.0
MAX_LOG_ODDS = 20.0


@dataclass(frozen=True, kw_only=True)
class Tick:
    """A mark on an axis: its position and label."""

    at: float
    label: str


@dataclass(frozen=True, kw_only=True)
class PlotLine:
    """A line through points, and the height of its label to the right of the last point."""

    kind: str
    label: str
    points: tuple[Point, ...]
    label_at: float


@dataclass(frozen=True, kw_only=True)
class SearchPlot:
    """A chart in a box of BOX units, y downwards: dots, or lines, and at most one dot with a ring.

    zero: position of a gain of 0; said: text alternative of the chart.
    """

    title: str
    x_title: str
    y_title: str
    said: str
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    left: float
    right: float
    top: float
    bottom: float
    zero: float
    dots: tuple[Point, ...] = ()
    marked: Point | None = None
    lines: tuple[PlotLine, ...] = ()
    box: tuple[int, int] = BOX


@dataclass(frozen=True, kw_only=True)
class SearchPlots:
    """The charts of a search, and a sentence that interprets them."""

    plots: tuple[SearchPlot, ...]
    meaning: str


def plot_search(result: Mapping[str, Any]) -> SearchPlots | None:
    """Return the charts of a result's search; None if it has too few points for any chart."""
    record = result.get("search") or {}
    plots = (_plot_front(record, result.get("ctr_original")), _plot_curve(record, result))
    drawn = tuple(plot for plot in plots if plot is not None)
    return SearchPlots(plots=drawn, meaning=_meaning(record, *plots)) if drawn else None


def relative_gain(change: float, rate: float | None) -> float:
    """Return the relative change of a rate (0..1) whose log-odds change by `change`; for an unknown rate, of its odds.

    rate' / rate - 1 = 1 / (rate + (1 - rate) exp(-change)) - 1
    """
    known = rate if rate is not None and 0.0 < rate < 1.0 else 0.0
    bounded = min(max(change, -MAX_LOG_ODDS), MAX_LOG_ODDS)
    return 1.0 / (known + (1.0 - known) * math.exp(-bounded)) - 1.0


def _plot_front(record: Mapping[str, Any], rate: float | None) -> SearchPlot | None:
    front = [(size, relative_gain(low, rate)) for size, low in _pairs(record.get("front"))]
    if len(front) < 2:
        return None
    delivered = [(size, relative_gain(low, rate)) for size, low in _pairs([record.get("delivered")])]
    sizes, gains = zip(*front, *delivered, strict=True)
    x_step, y_step = _step(max(sizes), MIN_SIZE_STEP), _step(max(0.0, *gains) - min(0.0, *gains), MIN_GAIN_STEP)
    x_ends, y_ends = _ends(sizes, x_step), _ends(gains, y_step)
    place = _Placer(x_ends, y_ends, FRONT_WIDTH)
    said = f"{len(front)} edits of size {min(sizes):.2g} to {max(sizes):.2g}, lower bound of their gain {_span(gains)}"
    if delivered:
        said += f"; delivered: size {delivered[0][0]:.2g}, lower bound {signed_percent(delivered[0][1])}"
    return SearchPlot(
        title="The front",
        x_title="size of the edit (standard deviations)",
        y_title="lower bound of the gain",
        said=said,
        x_ticks=tuple(Tick(at=place(at, 0.0)[0], label=f"{at:.6g}") for at in _multiples(*x_ends, x_step)),
        y_ticks=_gain_ticks(y_ends, y_step, place),
        zero=place(0.0, 0.0)[1],
        left=LEFT,
        right=LEFT + FRONT_WIDTH,
        top=TOP,
        bottom=TOP + HEIGHT,
        dots=tuple(place(*point) for point in front),
        marked=place(*delivered[0]) if delivered else None,
    )


def _plot_curve(record: Mapping[str, Any], result: Mapping[str, Any]) -> SearchPlot | None:
    curve = _pairs(record.get("curve"))
    if len(curve) < 2:
        return None
    predicted = [relative_gain(first, result.get("ctr_original")) for first, _ in curve]
    followed = [relative_gain(second, result.get("ctr_original_judge")) for _, second in curve]
    gains, x_ends = [*predicted, *followed], (1.0, float(len(curve)))
    x_step, y_step = _step(len(curve) - 1, 1.0), _step(max(0.0, *gains) - min(0.0, *gains), MIN_GAIN_STEP)
    y_ends = _ends(gains, y_step)
    place = _Placer(x_ends, y_ends, CURVE_WIDTH)
    lines = [tuple(place(number, gain) for number, gain in enumerate(line, 1)) for line in (predicted, followed)]
    heights = _apart(lines[0][-1][1], lines[1][-1][1])
    return SearchPlot(
        title="The curve",
        x_title="generation",
        y_title="gain of the best edit so far",
        said=f"Over {len(curve)} generations what was predicted went from {signed_percent(predicted[0])} to "
        f"{signed_percent(predicted[-1])}, the second model's opinion from {signed_percent(followed[0])} to "
        f"{signed_percent(followed[-1])}",
        x_ticks=tuple(Tick(at=place(at, 0.0)[0], label=f"{at:.0f}") for at in _multiples(*x_ends, x_step)),
        y_ticks=_gain_ticks(y_ends, y_step, place),
        zero=place(1.0, 0.0)[1],
        left=LEFT,
        right=LEFT + CURVE_WIDTH,
        top=TOP,
        bottom=TOP + HEIGHT,
        lines=(
            PlotLine(kind="predicted", label="predicted", points=lines[0], label_at=heights[0]),
            PlotLine(kind="second", label="second model", points=lines[1], label_at=heights[1]),
        ),
    )


def _meaning(record: Mapping[str, Any], front: SearchPlot | None, curve: SearchPlot | None) -> str:
    said = []
    if front is not None:
        said.append(
            "Each dot is an edit that no other one beats in gain, likeness, realism and smallness at once; its lower bound "
            "is what the model that guided the search was fairly sure of."
        )
        if front.marked is not None:
            said.append("The ring is the edit that was delivered, as the search saw it; its rates above were measured anew.")
    if curve is not None:
        said.append(
            "The lines follow the best edit so far: what that model predicted of it, and what the second model, which did not "
            "guide the search, said of the same edit. Where the first goes on rising and the second does not, the search has "
            "found a weakness of its model and not a better ad."
        )
        ran = len(curve.lines[0].points)
        is_stopped = record.get("stopped_itself") is True
        said.append(
            f"For that reason the search ended itself after {ran} generations."
            if is_stopped
            else f"The search did not end itself; it ran {ran} generations."
        )
    return " ".join(said)


def _pairs(values: Any) -> list[Point]:
    """Return the values that are pairs of finite numbers."""
    listed = values if isinstance(values, list | tuple) else ()
    pairs = [value for value in listed if isinstance(value, list | tuple) and len(value) == 2]
    return [(float(a), float(b)) for a, b in pairs if _is_number(a) and _is_number(b)]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e9


def _step(span: float, smallest: float) -> float:
    """Return the smallest of 1, 2, 5, 10, ... times a power of ten that covers the span in NUM_STEPS steps."""
    wanted = max(span / NUM_STEPS, smallest)
    power = 10.0 ** math.floor(math.log10(wanted) + 1e-9)
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= wanted * (1 - 1e-9))


def _ends(values: Iterable[float], step: float) -> Point:
    """Return the ends of an axis that includes the values and 0, both multiples of the step."""
    held = [0.0, *values]
    low = step * math.floor(round(min(held) / step, 6))
    return low, max(step * math.ceil(round(max(held) / step, 6)), low + step)


def _multiples(low: float, high: float, step: float) -> list[float]:
    first, last = math.ceil(round(low / step, 6)), math.floor(round(high / step, 6))
    return [step * number for number in range(first, last + 1)]


def _gain_ticks(ends: Point, step: float, place: _Placer) -> tuple[Tick, ...]:
    return tuple(Tick(at=place(0.0, at)[1], label=signed_percent(at)) for at in _multiples(*ends, step))


@dataclass(frozen=True)
class _Placer:
    """Maps a value on each axis to coordinates with two decimals."""

    x_ends: Point
    y_ends: Point
    width: float

    def __call__(self, x: float, y: float) -> Point:
        across = (x - self.x_ends[0]) / (self.x_ends[1] - self.x_ends[0])
        up = (y - self.y_ends[0]) / (self.y_ends[1] - self.y_ends[0])
        return round(LEFT + self.width * across, 2), round(TOP + HEIGHT * (1.0 - up), 2)


def _apart(first: float, second: float) -> Point:
    """Move two label heights apart until both are readable, the upper up and the lower down."""
    gap = LABEL_HEIGHT - abs(first - second)
    if gap <= 0:
        return first, second
    up = -1 if first <= second else 1
    return round(first + up * gap / 2, 2), round(second - up * gap / 2, 2)


def _span(gains: Sequence[float]) -> str:
    return f"{signed_percent(min(gains))} to {signed_percent(max(gains))}"
