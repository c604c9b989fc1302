"""One POST to an OpenAI-compatible chat server, patiently: retries, back-off, rate limits, time limits, cancelling.

Standard library only. Redirects are not followed, so that a server cannot send the request (and its key) elsewhere. Knows
HTTP; does not know ads.
"""

from __future__ import annotations

import http.client
import json
import math
import queue
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import Message
from email.utils import parsedate_to_datetime
from typing import Any

from adcreative.copywriter.candidates import ShouldStop
from adcreative.errors import CopywriterError

_MAX_ANSWER_BYTES = 1_000_000
_RETRY_STATUS = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
_SLICE_S = 0.1
_POLL_S = 0.1


@dataclass(frozen=True, kw_only=True)
class ChatConfig:
    """Where the server is and how patient to be.

    base_url ends before "/chat/completions". model may be empty: the first one the server lists is used. backoff_s doubles
    with each failed attempt up to max_backoff_s; a Retry-After header wins up to that cap. timeout_s is for one whole answer.
    temperature is the server's.
    """

    base_url: str
    model: str = ""
    api_key: str = ""
    timeout_s: float = 60.0
    max_attempts: int = 4
    backoff_s: float = 0.5
    max_backoff_s: float = 20.0
    temperature: float = 0.9


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_args: Any, **_kwargs: Any) -> None:
        return None


class StoppedError(Exception):
    """The caller asked to stop while waiting; never leaves the copywriter."""


class _AnswerError(Exception):
    """What came back is no JSON object."""


class RefusedError(CopywriterError):
    """The server answered with a client error that retrying cannot cure; `status` and `body` say which."""

    def __init__(self, message: str, status: int, body: str) -> None:
        super().__init__(message)
        self.status, self.body = status, body


class ChatClient:
    """Sends JSON to the server and returns JSON, or a CopywriterError in one sentence."""

    def __init__(self, config: ChatConfig, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self.config = config
        self._sleep = sleep
        self._opener = urllib.request.build_opener(_NoRedirect)

    def complete(self, body: dict[str, Any], should_stop: ShouldStop | None = None) -> dict[str, Any]:
        """POST to /chat/completions.

        Raises:
            CopywriterError: the server cannot be reached, refuses, or does not answer JSON, after all attempts.
            StoppedError: `should_stop` turned true, between attempts or while the server was thinking.
        """
        return self._request("/chat/completions", body, should_stop)

    def first_model(self, should_stop: ShouldStop | None = None) -> str:
        """Return the id of the first model the server lists, or "default" when it lists none."""
        try:
            answer = self._request("/models", None, should_stop)
            return str(answer["data"][0]["id"])
        except (RefusedError, KeyError, IndexError, TypeError):
            return "default"

    def _request(self, path: str, body: dict[str, Any] | None, should_stop: ShouldStop | None) -> dict[str, Any]:
        problem = ""
        for attempt in range(self.config.max_attempts):
            if should_stop is not None and should_stop():
                raise StoppedError
            wait_s = min(self.config.backoff_s * 2**attempt, self.config.max_backoff_s)
            try:
                return self._send_watched(path, body, should_stop)
            except urllib.error.HTTPError as error:
                text = _read(error)
                if error.code not in _RETRY_STATUS:
                    raise self._refused(error.code, text) from None
                problem = f"it answered {error.code} ({'rate limit' if error.code == 429 else 'busy or broken'})"
                wait_s = min(_retry_after(error.headers) or wait_s, self.config.max_backoff_s)
            except _AnswerError:
                problem = "its answer was not JSON"
            except (OSError, http.client.HTTPException) as error:  # refused, reset, timed out, name not found, cut short
                problem = _describe(error)
            if attempt + 1 < self.config.max_attempts:
                self._wait(wait_s, should_stop)
        raise CopywriterError(
            f"the language model server at {self.config.base_url} did not answer after {self.config.max_attempts} attempts: "
            f"{problem}. Check that it runs, or use --llm template."
        )

    def _send_watched(self, path: str, body: dict[str, Any] | None, should_stop: ShouldStop | None) -> dict[str, Any]:
        """Send in a thread of its own, so that neither a stop nor the time limit waits for a server that is slow or drips.

        The thread of an answer that nobody waits for any more ends with its socket's own time limit.
        """
        found: queue.Queue[dict[str, Any] | Exception] = queue.Queue()

        def send() -> None:
            try:
                found.put(self._send(path, body))
            except Exception as error:  # raised again in the thread that asked
                found.put(error)

        deadline_s = time.monotonic() + self.config.timeout_s
        threading.Thread(target=send, daemon=True).start()
        while True:
            left_s = deadline_s - time.monotonic()
            try:
                answer = found.get(timeout=max(min(_POLL_S, left_s), 0.001))
            except queue.Empty:
                if should_stop is not None and should_stop():
                    raise StoppedError from None
                if left_s <= 0:
                    raise TimeoutError from None
                continue
            if isinstance(answer, Exception):
                raise answer
            return answer

    def _send(self, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self.config.api_key:
            headers["Authorization"] = f"Bearer {self.config.api_key}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.config.base_url + path, data=data, headers=headers)
        with self._opener.open(request, timeout=self.config.timeout_s) as response:
            text = _read(response)
        try:
            answer = json.loads(text)
        except (ValueError, RecursionError) as error:  # no JSON, a number of thousands of digits, thousands of brackets
            raise _AnswerError from error
        if not isinstance(answer, dict):
            raise _AnswerError
        return answer

    def _refused(self, status: int, body: str) -> RefusedError:
        remedy = {
            401: "Set ADCREATIVE_LLM_API_KEY to a valid key.",
            403: "Set ADCREATIVE_LLM_API_KEY to a key that may use this model.",
            404: "Check the address and the model name after '#'.",
        }.get(status, "Check the address and the server's log.")
        said = " ".join(body.split())[:160]
        message = f"the language model server at {self.config.base_url} refused with status {status}"
        return RefusedError(f"{message}{f' ({said})' if said else ''}. {remedy}", status, body)

    def _wait(self, seconds: float, should_stop: ShouldStop | None) -> None:
        """Sleep in slices, so that a cancelled run does not wait for a rate limit."""
        left = seconds
        while left > 0:
            if should_stop is not None and should_stop():
                raise StoppedError
            self._sleep(min(_SLICE_S, left))
            left -= _SLICE_S


def _read(response: Any) -> str:
    """Return the body as text; what passes a megabyte is cut, and then no longer parses."""
    try:
        content: bytes = response.read(_MAX_ANSWER_BYTES)
    except (OSError, http.client.HTTPException):
        return ""
    return content.decode("utf-8", errors="replace")


def _retry_after(headers: Message) -> float | None:
    """Return seconds to wait; the header holds seconds or a date (RFC 9110, 10.2.3)."""
    value = headers.get("Retry-After", "")
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError):
            return None
    return max(seconds, 0.0) if math.isfinite(seconds) else None


def _describe(error: Exception) -> str:
    reason = getattr(error, "reason", error)
    if isinstance(reason, TimeoutError):
        return "it took too long"
    return f"{type(reason).__name__.removesuffix('Error')} ({reason})" if str(reason) else type(reason).__name__
