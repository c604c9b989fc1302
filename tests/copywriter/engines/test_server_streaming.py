"""Lines of a chat server that streams its answer, against a real HTTP server in a thread, and streams that go wrong."""

from __future__ import annotations

import json
import threading
import time

import pytest

from adcreative.copywriter import build_copywriter
from adcreative.copywriter.candidates import CutShortError
from adcreative.copywriter.engines.chat import ChatClient, ChatConfig
from adcreative.copywriter.engines.server import ServerSource
from adcreative.errors import CopywriterError

LINES = ["Grip that loves mud", "Find your next muddy hill", "Looking for a grippy sole?"]
WHOLE = json.dumps({"lines": LINES})
BEGUN = ('{"lines": ["Grip that loves mud", "Find yo', 'ur next muddy hill", "Looking for')


def _source(address: str, waits: list[float] | None = None, **settings: object) -> ServerSource:
    base_url, _, model = address.partition("#")
    config = ChatConfig(base_url=base_url, model=model, **settings)  # type: ignore[arg-type]
    return ServerSource(ChatClient(config, sleep=(waits if waits is not None else []).append))


def _propose(source: ServerSource, brief) -> list[str]:
    return source.propose(brief, "headline", 3, seed=0)


@pytest.mark.parametrize(
    "content",
    [
        WHOLE,
        f"Here you are:\n```json\n{WHOLE}\n```",
        json.dumps(LINES),
        "1. Grip that loves mud\n2. Looking for a grippy sole?",
        json.dumps({"lines": ["Schöne Schuhe für Bäche", "🎉 Mud", "The best shoes"]}, ensure_ascii=False),
    ],
)
def test_streamed_or_not_the_lines_are_the_same(chat_server, shoe_brief, content: str) -> None:
    source = _source(chat_server.address)
    chat_server.streams(*(content[i : i + 3] for i in range(0, len(content), 3)))
    chat_server.writes(content)
    streamed = source.propose(shoe_brief, "headline", 3, seed=0)
    assert source.ask_lines("s", "r", {}, max_tokens=9, seed=0) == streamed  # answered in one piece
    assert all(request["stream"] for request in chat_server.requests)


def test_an_answer_in_one_piece_is_not_asked_for_again(chat_server, shoe_brief) -> None:
    chat_server.writes(WHOLE)
    assert _propose(_source(chat_server.address), shoe_brief) == LINES
    assert len(chat_server.requests) == 1


@pytest.mark.parametrize("status", [400, 422, 501])
def test_a_server_that_refuses_streaming_is_asked_without_it_from_then_on(chat_server, shoe_brief, status: int) -> None:
    chat_server.says(status, {"error": "'stream' is not supported"})
    chat_server.says(400, {"error": "unknown field json_schema"})
    chat_server.writes(WHOLE)
    source = _source(chat_server.address)
    assert _propose(source, shoe_brief) == LINES
    assert source.propose(shoe_brief, "headline", 3, seed=0) == LINES
    asked = [("stream" in request, "response_format" in request) for request in chat_server.requests]
    assert asked == [(True, True), (False, True), (False, False), (False, False)]


@pytest.mark.parametrize(
    ("end", "problem"),
    [
        (b"", "broke off: the connection ended in the middle of its answer"),
        (b"data: {half\n\n", "broke off: a part of its answer was not JSON"),
        (b"data: \xff\xfe\n\n", "broke off: a part of its answer was not JSON"),
        (b'data: {"error": {"message": "worker died"}}\n\n', r"broke off: it reported an error \(worker died\)"),
        (b"data: [DONE]\n\n", "is not whole JSON"),
    ],
)
def test_a_stream_that_breaks_keeps_the_finished_lines_and_says_so(chat_server, shoe_brief, end: bytes, problem: str) -> None:
    chat_server.streams(*BEGUN, end=end)
    with pytest.raises(CutShortError, match=problem) as caught:
        _propose(_source(chat_server.address), shoe_brief)
    assert caught.value.lines == tuple(LINES[:2])
    alone = build_copywriter(chat_server.address, allow_fallback=False).write(shoe_brief, 3, 0, seed=0)
    assert alone.headlines == tuple(LINES[:2])
    assert alone.notes[0].startswith("server:test-model finished 2 lines and then failed: the ")
    helped = build_copywriter(chat_server.address).write(shoe_brief, 3, 0, seed=0)
    assert helped.engines == ("server:test-model", "server:test-model", "template")
    assert len(chat_server.requests) == 3  # each asked once: what came is paid for


def test_a_connection_that_drops_within_a_chunk_keeps_the_finished_lines(chat_server, shoe_brief) -> None:
    event = b'data: {"choices": [{"delta": {"content": "{\\"lines\\": [\\"Grip that loves mud\\", \\"Re"}}]}\n\n'
    chat_server.says(200, b"%x\r\n%s\r\n40\r\ndata: {" % (len(event), event), Transfer_Encoding="chunked")
    with pytest.raises(CutShortError, match=r"broke off: peer closed connection .*\(incomplete chunked read\)"):
        _propose(_source(chat_server.address), shoe_brief)


def test_bad_utf8_within_a_line_spoils_that_line_only(chat_server, shoe_brief) -> None:
    spoilt = b'data: {"choices": [{"delta": {"content": "\\"Mud \xff\xfe shoes\\", "}}]}\n\n'
    chat_server.streams('{"lines": [', spoilt, '"Looking for a grippy sole?"]}')
    result = build_copywriter(chat_server.address, allow_fallback=False).write(shoe_brief, 3, 0, seed=0)
    assert result.headlines == ("Looking for a grippy sole?",)
    assert result.dropped[0][0] == "Mud \ufffd\ufffd shoes"


def test_before_the_first_line_a_broken_stream_is_tried_again_from_the_start(chat_server, shoe_brief) -> None:
    chat_server.streams('{"lines": ["Lost ha', end=b"")
    chat_server.streams("", end=b"data: {\n\n")
    chat_server.streams(WHOLE)
    waits: list[float] = []
    assert _propose(_source(chat_server.address, waits), shoe_brief) == LINES
    assert len(chat_server.requests) == 3
    assert sum(waits) == pytest.approx(1.5)


def test_a_stream_that_never_has_a_line_fails_in_one_sentence(chat_server, shoe_brief) -> None:
    chat_server.streams('{"lines": ["Lost ha', end=b"")
    with pytest.raises(CopywriterError, match="after 2 attempts: the connection ended in the middle of its answer"):
        _propose(_source(chat_server.address, max_attempts=2), shoe_brief)
    chat_server.answers.clear()
    chat_server.streams('{"lines": []}')
    with pytest.raises(CopywriterError, match="answered without any line"):
        _propose(_source(chat_server.address), shoe_brief)


def test_a_stream_is_held_to_the_time_of_a_whole_answer(chat_server, shoe_brief) -> None:
    chat_server.streams(*BEGUN, *[" and"] * 200)
    chat_server.before_part = lambda number: time.sleep(0.05 * (number > 1))  # always something new; ten seconds in all
    started_s = time.monotonic()
    with pytest.raises(CutShortError, match="broke off: it took too long") as caught:
        _propose(_source(chat_server.address, timeout_s=1.0), shoe_brief)
    assert time.monotonic() - started_s < 4.0
    assert caught.value.lines == tuple(LINES[:2])


def test_a_stream_is_held_to_the_size_of_an_answer(chat_server, shoe_brief) -> None:
    chat_server.streams(*BEGUN, *["x" * 100_000] * 11)
    with pytest.raises(CutShortError, match="broke off: its answer was longer than a megabyte"):
        _propose(_source(chat_server.address), shoe_brief)


def test_a_stream_of_empty_words_is_held_to_a_size_too(chat_server, shoe_brief, monkeypatch) -> None:
    monkeypatch.setattr("adcreative.copywriter.engines.chat._MAX_WIRE_BYTES", 50_000)
    chat_server.streams(*BEGUN, b": ping\n" * 10_000)
    with pytest.raises(CutShortError, match="broke off: its answer was longer than a megabyte of text can need"):
        _propose(_source(chat_server.address), shoe_brief)


def test_a_stop_in_the_middle_lets_go_at_once_and_keeps_the_finished_lines(chat_server, shoe_brief) -> None:
    chat_server.streams(*BEGUN, ' a grippy sole?"]}')
    may_go_on = threading.Event()
    written = threading.Event()
    # what was sent has a second to arrive
    chat_server.before_part = lambda number: number < 2 or (time.sleep(1.0), written.set(), may_go_on.wait(20))
    found = build_copywriter(chat_server.address).write(shoe_brief, 3, 2, seed=0, should_stop=written.is_set)
    assert found.is_cancelled
    assert found.headlines == tuple(LINES[:2])
    may_go_on.set()
    assert len(chat_server.requests) == 1


def test_more_lines_than_are_taken_are_cut(chat_server, shoe_brief) -> None:
    chat_server.streams(json.dumps({"lines": [f"line {number}" for number in range(100)]}))
    assert _propose(_source(chat_server.address), shoe_brief) == [f"line {number}" for number in range(64)]
