"""Ratios measured in one run, printed as JSON; nothing here passes or fails.

make bench                                  all figures (an hour or two)
make bench BENCH="loop synthesis"         some
make bench BENCH=--tiny                     sizes at which every part runs in seconds and no figure means anything
"""

from __future__ import annotations

import argparse
import json
import math
import pkgutil
from typing import Any


def rendering_figures(sizes: tuple[int, ...] = (256, 1024), repeats: int = 3) -> dict[str, float]:
    """Return the figures of each picture size, in px."""
    from tests.bench.synthesis import synthesis_figures

    return {name: value for size in sizes for name, value in synthesis_figures(size, repeats).items()}


# name -> (what measures it, imported when it is asked for; settings at which it runs in seconds)
FIGURES: dict[str, tuple[str, dict[str, Any]]] = {
    "scoring": ("tests.bench.scoring:scoring_figures", {"num": 4, "num_straight": 1, "repeats": 1}),
    "synthesis": ("tests.bench.__main__:rendering_figures", {"sizes": (32,), "repeats": 1}),
    "fuxictr": ("tests.bench.fuxictr:fuxictr_figures", {"num_seeds": 2, "auc_steps": 3, "race_steps": 2}),
    "compression": ("tests.bench.compression:compression_figures", {"num": 5000, "methods": ("low-rank 0.5",)}),
    "log-parity": ("tests.bench.log_parity:log_parity_figures", {"num_seeds": 1, "num_steps": 3, "num_rows": 9000}),
    "log-memory": ("tests.bench.log_memory:log_memory_figures", {"sizes": (2000,)}),
    "long-history": ("tests.bench.long_history:long_history_figures", {"repeats": 1}),
    "loop": ("tests.bench.loop:loop_figures", {"worlds": 2, "days": 4, "views": 200}),
    "composing": ("tests.bench.composed_uplift:compose_figures", {"markets": (201,), "is_tiny": True}),
    "concepts": ("tests.bench.concepts:concept_figures", {"num_groupings": 1, "num_accounts": 1, "largest": 60}),
    "editing": ("tests.bench.editing:editing_figures", {"population": 4, "generations": 1, "num_one_by_one": 1}),
    "set-text": ("tests.bench.set_text:set_text_figures", {"num": 2}),
    "app-page": ("tests.bench.app:page_figures", {"is_tiny": True}),
    "app-scores": ("tests.bench.app:score_figures", {"num_people": 3, "is_tiny": True}),
}


def main() -> None:
    """Measure what was asked for, all figures if nothing was."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(FIGURES)}; default: all")
    parser.add_argument("--tiny", action="store_true", help="only show that each part still runs")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - FIGURES.keys():
        parser.error(f"no figures are named {', '.join(sorted(unknown))}; known: {', '.join(FIGURES)}")
    found: dict[str, Any] = {}
    for name in arguments.names or FIGURES:
        measure, tiny = FIGURES[name]
        figures = pkgutil.resolve_name(measure)(**(tiny if arguments.tiny else {}))
        numbers = [value for value in figures.values() if isinstance(value, int | float)]
        if not numbers or any(math.isinf(number) for number in numbers):
            raise SystemExit(f"{name} measured nothing: {figures}")
        found |= figures
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
