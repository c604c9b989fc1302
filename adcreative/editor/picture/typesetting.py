"""Lays a new text out where an old one stood: same alignment and baseline rhythm, smaller or in more lines if it must be.

Of all ways that fit, the one that changes size, number of lines and place least is taken. Knows boxes and fonts; no pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from adcreative.editor.picture.lettering import Lettering
from adcreative.editor.picture.matching import FontMatch
from adcreative.encoders.picture_words.blocks import Box, TextBlock
from adcreative.encoders.picture_words.line_breaks import break_evenly, wrap_evenly

SCALES = (1.0, 0.95, 0.9, 0.85, 0.8)  # smaller, a headline no longer heads what is below it
LABEL_SCALES = (*SCALES, 0.75, 0.7)
LARGER_SCALES = (1.3, 1.24, 1.18, 1.12, 1.06)  # for a text that needs no more lines than the old one
MAX_MORE_LINES = 2
COST_OF_LARGER, COST_OF_LOWER = 1.6, 0.6  # a block lower than the old one leaves a gap
COST_OF_SIZE, COST_OF_MORE_LINES, COST_OF_FEWER_LINES, COST_OF_ANCHOR = 3.0, 0.22, 0.04, 0.06
COST_OF_WIDOW, COST_OF_WIDER, COST_OF_NARROWER = 0.12, 0.15, 0.35
COST_OF_FORCED = 0.3  # of each line beyond those that the old text's width asks for
COST_OF_CROWDING = 0.5  # of rising so that less than a line's distance is free above
COST_OF_RISING, RISE = 0.25, 0.35  # of beginning higher than the old text by more than this many distances of baselines
WIDTH_SLACK = 1.03  # of the old text's width: ink and advance differ
WIDOW_SHARE = 0.35  # of the widest line: a last line shorter than this looks forgotten

IsFree = Callable[[Box], bool]


@dataclass(frozen=True, kw_only=True)
class SetLine:
    """A line to be set: where its baseline starts (px) and the box of its ink."""

    text: str
    x: float
    y: float
    box: Box


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A text laid out. cost: how far from the old one, 0 is the same size, lines and place.

    num_forced: lines beyond the fewest that the old text's width would hold.
    """

    lines: tuple[SetLine, ...]
    lettering: Lettering
    cost: float
    num_forced: int = 0

    @property
    def size_px(self) -> float:
        return self.lettering.size_px


Toll = Callable[[Setting], float | None]


def lay_out(
    text: str, block: TextBlock, match: FontMatch, is_free: IsFree, *, is_followed: bool = False, toll: Toll = lambda _: 0.0
) -> Setting | None:
    """Return the least change that sets the text in the place of a block; None when it fits nowhere.

    Args:
        is_free: whether a box (px) may be covered. is_followed: another text stands close below and none close above, so that
            fewer lines keep their distance to it. toll: what a setting costs besides, None when it may not be.
    """
    num_old, width = len(block.lines), block.box[2] - block.box[0]
    settings = []
    for num, lines, scale in _breaks(text, match, num_old):
        num_forced = max(0, num - _fewest_lines(text, match.lettering, width / scale))
        for rank, first_baseline in enumerate(_anchors(num, num_old, scale, match, is_followed=is_followed)):
            setting = replace(_place(lines, first_baseline, scale, block, match), num_forced=num_forced)
            besides = toll(setting) if all(is_free(line.box) for line in setting.lines) else None
            if besides is not None:
                lines_cost = COST_OF_MORE_LINES * max(0, num - num_old) + COST_OF_FEWER_LINES * max(0, num_old - num)
                lines_cost += COST_OF_FORCED * num_forced
                rises = _cost_of_rising(setting, block, match, is_free)
                settings.append((setting.cost + COST_OF_ANCHOR * rank + lines_cost + rises + besides, setting))
    return min(settings, key=lambda pair: pair[0])[1] if settings else None


def rises_by(setting: Setting, block: TextBlock, match: FontMatch) -> float:
    """Return by how many distances of baselines a setting begins above the old text."""
    return (block.box[1] - setting.lines[0].box[1]) / match.leading_px


def _cost_of_rising(setting: Setting, block: TextBlock, match: FontMatch, is_free: IsFree) -> float:
    if rises_by(setting, block, match) <= RISE:
        return 0.0
    x0, y0, x1, y1 = setting.lines[0].box
    return COST_OF_RISING + COST_OF_CROWDING * (not is_free((x0, y0 - round(match.leading_px), x1, y1)))


def _fewest_lines(text: str, lettering: Lettering, width_px: float) -> int:
    return len(wrap_evenly(text, WIDTH_SLACK * width_px, lettering.length))


def lay_out_label(text: str, block: TextBlock, match: FontMatch, room_px: float) -> Setting | None:
    """Return a label of one line in the middle of a button, shrunk to `room_px` if need be; None when that is not enough."""
    if block.plate is None:
        return None
    middle = (block.plate[0] + block.plate[2]) / 2
    for scale in LABEL_SCALES:
        lettering = match.lettering.scaled(scale)
        x0, y0, x1, y1 = lettering.ink_box(text)
        if x1 - x0 <= room_px:
            drop = (1.0 - scale) * 0.36 * match.size_px  # half of what capitals lose in height
            x, y = middle - lettering.length(text) / 2, match.baselines_px[0] - drop
            box = _whole(x + x0, y + y0, x + x1, y + y1)
            line = SetLine(text=text, x=x, y=y, box=box)
            return Setting(lines=(line,), lettering=lettering, cost=-COST_OF_SIZE * float(np.log(scale)))
    return None


def _breaks(text: str, match: FontMatch, num_old: int) -> Iterator[tuple[int, list[str], float]]:
    """Yield numbers of lines, the text broken into as many, and sizes to try each at."""
    for num in range(1, num_old + MAX_MORE_LINES + 1):
        lines = break_evenly(text, num, match.lettering.length)
        if len(lines) != num:
            continue
        scales = (*SCALES, *LARGER_SCALES) if num <= num_old else SCALES
        for scale in scales:
            yield num, lines, scale


def _anchors(num: int, num_old: int, scale: float, match: FontMatch, *, is_followed: bool) -> list[float]:
    """Return first baselines to try, the best first: of the old first line, of the old last line, and the middle."""
    cap = 0.7 * match.size_px
    top = match.baselines_px[0] + (scale - 1.0) * cap
    bottom = match.baselines_px[-1] - (num - 1) * match.leading_px * scale
    middle = (top + bottom) / 2
    if num == num_old:
        return [middle, top, bottom]
    if num > num_old:
        return [bottom, middle, top] if is_followed else [top, middle, bottom]
    return [bottom, middle, top] if is_followed else [top, middle, bottom]


def _place(lines: list[str], first_baseline: float, scale: float, block: TextBlock, match: FontMatch) -> Setting:
    lettering, leading = match.lettering.scaled(scale), match.leading_px * scale
    inks = [lettering.ink_box(line) for line in lines]
    widths = [x1 - x0 for x0, _, x1, _ in inks]
    placed = []
    for k, (line, (x0, y0, x1, y1)) in enumerate(zip(lines, inks, strict=True)):
        start = match.anchor_px - {"left": 0.0, "centre": 0.5, "right": 1.0}[match.alignment] * lettering.length(line)
        y = first_baseline + k * leading
        if lettering.is_snapped:
            start, y = float(np.floor(start + 0.5)), float(np.floor(y + 0.5))
        placed.append(SetLine(text=line, x=start, y=y, box=_whole(start + x0, y + y0, start + x1, y + y1)))
    is_widow = len(lines) > 1 and widths[-1] < WIDOW_SHARE * max(widths)
    share = max(widths) / max(block.box[2] - block.box[0], 1)
    lower = 1.0 - (placed[-1].box[3] - placed[0].box[1]) / max(block.box[3] - block.box[1], 1)
    size_cost = COST_OF_LARGER if scale > 1.0 else COST_OF_SIZE
    cost = size_cost * abs(float(np.log(scale))) + COST_OF_WIDOW * is_widow + COST_OF_LOWER * max(0.0, lower)
    cost += COST_OF_WIDER * max(0.0, share - 1.0) + COST_OF_NARROWER * max(0.0, 1.0 - share)
    return Setting(lines=tuple(placed), lettering=lettering, cost=cost)


def _whole(x0: float, y0: float, x1: float, y1: float) -> Box:
    return int(np.floor(x0)), int(np.floor(y0)), int(np.ceil(x1)), int(np.ceil(y1))
