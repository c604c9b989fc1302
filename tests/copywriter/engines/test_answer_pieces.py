"""Text out of a chat completion's bytes: events, one object, and what is neither."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adcreative.copywriter.engines.answer_pieces import MAX_ANSWER_BYTES, AnswerError, read_object, read_pieces
from tests.copywriter.conftest import delta_event

DONE = b"data: [DONE]\n\n"


@given(st.lists(st.text(min_size=1), max_size=4), st.integers(1, 40), st.sampled_from([b"\n", b"\r\n"]))
def test_events_give_their_texts_however_the_bytes_are_cut(texts: list[str], size: int, end_of_line: bytes) -> None:
    events = [json.dumps({"choices": [{"delta": {"content": text}}]}, ensure_ascii=False) for text in texts]
    lines = [":comment", "", *(f"data: {event}" for event in events), "event: x", "data:[DONE]", "data: beyond the end"]
    body = end_of_line.join(line.encode("utf-8", "surrogatepass") for line in lines)
    assert list(read_pieces(body[i : i + size] for i in range(0, len(body), size))) == texts


def test_a_finish_reason_ends_a_stream_without_done() -> None:
    last = b'data: {"choices": [{"delta": {"content": "d"}, "finish_reason": "length"}]}'
    assert list(read_pieces([delta_event("c"), last])) == ["c", "d"]


@pytest.mark.parametrize(
    "event", [{}, {"choices": []}, {"choices": [None]}, {"choices": [{"delta": {"content": None}}]}, {"choices": {"0": 1}}]
)
def test_events_without_text_are_passed_over(event: dict) -> None:
    assert list(read_pieces([f"data: {json.dumps(event)}\n".encode(), delta_event("a"), DONE])) == ["a"]


def test_an_object_is_one_piece_even_when_events_were_asked_for() -> None:
    body = json.dumps({"choices": [{"message": {"content": "a b"}}]}, indent=2).encode()
    assert list(read_pieces([b"\xef\xbb\xbf" + body[:20], body[20:]])) == ["a b"]


@pytest.mark.parametrize(
    ("rest", "problem"),
    [
        ([], "the connection ended in the middle of its answer"),
        ([b'data: {"choices": [{"delta": {"cont'], "a part of its answer was not JSON"),
        ([b"data: [1]\n"], "a part of its answer was not JSON"),
        ([b'data: {"error": {"message": "out of\\nmemory"}}\n'], r"it reported an error \(out of memory\)"),
        ([b'data: {"error": "overloaded"}\n'], r"it reported an error \(overloaded\)"),
        ([delta_event("x" * (MAX_ANSWER_BYTES // 2))] * 2, "its answer was longer than a megabyte"),
        ([b"data: " + b"x" * MAX_ANSWER_BYTES], "its answer was longer than a megabyte"),
    ],
)
def test_a_broken_stream_says_why_after_what_was_good(rest: list[bytes], problem: str) -> None:
    pieces = read_pieces([delta_event("a"), *rest])
    assert next(pieces) == "a"
    with pytest.raises(AnswerError, match=problem):
        list(pieces)


def test_an_object_of_more_than_a_megabyte_is_refused() -> None:
    with pytest.raises(AnswerError, match="its answer was longer than a megabyte"):
        read_object([b'{"a": "', *[b"x" * 1000] * 1000, b'"}'])
    with pytest.raises(AnswerError, match="its answer was not JSON"):
        list(read_pieces([b"\n\n"]))
