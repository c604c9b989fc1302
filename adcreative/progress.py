"""Callables for progress and cancellation of long tasks, used by verbs, trainers and searches.

File readers are too deep in the call stack to receive these callables; they report to a context variable (`listening`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol, TypedDict, TypeVar

Item = TypeVar("Item")
ShouldStop = Callable[[], bool]  # called regularly; True: end soon, keep finished results
Count = Callable[[int, int], None]  # (done, total) of one stage
Rounds = Callable[[int, int, float], None]  # (round, rounds, best so far) of a search


class Progress(Protocol):
    """Callback for the progress of a task."""

    def __call__(self, stage: str, done: int, total: int, /) -> None:
        """Report that `done` of `total` steps of a stage, such as "reading creatives", are finished."""


class Callbacks(TypedDict):
    """The callbacks that a verb takes as keywords."""

    progress: Progress
    should_stop: ShouldStop


def silent(stage: str, done: int, total: int) -> None:
    """Ignore progress: the default of every verb."""


_LISTENER: ContextVar[Progress] = ContextVar("_LISTENER", default=silent)


@contextmanager
def listening(progress: Progress) -> Iterator[None]:
    """Send the progress of file readers in the block to `progress`; a total of 0 means unknown."""
    token = _LISTENER.set(progress)
    try:
        yield
    finally:
        _LISTENER.reset(token)


def track(
    items: Iterable[Item], stage: str, *, every: int = 1, count: Callable[[Item], int] = lambda item: 1
) -> Iterator[Item]:
    """Yield items, and report the start of the stage and then the number of items so far, every `every` items.

    count: number of units in an item, such as the rows of a part.
    """
    report, done, next_report = _LISTENER.get(), 0, every
    report(stage, 0, 0)
    for item in items:
        yield item
        done += count(item)
        if done >= next_report:
            report(stage, done, 0)
            next_report = done + every


def uncounted(done: int, total: int) -> None:
    """Ignore the count of a stage: the default of every trainer."""


def never() -> bool:
    """Never ask to stop: the default of every verb."""
    return False


def count_stage(progress: Progress, stage: str) -> Count:
    """Return a callback (done, total) that reports one stage to `progress`, for a trainer with a single stage."""
    return lambda done, total: progress(stage, done, total)
