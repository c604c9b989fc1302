"""measured.toml -> the page measured.md: one line a figure, by area. systems.toml -> systems.md: one line a published system.

python -m data.make.measured        # make docs runs it; a test fails when the page is stale
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from adcreative.config import load_config
from adcreative.papers.systems import System, list_systems

FOLDER = Path(__file__).parents[2] / "adcreative" / "docs"
HEAD = """# Measured

Made by `make docs` from `measured.toml`, which also holds the commit of each figure; do not edit. Models and code
of that day, on two cores unless said otherwise. In brackets the 95 % interval, or the least and the most. The command gives the
figure again; `packages-train.parquet` and `FACES` are named in [data/README.md](../../data/README.md).
"""
SYSTEMS_HEAD = """# Published systems, measured

Made by `make docs` from `systems.toml`, which also names the tests that hold each bar; do not edit. Joined: whole, and used by
the product. Alone: whole, by itself. Part: less than the paper. `adcreative papers list` prints it.
"""


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One claim. value, low and high are in `unit`; beside: results of alternatives in the same run; commit: of the code."""

    area: str
    claim: str
    value: float
    unit: str = ""
    low: float | None = None
    high: float | None = None
    beside: str = ""
    data: str
    date: str
    commit: str
    command: str


@dataclass(frozen=True, kw_only=True)
class Figures:
    figure: tuple[Figure, ...]


def read_figures(path: Path = FOLDER / "measured.toml") -> tuple[Figure, ...]:
    """Return the figures in their order.

    Raises:
        ConfigError: an invalid file; the message names each error.
    """
    return load_config(Figures, path).figure


def render_page(figures: tuple[Figure, ...]) -> str:
    """Return the page as Markdown."""
    lines = [HEAD]
    for area, rows in groupby(figures, key=lambda one: one.area):
        lines += [f"## {area}", "", "| claim | figure | beside it | data | day | command |", "|---|---|---|---|---|---|"]
        lines += [
            f"| {one.claim} | {_number(one)} | {one.beside} | {one.data} | {one.date} | `{one.command}` |" for one in rows
        ]
        lines.append("")
    return "\n".join(lines)


def render_systems(systems: tuple[System, ...]) -> str:
    """Return the page of published systems as Markdown."""
    lines = [
        SYSTEMS_HEAD,
        "| system | where | the paper's claim | a toy would fail | our figure | verdict; what differs |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {one.name} ({one.paper}) | `{one.where}` | {one.claim} | {one.bar} | {one.figure} ({one.data}) | "
        f"{one.verdict}; {one.differs} |"
        for one in systems
    ]
    return "\n".join(lines) + "\n"


def _number(one: Figure) -> str:
    bounds = "" if one.low is None or one.high is None else f" ({one.low:g} to {one.high:g})"
    return f"{one.value:g} {one.unit}".strip() + bounds


if __name__ == "__main__":
    (FOLDER / "measured.md").write_text(render_page(read_figures()), encoding="utf-8")
    (FOLDER / "systems.md").write_text(render_systems(list_systems()), encoding="utf-8")
