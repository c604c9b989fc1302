"""A version in several shapes, as HTML: each with its fitting formats and points to check."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .fragments import note
from .plain import read_macros


def being_laid_out(done: int, total: int) -> str:
    """Return the progress of laying out shapes; before the first shape, that the ad is being decomposed."""
    if not done:
        return note("Taking your ad apart: picture, words, logo … This may take half a minute.")
    return note(f"Shape {done} of {total} is laid out …" if done < total else "All shapes are laid out. Scoring them …")


def sizes(views: Sequence[Mapping[str, Any]]) -> str:
    """Show the shapes.

    Args:
        views: ratio, width, height (px), cut (a preview), extended (share of new background, 0..1), fits (formats), notes.
    """
    if not views:
        return note("No further shape is packed.")
    return read_macros("sizes")("sizes", views)
