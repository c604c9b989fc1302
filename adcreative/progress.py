"""How a long task tells what it is doing and asks whether to go on: the callables that verbs, trainers and searches take."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

ShouldStop = Callable[[], bool]  # asked now and then; True: end soon, keep what is done
Count = Callable[[int, int], None]  # (done, total) of one stage
Rounds = Callable[[int, int, float], None]  # (round, rounds, best so far) of a search


class Progress(Protocol):
    """Told how far a task is."""

    def __call__(self, stage: str, done: int, total: int, /) -> None:
        """Take note that `done` of `total` steps of a stage, such as "reading creatives", are done."""


def silent(stage: str, done: int, total: int) -> None:
    """Ignore progress: the default of every verb."""


def uncounted(done: int, total: int) -> None:
    """Ignore the count of a stage: the default of every trainer."""


def never() -> bool:
    """Never ask to stop: the default of every verb."""
    return False


def count_stage(progress: Progress, stage: str) -> Count:
    """Return what tells `progress` (done, total) of one stage, for a trainer that knows a single stage."""
    return lambda done, total: progress(stage, done, total)
