"""What is said of a line, a text in a picture, a shape or an edit, as a code with values; the sentence is for people alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from importlib import resources
from typing import Any, Self

from adcreative.config import read_packaged_yaml


class Problem(str):
    """One problem: its English sentence, with the code that decisions ask for and the values of the sentence.

    Args:
        code: a key of problems.yaml.
        values: what the sentence of that code names in braces.
    """

    __slots__ = ("code", "values")
    code: str
    values: dict[str, object]

    def __new__(cls, code: str, **values: object) -> Self:
        self = super().__new__(cls, problem_texts()[code].format(**values))
        self.code, self.values = code, values
        return self

    def as_dict(self) -> dict[str, object]:
        """Return code and values, as plain JSON types."""
        return {"code": self.code, "values": dict(self.values)}

    def __reduce__(self) -> tuple[Callable[..., Problem], tuple[str, dict[str, object]]]:
        return _make, (self.code, self.values)


def has_code(told: str, *codes: str) -> bool:
    """Return whether what is told is a problem of one of these codes; a sentence that has none is not."""
    return isinstance(told, Problem) and told.code in codes


def find_problem(told: Iterable[Mapping[str, Any]], code: str) -> Problem | None:
    """Return the first problem of a code among those of a row (`Problem.as_dict`); None without one."""
    return next((Problem(code, **one["values"]) for one in told if one["code"] == code), None)


def _make(code: str, values: dict[str, object]) -> Problem:
    return Problem(code, **values)


@cache
def problem_texts() -> dict[str, str]:
    """Return code -> its sentence, with names of values in braces; callers must not change it."""
    texts: dict[str, str] = read_packaged_yaml(resources.files(__package__) / "problems.yaml")
    return texts
