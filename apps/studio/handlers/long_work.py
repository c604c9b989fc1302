"""Buttons with long work: one job per owner, available again after its page was closed. Without Gradio."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from adcreative.errors import AdCreativeError
from adcreative.progress import Progress, Rounds, ShouldStop

from ..html import fragments
from ..html.plain import plain
from ..sessions.jobs import Job, JobBoard
from ..sessions.owners import home_of
from ..sessions.questions import record_fault
from .one_ad import Handlers

log = logging.getLogger(__name__)


class Seen(Protocol):
    """The screen of a job: a fragment, and the record."""

    @property
    def shown(self) -> str: ...


Screen = TypeVar("Screen", bound=Seen)


@dataclass(kw_only=True, eq=False)
class LongWork(Generic[Screen]):
    """Base class of buttons with long work; all tabs of a workspace share one job.

    screen: class of the screens; waiting: text shown before the job reports its first stage.
    """

    screen: ClassVar[type]
    waiting: ClassVar[str] = "Reading the table"
    handlers: Handlers
    board: JobBoard[Job[Screen]] = field(default_factory=lambda: JobBoard(home_of))

    def __post_init__(self) -> None:
        self.handlers.also_forget.append(self._take_down)

    def start(self, owner: str, work: Callable[[Progress, ShouldStop], Screen]) -> Job[Screen]:
        """Start the owner's job in a thread; an exception becomes a screen."""

        def guarded(report: Rounds, should_stop: ShouldStop) -> Screen:
            def tell(stage: str, done: int, total: int) -> None:
                job.stage = stage
                report(done, total, 0.0)

            try:
                return work(tell, should_stop)
            except AdCreativeError as error:
                if should_stop():
                    return self.stopped()
                return self.refuse(error)
            except Exception as error:
                log.exception("long work failed")
                return self.make_screen(fragments.breakdown(error), {"error": "internal error"})

        job: Job[Screen] = Job(work=guarded)
        self.board.post(owner, job, job)
        return job.start()

    def _take_down(self, owner: str) -> None:
        job = self.board.find(owner)
        self.board.take_down(owner)
        if job is not None:
            job.then(lambda: None if self.is_running(owner) else self.clear_up(owner))

    def clear_up(self, owner: str) -> None:
        """Delete what the owner's deleted job wrote until it ended."""
        self.handlers.choices.drop_features(owner)

    def watch(self, job: Job[Screen]) -> Iterator[Screen]:
        """Yield a screen at each change, and the last screen."""
        for state in job.states():
            yield self.make_screen(fragments.working(self.say_stage(job), state))
        yield job.result()

    def make_screen(self, shown: str = "", record: Mapping[str, Any] | None = None) -> Screen:
        """Return a screen with only a fragment and a record."""
        made: Screen = self.screen(shown=shown, record=dict(record or {}))
        return made

    def say_stage(self, job: Job[Screen]) -> str:
        """Return the text for the current stage of a job."""
        return plain(job.stage).capitalize() or self.waiting

    def refuse(self, error: AdCreativeError) -> Screen:
        """Return the screen for a job that did not start, or failed."""
        return self.make_screen(fragments.problem(error), record_fault(error))

    def stopped(self) -> Screen:
        """Return the screen of a stopped job."""
        return self.make_screen(fragments.note("Stopped."), {"status": "stopped"})

    def resume(self, owner: str) -> Iterator[Screen]:
        """Yield the screens of the owner's running job, or the screen of `find_screen`."""
        job = self.board.find(owner)
        yield from self.watch(job) if job is not None and not job.is_finished else iter([self.find_screen(owner)])

    def find_screen(self, owner: str) -> Screen:
        """Return the screen of the owner's finished job; an empty screen without one."""
        job = self.board.find(owner)
        return job.result() if job is not None and job.is_finished else self.make_screen()

    def is_running(self, owner: str) -> bool:
        """Return whether the owner's job is running."""
        job = self.board.find(owner)
        return job is not None and not job.is_finished

    def cancel(self, owner: str) -> str:
        """Ask the owner's job to stop."""
        return fragments.note("Stopping …" if self.board.stop(owner) else "Nothing is running.")
