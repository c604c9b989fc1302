"""Keeps a stack together when its text grows or shrinks: the text and the button below it move with it, at their old distances.

They move only as far as the ground allows: over nothing else, inside the safe zone, off their old place without a trace. What
stands at the foot of an ad, a logo or small print, stays. Knows blocks, pixels and settings; no fonts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from adcreative.editor.picture.layers import Layer, lift_block
from adcreative.editor.picture.matching import FontMatch
from adcreative.editor.picture.room import find_room
from adcreative.editor.picture.typesetting import COST_OF_LOWER, RISE, IsFree, Setting, rises_by
from adcreative.encoders.hole_filling import FillHoles
from adcreative.encoders.picture_words.blocks import Box, TextBlock

PINNED_ROLES = ("logo", "disclaimer")
CHAIN_GAP = 3.0  # heights of capitals: what stands farther below is another group and stays
MAX_SHIFT = 4.0  # of the distance of the growing text's baselines
COST_OF_PUSH, COST_OF_SHIFT = 0.12, 0.08  # of moving others at all, and of each baseline that they move
SMALLER = 0.95  # of the size that a text has with the others moved: above, they may as well stay
CALM = 6.0  # 0..255 by which a ground may miss a flat one for others to move only because a text would leave a gap
SINK = 0.6  # distances of baselines by which a text may begin lower than the old one
FOOT = 1.0  # heights of the growing text's capitals: so much room below what moves down is kept where it was there
THING_RIM = 0.2  # of a line's height: its descenders and soft edges


@dataclass(frozen=True, kw_only=True, eq=False)
class Follower:
    """A block that would move: the block, its pixels, and where it may stand."""

    block: TextBlock
    layer: Layer
    is_free: IsFree


@dataclass(frozen=True, kw_only=True, eq=False)
class Way:
    """A picture whose text may grow downward, or end higher.

    clean [H, W, 3]: without the text and what follows it; mask: what was filled. is_free: where the text may stand when the
    others move. foot_px: room below the last of them that is kept when they move down.
    """

    clean: np.ndarray
    mask: np.ndarray
    followers: tuple[Follower, ...]
    is_free: IsFree
    block: TextBlock
    match: FontMatch
    foot_px: int = 0

    def shift(self, setting: Setting) -> int:
        """Return by how many pixels the others move down for a setting: as far as its last baseline does; less than 0 is up."""
        return round(setting.lines[-1].y - self.match.baselines_px[-1])

    def toll(self, setting: Setting) -> float | None:
        """Return what moving the others costs, in the terms of `typesetting`; None when they cannot move so far.

        A text that is lower than the old one leaves no gap where the others follow it; so one that sinks to them, or is broken
        to fill the lines of the old one, is no way.
        """
        shift = self.shift(setting)
        if setting.num_forced or _is_sunk(setting, self.block, self.match):
            return None
        if shift > 0 and setting.size_px > self.match.size_px:
            return None
        if abs(shift) > MAX_SHIFT * self.match.leading_px or not all(
            follower.is_free(box) for follower in self.followers for box in _boxes(moved(follower.block, shift))
        ):
            return None
        if shift > 0 and not _has_foot(self.followers[-1], shift, self.foot_px):
            return None
        old, new = self.block.box, (setting.lines[0].box[1], setting.lines[-1].box[3])
        refund = COST_OF_LOWER * max(0.0, 1.0 - (new[1] - new[0]) / max(1, old[3] - old[1])) if shift < 0 else 0.0
        return (COST_OF_PUSH + COST_OF_SHIFT * abs(shift) / self.match.leading_px if shift else 0.0) - refund

    def lay(self, picture: np.ndarray, shift: int) -> tuple[np.ndarray, np.ndarray, list[TextBlock]]:
        """Return the picture with the others laid `shift` px lower, the mask [H, W] under them, and their blocks."""
        out, under = picture.copy(), np.zeros(picture.shape[:2], bool)
        for follower in self.followers:
            under |= follower.layer.at(follower.layer.left, follower.layer.top + shift).paste(out)
        return out, under, [moved(follower.block, shift) for follower in self.followers]


def make_way(
    picture: np.ndarray,
    erased: tuple[np.ndarray, np.ndarray],
    block: TextBlock,
    match: FontMatch,
    others: Sequence[TextBlock],
    faces_xyxy_px: Sequence[Sequence[float]],
    inpainter: FillHoles,
) -> Way | None:
    """Return how the blocks that follow one make way for it; None when there are none or they cannot be taken off the ground.

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
        lifted = lift_block(clean, one, inpainter, beside)
        if lifted is None:
            return None
        layer, clean, hole = lifted
        layers.append(layer)
        mask = mask | hole
    reach_px = MAX_SHIFT * match.leading_px
    followers = tuple(
        Follower(block=one, layer=layer, is_free=find_room(clean, one, rest, faces_xyxy_px, one.plate, reach_px=reach_px))
        for one, layer in zip(chain, layers, strict=True)
    )
    is_free = find_room(clean, block, rest, faces_xyxy_px, reach_px=reach_px)
    most = round(FOOT * block.size_px)
    foot_px = next((room for room in range(most, 0, -1) if _has_foot(followers[-1], 0, room)), 0)
    return Way(clean=clean, mask=mask, followers=followers, is_free=is_free, block=block, match=match, foot_px=foot_px)


def _has_foot(last: Follower, shift: int, room_px: int) -> bool:
    """Return whether so much is free below a block that moves down by `shift`."""
    x0, y0, x1, y1 = _boxes(moved(last.block, shift))[-1]
    return last.is_free((x0, y0, x1, y1 + room_px))


def is_wanting(setting: Setting, block: TextBlock, match: FontMatch) -> bool:
    """Return whether a text that was set while all else stays gives itself away: small, crowded, in a narrow column, sunk."""
    is_small, is_crowded = setting.size_px < SMALLER * match.size_px, rises_by(setting, block, match) > RISE
    leaves_gap = _is_sunk(setting, block, match) and block.residual <= CALM
    return is_small or is_crowded or leaves_gap or setting.num_forced > 0


def _is_sunk(setting: Setting, block: TextBlock, match: FontMatch) -> bool:
    """Return whether a text begins so much lower than the old one that it leaves a gap above."""
    return rises_by(setting, block, match) < -SINK


def is_better(wide: Setting, tight: Setting, block: TextBlock, match: FontMatch) -> bool:
    """Return whether a setting with the others moved is better than one without: larger, calmer, higher or in fewer lines."""
    if wide.size_px < SMALLER * tight.size_px:
        return False
    is_larger, is_calmer = (
        SMALLER * wide.size_px > tight.size_px,
        rises_by(tight, block, match) > RISE >= rises_by(wide, block, match),
    )
    is_higher = _is_sunk(tight, block, match) and not _is_sunk(wide, block, match)
    return is_larger or is_calmer or is_higher or len(wide.lines) < len(tight.lines)


def find_followers(block: TextBlock, others: Sequence[TextBlock]) -> Iterator[TextBlock]:
    """Yield the blocks that stand below one in its column, each close below what is before it; from top to bottom."""
    x0, _, x1, bottom = block.box
    size = block.size_px
    for other in sorted(others, key=lambda one: (one.plate or one.box)[1]):
        a0, top, a1, b1 = other.plate or other.box
        if top < block.box[3] - 2 or a0 >= x1 or a1 <= x0:
            continue
        if top - bottom > CHAIN_GAP * max(size, other.size_px) or other.role in PINNED_ROLES:
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
        rim = max(2, round(THING_RIM * (y1 - y0)))
        things[max(0, y0 - rim) : y1 + rim, max(0, x0 - rim) : x1 + rim] = True
    return things
