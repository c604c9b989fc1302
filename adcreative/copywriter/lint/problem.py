"""What is wrong with a line of copy, as a code with values; the sentence is for people alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Self

from adcreative.copywriter.rules import rule_pack

__all__ = ["Problem", "keep_first"]

# codes of what a line lacks beside the ad that it is written for
DROPS = frozenset(("drops_offer", "drops_number", "drops_proof", "drops_name"))


class Problem(str):
    """One problem of a line: its English sentence, with the code that decisions ask for and the values of the sentence.

    Args:
        code: a key of rules/problems.yaml.
        values: what the sentence of that code names in braces.
    """

    __slots__ = ("code", "values")
    code: str
    values: dict[str, object]

    def __new__(cls, code: str, **values: object) -> Self:
        self = super().__new__(cls, rule_pack("problems")[code].format(**values))
        self.code, self.values = code, values
        return self

    def __reduce__(self) -> tuple[Callable[..., Problem], tuple[str, dict[str, object]]]:
        return _make, (self.code, self.values)


def _make(code: str, values: dict[str, object]) -> Problem:
    return Problem(code, **values)


def keep_first(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Return the problems without those that say the same again, in order."""
    return tuple(dict.fromkeys(problems))
