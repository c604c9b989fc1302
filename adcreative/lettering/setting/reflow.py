"""Keeps a stack together when its text grows or shrinks: the text and the button below it move with it, at their old distances.

They move only as far as the ground allows: over nothing else, inside the safe zone, off their old place without a trace. What
stands at the foot of an ad, a logo or small print, stays. Knows blocks, pixels and settings; no fonts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from adcreative.lettering.erasing.hole_filling import FillHoles
from adcreative.lettering.erasing.layers import Layer, lift_block
from adcreative.lettering.reading.blocks import Box, TextBlock
from adcreative.lettering.setting.matching import FontMatch
from adcreative.lettering.setting.room import find_room
from adcreative.lettering.setting.typesetting import FITTED as TYPESETTING
from adcreative.lettering.setting.typesetting import IsFree, Setting, TextColumn

PINNED_ROLES = ("brand", "legal", "address", "product_print")


@dataclass(frozen=True)
class Fitted:
    """Numbers of this file, chosen by hand, checked by `pytest tests/lettering/setting/test_reflow.py`."""

    chain_gap: float = 3.0  # heights of capitals: what stands farther below is another group and stays
    max_shift: float = 4.0  # of the distance of the growing text's baselines
    cost_of_push: float = 0.06  # of moving others at all
    cost_of_shift: float = 0.04  # of each baseline that they move
    near: float = 1.2  # distances of baselines: a text that stands so close above or below belongs to the same stack
    # heights of the growing text's capitals, besides the margin that `room` keeps: left above and below a stack
    kept_room: float = 0.25
    kept_share: float = 0.25  # of a room that is small already
    max_copied: float = 0.05  # of a hole: where more is copied from elsewhere, a trace may stay, and nothing moves
    closer: float = 0.15  # of the distance from a text's last baseline to what follows it: a new text may come so much nearer
    same_edge: float = 0.3  # heights of capitals by which edges of a column may differ, as letters begin with more or less room
    blank: float = 0.4  # heights of capitals: a blank between two words
    column_margin: float = 0.05  # of the picture's width, on either side of centred text, besides the safe zone
    margin_share: float = 0.08  # of the picture's width: what leaves more room at an edge is no margin but a column elsewhere
    thing_rim: float = 0.2  # of a line's height: its descenders and soft edges


FITTED = Fitted()


@dataclass(frozen=True, kw_only=True, eq=False)
class Follower:
    """A block that would move: the block, its pixels, and where it may stand."""

    block: TextBlock
    layer: Layer
    is_free: IsFree


@dataclass(frozen=True, kw_only=True, eq=False)
class Reflow:
    """A picture whose text may grow and shrink together with what follows it.

    clean [H, W, 3]: without the text and what follows it; mask: what was filled. is_free: where the text may stand when the
    others move. above_px, below_px: how far the stack may move up and down; None above where a text stands close, to which the
    distance is kept. before: the same in the picture before any of its texts changed, whose proportion is kept.
    """

    clean: np.ndarray
    mask: np.ndarray
    followers: tuple[Follower, ...]
    is_free: IsFree
    block: TextBlock
    match: FontMatch
    above_px: int | None = 0
    below_px: int = 0
    before: Reflow | None = None

    def shift(self, setting: Setting) -> int:
        """Return by how many pixels the others move down for a setting: as far as its last baseline does; less than 0 is up."""
        return round(setting.lines[-1].y - self.match.baselines_px[-1])

    def kept(self, room_px: int) -> float:
        """Return how much of the room above or below the stack stays."""
        return min(FITTED.kept_room * self.block.size_px, FITTED.kept_share * room_px)

    def anchor(self, top: float, drop: float) -> float:
        """Return the first baseline at which the room above and below the stack keeps its proportion (`MovesOthers`)."""
        if self.above_px is None:
            return top
        first = self.before or self
        above_px = self.above_px if first.above_px is None else first.above_px
        room, grown = above_px + first.below_px, first.below_px - self.below_px
        return top - (drop + grown) * (above_px / room if room else 0.5)

    def toll(self, setting: Setting) -> float | None:
        """Return what moving the others costs, in the terms of `typesetting`; None when they cannot move so far."""
        smaller = self.match.size_px - setting.size_px
        shift, rise = self.shift(setting), self.match.baselines_px[0] - setting.lines[0].y - TYPESETTING.cap_share * smaller
        if abs(shift) > FITTED.max_shift * self.match.leading_px or not all(
            follower.is_free(box) for follower in self.followers for box in _boxes(moved(follower.block, shift))
        ):
            return None
        if any(by > max(1.0, room - self.kept(room)) for by, room in ((shift, self.below_px), (rise, self.above_px or 0))):
            return None
        return FITTED.cost_of_push + FITTED.cost_of_shift * abs(shift) / self.match.leading_px if shift else 0.0

    def lay(self, picture: np.ndarray, shift: int) -> tuple[np.ndarray, np.ndarray, list[TextBlock]]:
        """Return the picture with the others laid `shift` px lower, the mask [H, W] under them, and their blocks."""
        out, under = picture.copy(), np.zeros(picture.shape[:2], bool)
        for follower in self.followers:
            under |= follower.layer.at(follower.layer.left, follower.layer.top + shift).paste(out)
        return out, under, [moved(follower.block, shift) for follower in self.followers]


def plan_reflow(
    picture: np.ndarray,
    erased: tuple[np.ndarray, np.ndarray],
    block: TextBlock,
    match: FontMatch,
    others: Sequence[TextBlock],
    faces_xyxy_px: Sequence[Sequence[float]],
    inpainter: FillHoles,
) -> Reflow | None:
    """Return how the blocks that follow one make way for it; None when there are none or they would leave a trace.

    Args:
        picture, erased: [H, W, 3] as it is; without the block's letters, and the mask [H, W] of what was filled for that.
        others: all other blocks of the picture, where they stand now.
    """
    chain = list(find_followers(block, others))
    if not chain:
        return None
    clean, mask = erased
    taken = {one.box for one in chain}
    rest = [other for other in others if other.box not in taken]
    layers = []
    for one in chain:
        beside = mask_things(picture.shape[:2], [other for other in others if other.box != one.box], faces_xyxy_px)
        copying = _Copying(inpainter)
        lifted = lift_block(clean, one, copying, beside)
        if lifted is None or copying.num_px > FITTED.max_copied * lifted[2].sum():
            return None
        layer, clean, hole = lifted
        layers.append(layer)
        mask = mask | hole
    reach_px = FITTED.max_shift * match.leading_px
    followers = tuple(
        Follower(block=one, layer=layer, is_free=find_room(clean, one, rest, faces_xyxy_px, one.plate, reach_px=reach_px))
        for one, layer in zip(chain, layers, strict=True)
    )
    is_free = find_room(clean, block, rest, faces_xyxy_px, reach_px=reach_px)
    x0, y0, x1, _ = block.box
    is_headed, _ = stands_close(block, match, others)
    above_px = None if is_headed else _room(lambda px: is_free((x0, y0 - px, x1, y0)), reach_px)
    a0, b0, a1, b1 = _boxes(followers[-1].block)[-1]
    below_px = _room(lambda px: followers[-1].is_free((a0, b0, a1, b1 + px)), reach_px)
    return Reflow(
        clean=clean, mask=mask, followers=followers, is_free=is_free, block=block, match=match, above_px=above_px,
        below_px=below_px,
    )  # fmt: skip


class _Copying:
    """Fills holes as told and counts the pixels: those whose ground goes on neither as a surface nor as an outline."""

    def __init__(self, fill: FillHoles) -> None:
        self._fill, self.num_px = fill, 0

    def __call__(self, image_u8: np.ndarray, mask: np.ndarray, keep_out: np.ndarray) -> np.ndarray:
        self.num_px += int(mask.sum())
        return self._fill(image_u8, mask, keep_out)


def _room(is_free: Callable[[int], bool], most_px: float) -> int:
    """Return the most pixels, `most_px` at most, for which a strip is free."""
    return next((px for px in range(int(most_px), 0, -1) if is_free(px)), 0)


def stands_close(block: TextBlock, match: FontMatch, others: Sequence[TextBlock]) -> tuple[bool, bool]:
    """Return whether another text of the stack stands close above a block, and close below it."""
    x0, y0, x1, y1 = block.box
    beside = [other for other in others if other.box[0] < x1 and other.box[2] > x0]
    near = FITTED.near * match.leading_px
    is_headed = any(-2 <= y0 - other.box[3] <= near and other.role != "brand" for other in beside)
    return is_headed, any(-2 <= (other.plate or other.box)[1] - y1 <= near for other in beside)


def lowest_baseline(block: TextBlock, match: FontMatch, others: Sequence[TextBlock]) -> float:
    """Return how low a new text's last baseline may be, px: its distance to what follows it is kept, but for a share."""
    last = match.baselines_px[-1]
    follower = next(find_followers(block, others), None)
    if follower is None:
        return float("inf")
    return float(last + max(1.0, FITTED.closer * ((follower.plate or follower.box)[1] - last)))


def column_of(block: TextBlock, match: FontMatch, others: Sequence[TextBlock], is_free: IsFree, width: int) -> TextColumn:
    """Return the column that a block stands in, in a picture `width` px wide.

    It is at least as wide as the widest text at the same edge. It goes on as far as leaves the same room on the right as on the
    left, if the ground is free there, and no farther than where one of the texts would have needed a line less. The margins are
    as wide as the room beside the old text, FITTED.margin_share of the picture at most.
    """
    widest, most = 0.0, float("inf")
    x0, y0, x1, y1 = block.box
    for other in (block, *others):
        a0, _, a1, _ = other.box
        off = {"left": a0 - x0, "centre": (a0 + a1 - x0 - x1) / 2, "right": a1 - x1}[match.alignment]
        is_mate = other.plate is None and other.role not in PINNED_ROLES
        if is_mate and abs(off) <= FITTED.same_edge * max(block.size_px, other.size_px):
            widest, num = max(widest, float(a1 - a0)), len(other.lines)
            if num > 1:
                inked = sum(line.box[2] - line.box[0] for line in other.lines) + (num - 1) * FITTED.blank * other.size_px
                most = min(most, inked / (num - 1) - 1.0)
    left, right = _room(lambda px: is_free((x0 - px, y0, x0, y1)), x0), _room(lambda px: is_free((x1, y0, x1 + px, y1)), width)
    if match.alignment == "centre":
        goes_on = x1 - x0 + 2 * (min(left, right) - FITTED.column_margin * width)
    else:
        goes_on = x1 - x0 + (right - left if match.alignment == "left" else left - right)
    room = {"left": x0, "centre": min(x0, width - x1), "right": width - x1}[match.alignment]
    margin = min(room, FITTED.margin_share * width)
    return TextColumn(
        width_px=max(widest, min(most, goes_on)),
        left_px=0.0 if match.alignment == "left" else min(margin, x0),
        right_px=width if match.alignment == "right" else max(width - margin, x1),
    )


def find_followers(block: TextBlock, others: Sequence[TextBlock]) -> Iterator[TextBlock]:
    """Yield the blocks that stand below one in its column, each close below what is before it; from top to bottom."""
    x0, _, x1, bottom = block.box
    size = block.size_px
    for other in sorted(others, key=lambda one: (one.plate or one.box)[1]):
        a0, top, a1, b1 = other.plate or other.box
        if top < block.box[3] - 2 or a0 >= x1 or a1 <= x0:
            continue
        if top - bottom > FITTED.chain_gap * max(size, other.size_px) or other.role in PINNED_ROLES:
            return
        yield other
        x0, x1, bottom, size = min(x0, a0), max(x1, a1), max(bottom, b1), other.size_px


def moved(block: TextBlock, down_px: int, right_px: int = 0) -> TextBlock:
    """Return a block elsewhere."""
    lines = tuple(replace(line, box=_moved(line.box, down_px, right_px)) for line in block.lines)
    return replace(block, lines=lines, plate=None if block.plate is None else _moved(block.plate, down_px, right_px))


def _moved(box: Box, down_px: int, right_px: int) -> Box:
    return box[0] + right_px, box[1] + down_px, box[2] + right_px, box[3] + down_px


def _boxes(block: TextBlock) -> list[Box]:
    return [block.plate] if block.plate is not None else [line.box for line in block.lines]


def mask_things(shape: tuple[int, ...], blocks: Sequence[TextBlock], faces_xyxy_px: Sequence[Sequence[float]]) -> np.ndarray:
    """Return the mask [H, W] of text, buttons and faces, which are no ground to fill a hole with."""
    things = np.zeros(shape, bool)
    boxes = [line.box for block in blocks for line in block.lines] + [block.plate for block in blocks if block.plate]
    for x0, y0, x1, y1 in (*boxes, *(tuple(round(float(edge)) for edge in face) for face in faces_xyxy_px)):
        rim = max(2, round(FITTED.thing_rim * (y1 - y0)))
        things[max(0, y0 - rim) : y1 + rim, max(0, x0 - rim) : x1 + rim] = True
    return things
