"""Cuts the letters of a text that was lifted off a picture into lines and words, and tells where they stand. Knows pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy import ndimage

from adcreative.lettering.erasing.layers import Layer
from adcreative.lettering.reading.blocks import BlockLine, hangs_below
from adcreative.lettering.reading.ink import FULL_COVERAGE

BLOB = 1.7  # widths of letters' strokes: what is thicker is none
INKED = 0.2  # coverage from which a column of a line has letters
DESCENT = 0.28  # of the height of capitals
MOST_HANGING, LEAST_LETTER = 0.35, 0.5  # of a line's letters; of the height of capitals: a dot is no letter


def part_lines(layer: Layer, lines: Sequence[BlockLine]) -> list[Layer]:
    """Return the letters of each line, without what reaches into it from the next one: each goes to the line it is nearest."""
    if len(lines) < 2:
        return [layer] * len(lines)
    labels, num = ndimage.label(layer.alpha > 0.05, structure=np.ones((3, 3)))
    middles = np.array([y for y, _ in ndimage.center_of_mass(labels > 0, labels, np.arange(1, num + 1))]) + layer.top
    of_lines = np.array([(line.box[1] + line.box[3]) / 2 for line in lines])
    nearest = np.abs(middles[:, None] - of_lines[None]).argmin(axis=1)
    masks = [np.isin(labels, 1 + np.flatnonzero(nearest == k)) for k in range(len(lines))]
    return [
        replace(layer, alpha=np.where(mask, layer.alpha, 0.0).astype(np.float32), part=layer.part * mask[:, :, None])
        for mask in masks
    ]


def without_blobs(alpha: np.ndarray) -> np.ndarray:
    """Return letters' coverage [h, w] without what is much thicker than their strokes: a piece of a thing behind them.

    Source: the white top-hat of Meyer 1979, its remainder scaled to the coverage that was left.
    """
    mask = alpha > 0.5
    depth = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    ridge = depth[(depth >= ndimage.maximum_filter(depth, size=3)) & (depth > 1.0)]
    if not len(ridge):
        return alpha
    side = int(np.ceil(BLOB * 2.0 * float(np.median(ridge)))) + 1
    behind = ndimage.grey_opening(alpha, size=(side, side))
    letters = ((alpha - behind) / np.maximum(1.0 - behind, 0.1)).clip(0.0, 1.0)
    labels, num = ndimage.label(letters > 0.1)
    full = ndimage.maximum(letters, labels, np.arange(num + 1)) >= FULL_COVERAGE  # a faint rest is none
    return np.asarray(np.where(full[labels] & (labels > 0), letters, 0.0), np.float32)


def cut_words(layer: Layer, line: BlockLine) -> tuple[list[tuple[int, int]], list[int]]:
    """Return where the words of a line begin and end (x in px), and the blanks between them; one word if they are not told."""
    x0, y0, x1, y1 = line.box
    rows = slice(max(0, y0 - layer.top), y1 - layer.top)
    inked = np.asarray((layer.alpha[rows, max(0, x0 - layer.left) : x1 - layer.left] > INKED).any(axis=0))
    num = len(line.text.split())
    labels, count = ndimage.label(~inked)
    gaps = [(piece[0].start, piece[0].stop) for piece in ndimage.find_objects(labels)] if count else []
    inner = [gap for gap in gaps if gap[0] > 0 and gap[1] < len(inked)]
    widest = sorted(sorted(inner, key=lambda gap: gap[0] - gap[1])[: num - 1])
    if num < 2 or len(widest) < num - 1:
        return [(x0, x1)], []
    starts, ends = [0, *(gap[1] for gap in widest)], [*(gap[0] for gap in widest), len(inked)]
    return [(x0 + a, x0 + b) for a, b in zip(starts, ends, strict=True)], [gap[1] - gap[0] for gap in widest]


def find_baseline(layer: Layer, line: BlockLine, cuts: Sequence[tuple[int, int]]) -> int:
    """Return the row below the baseline: where words without descenders end, else most letters; else by the share that
    descenders have."""
    words = line.text.split()
    bottoms = []
    if len(words) == len(cuts):
        for word, (x0, x1) in zip(words, cuts, strict=True):
            if not hangs_below(word):
                part = layer.cut((x0, line.box[1], x1, line.box[3] + 2))
                rows = np.flatnonzero((part.alpha > 0.5).any(axis=1))
                bottoms += [part.top + int(rows[-1]) + 1] if len(rows) else []
    letters = [char for char in line.text if char.isalnum()]
    if not bottoms and sum(map(hangs_below, letters)) < MOST_HANGING * len(letters):
        found, _ = ndimage.label(layer.cut((line.box[0], line.box[1], line.box[2], line.box[3] + 2)).alpha > 0.5)
        top = max(line.box[1], layer.top)
        bottoms = [
            top + rows.stop for rows, _ in ndimage.find_objects(found) if rows.stop - rows.start > LEAST_LETTER * line.cap_px
        ]
    return round(float(np.median(bottoms))) if bottoms else round(line.box[3] - DESCENT * line.cap_px)
