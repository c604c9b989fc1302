"""An ad's own words told from lettering in its picture, and in what order they stand: the headline's stack, rows, a logo apart.

Knows blocks of text; no pixels.
"""

from __future__ import annotations

from collections.abc import Sequence

from adcreative.lettering.reading.blocks import Box, TextBlock

__all__ = ["box_of", "find_corner", "find_stack", "find_words", "group_rows", "measure_gap"]

STACK_GAP = 4.0  # heights of capitals: blocks farther apart are no stack
LEAST_WORDS = 3  # of a text that is none of a thing's lettering
MAX_GAP = 2.0  # heights of the larger capitals: what stood farther apart comes so near


def find_words(blocks: Sequence[TextBlock], width: int) -> list[TextBlock]:
    """Return the blocks that are the ad's own words, from top to bottom, none on a ribbon; [] without a headline.

    Those that hang together with the headline, its button, logo and small print, and what lines up with one of these, stands
    beside it, or is a text of some words; lettering on things in the picture is none of these.
    """
    said = [block for block in blocks if not block.is_ribbon(width) and block.role != "product_print"]
    free = sorted(said, key=lambda block: box_of(block)[1])
    own = find_stack(free)
    if not own:
        return []
    own += [block for block in free if block not in own and block.role in ("button", "brand", "legal", "address")]
    own += [
        block for block in free
        if block not in own
        and (len(block.text.split()) >= LEAST_WORDS or any(_lines_up(block, other) for other in own))
    ]  # fmt: skip
    return [block for block in free if block in own]


def find_stack(blocks: Sequence[TextBlock]) -> list[TextBlock]:
    """Return the blocks in the headline's column that hang together with it, from top to bottom; [] without a headline."""
    head = next((block for block in blocks if block.role == "headline"), None)
    if head is None:
        return []
    stack = [head]
    ordered = sorted((block for block in blocks if block is not head and block.role != "brand"), key=lambda one: box_of(one)[1])
    for below in (True, False):
        for block in ordered if below else reversed(ordered):
            first, last = (stack[-1], block) if below else (block, stack[0])
            gap = box_of(last)[1] - box_of(first)[3]
            x0, x1 = min(box_of(one)[0] for one in stack), max(box_of(one)[2] for one in stack)
            is_near = -2 <= gap <= STACK_GAP * max(first.size_px, last.size_px)
            if block not in stack and is_near and box_of(block)[0] < x1 and box_of(block)[2] > x0:
                stack = [*stack, block] if below else [block, *stack]
    return stack


def group_rows(own: Sequence[TextBlock]) -> list[list[TextBlock]]:
    """Return blocks from top to bottom, those that stood side by side in one row, from left to right."""
    rows: list[list[TextBlock]] = []
    for block in own:
        y0, y1 = box_of(block)[1], box_of(block)[3]
        last = box_of(rows[-1][-1]) if rows else (0, 0, 0, 0)
        is_level = bool(rows) and min(y1, last[3]) - max(y0, last[1]) > 0.5 * min(y1 - y0, last[3] - last[1])
        if is_level and (box_of(block)[0] >= last[2] or box_of(block)[2] <= last[0]):
            rows[-1].append(block)
        else:
            rows.append([block])
    return [sorted(row, key=lambda block: box_of(block)[0]) for row in rows]


def measure_gap(upper: Sequence[TextBlock], lower: Sequence[TextBlock]) -> float:
    """Return the distance of two rows, px; what stands far apart comes nearer."""
    apart = min(box_of(block)[1] for block in lower) - max(box_of(block)[3] for block in upper)
    return float(min(max(0, apart), MAX_GAP * max(block.size_px for block in (*upper, *lower))))


def find_corner(rows: Sequence[Sequence[TextBlock]]) -> tuple[TextBlock | None, bool]:
    """Return a logo that stands apart above or below all other rows, and whether below."""
    for row, other, is_low in ((rows[0], rows[1:2], False), (rows[-1], rows[-2:-1], True)):
        if len(row) == 1 and row[0].role == "brand" and other:
            size = max(block.size_px for block in other[0])
            gap = box_of(other[0][0])[1] - box_of(row[0])[3] if not is_low else box_of(row[0])[1] - box_of(other[0][0])[3]
            if gap > STACK_GAP * size:
                return row[0], is_low
    return None, False


def box_of(block: TextBlock) -> Box:
    """Return the box of a block with its button, px."""
    return block.plate or block.box


def _lines_up(block: TextBlock, other: TextBlock) -> bool:
    (a0, b0, a1, b1), (x0, y0, x1, y1) = box_of(block), box_of(other)
    slack = 0.5 * min(block.size_px, other.size_px)
    is_level = min(b1, y1) - max(b0, y0) > 0.5 * min(b1 - b0, y1 - y0)
    is_aligned = block.plate is None and (abs(a0 - x0) <= slack or abs((a0 + a1) - (x0 + x1)) <= 2 * slack)
    return is_level or is_aligned
