"""Problems of lines of copy: which codes say that an ad's own words are missing, and a list without repeats."""

from __future__ import annotations

from collections.abc import Iterable

from adcreative.problem import Problem

# codes of what a line lacks beside the ad that it is written for
DROPS = frozenset(("drops_offer", "drops_number", "drops_proof", "drops_name"))


def keep_first(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Return the problems without those that say the same again, in order."""
    return tuple(dict.fromkeys(problems))
