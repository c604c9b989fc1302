"""A version in several shapes, as HTML: each with where it fits and what to look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from adcreative.report.rendering import build_environment

from .fragments import note

TEMPLATE_DIR = Path(__file__).parent / "templates"


def sizes(views: Sequence[Mapping[str, Any]]) -> str:
    """Show the shapes.

    Args:
        views: ratio, width, height (px), cut (a preview), extended (share of new ground, 0..1), fits (formats), notes.
    """
    if not views:
        return note("No further shape is packed.")
    module = build_environment(TEMPLATE_DIR).get_template("sizes.html.j2").module
    return str(module.sizes(views))  # type: ignore[attr-defined]
