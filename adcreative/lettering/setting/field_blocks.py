"""Maps the fields of an ad to blocks of its picture, and formats a field's text like its block. Knows words; no pixels."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from itertools import pairwise

import numpy as np

from adcreative.lettering.reading.blocks import ALIGNMENTS, BlockLine, TextBlock
from adcreative.lettering.reading.roles import is_same_text, lacks_a_piece, letters_of
from adcreative.lettering.reading.words import PictureWords, with_known_words
from adcreative.lettering.setting.changes import FIELDS


@dataclass(frozen=True)
class Thresholds:
    """Bounds for joining lines into a known text, chosen on the labelled real ads (`tests/real/set_lines.py`).

    alike: minimum similarity of a line and its part of the text. same_row: minimum overlap in one row, of the lower line's
    height. most_gap: maximum gap of two rows, in heights of the highest row's capitals. most_sizes: maximum ratio of heights.
    """

    alike: float = 0.75
    same_row: float = 0.5
    most_gap: float = 1.5
    most_sizes: float = 1.35


THRESHOLDS = Thresholds()


def find_field_blocks(words: PictureWords, texts: Mapping[str, str]) -> dict[str, TextBlock]:
    """Return field -> its block in the picture; fields whose text is not in the picture are left out.

    Lines that were read as several blocks, because of different inks, are joined if together they give the text.
    """
    found: dict[str, TextBlock] = {}
    for name in FIELDS:
        text = texts.get(name, "")
        if not text:
            continue
        taken = {line.box for block in found.values() for line in block.lines}
        free = [block for block in words.blocks if block.lines[0].box not in taken]
        said = next((block for block in free if block.role != "brand" and is_same_text(block.text, text)), None)
        joined = _join_lines(free, text) if said is None or lacks_a_piece(said.text, text) else None
        if (block := joined or said) is not None:
            found[name] = block if lacks_a_piece(block.text, text) else _with_text(block, as_set(text, block))
    return found


def regroup(words: PictureWords, found: Mapping[str, TextBlock]) -> PictureWords:
    """Return the words of a picture with joined blocks in place of their parts."""
    known = {block.box for block in words.blocks}
    for joined in (block for block in found.values() if block.box not in known):
        blocks: list[TextBlock] = []
        for block in words.blocks:
            rest = tuple(line for line in block.lines if not any(_lies_in(line, other) for other in joined.lines))
            if joined not in blocks and len(rest) < len(block.lines):
                blocks.append(joined)
            if rest:
                blocks.append(block if len(rest) == len(block.lines) else replace(block, lines=rest))
        words = replace(words, blocks=tuple(blocks))
    return words


def _lies_in(line: BlockLine, other: BlockLine) -> bool:
    (a0, b0, a1, b1), (x0, y0, x1, y1) = line.box, other.box
    return a0 >= x0 and b0 >= y0 and a1 <= x1 and b1 <= y1


def _with_text(block: TextBlock, text: str) -> TextBlock:
    """Return a block whose lines have a known text, with the read line breaks if only spaces were misread."""
    ends = np.cumsum([len(re.sub(r"\s", "", line.text)) for line in block.lines])
    if re.sub(r"\s", "", block.text) != re.sub(r"\s", "", text):
        return with_known_words(block, text)
    places = [match.end() for match in re.finditer(r"\S", text)]
    cuts = [0, *(places[end - 1] for end in ends)]
    lines = [replace(line, text=text[a:b].strip()) for line, a, b in zip(block.lines, cuts[:-1], cuts[1:], strict=True)]
    return replace(block, lines=tuple(lines))


def _join_lines(blocks: Sequence[TextBlock], text: str) -> TextBlock | None:
    """Return the lines that together give a text, from top to bottom, as one block; None without such lines."""
    single = [(line, block) for block in blocks if block.plate is None for line in block.lines if letters_of(line.text)]
    rows = _find_rows([line for line, _ in single])
    ordered = [line for row in rows for line in row]
    known = letters_of(text)
    for first in range(len(ordered)):
        chosen, at = [], 0
        for line in ordered[first:]:
            read = letters_of(line.text)
            if SequenceMatcher(None, read, known[at : at + len(read)], autojunk=False).ratio() >= THRESHOLDS.alike:
                chosen.append(line)
                at += len(read)
        lines = [_one_line(row) for row in _find_rows(chosen)]
        if chosen and not lacks_a_piece(" ".join(line.text for line in lines), text) and _is_stack(lines):
            most = max((block for line, block in single if line in chosen), key=lambda block: len(block.text) * block.size_px)
            return replace(most, lines=tuple(lines), alignment=_align(lines) if len(lines) > 1 else most.alignment)
    return None


def _find_rows(lines: Sequence[BlockLine]) -> list[list[BlockLine]]:
    """Return lines grouped into rows, from top to bottom and from the left."""
    rows: list[list[BlockLine]] = []
    for line in sorted(lines, key=lambda one: (one.box[1] + one.box[3]) / 2):
        other = rows[-1][0].box if rows else (0, 0, 0, 0)
        shared = min(line.box[3], other[3]) - max(line.box[1], other[1])
        if rows and shared > THRESHOLDS.same_row * min(line.height, other[3] - other[1]):
            rows[-1].append(line)
        else:
            rows.append([line])
    return [sorted(row, key=lambda one: one.box[0]) for row in rows]


def _one_line(row: Sequence[BlockLine]) -> BlockLine:
    x0, y0, x1, y1 = zip(*(line.box for line in row), strict=True)
    text, sure = " ".join(line.text for line in row), min(line.confidence for line in row)
    return replace(row[0], text=text, box=(min(x0), min(y0), max(x1), max(y1)), confidence=sure)


def _is_stack(lines: Sequence[BlockLine]) -> bool:
    """Return whether lines are closely stacked in letters of one size."""
    caps = [line.cap_px for line in lines]
    gaps = [below.box[1] - above.box[3] for above, below in pairwise(lines)]
    return max(caps) <= THRESHOLDS.most_sizes * min(caps) and max(gaps, default=0) <= THRESHOLDS.most_gap * max(caps)


def _align(lines: Sequence[BlockLine]) -> str:
    boxes = np.array([line.box for line in lines], float)
    edges = (boxes[:, 0], (boxes[:, 0] + boxes[:, 2]) / 2, boxes[:, 2])
    return ALIGNMENTS[int(np.argmin([np.ptp(xs) for xs in edges]))]


def as_set(text: str, block: TextBlock | None) -> str:
    """Return a text in the block's style: in capitals like the old one; SHOP_NOW as words."""
    text = re.sub(r"\s+", " ", text.replace("_", " ")).strip()
    if block is not None and any(char.isalpha() for char in block.text) and block.text.upper() == block.text:
        return text.upper()
    return text.capitalize() if block is not None and block.plate is not None and text.isupper() and " " in text else text
