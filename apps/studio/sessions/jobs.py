"""One long piece of work in a thread, with observable progress and a stop that takes effect.

Independent of creatives and pages. A plain function behind a button runs to its end even after a cancel; here the work
is asked to stop, and `stop` waits for its end.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from adcreative.progress import Rounds, ShouldStop

from .ending import Worker

Result = TypeVar("Result")
Kept = TypeVar("Kept")


@dataclass(frozen=True, kw_only=True)
class JobState:
    """The progress of a job: `done` of `total` rounds, the best value after each round so far, seconds since the start, and
    seconds from the start to the first report, which are preparation and excluded from the time per round."""

    done: int = 0
    total: int = 0
    best: tuple[float, ...] = ()
    seconds: float = 0.0
    ready_s: float = 0.0
    last_s: float = 0.0  # time of the latest report
    first: int = 0  # rounds done at the first report

    @property
    def seconds_left(self) -> float | None:
        """Estimate of the remaining seconds from the rounds since the first report; None before the first such round."""
        if self.done <= self.first:
            return None
        round_s = (self.last_s - self.ready_s) / (self.done - self.first)
        return max(round_s * (self.total - self.done) - (self.seconds - self.last_s), 0.0)


@dataclass
class Job(Generic[Result]):
    """Work started by `start`, observed by `states`, ended by itself or by `stop`."""

    work: Callable[[Rounds, ShouldStop], Result]
    stage: str = ""  # the work's description of its current stage
    _state: JobState = field(default_factory=JobState)
    _started_s: float = field(default_factory=time.monotonic)
    _stop: threading.Event = field(default_factory=threading.Event)
    _changed: threading.Event = field(default_factory=threading.Event)
    _finished: threading.Event = field(default_factory=threading.Event)
    _after: list[Callable[[], object]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _result: Result | None = None
    _error: BaseException | None = None

    def start(self) -> Job[Result]:
        Worker(self._work, name="adcreative-job", ask_to_stop=lambda: self.stop(wait_s=0)).start()
        return self

    @classmethod
    def done(cls, result: Result) -> Job[Result]:
        """Return a finished job."""
        job = cls(work=lambda report, should_stop: result, _result=result)
        job._finished.set()
        return job

    @property
    def is_stopped(self) -> bool:
        """True after a request to stop, even if the work had just finished."""
        return self._stop.is_set()

    @property
    def is_finished(self) -> bool:
        return self._finished.is_set()

    @property
    def state(self) -> JobState:
        return self._state

    def states(self, every_s: float = 1.0, apart_s: float = 0.0) -> Iterator[JobState]:
        """Yield the state at each change, and at least every `every_s`, until the work has ended.

        apart_s: minimum time between two states, since each costs time of the page and of the browser, often on the same cores.
        """
        while not self._finished.is_set():
            seconds = time.monotonic() - self._started_s
            yield JobState(**{**vars(self._state), "seconds": seconds})
            if self._finished.wait(apart_s):
                return
            self._changed.wait(every_s)
            self._changed.clear()

    def stop(self, wait_s: float | None = None) -> bool:
        """Ask the work to stop, wait up to `wait_s` (None: as long as it takes), and return whether it has ended."""
        self._stop.set()
        self._changed.set()
        return self._finished.wait(wait_s)

    def then(self, call: Callable[[], object]) -> None:
        """Call `call` after the work has ended; at once if it has ended already."""
        with self._lock:
            if not self._finished.is_set():
                self._after.append(call)
                return
        call()

    def result(self) -> Result:
        """Wait for the end of the work; return its result, or raise its exception."""
        self._finished.wait()
        if self._error is not None:
            raise self._error
        return self._result  # type: ignore[return-value]

    def _report(self, done: int, total: int, best: float) -> None:
        seconds, before = time.monotonic() - self._started_s, self._state
        is_first = before.total != total  # a new stage is timed anew
        self._state = JobState(
            done=done,
            total=total,
            best=(*before.best, best),
            seconds=seconds,
            last_s=seconds,
            ready_s=seconds if is_first else before.ready_s,
            first=done if is_first else before.first,
        )
        self._changed.set()

    def _work(self) -> None:
        try:
            self._result = self.work(self._report, self._stop.is_set)
        except BaseException as error:
            self._error = error
        finally:
            with self._lock:
                self._finished.set()
            self._changed.set()
            for call in self._after:
                call()


class JobBoard(Generic[Kept]):
    """The jobs of all owners, one per owner. A job stays on the board after its page is closed, until taken down."""

    def __init__(self, key: Callable[[str], str] = str) -> None:
        """Args:
        key: maps an owner to the key of its job, such as `owners.home_of`, which lets tabs share one job.
        """
        self._kept: dict[str, tuple[Job, Kept]] = {}
        self._key = key
        self._lock = threading.Lock()

    def post(self, owner: str, job: Job, kept: Kept) -> None:
        """Put a job and its data on the board; an earlier job of the same owner is asked to stop."""
        with self._lock:
            earlier, self._kept[self._key(owner)] = self._kept.get(self._key(owner)), (job, kept)
        if earlier is not None:
            earlier[0].stop(wait_s=0)

    def find(self, owner: str) -> Kept | None:
        with self._lock:
            entry = self._kept.get(self._key(owner))
        return entry[1] if entry else None

    def find_all(self) -> list[Kept]:
        """Return the data of all jobs, of all owners."""
        with self._lock:
            return [kept for _, kept in self._kept.values()]

    def take_down(self, owner: str) -> None:
        """Ask the owner's job to stop, and remove it."""
        with self._lock:
            entry = self._kept.pop(self._key(owner), None)
        if entry is not None:
            entry[0].stop(wait_s=0)

    def stop(self, owner: str) -> bool:
        """Ask the owner's job to stop, without waiting; return whether a job was running."""
        with self._lock:
            entry = self._kept.get(self._key(owner))
        if entry is None or entry[0].is_finished:
            return False
        entry[0].stop(wait_s=0)
        return True
