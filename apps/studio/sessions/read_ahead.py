"""Work begun before a request: while the user reads a score, its explanation, and the preparation of a search.

The work waits for a pause, takes the model only while nobody else wants it, and gives up on another request for the model,
or when another ad is on its owner's page. An answer is returned for its own ad alone. Independent of pages and models.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from adcreative.progress import Rounds, ShouldStop

from .jobs import Job
from .model_queue import ModelQueue

Answer = TypeVar("Answer")

PAUSE_S = 1.5  # pause before the start, so that an ad under change starts nothing
LOOK_S = 0.05
MAX_AT_ONCE, MAX_KEPT = 2, 8  # owners


@dataclass
class _Begun(Generic[Answer]):
    key: object
    job: Job[Answer | None]
    hurry: threading.Event = field(default_factory=threading.Event)

    @property
    def gave_up(self) -> bool:
        """Whether the work ended without an answer, because of another request for the model."""
        return self.job.is_finished and self.job.result() is None


class ReadAhead(Generic[Answer]):
    """The work begun for the ads of the latest MAX_KEPT owners, at most MAX_AT_ONCE at a time."""

    def __init__(self, queue: ModelQueue, pause_s: float = PAUSE_S) -> None:
        self._queue, self._pause_s = queue, pause_s
        self._begun: OrderedDict[str, _Begun[Answer]] = OrderedDict()
        self._lock, self._following = threading.Lock(), threading.Lock()

    def begin(
        self,
        owner: str,
        key: object,
        find: Callable[[Rounds, ShouldStop], Answer | None],
        *,
        is_before: Callable[[], bool],
        then: Callable[[ShouldStop], object],
    ) -> None:
        """Begin to compute the answer about an owner's ad, followed by `then`; do nothing while too many others are running.

        Args:
            key: what the answer depends on: the ad, and the model.
            find: runs with the model; returns None when stopped. is_before: whether the ad is still on its owner's page.
            then: runs without the model, while the model is unused.
        """
        hurry = threading.Event()

        def work(report: Rounds, should_stop: ShouldStop) -> Answer | None:
            def is_over() -> bool:
                return should_stop() or not is_before()

            waited_s = 0.0
            while waited_s < self._pause_s and not hurry.wait(LOOK_S):
                waited_s += LOOK_S
                if is_over():
                    return None
            if self._queue.is_taken or self._queue.is_waited_for:
                return None
            with self._queue.hold(self._queue.join(is_quick=True), should_stop=is_over) as has_model:
                return find(report, lambda: is_over() or self._queue.is_waited_for) if has_model else None

        def follow() -> None:
            if self._following.acquire(blocking=False):  # one at a time, and nobody waits for it
                try:
                    then(lambda: self._wait_for_silence(lambda: job.is_stopped or not is_before()))
                finally:
                    self._following.release()

        job: Job[Answer | None] = Job(work=work)
        with self._lock:
            earlier = self._begun.get(owner)
            others = sum(not one.job.is_finished for name, one in self._begun.items() if name != owner)
            if others >= MAX_AT_ONCE or (earlier is not None and earlier.key == key and not earlier.gave_up):
                return
            self._begun[owner] = _Begun(key, job, hurry)
            self._begun.move_to_end(owner)
            if len(self._begun) > MAX_KEPT:
                self._begun.popitem(last=False)[1].job.stop(wait_s=0)
        if earlier is not None:
            earlier.job.stop(wait_s=0)
        job.then(follow)
        job.start()

    def take(self, owner: str, key: object) -> Job[Answer | None] | None:
        """Return the job begun for this key, without further pauses, and remove it; None without one."""
        with self._lock:
            begun = self._begun.get(owner)
            if begun is None or begun.key != key:
                return None
            del self._begun[owner]
        begun.hurry.set()
        return begun.job

    def forget(self, owner: str) -> Job[Answer | None] | None:
        """Stop the work begun for an owner, remove it and return its job, which may be about to end; None without one."""
        with self._lock:
            begun = self._begun.pop(owner, None)
        if begun is None:
            return None
        begun.job.stop(wait_s=0)
        return begun.job

    def _wait_for_silence(self, is_over: ShouldStop) -> bool:
        """Wait while the model is in use; return whether to stop."""
        while self._queue.is_taken and not is_over():
            threading.Event().wait(LOOK_S)
        return is_over()
