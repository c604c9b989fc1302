"""Owners whose pages are closed, and the deadlines of their data. One thread for all owners, and none while nobody is away."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

log = logging.getLogger(__name__)

MAX_AWAY = 10_000


@dataclass(kw_only=True)
class Departures:
    """Calls `on_gone` with an owner who left `keep_s` seconds ago and did not come back.

    Beyond MAX_AWAY owners, the earliest departures expire at once.
    """

    keep_s: float
    on_gone: Callable[[str], object]
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _deadlines_s: dict[str, float] = field(default_factory=dict)
    _is_watched: bool = False

    def leave(self, owner: str) -> None:
        """Register that the owner's page was closed just now."""
        with self._changed:
            self._deadlines_s.pop(owner, None)
            self._deadlines_s[owner] = time.monotonic() + self.keep_s  # insertion order is the order of the deadlines
            if len(self._deadlines_s) > MAX_AWAY:
                self._deadlines_s[next(iter(self._deadlines_s))] = 0.0
            if not self._is_watched:
                self._is_watched = True
                threading.Thread(target=self._watch, name="adcreative-departures", daemon=True).start()
            self._changed.notify_all()

    def come_back(self, owner: str) -> None:
        """Register that the owner's page is open again."""
        with self._changed:
            self._deadlines_s.pop(owner, None)
            self._changed.notify_all()

    def _watch(self) -> None:
        while (owner := self._next_gone()) is not None:
            try:
                self.on_gone(owner)
            except Exception:  # the other owners must still expire
                log.exception("forgetting an owner failed")

    def _next_gone(self) -> str | None:
        """Wait for the next owner whose deadline has passed; return None when nobody is away."""
        with self._changed:
            while self._deadlines_s:
                owner, deadline_s = min(self._deadlines_s.items(), key=lambda item: item[1])
                left_s = deadline_s - time.monotonic()
                if left_s <= 0:
                    del self._deadlines_s[owner]
                    return owner
                self._changed.wait(left_s)
            self._is_watched = False
            return None
