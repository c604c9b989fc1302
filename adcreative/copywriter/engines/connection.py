"""One HTTP request whose connection can be closed from another thread, so that a server that drips cannot hold a thread.

A socket's own time limit starts anew with every byte: a server that sends one byte a minute, or "100 Continue" without end,
keeps a reader for ever. Redirects are not followed, and what stays on this machine asks no proxy. Knows HTTP; does not know
what is asked.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
import urllib.request
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from adcreative.copywriter.engines.server_address import is_this_machine


class Connection:
    """Opens one request; `close` ends it whatever it is waiting for, also before it has begun."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._is_closed = False

    def open(self, request: urllib.request.Request, timeout_s: float) -> Any:
        """Send the request and return the response.

        Raises:
            urllib.error.HTTPError: another status than success. OSError, http.client.HTTPException: no answer.
        """
        handlers: list[Any] = [_NoRedirect, _Http(self._note), _Https(self._note)]
        if is_this_machine(urlsplit(request.full_url).hostname or ""):
            handlers.append(urllib.request.ProxyHandler({}))  # a proxy of the environment would read it in plain text
        opener = urllib.request.build_opener(*handlers)
        return opener.open(request, timeout=timeout_s)

    def close(self) -> None:
        """Shut the socket down; the thread that reads from it gets an error at once."""
        with self._lock:
            self._is_closed = True
            if self._socket is not None:
                _shut_down(self._socket)

    def _note(self, opened: socket.socket) -> None:
        with self._lock:
            self._socket = opened
            if self._is_closed:
                _shut_down(opened)


def _shut_down(opened: socket.socket) -> None:
    with contextlib.suppress(OSError):  # it has ended by itself
        socket.socket.shutdown(opened, socket.SHUT_RDWR)  # a TLS socket's own shutdown would pull the rug from its reader


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_args: Any, **_kwargs: Any) -> None:
        return None


class _Http(urllib.request.HTTPHandler):
    def __init__(self, note: Callable[[socket.socket], None]) -> None:
        super().__init__()
        self._note = note

    def http_open(self, req: urllib.request.Request) -> Any:
        return self.do_open(_watched(http.client.HTTPConnection, self._note), req)  # type: ignore[arg-type]


class _Https(urllib.request.HTTPSHandler):
    def __init__(self, note: Callable[[socket.socket], None]) -> None:
        super().__init__()
        self._note = note

    def https_open(self, req: urllib.request.Request) -> Any:
        return self.do_open(_watched(http.client.HTTPSConnection, self._note), req)  # type: ignore[arg-type]


def _watched(kind: type[http.client.HTTPConnection], note: Callable[[socket.socket], None]) -> type[http.client.HTTPConnection]:
    """Return a kind of connection that tells `note` its socket once it is connected."""

    class Watched(kind):  # type: ignore[valid-type, misc]
        def connect(self) -> None:
            super().connect()
            note(self.sock)

    return Watched
