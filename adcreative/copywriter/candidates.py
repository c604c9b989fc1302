"""CopyCandidates, and the two abilities behind them: LineSource (proposes raw lines) and Copywriter (hands out clean ones)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from adcreative.copywriter.brief import Brief
from adcreative.errors import CopywriterError
from adcreative.problem import Problem
from adcreative.progress import ShouldStop as ShouldStop


@dataclass(frozen=True, kw_only=True)
class CopyCandidates:
    """Lines that passed the lint, best first within an engine, and what became of the others.

    engines is parallel to headlines + descriptions and names what wrote each line; engine names them all ("smollm2+template").
    dropped holds (text, why) of proposed lines that were refused. notes are for the user: a fallback, instructions
    left out of the brief. is_cancelled: the work was stopped, so lines may be missing. brief: what the lines were written from
    and held against, with all that was added to it on the way (a brand's rules, words to avoid).
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
    """Proposes raw lines, which the lint checks afterwards."""

    engine: str

    def propose(
        self, brief: Brief, kind: str, num_lines: int, *, seed: int, should_stop: ShouldStop | None = None
    ) -> list[str]:
        """Return lines of `kind`, best first; more than `num_lines` when that is cheap, fewer when it cannot do better.

        Raises:
            CutShortError: the engine failed after some lines, which the error holds.
            CopywriterError: the engine cannot write.
        """


class CutShortError(CopywriterError):
    """The engine failed in the middle of its work; `lines` are those that it had finished."""

    def __init__(self, message: str, lines: tuple[str, ...]) -> None:
        super().__init__(message)
        self.lines = lines


class Copywriter(Protocol):
    """What the editor relies on."""

    engine: str

    def write(
        self, brief: Brief, num_headlines: int, num_descriptions: int, seed: int, should_stop: ShouldStop | None = None
    ) -> CopyCandidates:
        """Return up to the wanted numbers of lines that pass the lint for `brief`; the same seed gives the same lines."""
