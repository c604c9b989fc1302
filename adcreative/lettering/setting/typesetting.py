"""Layout of a new text in place of an old one: same alignment and line spacing, smaller or with more lines if necessary.

Of all layouts that fit, the one with the least change of size, number of lines and position is taken. Knows boxes and fonts;
no pixels.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from adcreative.lettering.reading.blocks import Box, TextBlock
from adcreative.lettering.reading.line_breaks import break_evenly, wrap_evenly
from adcreative.lettering.setting.glyphs import Lettering
from adcreative.lettering.setting.matching import FontMatch


@dataclass(frozen=True)
class Fitted:
    """Constants of this module, chosen by hand, checked by `pytest tests/lettering/setting/test_typesetting.py`."""

    # of the old size: at less, a headline no longer dominates the text below
    scales: tuple[float, ...] = (1.0, 0.95, 0.9, 0.85, 0.8)
    # of the old size: a smaller label is conspicuous in a button of the old height
    label_scales: tuple[float, ...] = (1.0, 0.95, 0.9)
    max_more_lines: int = 2  # than the old text has
    cost_of_size: float = 6.0  # per logarithm: words keep their size as long as another break or position fits
    cost_of_more_lines: float = 0.22  # per line
    cost_of_fewer_lines: float = 0.04  # per line
    cost_of_anchor: float = 0.06  # of another fixed side
    cost_of_gap: float = 1.0  # per share by which a text above another becomes lower, which leaves a gap
    cost_of_widow: float = 0.12  # of a short last line
    cost_of_wider: float = 0.15  # per logarithm of the ratio of widths
    cost_of_narrower: float = 0.35  # per logarithm of the ratio of widths
    cost_of_forced: float = 0.3  # per line beyond the number required by the column
    cost_of_crowding: float = 1.2  # of rising so that the space above is less than a line
    cost_of_margin: float = 1.0  # of a line with less space at an edge of the picture than the ad's margin
    cost_of_rising: float = 0.25  # of starting more than `rise` above the old text
    rise: float = 0.35  # in distances of baselines
    cap_share: float = 0.7  # height of capitals as a share of the size
    width_slack: float = 1.03  # of the old text's width, since ink and advance differ
    widow_share: float = 0.35  # of the widest line: a shorter last line is a widow


FITTED = Fitted()


IsFree = Callable[[Box], bool]


@dataclass(frozen=True, kw_only=True)
class SetLine:
    """A line to be set: the start of its baseline (px) and the box of its ink."""

    text: str
    x: float
    y: float
    box: Box


@dataclass(frozen=True, kw_only=True)
class Setting:
    """The layout of a text. cost: of the change, 0 for the same size, lines and position.

    num_forced: lines beyond the fewest that fit the old text's width.
    """

    lines: tuple[SetLine, ...]
    lettering: Lettering
    cost: float
    num_forced: int = 0

    @property
    def size_px(self) -> float:
        return self.lettering.size_px


@dataclass(frozen=True, kw_only=True)
class TextColumn:
    """The column of a text's lines, px: its width, the ad's margins, the lowest last baseline (`reflow.lowest_baseline`)."""

    width_px: float = 0.0
    left_px: float = -math.inf
    right_px: float = math.inf
    lowest_px: float = math.inf

    def keeps(self, lines: Sequence[SetLine]) -> bool:
        """Return whether no line reaches into a margin."""
        return all(line.box[0] >= self.left_px and line.box[2] <= self.right_px for line in lines)


ANYWHERE = TextColumn()


class MovesOthers(Protocol):
    """Interface of moving other blocks with a text (`reflow.Reflow`)."""

    def anchor(self, top: float, drop: float) -> float:
        """Return the first baseline at which the stack keeps its position.

        Args:
            top: the first baseline that keeps the top of the old text. drop: shift of the last baseline in that case.
        """
        ...

    def toll(self, setting: Setting) -> float | None:
        """Return the cost of moving the others; None if they cannot move so far."""
        ...


def lay_out(
    text: str,
    block: TextBlock,
    match: FontMatch,
    is_free: IsFree,
    *,
    column: TextColumn = ANYWHERE,
    is_headed: bool = False,
    is_followed: bool = False,
    reflow: MovesOthers | None = None,
) -> Setting | None:
    """Return the layout of the text with the least change from a block; None if none fits.

    Args:
        is_free: whether a box (px) may be covered. column: of the old text, at least as wide as the text.
        is_headed, is_followed: whether another text is close above, below. reflow: moves the blocks below.
    """
    num_old, width = len(block.lines), max(column.width_px, block.box[2] - block.box[0])
    settings = []
    for num, lines, scale in _breaks(text, match, num_old):
        num_forced = max(0, num - _fewest_lines(text, match.lettering, width / scale))
        lines_cost = FITTED.cost_of_more_lines * max(0, num - num_old) + FITTED.cost_of_fewer_lines * max(0, num_old - num)
        lines_cost += FITTED.cost_of_forced * num_forced
        anchors = _anchors(num, num_old, scale, match, is_headed=is_headed, is_followed=is_followed)
        if reflow is not None:
            anchors = _moving_anchors(num, scale, match, reflow)
        for rank, first_baseline in enumerate(anchors):
            setting = replace(_place(lines, first_baseline, scale, width, match), num_forced=num_forced)
            if setting.lines[-1].y > column.lowest_px or not all(is_free(line.box) for line in setting.lines):
                continue
            if reflow is not None:
                besides = reflow.toll(setting)
            else:
                besides = _cost_of_rising(setting, block, match, is_free)
                besides += _cost_of_gap(setting, block) if is_followed else 0.0
            if besides is not None:
                besides += FITTED.cost_of_anchor * rank + FITTED.cost_of_margin * (not column.keeps(setting.lines))
                settings.append(replace(setting, cost=setting.cost + lines_cost + besides))
    return min(settings, key=lambda setting: setting.cost) if settings else None


def keeps_all(setting: Setting, block: TextBlock, match: FontMatch) -> bool:
    """Return whether a setting keeps the size and the number of lines, without a line broken early."""
    return setting.size_px == match.size_px and len(setting.lines) == len(block.lines) and not setting.num_forced


def _cost_of_gap(setting: Setting, block: TextBlock) -> float:
    lower = 1.0 - (setting.lines[-1].box[3] - setting.lines[0].box[1]) / max(block.box[3] - block.box[1], 1)
    return FITTED.cost_of_gap * max(0.0, lower) * (len(setting.lines) < len(block.lines))


def rises_by(setting: Setting, block: TextBlock, match: FontMatch) -> float:
    """Return the distance from the old text's top up to the setting's, in distances of baselines."""
    return (block.box[1] - setting.lines[0].box[1]) / match.leading_px


def _cost_of_rising(setting: Setting, block: TextBlock, match: FontMatch, is_free: IsFree) -> float:
    if rises_by(setting, block, match) <= FITTED.rise:
        return 0.0
    x0, y0, x1, y1 = setting.lines[0].box
    return FITTED.cost_of_rising + FITTED.cost_of_crowding * (not is_free((x0, y0 - round(match.leading_px), x1, y1)))


def _fewest_lines(text: str, lettering: Lettering, width_px: float) -> int:
    return len(wrap_evenly(text, FITTED.width_slack * width_px, lettering.length))


def lay_out_label(text: str, block: TextBlock, match: FontMatch, room_px: float) -> Setting | None:
    """Return a one-line label centred in a button, shrunk to `room_px` if necessary; None if that is not enough."""
    if block.plate is None:
        return None
    middle = (block.plate[0] + block.plate[2]) / 2
    for scale in FITTED.label_scales:
        lettering = match.lettering.scaled(scale)
        x0, y0, x1, y1 = lettering.ink_box(text)
        if x1 - x0 <= room_px:
            drop = (1.0 - scale) * FITTED.cap_share / 2 * match.size_px  # half of the capitals' loss of height
            x, y = middle - lettering.length(text) / 2, match.baselines_px[0] - drop
            box = _whole(x + x0, y + y0, x + x1, y + y1)
            line = SetLine(text=text, x=x, y=y, box=box)
            return Setting(lines=(line,), lettering=lettering, cost=-FITTED.cost_of_size * float(np.log(scale)))
    return None


def _breaks(text: str, match: FontMatch, num_old: int) -> Iterator[tuple[int, list[str], float]]:
    """Yield numbers of lines, the text broken into that number, and sizes to try."""
    for num in range(1, num_old + FITTED.max_more_lines + 1):
        lines = break_evenly(text, num, match.lettering.length)
        if len(lines) != num:
            continue
        for scale in FITTED.scales:
            yield num, lines, scale


def _anchors(num: int, num_old: int, scale: float, match: FontMatch, *, is_headed: bool, is_followed: bool) -> list[float]:
    """Return first baselines to try, the best first: with the old first line, with the old last line, and the middle."""
    top = _top_baseline(scale, match)
    bottom = match.baselines_px[-1] - (num - 1) * match.leading_px * scale
    middle = (top + bottom) / 2
    if num == num_old:
        return [middle, top, bottom]
    return [bottom, middle, top] if is_followed and not is_headed else [top, middle, bottom]


def _moving_anchors(num: int, scale: float, match: FontMatch, reflow: MovesOthers) -> list[float]:
    """Return first baselines to try when others move: with a fixed stack, and with the old first line."""
    top = _top_baseline(scale, match)
    drop = top + (num - 1) * match.leading_px * scale - match.baselines_px[-1]
    return [reflow.anchor(top, drop), top]


def _top_baseline(scale: float, match: FontMatch) -> float:
    return match.baselines_px[0] + (scale - 1.0) * FITTED.cap_share * match.size_px


def _place(lines: list[str], first_baseline: float, scale: float, width_px: float, match: FontMatch) -> Setting:
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
    is_widow = len(lines) > 1 and widths[-1] < FITTED.widow_share * max(widths)
    share = max(widths) / max(width_px, 1)
    cost = FITTED.cost_of_size * abs(float(np.log(scale))) + FITTED.cost_of_widow * is_widow
    cost += FITTED.cost_of_wider * max(0.0, share - 1.0) + FITTED.cost_of_narrower * max(0.0, 1.0 - share)
    return Setting(lines=tuple(placed), lettering=lettering, cost=cost)


def _whole(x0: float, y0: float, x1: float, y1: float) -> Box:
    return int(np.floor(x0)), int(np.floor(y0)), int(np.ceil(x1)), int(np.ceil(y1))
