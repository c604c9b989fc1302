"""How a long task tells what it is doing and asks whether to go on: the callables that verbs, trainers and searches take.

Readers of files stand too deep to be handed them; they tell whoever listens in this context (`listening`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol, TypeVar

Item = TypeVar("Item")
ShouldStop = Callable[[], bool]  # asked now and then; True: end soon, keep what is done
Count = Callable[[int, int], None]  # (done, total) of one stage
Rounds = Callable[[int, int, float], None]  # (round, rounds, best so far) of a search


class Progress(Protocol):
    """Told how far a task is."""

    def __call__(self, stage: str, done: int, total: int, /) -> None:
        """Take note that `done` of `total` steps of a stage, such as "reading creatives", are done."""


def silent(stage: str, done: int, total: int) -> None:
    """Ignore progress: the default of every verb."""


_LISTENER: ContextVar[Progress] = ContextVar("_LISTENER", default=silent)


@contextmanager
def listening(progress: Progress) -> Iterator[None]:
    """Have readers in the block tell `progress` what they read; a total of 0 is unknown."""
    token = _LISTENER.set(progress)
    try:
        yield
    finally:
        _LISTENER.reset(token)


def told(items: Iterable[Item], stage: str, *, every: int = 1, count: Callable[[Item], int] = lambda item: 1) -> Iterator[Item]:
    """Yield items; tell who listens that the stage begins, and then how many came, after each `every` of them.

    count: how many an item stands for, such as the rows of a part.
    """
    tell, done, next_told = _LISTENER.get(), 0, every
    tell(stage, 0, 0)
    for item in items:
        yield item
        done += count(item)
        if done >= next_told:
            tell(stage, done, 0)
            next_told = done + every


def uncounted(done: int, total: int) -> None:
    """Ignore the count of a stage: the default of every trainer."""


def never() -> bool:
    """Never ask to stop: the default of every verb."""
    return False


def count_stage(progress: Progress, stage: str) -> Count:
    """Return what tells `progress` (done, total) of one stage, for a trainer that knows a single stage."""
    return lambda done, total: progress(stage, done, total)
