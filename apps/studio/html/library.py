"""The library as HTML; the template escapes every text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .plain import read_macros

STAGES = {
    "brought": "brought",
    "scored": "scored",
    "searching": "looking for better versions",
    "found": "versions found",
    "laying": "versions found",
    "approved": "approved",
    "packed": "packed",
}


def ads(cards: Sequence[Mapping[str, Any]]) -> str:
    """Show ads as cards with two buttons each. cards: called, picture, stage, when, num_versions and by (approver) of each."""
    return read_macros("library")("ads", cards=cards, stages=STAGES)
