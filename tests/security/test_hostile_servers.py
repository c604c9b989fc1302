"""Hostile language servers on loopback: each ends in one clean sentence, in time, and leaves no thread behind."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
import traceback
from collections.abc import Callable, Iterator

import pytest

from adcreative.copywriter import Brief
from adcreative.copywriter.engines.chat import ChatClient, ChatConfig
from adcreative.copywriter.engines.server import ServerSource
from adcreative.copywriter.engines.template import TemplateSource
from adcreative.copywriter.writer import LintedCopywriter
from adcreative.errors import CopywriterError

KEY = "attack-key-4711"
TIMEOUT_S, ATTEMPTS = 0.4, 2
BRIEF = Brief(brand="Fellrunner", product="trail shoes", headline="Trail shoes for wet rock", description="Grippy sole.")
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
Behaviour = Callable[[socket.socket], None]


def sends(*parts: bytes) -> Behaviour:
    """Return a behaviour that sends these bytes and closes."""

    def send(connection: socket.socket) -> None:
        for part in parts:
            connection.sendall(part)

    return send


def drips(connection: socket.socket) -> None:
    connection.sendall(OK + b"\r\n")
    while True:
        connection.sendall(b" ")
        time.sleep(0.05)


def continues_without_end(connection: socket.socket) -> None:
    while True:
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        time.sleep(0.01)


def sends_a_huge_body(connection: socket.socket) -> None:
    connection.sendall(OK + b"\r\n")
    for _ in range(64):
        connection.sendall(b"x" * 1_000_000)


def drips_events(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
    while True:
        connection.sendall(b": ping\n\n")
        time.sleep(0.02)


def says_nothing(connection: socket.socket) -> None:
    time.sleep(30)


def _answer(content: bytes) -> bytes:
    return OK + b"Content-Length: %d\r\n\r\n" % len(content) + content


def _status(line: str, body: str = "", headers: str = "") -> bytes:
    content = body.encode()
    return f"HTTP/1.1 {line}\r\nContent-Length: {len(content)}\r\n{headers}\r\n".encode() + content


DEEP = b"[" * 200_000
NESTED_LINES = sends(_answer(json.dumps({"choices": [{"message": {"content": '{"lines": ' + DEEP.decode()}}]}).encode()))
STORM = "Retry-After: 999999999\r\nx-ratelimit-remaining-requests: 0\r\nx-ratelimit-reset-requests: 999999999h\r\n"
BEHAVIOURS: dict[str, Behaviour] = {
    "drips": drips,
    "drips events": drips_events,
    "says nothing": says_nothing,
    "continues without end": continues_without_end,
    "huge body": sends_a_huge_body,
    "huge body declared": sends(OK + b"Content-Length: 99999999999999\r\n\r\n{"),
    "no utf-8": sends(_answer(b"\xff\xfe\x80\x81" * 100)),
    "nested": sends(_answer(DEEP)),
    "nested in a stream": sends(b"HTTP/1.1 200 OK\r\n\r\ndata: " + DEEP + b"\n\n"),
    "odd types": sends(_answer(b'{"choices": [{"message": {"content": {"lines": 3}}}]}')),
    "redirect to a file": sends(_status("302 Found", headers="Location: file:///etc/passwd\r\n")),
    "redirect elsewhere": sends(_status("307 Temporary Redirect", headers="Location: http://169.254.169.254/latest\r\n")),
    "echoes the key": sends(_status("401 Unauthorized", f"your key Bearer {KEY} \x1b]0;owned\x07 is wrong " * 50)),
    "echoes the key in its status line": sends(f"EVIL {KEY}\r\n\r\n".encode()),
    "429 storm": sends(_status("429 Too Many Requests", headers=STORM)),
    "header bomb": sends(b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 5000 + b"\r\n"),
    "long header": sends(b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 1_000_000 + b"\r\n\r\n"),
    "chunked garbage": sends(OK + b"Transfer-Encoding: chunked\r\n\r\nZZZ\r\n\x00\x00", b"-5\r\n"),
    "early close": sends(OK + b"Content-Length: 500\r\n\r\n" + b'{"choices": [{"mess'),
    "closes at once": lambda connection: None,
    "no http": sends(b"SSH-2.0-OpenSSH_9.6\r\n"),
    "error in a stream": sends(b'HTTP/1.1 200 OK\r\n\r\ndata: {"error": {"message": "' + KEY.encode() + b' \\u001b[2J"}}\n\n'),
}


@pytest.fixture
def serve() -> Iterator[Callable[[Behaviour], str]]:
    """Return a function that serves a behaviour to every connection and returns the address."""
    listening: list[socket.socket] = []

    def start(behaviour: Behaviour) -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        listening.append(listener)

        def talk(connection: socket.socket) -> None:
            with contextlib.suppress(OSError), connection:
                connection.settimeout(5)
                connection.recv(65536)
                behaviour(connection)

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    threading.Thread(target=talk, args=(listener.accept()[0],), name="hostile", daemon=True).start()

        threading.Thread(target=accept, name="hostile", daemon=True).start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}/v1"

    yield start
    for listener in listening:
        listener.close()


def source(url: str) -> ServerSource:
    config = ChatConfig(base_url=url, model="m", api_key=KEY, timeout_s=TIMEOUT_S, max_attempts=ATTEMPTS)
    return ServerSource(ChatClient(config, sleep=lambda _: None))


def our_threads() -> int:
    return sum(thread.name != "hostile" for thread in threading.enumerate())


@pytest.mark.parametrize("name", BEHAVIOURS)
def test_a_hostile_server_ends_in_one_clean_sentence(name: str, serve: Callable[[Behaviour], str]) -> None:
    before, started_s = our_threads(), time.monotonic()
    with pytest.raises(CopywriterError, match="the language model server at http://127") as caught:
        source(serve(BEHAVIOURS[name])).propose(BRIEF, "headline", 3, seed=0)
    assert time.monotonic() - started_s < ATTEMPTS * TIMEOUT_S + 3
    said = str(caught.value)
    assert said.isprintable()
    assert len(said) < 600
    assert KEY not in "".join(traceback.format_exception(caught.value))
    deadline_s = time.monotonic() + 2
    while our_threads() > before and time.monotonic() < deadline_s:
        time.sleep(0.01)
    assert our_threads() <= before, "a thread still waits for the server"


@pytest.mark.parametrize(
    "behaviour",
    [NESTED_LINES, drips, BEHAVIOURS["429 storm"], BEHAVIOURS["echoes the key"]],
    ids=["nested lines", "drips", "429 storm", "echoes the key"],
)
def test_the_template_writes_when_the_server_is_hostile(behaviour: Behaviour, serve: Callable[[Behaviour], str]) -> None:
    writer = LintedCopywriter(source(serve(behaviour)), fallback=TemplateSource())
    written = writer.write(BRIEF, 3, 0, seed=0)
    assert len(written.headlines) == 3
    assert set(written.engines) == {"template"}
    assert KEY not in repr(written)
