"""Read the lines out of a chat server's answer: all at once, or each as soon as it is complete while the rest still streams.

Knows text only; which answer is asked for is server's business, how it travels is chat's.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

_BULLET = re.compile(r"^\s*(?:[-*•–]|\(?\d{1,2}[.):])\s+")
_CLOSED_BY = {"]": "[", "}": "{"}
_TARGETS = ("{[", "[")  # where lines are: a list directly in the outer object, or the outer list itself


class Answer(NamedTuple):
    """The lines of one answer. is_whole: False for JSON that broke off, of which the finished lines remain."""

    lines: list[str]
    is_whole: bool


class LineScanner:
    """Finds the lines of a JSON answer in pieces of it; every character is looked at once.

    Follows {"lines": ["...", "..."]} and ["...", "..."], also behind other text. The first list with a text counts, as in
    `read_answer`. is_whole turns true when the object around that list is closed, so that nothing more need be waited for; a
    bare list never says so, since an object that counts more may follow.
    """

    def __init__(self) -> None:
        self.is_whole = False
        self._nesting = ""  # brackets that are open, outermost first
        self._text: list[str] | None = None  # characters of the string that is open
        self._is_escaped = self._may_begin = self._has_lines = self._is_past = False

    def feed(self, piece: str) -> list[str]:
        """Return the lines that end in `piece`."""
        return [line for character in piece for line in self._step(character)]

    def _step(self, character: str) -> list[str]:
        if self._text is not None:
            self._text.append(character)
            if self._is_escaped or character == "\\":
                self._is_escaped = not self._is_escaped
            elif character == '"':
                return self._close_text()
        elif character == '"' and self._nesting:
            self._text = [character]
        elif character in _CLOSED_BY:
            self._close(character)
        elif character in "[{" and not (self._is_past and not self._nesting):
            self._nesting += character
            self._may_begin = True
        elif not character.isspace():
            self._may_begin = character == ","
        return []

    def _close_text(self) -> list[str]:
        raw, self._text = "".join(self._text or []), None
        is_item = self._may_begin and self._nesting in _TARGETS and not self._is_past
        self._may_begin = False
        if not is_item:
            return []
        try:
            line: str = json.loads(raw).strip()
        except ValueError:  # an escape that is none, a raw line break
            return []
        self._has_lines = self._has_lines or bool(line)
        return [line] if line else []

    def _close(self, character: str) -> None:
        if not self._nesting.endswith(_CLOSED_BY[character]):
            self._nesting = ""  # no JSON after all: begin again at the next bracket
            return
        self._is_past = self._is_past or (self._has_lines and self._nesting in _TARGETS)
        self.is_whole = self.is_whole or (self._is_past and self._nesting == "{")
        self._nesting = self._nesting[:-1]
        self._may_begin = False


def stream_answer(pieces: Iterable[str]) -> Iterator[str | Answer]:
    """Yield each line of an answer as soon as it is complete; return what `read_answer` finds in the whole."""
    scanner, content = LineScanner(), []
    for piece in pieces:
        content.append(piece)
        yield from scanner.feed(piece)
        if scanner.is_whole:
            break
    yield read_answer("".join(content))


def read_answer(content: str) -> Answer:
    """Return the lines of an answer: JSON as asked for, JSON inside other text, else one line per text line.

    Of JSON that broke off, or is faulty, the finished lines are returned.
    """
    for start, end in (("{", "}"), ("[", "]")):
        first, last = content.find(start), content.rfind(end)
        if 0 <= first < last:
            try:
                return Answer(_lines_in(json.loads(content[first : last + 1])), is_whole=True)
            except (ValueError, RecursionError):  # also a number of thousands of digits
                continue
    scanner = LineScanner()
    if finished := scanner.feed(content):
        return Answer(finished, scanner.is_whole)
    plain = [_BULLET.sub("", line).strip().strip('"“”') for line in content.splitlines() if "```" not in line]
    return Answer([line for line in plain if line], is_whole=True)


def _lines_in(value: Any) -> list[str]:
    if isinstance(value, dict):
        return next((lines for item in value.values() if isinstance(item, list) and (lines := _lines_in(item))), [])
    return [item.strip() for item in value if isinstance(item, str) and item.strip()] if isinstance(value, list) else []
