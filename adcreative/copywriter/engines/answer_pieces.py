"""Decode a chat completion: server-sent events piece by piece, or one JSON object.

The format is detected from the answer itself, since servers without streaming ignore the request and content types are often
wrong. Each `data:` line is one event, as in all OpenAI-compatible servers. Knows no sockets.

Source: OpenAI, API reference, "Chat completion chunk object"; WHATWG HTML, 9.2.6 (fields, comments, UTF-8 with replacement).
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator
from typing import Any

MAX_ANSWER_BYTES = 1_000_000
_EVENT_FIELDS = (b"data:", b"event:", b"id:", b"retry:", b":")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class AnswerError(Exception):
    """The answer cannot be read completely; the message is a clause with the reason. Caught inside the copywriter."""


def read_pieces(chunks: Iterable[bytes]) -> Iterator[str]:
    """Yield the text of the first choice as it arrives; nothing when the answer has none.

    Raises:
        AnswerError: not a JSON object, a broken event, a server error in the stream, a premature end, or more than a megabyte.
    """
    lines = _split_lines(chunks)
    first = next((line for line in lines if line.strip()), b"").removeprefix(_BYTE_ORDER_MARK)
    rest = itertools.chain([first], lines)
    if first.startswith(_EVENT_FIELDS):
        yield from _read_events(rest)
    elif content := _text_of(read_object(line + b"\n" for line in rest), "message"):
        yield content


def read_object(chunks: Iterable[bytes]) -> dict[str, Any]:
    """Parse bytes as a JSON object.

    Raises:
        AnswerError: the bytes are not a JSON object, or more than a megabyte.
    """
    body = bytearray()
    for chunk in chunks:
        body += chunk
        _check_size(len(body))
    return _parse(body.decode("utf-8", errors="replace"), "its answer was not JSON")


def _read_events(lines: Iterable[bytes]) -> Iterator[str]:
    num_characters = 0
    for line in lines:
        name, _, data = line.decode("utf-8", errors="replace").partition(":")
        if name != "data" or not data.strip():
            continue
        if data.strip() == "[DONE]":
            return
        event = _parse(data, "a part of its answer was not JSON")
        if error := event.get("error"):
            said = error.get("message") if isinstance(error, dict) else error
            raise AnswerError(f"it reported an error ({' '.join(str(said).split())[:160]})")
        if piece := _text_of(event, "delta"):
            num_characters += len(piece)
            _check_size(num_characters)
            yield piece
        if _first_choice(event).get("finish_reason"):
            return
    raise AnswerError("the connection ended in the middle of its answer")


def _split_lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield lines without their newline; a partial line is buffered up to a megabyte."""
    held = bytearray()
    for chunk in chunks:
        *lines, rest = chunk.split(b"\n")
        for line in lines:
            yield bytes(held + line)
            held.clear()
        held += rest
        _check_size(len(held))
    if held:
        yield bytes(held)


def _check_size(size: int) -> None:
    if size > MAX_ANSWER_BYTES:
        raise AnswerError("its answer was longer than a megabyte")


def _parse(text: str, problem: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:  # not JSON, a number with thousands of digits, thousands of brackets
        raise AnswerError(problem) from error
    if not isinstance(value, dict):
        raise AnswerError(problem)
    return value


def _first_choice(answer: dict[str, Any]) -> dict[str, Any]:
    choices = answer.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    return first if isinstance(first, dict) else {}


def _text_of(answer: dict[str, Any], part: str) -> str:
    message = _first_choice(answer).get(part)
    content = message.get("content") if isinstance(message, dict) else None
    return content if isinstance(content, str) else ""
