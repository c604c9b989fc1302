"""Parse the lines in a chat server's answer; from a truncated answer, parse the finished lines.

Knows text only; `server` builds requests, `chat` sends them.
"""

from __future__ import annotations

import contextlib
import json
import re
from operator import itemgetter
from typing import NamedTuple

_BULLET = re.compile(r"^\s*(?:[-*•–]|\(?\d{1,2}[.):])\s+")
_ITEM = re.compile(r'\s*+,?\s*+("(?:[^"\\]|\\.)*")', re.DOTALL)  # a closed string of a JSON list


class Answer(NamedTuple):
    """The lines of one answer. is_whole: False for truncated JSON, of which only the finished lines are kept."""

    lines: list[str]
    is_whole: bool


def read_answer(content: str) -> Answer:
    """Return the lines of an answer: JSON as requested, JSON inside other text, else one line per text line.

    Truncated or invalid JSON gives its finished lines.
    """
    for start, end in (("{", "}"), ("[", "]")):
        first, last = content.find(start), content.rfind(end)
        if 0 <= first < last:
            try:
                return Answer(_lines_in(json.loads(content[first : last + 1])), is_whole=True)
            except (ValueError, RecursionError):  # also for a number with thousands of digits
                continue
    if finished := read_finished(content):
        return Answer(finished, is_whole=False)
    plain = [_BULLET.sub("", line).strip().strip('"“”') for line in content.splitlines() if "```" not in line]
    return Answer([line for line in plain if line], is_whole=True)


def read_finished(content: str) -> list[str]:
    """Return the closed strings of all lists of truncated JSON, taken in turn."""
    lists: list[list[str]] = []
    place = 0
    while (opened := content.find("[", place)) >= 0:  # a list is read once: an answer may hold a hundred thousand brackets
        lists.append([])
        place = opened + 1
        while found := _ITEM.match(content, place):
            place = found.end()
            with contextlib.suppress(ValueError):  # an invalid escape, a raw line break
                lists[-1].append(json.loads(found[1]).strip())
    return _in_turn(lists)


def _lines_in(value: object) -> list[str]:
    lists = value.values() if isinstance(value, dict) else [value]
    return _in_turn([[one.strip() for one in own if isinstance(one, str)] for own in lists if isinstance(own, list)])


def _in_turn(lists: list[list[str]]) -> list[str]:
    """Return the first text of each list, then the second of each, so that the first few lines have different angles."""
    placed = [(place, text) for texts in lists for place, text in enumerate(texts) if text]
    return [text for _, text in sorted(placed, key=itemgetter(0))]
