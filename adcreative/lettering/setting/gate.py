"""Final check of a finished picture: old words gone, new words exact, other words unchanged, nothing cut, nothing covered.

    ground   the erased ground alone: no letter of the old text is read in it, no edge of one is left
    picture  the changed part is read again with a margin: each line belongs to the new text or to an earlier one
    beside   a text with changed pixels, such as a brand, is read as before
    inside   new lines are inside the picture, and inside their plate

Knows blocks, pixels and a reader; no fonts, no fields of an ad.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

import numpy as np
from scipy import ndimage

from adcreative.lettering.erasing.holes import cut_box
from adcreative.lettering.reading.blocks import Box, TextBlock
from adcreative.lettering.reading.ink import FITTED as INK
from adcreative.lettering.reading.reader import TextLine, TextReading
from adcreative.lettering.reading.roles import letters_of
from adcreative.lettering.setting.acceptance import find_lost_lines
from adcreative.problem import Problem


@dataclass(frozen=True)
class Thresholds:
    """Bounds of the check, chosen on drawn ads and on three real ones (`python -m tests.real.set_lines`); not yet on a sample.

    margin, least_side: margin of the part to read again, in heights of capitals, and its minimum as share of the picture's
    sides. belongs: minimum share of a read line's letters, in order, in a known text. least_letters: minimum letters of a line.
    sure: minimum confidence of a line. edge: step of light, 0..255, at a letter's edge; faint_edge: of a visible one.
    same_way: minimum cosine of two gradients of one edge; by_chance: share of directions within it. ghost: maximum share of the
    old text's box with kept edges, beyond ghost_times the ground's share; flat_ghost: the same on a flat ground. thing_edge:
    step of light, 0..255, at an object's edge; covered: maximum share of new ground with such edges, beyond ghost_times the
    old text's share; own_rim: rim of the old text's ground, in heights of its capitals.
    """

    margin: float = 1.5
    least_side: float = 0.3
    belongs: float = 0.75
    least_letters: int = 2
    sure: float = 0.75
    edge: float = 20.0
    faint_edge: float = 8.0
    same_way: float = 0.7
    by_chance: float = 0.25
    ghost: float = 0.002
    ghost_times: float = 1.5
    flat_ghost: float = 1e-4
    thing_edge: float = 30.0
    covered: float = 0.004
    own_rim: float = 0.15
    # chosen by hand from here on; the method was not recorded
    line_rim: float = 0.1  # heights of a line: rim that belongs to it
    line_reach: float = 1.5  # heights of a line: radius for the edges of its ground


THRESHOLDS = Thresholds()


def find_residue(
    before_u8: np.ndarray, ground_u8: np.ndarray, old: TextBlock, beside: np.ndarray, reader: TextReading
) -> tuple[Problem, ...]:
    """Return the traces of a text of the picture [H, W, 3] in an erased ground [H, W, 3].

    Args:
        beside: [H, W] other text and faces, which are not ground.
    """
    kept, usual = measure_ghost(before_u8, ground_u8, old, beside)
    most = THRESHOLDS.flat_ghost if old.residual <= INK.flat_residual else THRESHOLDS.ghost + THRESHOLDS.ghost_times * usual
    found = [Problem("ghost")] if kept > most else []
    read = [line.text for line in _read_around(ground_u8, [old.box], old.size_px, reader) if _lies_in(line, [old.box])]
    left = [text for text in read if _belongs(text, old.text)]
    return (*found, *([Problem("old_words_left", words=" ".join(left))] if left else []))


def measure_ghost(before_u8: np.ndarray, ground_u8: np.ndarray, old: TextBlock, beside: np.ndarray) -> tuple[float, float]:
    """Return the share of a text's boxes with edges kept by an erased ground, and the expected share for such a ground.

    A well erased ground has no edges of letters. A photograph's own edges are as frequent inside as around, and some behind a
    letter's edge are parallel to it by chance.
    """
    height, width = before_u8.shape[:2]
    own, reach = np.zeros((height, width), bool), np.zeros((height, width), bool)
    for line in old.lines:
        for mask, rim in ((own, THRESHOLDS.line_rim * line.height), (reach, THRESHOLDS.line_reach * line.height)):
            mask[cut_box(line.box, height, width, rim)] = True
    rows, columns = (slice(*np.flatnonzero(reach.any(axis=axis))[[0, -1]] + (0, 1)) for axis in (1, 0))
    own, reach = own[rows, columns], reach[rows, columns] & ~beside[rows, columns]
    was, now = (_gradient(one[rows, columns]) for one in (before_u8, ground_u8))
    strength = np.hypot(*was)
    is_edge = strength > THRESHOLDS.edge
    left = np.hypot(*now)
    is_same = was[0] * now[0] + was[1] * now[1] >= THRESHOLDS.same_way * strength * left
    kept = float((is_edge & is_same & (left > THRESHOLDS.faint_edge))[own].mean())
    around = reach & ~ndimage.binary_dilation(own, iterations=2)
    if not around.any():
        return kept, 0.0
    by_chance = THRESHOLDS.by_chance * float(is_edge[own].mean()) * float((strength > THRESHOLDS.faint_edge)[around].mean())
    return kept, float(is_edge[around].mean()) + by_chance


def measure_covered(ground_u8: np.ndarray, old: TextBlock, new: TextBlock, beside: np.ndarray) -> tuple[float, float]:
    """Return the share of objects' edges in an erased ground under new lines outside the old ones, and under the old ones.

    Other text of the original picture, mask `beside` [H, W], is no object: it may have moved, or is checked by itself.
    """
    height, width = ground_u8.shape[:2]
    under, was = np.zeros((height, width), bool), np.zeros((height, width), bool)
    for mask, block, rim in ((under, new, 0.0), (was, old, THRESHOLDS.own_rim)):
        for line in block.lines:
            mask[cut_box(line.box, height, width, rim * old.size_px)] = True
    under &= ~(was | beside)
    if not under.any():
        return 0.0, 0.0
    is_edge = np.hypot(*_gradient(ground_u8)) > THRESHOLDS.thing_edge
    return float(is_edge[under].mean()), float(is_edge[was].mean())


def find_failures(
    ground_u8: np.ndarray,
    after_u8: np.ndarray,
    old: TextBlock,
    new: TextBlock,
    others: Sequence[TextBlock],
    before_lines: Sequence[TextLine],
    reader: TextReading,
    beside: np.ndarray | None = None,
) -> tuple[Problem, ...]:
    """Return the problems of one new text in a finished picture.

    Args:
        ground_u8, after_u8: the original picture [H, W, 3] without the old text, and the finished picture. old, new: the
            text's block in the original picture, and in the finished one.
        others: all other blocks of the finished picture. before_lines: the lines read in the original picture.
        beside: [H, W] mask of other text in the original picture; None: none.
    """
    height, width = after_u8.shape[:2]
    left, top, right, bottom = new.plate or (0, 0, width, height)
    boxes = [line.box for line in new.lines]
    is_cut = any(x0 < left or y0 < top or x1 > right or y1 > bottom for x0, y0, x1, y1 in boxes)
    beside = np.zeros((height, width), bool) if beside is None else beside
    covered, usual = measure_covered(ground_u8, old, new, beside)
    is_covering = new.plate is None and covered > THRESHOLDS.covered + THRESHOLDS.ghost_times * usual
    found = [*([Problem("cut")] if is_cut else []), *([Problem("covers_a_thing")] if is_covering else [])]
    return (*found, *_foreign_lines(after_u8, old, new, others, before_lines, reader))


def _foreign_lines(
    after_u8: np.ndarray,
    old: TextBlock,
    new: TextBlock,
    others: Sequence[TextBlock],
    before_lines: Sequence[TextLine],
    reader: TextReading,
) -> Iterator[Problem]:
    """Yield problems for lines of the finished picture that belong neither to the new text nor to an earlier one."""
    boxes = [old.box, new.box]
    stood = [line.text for line in before_lines if not _belongs(line.text, old.text)]
    known = [new.text, *(other.text for other in others), *stood]
    for line in _read_around(after_u8, boxes, new.size_px, reader):
        if _lies_in(line, boxes) and not any(_belongs(line.text, text) for text in known):
            is_old = _belongs(line.text, old.text)
            yield Problem("old_words_left", words=line.text) if is_old else Problem("stray_words", words=line.text)


def find_touched(
    before_u8: np.ndarray, after_u8: np.ndarray, blocks: Sequence[TextBlock], reader: TextReading
) -> list[Problem]:
    """Return problems for lines of unmoved blocks with changed pixels that are read differently."""
    touched = []
    for block in blocks:
        for x0, y0, x1, y1 in (line.box for line in block.lines):
            if (before_u8[max(0, y0) : y1, max(0, x0) : x1] != after_u8[max(0, y0) : y1, max(0, x0) : x1]).any():
                touched.append(block)
                break
    return find_lost_lines(before_u8, after_u8, touched, touched, reader)


def _read_around(image_u8: np.ndarray, boxes: Sequence[Box], size_px: float, reader: TextReading) -> list[TextLine]:
    """Return the lines read in a part of a picture, with a margin, in coordinates of the picture."""
    height, width = image_u8.shape[:2]
    corners = np.array(boxes)
    (x0, y0), (x1, y1) = corners[:, :2].min(axis=0), corners[:, 2:].max(axis=0)
    pad_x, pad_y = (
        max(THRESHOLDS.margin * size_px, (THRESHOLDS.least_side * side - length) / 2)
        for side, length in ((width, x1 - x0), (height, y1 - y0))
    )
    rows, columns = cut_box((x0 - pad_x, y0 - pad_y, x1 + pad_x, y1 + pad_y), height, width)
    offset = np.array([columns.start, rows.start], np.float32)
    return [
        TextLine(text=line.text, quad_xy_px=line.quad_xy_px + offset, confidence=line.confidence)
        for line in _sure_lines(np.ascontiguousarray(image_u8[rows, columns]), reader, (height, width))
    ]


def _sure_lines(image_u8: np.ndarray, reader: TextReading, whole: tuple[int, int] | None = None) -> list[TextLine]:
    """Return the confidently read lines of a picture, or of a part of a picture, without specks."""
    return [
        line
        for line in reader.read(image_u8, whole)
        if line.confidence >= THRESHOLDS.sure and len(letters_of(line.text)) >= THRESHOLDS.least_letters
    ]


def _lies_in(line: TextLine, boxes: Sequence[Box]) -> bool:
    """Return whether the middle of a line is inside one of the boxes."""
    a0, b0, a1, b1 = line.box_xyxy_px
    x, y = (a0 + a1) / 2, (b0 + b1) / 2
    return any(x0 <= x <= x1 and y0 <= y <= y1 for x0, y0, x1, y1 in boxes)


def _belongs(read: str, text: str) -> bool:
    """Return whether most letters of a read line occur in a text, in order."""
    first, second = letters_of(read), letters_of(text)
    blocks = SequenceMatcher(None, first, second, autojunk=False).get_matching_blocks()
    return sum(block.size for block in blocks if block.size > 1 or len(first) == 1) >= THRESHOLDS.belongs * len(first)


def _gradient(image_u8: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    light = image_u8.astype(np.float32).mean(axis=2)
    return ndimage.sobel(light, axis=0) / 4.0, ndimage.sobel(light, axis=1) / 4.0
