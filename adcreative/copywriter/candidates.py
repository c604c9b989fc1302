"""CopyCandidates, and two protocols: LineSource (proposes raw lines) and Copywriter (returns linted lines)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from adcreative.copywriter.brief import Brief
from adcreative.errors import CopywriterError
from adcreative.problem import Problem
from adcreative.progress import ShouldStop as ShouldStop


@dataclass(frozen=True, kw_only=True)
class CopyCandidates:
    """Lines that passed the linter, best first per engine, and the dropped lines.

    engines is parallel to headlines + descriptions and names the engine of each line; engine: all ("smollm2+template").
    dropped: (text, reason) of refused lines. notes are for the user: a fallback, instructions left out of the brief.
    is_cancelled: the work was stopped, so lines may be missing. brief: the final brief with all additions (a brand's rules,
    words to avoid).
    """

    headlines: tuple[str, ...]
    descriptions: tuple[str, ...]
    engines: tuple[str, ...]
    engine: str
    dropped: tuple[tuple[str, str], ...] = ()
    notes: tuple[Problem, ...] = ()
    is_cancelled: bool = False
    brief: Brief = field(default_factory=Brief)

    @property
    def lines(self) -> tuple[str, ...]:
        return self.headlines + self.descriptions


class LineSource(Protocol):
    """Proposes raw lines for the linter."""

    engine: str

    def propose(
        self, brief: Brief, kind: str, num_lines: int, *, seed: int, should_stop: ShouldStop | None = None
    ) -> list[str]:
        """Return lines of `kind`, best first; more than `num_lines` if that is cheap, fewer if no more are good enough.

        Raises:
            CutShortError: the engine failed after some lines, which are in the error.
            CopywriterError: the engine cannot write.
        """


class CutShortError(CopywriterError):
    """The engine failed during its work; `lines` are the finished lines."""

    def __init__(self, message: str, lines: tuple[str, ...]) -> None:
        super().__init__(message)
        self.lines = lines


class Copywriter(Protocol):
    """The interface used by the editor."""

    engine: str

    def write(
        self, brief: Brief, num_headlines: int, num_descriptions: int, seed: int, should_stop: ShouldStop | None = None
    ) -> CopyCandidates:
        """Return at most the wanted numbers of lines that pass the linter for `brief`; the same seed gives the same lines."""
