"""Problems of a line, a text in a picture, a layout or an edit, as a code with values; the sentence is only for people."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from importlib import resources
from typing import Any, Self

from adcreative.config import read_packaged_yaml


class Problem(str):
    """One problem: its English sentence, with the code used in decisions and the values of the sentence.

    Args:
        code: a key of problems.yaml.
        values: values of the placeholders in the code's sentence.
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


def has_code(problem: str, *codes: str) -> bool:
    """Return whether `problem` is a Problem with one of these codes; False for a plain sentence."""
    return isinstance(problem, Problem) and problem.code in codes


def find_problem(rows: Iterable[Mapping[str, Any]], code: str) -> Problem | None:
    """Return the first problem with this code among those of a row (`Problem.as_dict`), or None."""
    return next((Problem(code, **one["values"]) for one in rows if one["code"] == code), None)


def _make(code: str, values: dict[str, object]) -> Problem:
    return Problem(code, **values)


@cache
def problem_texts() -> dict[str, str]:
    """Return code -> sentence with placeholders in braces; callers must not modify it."""
    texts: dict[str, str] = read_packaged_yaml(resources.files(__package__) / "problems.yaml")
    return texts
