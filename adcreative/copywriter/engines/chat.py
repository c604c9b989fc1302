"""POST to an OpenAI-compatible chat server, with retries, back-off, time limits, cancelling and streaming.

Uses httpx2, which is a dependency of the model hub's client. Redirects are not followed, so that a server cannot send the
request (and its key) elsewhere; requests to this machine use no proxy. The `openai` client was tried: it raises
UnicodeDecodeError and RecursionError on hostile bytes, accepts a truncated stream as complete, and finds no text in an answer
that is not streamed. Knows HTTP; does not know ads.
"""

from __future__ import annotations

import contextlib
import json
import math
import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx2

from adcreative.copywriter.candidates import ShouldStop
from adcreative.copywriter.engines.answer_pieces import MAX_ANSWER_BYTES, AnswerError, read_object, read_pieces
from adcreative.copywriter.engines.server_address import (
    check_key,
    check_key_may_travel,
    clean_said,
    is_this_machine,
    read_address,
)
from adcreative.errors import CopywriterError

_Found = TypeVar("_Found")
_Trace = Callable[[str, Mapping[str, Any]], None]
_MAX_WIRE_BYTES = 16 * MAX_ANSWER_BYTES  # in a stream every word has its own envelope
_MAX_REFUSAL_CHARS = 2000
_RETRY_STATUS = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
_SLICE_S = 0.1
_REMEDIES = {
    401: "Set ADCREATIVE_LLM_API_KEY to a valid key.",
    403: "Set ADCREATIVE_LLM_API_KEY to a key that may use this model.",
    404: "Check the address and the model name after '#'.",
}


@dataclass(frozen=True, kw_only=True)
class ChatConfig:
    """Address of the server, and limits for retries.

    base_url ends before "/chat/completions". model may be empty: the first model listed by the server is used. backoff_s
    doubles with each failed attempt up to max_backoff_s; a Retry-After header takes precedence up to that cap. timeout_s is for
    one whole answer, streamed or not. temperature is sent to the server. api_key is never shown: not in the repr, not in an
    error.

    Raises:
        ConfigError: api_key holds a line end or another character that is invalid in a key.
    """

    base_url: str
    model: str = ""
    api_key: str = field(default="", repr=False)
    timeout_s: float = 60.0
    max_attempts: int = 4
    backoff_s: float = 0.5
    max_backoff_s: float = 20.0
    temperature: float = 0.7

    def __post_init__(self) -> None:
        check_key(self.api_key, name="api_key")


class StoppedError(Exception):
    """The caller asked to stop while waiting; never leaves the copywriter. text: the answer so far."""

    text = ""


class BrokenOffError(CopywriterError):
    """The server failed during an answer worth keeping. text: the answer so far."""

    text = ""


class _StatusError(Exception):
    """The server answered with a status other than success."""

    def __init__(self, status: int, retry_after: str, body: str) -> None:
        super().__init__(f"status {status}")
        self.status, self.retry_after, self.body = status, retry_after, body


class RefusedError(CopywriterError):
    """The server answered with a client error that a retry cannot fix; `status` and a cleaned `body` describe the error."""

    def __init__(self, message: str, status: int, body: str) -> None:
        super().__init__(message)
        self.status, self.body = status, body


class ChatClient:
    """Sends JSON to the server and returns the answer, or raises a CopywriterError in one sentence.

    sleep: function to wait for seconds between requests.

    Raises:
        ConfigError: a key would be sent unencrypted to another machine, with or without a proxy.
    """

    def __init__(self, config: ChatConfig, *, sleep: Callable[[float], None] = time.sleep) -> None:
        check_key_may_travel(config.api_key, read_address(config.base_url))
        self.config = config
        self._sleep = sleep

    def ask(self, body: dict[str, Any], is_kept: Callable[[str], bool], should_stop: ShouldStop | None = None) -> str:
        """POST to /chat/completions and return the answer's text.

        Args:
            body: with "stream": true the text arrives in pieces; an answer in one piece is also accepted.
            is_kept: whether the text of a truncated answer is useful; if so, there is no further attempt.
        Raises:
            BrokenOffError: the answer is truncated, and `is_kept` is true.
            CopywriterError: the server cannot be reached, refuses, or does not answer JSON, after all attempts.
            StoppedError: `should_stop` returned true, between attempts or while waiting for the server.
        """
        pieces: list[str] = []

        def read(chunks: Iterator[bytes]) -> str:
            pieces.clear()
            for piece in read_pieces(chunks):
                pieces.append(piece)
            return "".join(pieces)

        try:
            return self._attempt("/chat/completions", body, read, should_stop, lambda: is_kept("".join(pieces)))
        except (StoppedError, BrokenOffError) as error:
            error.text = "".join(pieces)
            raise

    def list_models(self, should_stop: ShouldStop | None = None) -> list[str]:
        """Return the ids of the models that the server lists; empty if it lists none.

        Raises:
            CopywriterError: the server cannot be reached, or does not answer JSON.
        """
        try:
            answer = self._attempt("/models", None, read_object, should_stop)
            return [str(one["id"]) for one in answer["data"]]
        except (RefusedError, KeyError, TypeError):
            return []

    def _attempt(
        self,
        path: str,
        body: dict[str, Any] | None,
        read: Callable[[Iterator[bytes]], _Found],
        should_stop: ShouldStop | None,
        is_kept: Callable[[], bool] = lambda: False,
    ) -> _Found:
        problem = ""
        for attempt in range(self.config.max_attempts):
            if should_stop is not None and should_stop():
                raise StoppedError
            wait_s = min(self.config.backoff_s * 2**attempt, self.config.max_backoff_s)
            try:
                with contextlib.closing(self._chunks(path, body, should_stop)) as chunks:
                    return read(chunks)
            except _StatusError as error:
                if error.status not in _RETRY_STATUS:
                    raise self._refused(error.status, error.body) from None
                problem = f"it answered {error.status} ({'rate limit' if error.status == 429 else 'busy or broken'})"
                wait_s = min(_retry_after(error.retry_after) or wait_s, self.config.max_backoff_s)
            except AnswerError as error:
                problem = self._clean(str(error))
            except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:  # refused, reset, truncated, unknown host
                is_late = isinstance(error, httpx2.TimeoutException | TimeoutError)
                problem = "it took too long" if is_late else self._clean(str(error) or type(error).__name__).rstrip(".")
            if is_kept():
                raise BrokenOffError(f"the language model server at {self.config.base_url} broke off: {problem}.")
            if attempt + 1 < self.config.max_attempts:
                self._wait(wait_s, should_stop)
        raise CopywriterError(
            f"the language model server at {self.config.base_url} did not answer after {self.config.max_attempts} attempts: "
            f"{problem}. Check that it runs, or use --llm template."
        )

    def _chunks(self, path: str, body: dict[str, Any] | None, should_stop: ShouldStop | None) -> Generator[bytes, None, None]:
        """Yield the answer as it arrives, from a separate thread, so that neither a stop nor the time limit waits for a slow
        server.

        The sockets of an abandoned answer are shut down, which ends the thread: a socket's own time limit restarts with every
        byte, and with every "100 Continue".
        """
        found: queue.SimpleQueue[tuple[float, bytes | Exception | None]] = queue.SimpleQueue()
        sockets: list[socket.socket] = []
        is_abandoned = threading.Event()

        def note(event: str, info: Mapping[str, Any]) -> None:
            if event.endswith(("connect_tcp.complete", "start_tls.complete")):
                sockets.append(info["return_value"].get_extra_info("socket"))
                if is_abandoned.is_set():
                    _shut_down(sockets)

        def fetch() -> None:
            try:
                for chunk in self._send(path, body, note):
                    found.put((time.monotonic(), chunk))
                found.put((time.monotonic(), None))
            except Exception as error:  # raised again in the calling thread
                found.put((time.monotonic(), error))

        deadline_s = time.monotonic() + self.config.timeout_s
        threading.Thread(target=fetch, daemon=True).start()
        try:
            while True:
                if found.empty() and should_stop is not None and should_stop():
                    raise StoppedError
                chunk: bytes | Exception | None = b""
                try:
                    arrived_s, chunk = found.get(timeout=max(min(_SLICE_S, deadline_s - time.monotonic()), 0.001))
                except queue.Empty:
                    arrived_s = time.monotonic()
                if arrived_s > deadline_s:
                    raise TimeoutError
                if isinstance(chunk, Exception):
                    raise chunk
                if chunk is None:
                    return
                if chunk:
                    yield chunk
        finally:
            is_abandoned.set()
            _shut_down(sockets)

    def _send(self, path: str, body: dict[str, Any] | None, trace: _Trace) -> Iterator[bytes]:
        url = self.config.base_url + path
        headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
        if self.config.api_key:
            headers["Authorization"] = f"Bearer {self.config.api_key}"
        settings: dict[str, Any] = {"timeout": self.config.timeout_s, "follow_redirects": False, "trust_env": False}
        client = httpx2.Client(proxy=_proxy_for(url), verify=ssl.create_default_context(), **settings)
        request: dict[str, Any] = {"headers": {"Accept-Encoding": "identity", **headers}, "extensions": {"trace": trace}}
        content = None if body is None else json.dumps(body)
        with client, client.stream("GET" if body is None else "POST", url, content=content, **request) as response:
            if not response.is_success:
                raise _StatusError(response.status_code, response.headers.get("Retry-After", ""), _read_refusal(response))
            num_bytes = 0
            for chunk in response.iter_raw():  # raw bytes, nothing is decompressed
                num_bytes += len(chunk)
                if num_bytes > _MAX_WIRE_BYTES:
                    raise AnswerError("its answer was longer than a megabyte of text can need")
                yield chunk

    def _refused(self, status: int, body: str) -> RefusedError:
        said = self._clean(body)
        message = f"the language model server at {self.config.base_url} refused with status {status}"
        remedy = _REMEDIES.get(status, "Check the address and the server's log.")
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


def _shut_down(sockets: Iterable[socket.socket]) -> None:
    for opened in sockets:
        with contextlib.suppress(OSError):  # already closed
            socket.socket.shutdown(opened, socket.SHUT_RDWR)  # a TLS socket's own shutdown would break its reader


def _proxy_for(url: str) -> str | None:
    """Return the proxy of the environment; none for this machine, since a proxy would read the request in plain text."""
    parts = urlsplit(url)
    proxy = getproxies().get(parts.scheme, "")
    if not proxy or is_this_machine(parts.hostname or "") or proxy_bypass(parts.netloc):
        return None
    proxy = proxy if "://" in proxy else f"http://{proxy}"
    if not proxy.casefold().startswith(("http://", "https://")):
        raise AnswerError(f"the proxy in {parts.scheme}_proxy begins with neither http:// nor https://")
    return proxy


def _read_refusal(response: httpx2.Response) -> str:
    """Return the body of an error response as text, cut at a megabyte; unreadable bytes are dropped."""
    content = bytearray()
    with contextlib.suppress(httpx2.HTTPError):
        for chunk in response.iter_raw():
            content += chunk
            if len(content) > MAX_ANSWER_BYTES:
                break
    return content.decode("utf-8", errors="replace")


def _retry_after(value: str) -> float | None:
    """Return the seconds to wait; the header holds seconds or a date (RFC 9110, 10.2.3)."""
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError):
            return None
    return max(seconds, 0.0) if math.isfinite(seconds) else None
