"""Keeps to the number of requests that a server says it still takes, so that a limit is waited for and not run into.

Source: OpenAI, "Rate limits in headers" (x-ratelimit-remaining-requests: 59; x-ratelimit-reset-requests: 1s or 6m0s), which
other servers follow; some write the reset as plain seconds.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from email.message import Message

_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|h|m|s)")
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


class RequestPace:
    """What one server last said of its limit; shared by all threads that ask it.

    Requests are counted down between two answers, so that threads together do not overrun what is left. After the reset, or
    as long as the server states nothing, requests are free.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._num_left, self._reset_s = 0, float("-inf")

    def claim(self) -> float:
        """Count one request and return the seconds to wait before it is sent, 0 or more."""
        with self._lock:
            wait_s = max(self._reset_s - self._clock(), 0.0)
            if self._num_left > 0:
                self._num_left -= 1
                return 0.0
            return wait_s

    def note(self, headers: Message) -> None:
        """Take over what an answer's headers state; headers that are missing or odd change nothing."""
        left, reset_s = (
            headers.get("x-ratelimit-remaining-requests", ""),
            _read_duration(headers.get("x-ratelimit-reset-requests")),
        )
        if reset_s is not None and re.fullmatch(r"\d{1,9}", left):
            with self._lock:
                self._num_left, self._reset_s = int(left), self._clock() + reset_s


def _read_duration(text: str | None) -> float | None:
    """Return seconds of "1m2.5s", "20ms" or "60"; None for anything else."""
    text = (text or "").strip()
    text = f"{text}s" if text[-1:].isdigit() else text
    if not re.fullmatch(rf"(?:{_PART.pattern})+", text, re.ASCII):
        return None
    return sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(text))
