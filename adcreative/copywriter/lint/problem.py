"""Problems of lines of copy: codes for missing words of the ad, and removal of duplicates."""

from __future__ import annotations

from collections.abc import Iterable

from adcreative.problem import Problem

# codes for content of the ad that a line lacks
DROPS = frozenset(("drops_offer", "drops_number", "drops_proof", "drops_name"))


def keep_first(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Return the problems without duplicates, in order."""
    return tuple(dict.fromkeys(problems))
