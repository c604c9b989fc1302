"""Reflow of a stack when its text grows or shrinks: the text and the button below move along, at their old distances.

They move only as far as the ground allows: over no other object, inside the safe zone, without a trace at the old place.
Blocks at the bottom of an ad, such as a logo or small print, stay. Knows blocks, pixels and settings; no fonts.
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
    """Constants of this module, chosen by hand, checked by `pytest tests/lettering/setting/test_reflow.py`."""

    chain_gap: float = 3.0  # heights of capitals: blocks farther below are another group and stay
    max_shift: float = 4.0  # maximum shift, in distances of the growing text's baselines
    cost_of_push: float = 0.06  # cost of moving other blocks at all
    cost_of_shift: float = 0.04  # cost per baseline of their shift
    near: float = 1.2  # distances of baselines: maximum gap to a text of the same stack
    # heights of the growing text's capitals: space kept above and below a stack, besides the margin of `room`
    kept_room: float = 0.25
    kept_share: float = 0.25  # maximum share of a small space that is kept
    max_copied: float = 0.05  # of a hole: maximum share of copied pixels; more may leave a trace, and then nothing moves
    closer: float = 0.15  # of the distance from a text's last baseline to the next block: maximum approach of a new text
    same_edge: float = 0.3  # heights of capitals: maximum difference of a column's edges, because of side bearings
    blank: float = 0.4  # heights of capitals: width of a space between two words
    column_margin: float = 0.05  # of the picture's width: margin on either side of centred text, besides the safe zone
    margin_share: float = 0.08  # of the picture's width: maximum margin; a larger space at an edge is a column elsewhere
    thing_rim: float = 0.2  # of a line's height: margin for descenders and soft edges


FITTED = Fitted()


@dataclass(frozen=True, kw_only=True, eq=False)
class Follower:
    """A block to be moved: the block, its pixels, and its free area."""

    block: TextBlock
    layer: Layer
    is_free: IsFree


@dataclass(frozen=True, kw_only=True, eq=False)
class Reflow:
    """A picture whose text may grow and shrink together with the blocks below.

    clean [H, W, 3]: without the text and the blocks below; mask: its filled pixels. is_free: free area of the text when the
    others move. above_px, below_px: maximum shift of the stack up and down; above_px is None for a text close above, to which
    the distance is kept. before: the reflow of the picture before any new text, whose proportion is kept.
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
        """Return the shift of the other blocks for a setting, px down: the shift of its last baseline; negative is up."""
        return round(setting.lines[-1].y - self.match.baselines_px[-1])

    def kept(self, room_px: int) -> float:
        """Return the part of the space above or below the stack that is kept."""
        return min(FITTED.kept_room * self.block.size_px, FITTED.kept_share * room_px)

    def anchor(self, top: float, drop: float) -> float:
        """Return the first baseline that keeps the proportion of the spaces above and below the stack (`MovesOthers`)."""
        if self.above_px is None:
            return top
        first = self.before or self
        above_px = self.above_px if first.above_px is None else first.above_px
        room, grown = above_px + first.below_px, first.below_px - self.below_px
        return top - (drop + grown) * (above_px / room if room else 0.5)

    def toll(self, setting: Setting) -> float | None:
        """Return the cost of moving the others, in the units of `typesetting`; None if they cannot move so far."""
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
        """Return the picture with the others pasted `shift` px lower, the mask [H, W] under them, and their blocks."""
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
    """Return the reflow of the blocks below a block; None without such blocks, or if they would leave a trace.

    Args:
        picture, erased: [H, W, 3] the current picture; the same without the block's letters, and the mask [H, W] of filled
            pixels. others: all other blocks of the picture at their current position.
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
        clean=clean,
        mask=mask,
        followers=followers,
        is_free=is_free,
        block=block,
        match=match,
        above_px=above_px,
        below_px=below_px,
    )


class _Copying:
    """Wraps a filling and counts its pixels: pixels whose ground continues neither as a surface nor as an outline."""

    def __init__(self, fill: FillHoles) -> None:
        self._fill, self.num_px = fill, 0

    def __call__(self, image_u8: np.ndarray, mask: np.ndarray, keep_out: np.ndarray) -> np.ndarray:
        self.num_px += int(mask.sum())
        return self._fill(image_u8, mask, keep_out)


def _room(is_free: Callable[[int], bool], most_px: float) -> int:
    """Return the largest size in pixels, at most `most_px`, of a free strip."""
    return next((px for px in range(int(most_px), 0, -1) if is_free(px)), 0)


def stands_close(block: TextBlock, match: FontMatch, others: Sequence[TextBlock]) -> tuple[bool, bool]:
    """Return whether another text of the stack is close above a block, and close below."""
    x0, y0, x1, y1 = block.box
    beside = [other for other in others if other.box[0] < x1 and other.box[2] > x0]
    near = FITTED.near * match.leading_px
    is_headed = any(-2 <= y0 - other.box[3] <= near and other.role != "brand" for other in beside)
    return is_headed, any(-2 <= (other.plate or other.box)[1] - y1 <= near for other in beside)


def lowest_baseline(block: TextBlock, match: FontMatch, others: Sequence[TextBlock]) -> float:
    """Return the lowest allowed last baseline of a new text, px: its distance to the next block may shrink only by a share."""
    last = match.baselines_px[-1]
    follower = next(find_followers(block, others), None)
    if follower is None:
        return float("inf")
    return float(last + max(1.0, FITTED.closer * ((follower.plate or follower.box)[1] - last)))


def column_of(block: TextBlock, match: FontMatch, others: Sequence[TextBlock], is_free: IsFree, width: int) -> TextColumn:
    """Return the column of a block in a picture `width` px wide.

    The column is at least as wide as the widest text at the same edge. It extends up to equal space on the right and on the
    left, if the ground is free there, but not so far that one of the texts would have needed a line less. The margins equal
    the space beside the old text, at most FITTED.margin_share of the picture.
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
    """Yield the blocks below a block in its column, each close below the one before, from top to bottom."""
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
    """Return a block shifted by an offset."""
    lines = tuple(replace(line, box=_moved(line.box, down_px, right_px)) for line in block.lines)
    return replace(block, lines=lines, plate=None if block.plate is None else _moved(block.plate, down_px, right_px))


def _moved(box: Box, down_px: int, right_px: int) -> Box:
    return box[0] + right_px, box[1] + down_px, box[2] + right_px, box[3] + down_px


def _boxes(block: TextBlock) -> list[Box]:
    return [block.plate] if block.plate is not None else [line.box for line in block.lines]


def mask_things(shape: tuple[int, ...], blocks: Sequence[TextBlock], faces_xyxy_px: Sequence[Sequence[float]]) -> np.ndarray:
    """Return the mask [H, W] of text, buttons and faces, which are not ground."""
    things = np.zeros(shape, bool)
    boxes = [line.box for block in blocks for line in block.lines] + [block.plate for block in blocks if block.plate]
    for x0, y0, x1, y1 in (*boxes, *(tuple(round(float(edge)) for edge in face) for face in faces_xyxy_px)):
        rim = max(2, round(FITTED.thing_rim * (y1 - y0)))
        things[max(0, y0 - rim) : y1 + rim, max(0, x0 - rim) : x1 + rim] = True
    return things
