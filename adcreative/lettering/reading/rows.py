"""Conversion of a picture's words to table rows, for corrections by a person, and back.

A row is a block: text and role are plain cells, the measurements are JSON in the last cell. Unchanged rows convert back to
exactly the same words. Unreadable lines are rows without text, which become blocks once a text is typed in. A row with a
box but without measurements is a block that the reader missed. Independent of files.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from adcreative.config import build_config, config_as_dict, did_you_mean
from adcreative.lettering.reading.blocks import BlockLine, Box, TextBlock, build_blocks
from adcreative.lettering.reading.reader import TextLine
from adcreative.lettering.reading.roles import ROLES
from adcreative.lettering.reading.words import PictureWords, with_known_words

# box: left, top, right, bottom in pixels of the picture. ink: colour of the letters, #rrggbb.
WORD_COLUMNS = ("block", "role", "text", "script", "language", "sureness", "box", "ink", "measured")
UNREAD = "unread"  # in place of a role: a line in an unreadable script
NO_WORDS = ""  # in place of a role: the only row of a picture without words
VERSION = 1  # of the measurements
SURE = 1.0

Row = Mapping[str, Any]


def rows_of_words(words: PictureWords, language: str = "") -> list[dict[str, Any]]:
    """Return a row, with WORD_COLUMNS, for each block and each unread line of a picture; if empty, one row without a role."""
    homes = _homes_of_lines(words)
    rows: list[dict[str, Any]] = []
    for place, block in enumerate(words.blocks):
        lines = [(number, words.lines[number]) for number, home in enumerate(homes) if home == place]
        x0, y0, x1, y1 = block.box
        rows.append(
            {
                "role": block.role,
                "text": block.text,
                "script": next((line.script for _, line in lines if line.script), ""),
                "language": language,
                "sureness": round(block.sureness, 3),
                "box": f"{x0} {y0} {x1} {y1}",
                "ink": "#{:02x}{:02x}{:02x}".format(*block.colour),
                "measured": _pack(
                    words, block=config_as_dict(block), lines=[[number, _pack_line(line)] for number, line in lines]
                ),
            }
        )
    for line in words.unread:
        x0, y0, x1, y1 = _round_box(line)
        rows.append(
            {
                "role": UNREAD,
                "text": "",
                "script": line.script,
                "language": "",
                "sureness": round(line.confidence, 3),
                "box": f"{x0} {y0} {x1} {y1}",
                "ink": "",
                "measured": _pack(words, unread=_pack_line(line)),
            }
        )
    if not rows:
        rows.append({**dict.fromkeys(WORD_COLUMNS, ""), "role": NO_WORDS, "measured": _pack(words)})
    return [{**row, "block": number} for number, row in enumerate(rows, start=1)]


def words_of_rows(rows: Sequence[Row], image_u8: np.ndarray | None = None) -> PictureWords:
    """Return the words of one picture's rows, in the order of their blocks.

    A row whose text or role was changed is certain, since a person checked it. A row whose text was deleted is no block.

    Args:
        image_u8: [H, W, 3], for measuring blocks without measurements; without it their colours are unknown.
    Raises:
        ConfigError: the measurements come from another version, or were changed.
    """
    blocks, unread = list[TextBlock](), list[TextLine]()
    lines: dict[int, TextLine] = {}
    size = (1, 1) if image_u8 is None else (image_u8.shape[0], image_u8.shape[1])
    for row in rows:
        measured = json.loads(row["measured"] or "{}")
        size = tuple(measured.get("size", size))
        if "unread" in measured and not row["text"].strip():
            unread.append(_unpack_line(measured["unread"]))
        elif "block" in measured:
            block = _corrected(build_config(TextBlock, measured["block"], where="measured"), row)
            blocks += [block] if block is not None else []
            lines |= {number: _unpack_line(line) for number, line in measured["lines"]} if block is not None else {}
        elif row["text"].strip():
            blocks.append(_measure(row, image_u8))
    found = tuple(line for _, line in sorted(lines.items()))
    return PictureWords(blocks=tuple(blocks), lines=found, size=size, unread=tuple(unread))


def is_measured(rows: Sequence[Row]) -> bool:
    """Return whether the words of these rows can be restored without the picture."""
    return not any(row["text"].strip() and "block" not in json.loads(row["measured"] or "{}") for row in rows)


def find_fault(row: Row) -> str:
    """Return a sentence about a row's error; "" without one."""
    role, text = row["role"], row["text"].strip()
    allowed = ROLES if text else (*ROLES, UNREAD, NO_WORDS)
    if role not in allowed:
        return f'the role of "{text[:40]}" is "{role}". {did_you_mean(role, ROLES)}'
    try:
        measured = json.loads(row["measured"] or "{}")
    except (ValueError, RecursionError):
        measured = None
    if not isinstance(measured, dict) or measured.get("version", VERSION) != VERSION:
        return "its last column was changed, or is of another version; leave that column as it was, or read the pictures again."
    if not measured and text and _parse_box(row["box"]) is None:
        return f'its box is "{row["box"]}"; a row that was added needs one: left top right bottom, in pixels.'
    if _parse_sureness(row["sureness"]) is None:
        return f'its sureness is "{row["sureness"]}"; expected a number from 0 to 1, or nothing.'
    return ""


def _homes_of_lines(words: PictureWords) -> list[int]:
    """Return for each line the index of the block with the largest overlap; the first without any overlap."""
    if not words.blocks:
        return [0] * len(words.lines)
    boxes = np.array([block.box for block in words.blocks], np.float64)
    homes = []
    for line in words.lines:
        x0, y0, x1, y1 = line.box_xyxy_px
        wide = np.minimum(boxes[:, 2], x1) - np.maximum(boxes[:, 0], x0)
        high = np.minimum(boxes[:, 3], y1) - np.maximum(boxes[:, 1], y0)
        homes.append(int(np.argmax(wide.clip(0) * high.clip(0))))
    return homes


def _pack(words: PictureWords, **measured: object) -> str:
    plain = {"version": VERSION, "size": words.size, **measured}
    return json.dumps(plain, separators=(",", ":"), ensure_ascii=False, default=lambda number: number.item())


def _pack_line(line: TextLine) -> dict[str, Any]:
    return {**config_as_dict(line), "quad_xy_px": line.quad_xy_px.tolist()}  # 32-bit floats, written in full


def _unpack_line(line: Mapping[str, Any]) -> TextLine:
    return TextLine(**{**line, "quad_xy_px": np.array(line["quad_xy_px"], np.float32)})


def _corrected(block: TextBlock, row: Row) -> TextBlock | None:
    """Return a block as corrected in its row: unchanged, or certain with another text or role; None without text."""
    text = " ".join(row["text"].split())
    was_read = (" ".join(block.text.split()), block.role, round(block.sureness, 3))
    if (text, row["role"], _parse_sureness(row["sureness"]) or 0.0) == was_read:
        return block
    if not text:
        return None
    said = block if text == was_read[0] else _say(block, text)
    return replace(said, role=row["role"], chance=SURE, lines=tuple(replace(line, confidence=SURE) for line in said.lines))


def _say(block: TextBlock, text: str) -> TextBlock:
    """Return a block whose lines have a new text: with the words of each read line, else split by the lines' widths."""
    known = with_known_words(block, text)
    if known.text == text:
        return known
    parts = text.split()
    if len(parts) < len(block.lines):
        whole = BlockLine(text=text, box=block.box, confidence=SURE, angle_deg=block.angle_deg)
        return replace(block, lines=(whole,))
    room = np.cumsum([line.box[2] - line.box[0] for line in block.lines], dtype=float)
    taken = np.cumsum([len(part) + 1 for part in parts], dtype=float)
    ends = [int(np.argmin(np.abs(taken / taken[-1] - share))) + 1 for share in room / room[-1]]
    for number in range(len(ends) - 2, -1, -1):  # every line gets a word
        ends[number] = min(ends[number], ends[number + 1] - 1)
    for number in range(len(ends)):
        ends[number] = max(ends[number], number + 1)
    starts = [0, *ends[:-1]]
    lines = [replace(line, text=" ".join(parts[start:end])) for line, start, end in zip(block.lines, starts, ends, strict=True)]
    return replace(block, lines=tuple(lines))


def _measure(row: Row, image_u8: np.ndarray | None) -> TextBlock:
    """Return the block of a row with only text, role and box, with one line for each line of its text."""
    x0, y0, x1, y1 = _parse_box(row["box"]) or (0, 0, 1, 1)
    texts = [" ".join(text.split()) for text in row["text"].splitlines() if text.strip()]
    edges = np.linspace(y0, y1, len(texts) + 1).round().astype(int)
    boxes: list[Box] = [(x0, int(top), x1, max(int(low), int(top) + 1)) for top, low in pairwise(edges)]
    if image_u8 is None:
        plain = [BlockLine(text=text, box=box, confidence=SURE) for text, box in zip(texts, boxes, strict=True)]
        return TextBlock(lines=tuple(plain), colour=(0, 0, 0), ground=(255, 255, 255), residual=0.0, role=row["role"])
    found = build_blocks(image_u8, [_line_in(text, box) for text, box in zip(texts, boxes, strict=True)])
    lines = sorted((line for block in found for line in block.lines), key=lambda line: line.box[1])
    return replace(found[0], lines=tuple(lines), role=row["role"])


def _line_in(text: str, box: Box) -> TextLine:
    x0, y0, x1, y1 = box
    return TextLine(text=text, quad_xy_px=np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], np.float32), confidence=SURE)


def _round_box(line: TextLine) -> Box:
    x0, y0, x1, y1 = (round(float(edge)) for edge in line.box_xyxy_px)
    return x0, y0, x1, y1


def _parse_box(cell: object) -> Box | None:
    numbers = [int(number) for number in re.findall(r"\d+", str(cell))]
    if len(numbers) != 4 or numbers[0] >= numbers[2] or numbers[1] >= numbers[3]:
        return None
    return numbers[0], numbers[1], numbers[2], numbers[3]


def _parse_sureness(cell: object) -> float | None:
    """Return a parsed certainty, SURE for an empty cell; None unless a number from 0 to 1."""
    if not (text := str(cell).strip().replace(",", ".")):
        return SURE
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0 <= number <= 1 else None
