"""Breaks a text into lines of even length, for drawing and for new settings. Knows widths, no fonts.

Breaks are between words; in Chinese and Japanese, which have no spaces, between characters.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Length = Callable[[str], float]  # of a text in one line, px


@dataclass(frozen=True)
class Fitted:
    """Constants of this module, chosen by hand, checked by `pytest tests/lettering/reading/test_line_breaks.py`."""

    tolerance_px: float = 0.5  # accuracy of the narrowest width


FITTED = Fitted()


def break_evenly(text: str, num: int, length: Length) -> list[str]:
    """Break a text into at most `num` lines with the narrowest possible widest line, and the others of similar width.

    Of all breaks with that width, the one with the least sum of squared blanks at the lines' ends is taken, which avoids
    a short last line where possible.
    """
    words, joint = split_words(text)
    widths, blank = _measure(words, joint, length)
    lines = _even(words, widths, blank, num, sum(widths) + blank * len(widths))
    room = max((sum(length(word) for word in line) + blank * (len(line) - 1) for line in lines), default=0.0)
    return [joint.join(line) for line in _calmest(words, widths, blank, len(lines), room + FITTED.tolerance_px)]


def wrap_evenly(text: str, room_px: float, length: Length) -> list[str]:
    """Break a text into the fewest lines within a width, then even out their lengths; a wider word gets a line of its own."""
    words, joint = split_words(text)
    widths, blank = _measure(words, joint, length)
    lines = _fill(words, widths, blank, room_px)
    if len(lines) > 1:
        lines = _even(words, widths, blank, len(lines), room_px)
    return [joint.join(line) for line in lines]


def split_words(text: str) -> tuple[list[str], str]:
    """Return the unbreakable parts of a text, and the separator that joins them in a line."""
    words = text.split()
    if len(words) <= 2 and any(unicodedata.east_asian_width(char) == "W" for char in text):
        return [char for char in text if not char.isspace()], ""
    return words, " "


def _measure(words: Sequence[str], joint: str, length: Length) -> tuple[list[float], float]:
    return [length(word) for word in words], length(joint) if joint else 0.0


def _even(words: Sequence[str], widths: Sequence[float], blank: float, num: int, high: float) -> list[list[str]]:
    """Return at most `num` lines of the smallest sufficient width; `high` is a sufficient width."""
    low = max(widths, default=0.0)
    while high - low > FITTED.tolerance_px:
        middle = (low + high) / 2
        low, high = (low, middle) if len(_fill(words, widths, blank, middle)) <= num else (middle, high)
    return _fill(words, widths, blank, high)


def _calmest(words: Sequence[str], widths: Sequence[float], blank: float, num: int, room: float) -> list[list[str]]:
    """Return `num` lines within a sufficient width, with the least sum of squared blanks at their ends."""
    best: dict[tuple[int, int], tuple[float, list[int]]] = {(0, 0): (0.0, [])}  # lines and words used: cost, ends of lines
    for k in range(num):
        for start in range(len(words)):
            if (k, start) not in best:
                continue
            cost, ends = best[k, start]
            used = -blank
            for end in range(start + 1, len(words) + 1):
                used += blank + widths[end - 1]
                if used > room:
                    break
                found = cost + (room - used) ** 2
                if found < best.get((k + 1, end), (float("inf"), []))[0]:
                    best[k + 1, end] = found, [*ends, end]
    ends = best[num, len(words)][1]
    return [list(words[a:b]) for a, b in zip([0, *ends], ends, strict=False)]


def _fill(words: Sequence[str], widths: Sequence[float], blank: float, room: float) -> list[list[str]]:
    lines: list[list[str]] = []
    used = 0.0
    for word, width in zip(words, widths, strict=True):
        if lines and used + blank + width <= room:
            lines[-1].append(word)
            used += blank + width
        else:
            lines.append([word])
            used = width
    return lines
