"""One POST to an OpenAI-compatible chat server, patiently: retries, back-off, rate limits, time limits, cancelling, streaming.

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
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import Message
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

from adcreative.copywriter.candidates import ShouldStop
from adcreative.copywriter.engines.answer_pieces import MAX_ANSWER_BYTES, AnswerError, read_object, read_pieces
from adcreative.copywriter.engines.connection import Connection
from adcreative.copywriter.engines.request_pace import RequestPace
from adcreative.copywriter.engines.server_address import check_key, check_key_may_travel, clean_said, read_address
from adcreative.errors import CopywriterError

_Part = TypeVar("_Part")
_MAX_WIRE_BYTES = 16 * MAX_ANSWER_BYTES  # in a stream every word travels in an envelope of its own
_CHUNK_BYTES = 65536
_MAX_REFUSAL_CHARS = 2000
_RETRY_STATUS = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
_SLICE_S = 0.1
_POLL_S = 0.1


@dataclass(frozen=True, kw_only=True)
class ChatConfig:
    """Where the server is and how patient to be.

    base_url ends before "/chat/completions". model may be empty: the first one the server lists is used. backoff_s doubles
    with each failed attempt up to max_backoff_s; a Retry-After header wins up to that cap, and so long at most is waited for a
    limit of requests that the server states. timeout_s is for one whole answer, streamed or not.
    temperature is the server's. api_key is never shown: not in the repr, not in an error.

    Raises:
        ConfigError: api_key holds a line end or another character that no key has.
    """

    base_url: str
    model: str = ""
    api_key: str = field(default="", repr=False)
    timeout_s: float = 60.0
    max_attempts: int = 4
    backoff_s: float = 0.5
    max_backoff_s: float = 20.0
    temperature: float = 0.9

    def __post_init__(self) -> None:
        check_key(self.api_key, name="api_key")


class StoppedError(Exception):
    """The caller asked to stop while waiting; never leaves the copywriter."""


class _StatusError(Exception):
    """The server answered with another status than success."""

    def __init__(self, status: int, headers: Message, body: str) -> None:
        super().__init__(f"status {status}")
        self.status, self.headers, self.body = status, headers, body


class RefusedError(CopywriterError):
    """The server answered with a client error that retrying cannot cure; `status` and a clean `body` say which."""

    def __init__(self, message: str, status: int, body: str) -> None:
        super().__init__(message)
        self.status, self.body = status, body


class ChatClient:
    """Sends JSON to the server and hands out what comes back, or a CopywriterError in one sentence.

    sleep, clock: seconds; only for waiting between requests.

    Raises:
        ConfigError: a key would travel unencrypted to another machine, by a proxy or without one.
    """

    def __init__(
        self, config: ChatConfig, *, sleep: Callable[[float], None] = time.sleep, clock: Callable[[], float] = time.monotonic
    ) -> None:
        check_key_may_travel(config.api_key, read_address(config.base_url))
        self.config = config
        self._sleep = sleep
        self._pace = RequestPace(clock)

    def ask(
        self, body: dict[str, Any], read: Callable[[Iterator[str]], Iterable[_Part]], should_stop: ShouldStop | None = None
    ) -> Iterator[_Part]:
        """POST to /chat/completions and yield what `read` makes of the answer's text.

        Args:
            body: with "stream": true the text comes in pieces; a server that answers in one piece is read as well.
            read: from the pieces of one answer to its parts; called anew for every attempt. Once it has yielded a part there is
                no further attempt, and once it ends the rest of the answer is not waited for.
        Raises:
            CopywriterError: the server cannot be reached, refuses, or does not answer JSON, after all attempts; or it broke off
                after the first part.
            StoppedError: `should_stop` turned true, between attempts or while the server was thinking.
        """
        return self._attempt("/chat/completions", body, lambda chunks: read(read_pieces(chunks)), should_stop)

    def first_model(self, should_stop: ShouldStop | None = None) -> str:
        """Return the id of the first model the server lists, or "default" when it lists none."""
        try:
            (answer,) = self._attempt("/models", None, lambda chunks: [read_object(chunks)], should_stop)
            return str(answer["data"][0]["id"])
        except (RefusedError, KeyError, IndexError, TypeError):
            return "default"

    def _attempt(
        self,
        path: str,
        body: dict[str, Any] | None,
        read: Callable[[Iterator[bytes]], Iterable[_Part]],
        should_stop: ShouldStop | None,
    ) -> Iterator[_Part]:
        problem, has_begun = "", False
        for attempt in range(self.config.max_attempts):
            if should_stop is not None and should_stop():
                raise StoppedError
            self._wait(min(self._pace.claim(), self.config.max_backoff_s), should_stop)
            wait_s = min(self.config.backoff_s * 2**attempt, self.config.max_backoff_s)
            try:
                with closing(self._chunks(path, body, should_stop)) as chunks:
                    for part in read(chunks):
                        has_begun = True
                        yield part
                return
            except _StatusError as error:
                if error.status not in _RETRY_STATUS:
                    raise self._refused(error.status, error.body) from None
                problem = f"it answered {error.status} ({'rate limit' if error.status == 429 else 'busy or broken'})"
                wait_s = min(_retry_after(error.headers) or wait_s, self.config.max_backoff_s)
            except AnswerError as error:
                problem = self._clean(str(error))
            except (OSError, http.client.HTTPException, UnicodeError) as error:  # refused, reset, cut short, no such name
                problem = self._clean(_describe(error))
            if has_begun:
                raise CopywriterError(f"the language model server at {self.config.base_url} broke off: {problem}.")
            if attempt + 1 < self.config.max_attempts:
                self._wait(wait_s, should_stop)
        raise CopywriterError(
            f"the language model server at {self.config.base_url} did not answer after {self.config.max_attempts} attempts: "
            f"{problem}. Check that it runs, or use --llm template."
        )

    def _chunks(self, path: str, body: dict[str, Any] | None, should_stop: ShouldStop | None) -> Generator[bytes, None, None]:
        """Yield the answer as it comes. A thread of its own waits, so that neither a stop nor the time limit waits for a server
        that is slow or drips.

        The connection of an answer that nobody waits for any more is closed, and its thread ends.
        """
        connection = Connection()
        found: queue.SimpleQueue[tuple[float, bytes | Exception]] = queue.SimpleQueue()
        is_abandoned = threading.Event()

        def fetch() -> None:
            try:
                for chunk in self._send(connection, path, body):
                    if is_abandoned.is_set():
                        return
                    found.put((time.monotonic(), chunk))
                found.put((time.monotonic(), b""))
            except Exception as error:  # raised again in the thread that asked
                found.put((time.monotonic(), error))

        deadline_s = time.monotonic() + self.config.timeout_s
        threading.Thread(target=fetch, daemon=True).start()
        try:
            while True:
                if found.empty() and should_stop is not None and should_stop():
                    raise StoppedError
                left_s = deadline_s - time.monotonic()
                try:
                    arrived_s, chunk = found.get(timeout=max(min(_POLL_S, left_s), 0.001))
                except queue.Empty:
                    arrived_s, chunk = time.monotonic(), None
                if arrived_s > deadline_s:
                    raise TimeoutError
                if isinstance(chunk, Exception):
                    raise chunk
                if chunk == b"":
                    return
                if chunk is not None:
                    yield chunk
        finally:
            is_abandoned.set()
            connection.close()

    def _send(self, connection: Connection, path: str, body: dict[str, Any] | None) -> Iterator[bytes]:
        headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
        if self.config.api_key:
            headers["Authorization"] = f"Bearer {self.config.api_key}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.config.base_url + path, data=data, headers=headers)
        try:
            with connection.open(request, self.config.timeout_s) as response:
                self._pace.note(response.headers)
                num_bytes = 0
                while chunk := response.read1(_CHUNK_BYTES):
                    num_bytes += len(chunk)
                    if num_bytes > _MAX_WIRE_BYTES:
                        raise AnswerError("its answer was longer than a megabyte of text can need")
                    yield chunk
        except urllib.error.HTTPError as error:
            self._pace.note(error.headers)
            raise _StatusError(error.code, error.headers, _read(error)) from None

    def _refused(self, status: int, body: str) -> RefusedError:
        remedy = {
            401: "Set ADCREATIVE_LLM_API_KEY to a valid key.",
            403: "Set ADCREATIVE_LLM_API_KEY to a key that may use this model.",
            404: "Check the address and the model name after '#'.",
        }.get(status, "Check the address and the server's log.")
        said = self._clean(body)
        message = f"the language model server at {self.config.base_url} refused with status {status}"
        cleaned = clean_said(body, self.config.api_key, max_chars=_MAX_REFUSAL_CHARS)
        return RefusedError(f"{message}{f' ({said})' if said else ''}. {remedy}", status, cleaned)

    def _clean(self, text: str) -> str:
        return clean_said(text, self.config.api_key)

    def _wait(self, seconds: float, should_stop: ShouldStop | None) -> None:
        """Sleep in slices, so that a cancelled run does not wait for a rate limit."""
        left = seconds
        while left > 0:
            if should_stop is not None and should_stop():
                raise StoppedError
            self._sleep(min(_SLICE_S, left))
            left -= _SLICE_S


def _read(response: Any) -> str:
    """Return the body of a refusal as text, cut at a megabyte; what cannot be read is left out."""
    try:
        content: bytes = response.read(MAX_ANSWER_BYTES)
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
