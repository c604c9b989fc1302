"""The queue for the model: one user at a time, in order of arrival. Independent of pages and models.

A search takes its ticket when its button is pressed, before any thread of the page waits, and so keeps its position
after its page is closed. Short requests (a score, face detection) go before waiting searches, and between two rounds
of the running search (`let_short_pass`). The queue has a maximum length, and is closed when the program ends.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from adcreative.errors import AdCreativeError

MAX_WAITING = 64  # fifty simultaneous users, and some reserve
_LOOK_AGAIN_S = 0.2
CLOSED = "The app is being stopped. Start it again, then bring your ad anew."


@dataclass(frozen=True, order=True)
class Ticket:
    """A position in the queue: short requests first, then by number."""

    is_long: bool
    number: int


def never() -> bool:
    return False


class ModelQueue:
    """The queue for the model: one user at a time, and a line of at most `max_waiting` searches."""

    def __init__(self, max_waiting: int = MAX_WAITING) -> None:
        self.max_waiting = max_waiting
        self._changed = threading.Condition()
        self._line: set[Ticket] = set()
        self._sitting: Ticket | None = None
        self._number = 0
        self._num_beside = 0
        self._is_closed = False

    def join(self, *, is_quick: bool = False) -> Ticket:
        """Return a new ticket, which must be passed to `hold`.

        Raises:
            AdCreativeError: the maximum of searches is waiting, or the queue is closed.
        """
        with self._changed:
            self._check_open()
            if not is_quick and sum(ticket.is_long for ticket in self._line) >= self.max_waiting:
                raise AdCreativeError(
                    f"{self.max_waiting} ads wait to be improved already, and no more can. Nothing of yours was lost: "
                    "press the button again in a few minutes."
                )
            self._number += 1
            ticket = Ticket(not is_quick, self._number)
            self._line.add(ticket)
            return ticket

    def num_ahead(self, ticket: Ticket) -> int:
        """Return the number of users served before this ticket, including the current user of the model."""
        with self._changed:
            return sum(other < ticket for other in self._line) + (self._sitting not in (None, ticket))

    @property
    def is_taken(self) -> bool:
        """Whether the model is in use."""
        return self._sitting is not None

    @property
    def is_waited_for(self) -> bool:
        """Whether a ticket is waiting."""
        return bool(self._line)

    @contextmanager
    def hold(
        self, ticket: Ticket, *, should_stop: Callable[[], bool] = never, timeout_s: float | None = None
    ) -> Iterator[bool]:
        """Wait for the ticket's turn and keep the model inside the block; yield False after a timeout or a stop.

        Args:
            timeout_s: minimum waiting time while a search has the model; short requests end soon and are always awaited.
        """
        has_model = self._wait(ticket, should_stop, timeout_s)
        try:
            yield has_model
        finally:
            if has_model:
                with self._changed:
                    self._sitting = None
                    self._changed.notify_all()

    @contextmanager
    def quick(self, timeout_s: float | None = None) -> Iterator[bool]:
        """Join as a short request and hold."""
        with self.hold(self.join(is_quick=True), timeout_s=timeout_s) as has_model:
            yield has_model

    @contextmanager
    def beside(self) -> Iterator[None]:
        """Use the model inside the block outside the queue, such as to load it; `close` takes this use into account."""
        with self._changed:
            self._check_open()
            self._num_beside += 1
        try:
            yield
        finally:
            with self._changed:
                self._num_beside -= 1
                self._changed.notify_all()

    def close(self, wait_s: float) -> bool:
        """Close the queue, wait up to `wait_s` for the current user of the model, and return whether the model is free."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
            return self._changed.wait_for(lambda: self._sitting is None, timeout=wait_s) and not self._num_beside

    def _check_open(self) -> None:
        if self._is_closed:
            raise AdCreativeError(CLOSED)

    def let_short_pass(self, ticket: Ticket) -> None:
        """Let waiting short requests pass, then take the model again; called by the model's user between two rounds."""
        with self._changed:
            if all(other.is_long for other in self._line):
                return
            self._sitting = None
            self._line.add(ticket)
            self._changed.notify_all()
        self._wait(ticket, never, None)

    def _wait(self, ticket: Ticket, should_stop: Callable[[], bool], timeout_s: float | None) -> bool:
        until_s = None if timeout_s is None else time.monotonic() + timeout_s
        with self._changed:
            try:
                self._check_open()
                while self._sitting is not None or min(self._line) != ticket:
                    is_late = until_s is not None and time.monotonic() >= until_s
                    if should_stop() or (is_late and self._sitting is not None and self._sitting.is_long):
                        return False
                    self._changed.wait(_LOOK_AGAIN_S)
                    self._check_open()
                self._sitting = ticket
                return True
            finally:
                self._line.discard(ticket)
                self._changed.notify_all()
