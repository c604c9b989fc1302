"""Find the header line of a table: exports put a title, dates and blank lines above the header."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

MAX_PREAMBLE_LINES = 40
MAX_COLUMNS = 2_000
_MAX_JUDGED_CELLS = 300  # cells judged per line
_MIN_KNOWN = 3  # known columns needed for a later line to be the header
_NUMBER = re.compile(r"[\d\s.,%$€£¥+\-/:]+")

IsKnown = Callable[[str], bool]


def find_header(lines: Sequence[Sequence[str]], is_known: IsKnown) -> int:
    """Return the index of the header among the first lines of a table, each a sequence of cells.

    The first line is the header unless a later line has at least three known columns and more than twice as many as the first.
    If no line has, a first line of a single cell is a title, and the first wide line of texts below the title is the header.
    """
    counts = [sum(is_known(cell) for cell in line[:_MAX_JUDGED_CELLS] if cell.strip()) for line in lines]
    best = counts.index(max(counts))
    if counts[best] >= _MIN_KNOWN and counts[best] > 2 * counts[0]:
        return best
    filled = [sum(bool(cell.strip()) for cell in line) for line in lines]
    if counts[0] == 0 and filled[0] <= 1 and max(filled) >= _MIN_KNOWN:
        for index, line in enumerate(lines):
            if 2 * filled[index] > max(filled) and not any(_NUMBER.fullmatch(cell.strip()) for cell in line if cell.strip()):
                return index
    return 0
