"""Two small charts of a search, as inline SVG: its Pareto front, and the agreement of a second model with the first.

Knows plain records (SearchRecord as JSON). Gains are relative changes of the click rate (0.12 is 12 % more). Values that are no
pairs of finite numbers are dropped, since a results.jsonl may be old or hand-written; a chart with fewer than two points is not
drawn. Drawn by matplotlib; its colours become those of the page, so that the charts follow light and dark pages.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from adcreative.report.words import signed_percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Point = tuple[float, float]
MAX_LOG_ODDS = 20.0
INK, SOFT, LINE, ACCENT, JUDGE = (f"#00000{number}" for number in range(1, 6))
PAGE_COLOURS = {INK: "ink", SOFT: "soft", LINE: "line", ACCENT: "accent", JUDGE: "judge"}
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "adcreative",  # equal charts have equal bytes
    "font.size": 8,
    "font.sans-serif": ["DejaVu Sans"],
    "text.color": INK,
    "axes.edgecolor": SOFT,
    "axes.labelcolor": SOFT,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": LINE,
    "axes.spines.top": False,
    "axes.spines.left": False,
    "axes.spines.right": False,
}


@dataclass(frozen=True, kw_only=True)
class SearchPlot:
    """A chart: its title, text alternative, and SVG element."""

    title: str
    said: str
    svg: Markup


@dataclass(frozen=True, kw_only=True)
class SearchPlots:
    """The charts of a search, and a sentence that interprets them."""

    plots: tuple[SearchPlot, ...]
    meaning: str


def plot_search(result: Mapping[str, Any]) -> SearchPlots | None:
    """Return the charts of a result's search; None if it has too few points for any chart."""
    record = result.get("search") or {}
    front, delivered = (
        [(size, relative_gain(low, result.get("ctr_original"))) for size, low in find_pairs(values)]
        for values in (record.get("front"), [record.get("delivered")])
    )
    curve = [
        (relative_gain(first, result.get("ctr_original")), relative_gain(second, result.get("ctr_original_judge")))
        for first, second in find_pairs(record.get("curve"))
    ]
    plots, meaning = [], []
    if len(front) > 1:
        plots.append(_plot_front(front, delivered))
        meaning.append(
            "Each dot is an edit that no other one beats in gain, likeness, realism and smallness at once; its lower bound "
            "is what the model that guided the search was fairly sure of."
        )
        if delivered:
            meaning.append("The ring is the edit that was delivered, as the search saw it; its rates above were measured anew.")
    if len(curve) > 1:
        plots.append(_plot_curve(curve))
        meaning.append(
            "The lines follow the best edit so far: what that model predicted of it, and what the second model, which did not "
            "guide the search, said of the same edit. Where the first goes on rising and the second does not, the search has "
            "found a weakness of its model and not a better ad."
        )
        meaning.append(
            f"For that reason the search ended itself after {len(curve)} generations."
            if record.get("stopped_itself") is True
            else f"The search did not end itself; it ran {len(curve)} generations."
        )
    return SearchPlots(plots=tuple(plots), meaning=" ".join(meaning)) if plots else None


def relative_gain(change: float, rate: float | None) -> float:
    """Return the relative change of a rate (0..1) whose log-odds change by `change`; for an unknown rate, of its odds.

    rate' / rate - 1 = 1 / (rate + (1 - rate) exp(-change)) - 1
    """
    known = rate if rate is not None and 0.0 < rate < 1.0 else 0.0
    bounded = min(max(change, -MAX_LOG_ODDS), MAX_LOG_ODDS)
    return 1.0 / (known + (1.0 - known) * math.exp(-bounded)) - 1.0


def find_pairs(values: object) -> list[Point]:
    """Return the values that are pairs of finite numbers."""
    listed = values if isinstance(values, list | tuple) else ()
    pairs = [value for value in listed if isinstance(value, list | tuple) and len(value) == 2]
    return [(float(a), float(b)) for a, b in pairs if _is_number(a) and _is_number(b)]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e9


def _plot_front(front: Sequence[Point], delivered: Sequence[Point]) -> SearchPlot:
    sizes, gains = zip(*front, *delivered, strict=True)
    said = f"{len(front)} edits of size {min(sizes):.2g} to {max(sizes):.2g}, lower bound of their gain {_span(gains)}"
    if delivered:
        said += f"; delivered: size {delivered[0][0]:.2g}, lower bound {signed_percent(delivered[0][1])}"

    def draw(axes: Axes) -> None:
        axes.plot(*zip(*front, strict=True), "o", color=ACCENT, markersize=4)
        for place in delivered:
            axes.plot(*place, "o", color=INK, markersize=9, fillstyle="none")
            axes.annotate("delivered", place, (0, 8), textcoords="offset points", ha="center")
        axes.set(xlabel="size of the edit (standard deviations)", ylabel="lower bound of the gain")

    return SearchPlot(title="The front", said=said, svg=_draw(draw))


def _plot_curve(curve: Sequence[Point]) -> SearchPlot:
    predicted, second = zip(*curve, strict=True)
    said = (
        f"Over {len(curve)} generations what was predicted went from {signed_percent(predicted[0])} to "
        f"{signed_percent(predicted[-1])}, the second model's opinion from {signed_percent(second[0])} to "
        f"{signed_percent(second[-1])}"
    )

    def draw(axes: Axes) -> None:
        numbers = range(1, len(curve) + 1)
        axes.plot(numbers, predicted, color=ACCENT, label="predicted")
        axes.plot(numbers, second, "--", color=JUDGE, label="second model")
        axes.set(xlabel="generation", ylabel="gain of the best edit so far")
        axes.locator_params("x", integer=True)
        axes.legend(frameon=False)

    return SearchPlot(title="The curve", said=said, svg=_draw(draw))


def _draw(draw: Callable[[Any], None]) -> Markup:
    """Return the SVG element of a chart of gains, with the page's colours."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    drawn = io.StringIO()
    with rc_context(STYLE):
        figure = Figure(figsize=(3.8, 2.3), facecolor="none")
        axes = figure.add_axes((0.19, 0.2, 0.79, 0.76), facecolor="none")
        axes.axhline(0.0, color=SOFT, linewidth=0.8, linestyle=":")
        axes.yaxis.set_major_formatter(lambda gain, _: signed_percent(gain))
        axes.locator_params(nbins=5)
        draw(axes)
        FigureCanvasSVG(figure).print_svg(drawn, metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    svg = drawn.getvalue()
    for colour, name in PAGE_COLOURS.items():
        svg = svg.replace(colour, f"var(--ac-{name})")
    return Markup(svg[svg.index("<svg") :])


def _span(gains: Sequence[float]) -> str:
    return f"{signed_percent(min(gains))} to {signed_percent(max(gains))}"
