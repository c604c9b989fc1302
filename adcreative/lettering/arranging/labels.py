"""Which texts of an ad stay with a thing in its picture: a product's label, a round badge, a card or a screenshot, and a button
on a photograph apart from the words. Knows pixels and blocks of text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from adcreative.lettering.reading.blocks import Box, TextBlock
from adcreative.lettering.reading.ink import FLAT_RESIDUAL, GRAIN_RESIDUAL, fit_ground, measure_grain
from adcreative.lettering.setting.room import ground_of

__all__ = ["Thing", "find_things", "is_found_whole", "is_on_texture", "is_tilted"]

MOST_LABEL, LABEL_FILL = 0.12, 0.6  # of the picture's area that a label or badge has; of its box that it fills
MOST_CARD = 0.4  # of the area that a card or a screenshot has, which reaches one rim at most
FLAT_CARD, FAINT_EDGE = 0.3, 8.0  # residual of a card's ground, and step of light that ends it, 0..255
NARROWEST = 0.25  # width of a letter, blanks included, in heights of capitals: no typeface is narrower
TILT_DEG, TILTED_RIM = 3.0, 0.25  # from which a text is aslant; share of its box, on each side, that is left out then
ROUND = 1.6  # width over height of a plate: what is longer is a strip or a button, which can stand elsewhere
ON_THINGS = ("subline", "offer", "price", "proof", "badge", "tag", "brand")


@dataclass(frozen=True, kw_only=True)
class Thing:
    """A thing with lettering on it. box: px of the ad."""

    box: Box
    texts: tuple[TextBlock, ...]


def find_things(image_u8: np.ndarray, blocks: Sequence[TextBlock]) -> list[Thing]:
    """Return the things in a picture [H, W, 3] that have texts of their own, which go where the thing goes.

    A thing has none of what an ad is built of on it: no headline, no button, no small print.
    """
    things: list[Thing] = []
    for block in blocks:
        if any(block in thing.texts for thing in things) or not _is_on_thing(block):
            continue
        box = block.plate or _find_own_ground(image_u8, block)
        texts = tuple(other for other in blocks if box is not None and _lies_in(other.box, box))
        if box is not None and all(_is_on_thing(other) for other in texts):
            things.append(Thing(box=box, texts=texts))
    return things


def is_on_texture(image_u8: np.ndarray, box: Box) -> bool:
    """Return whether what is around a box of a picture [H, W, 3] is neither flat nor a gradient, so that a hole would show."""
    x0, y0, x1, y1 = box
    rim = max(4, (y1 - y0) // 2)
    left, top = max(0, x0 - rim), max(0, y0 - rim)
    crop = image_u8[top : y1 + rim, left : x1 + rim].astype(np.float32)
    around = np.ones(crop.shape[:2], bool)
    around[max(0, y0 - 3 - top) : y1 + 3 - top, max(0, x0 - 3 - left) : x1 + 3 - left] = False
    _, residual = fit_ground(crop, around)
    return bool(residual > max(FLAT_RESIDUAL, GRAIN_RESIDUAL * measure_grain(crop, around)))


def is_tilted(block: TextBlock) -> bool:
    """Return whether a text runs aslant, as on a turned badge or a ribbon across a corner."""
    return abs(block.angle_deg) > TILT_DEG


def is_found_whole(block: TextBlock) -> bool:
    """Return whether the letters that were found of a text are as wide as it; white ones on white are found in part."""
    return all(line.box[2] - line.box[0] >= NARROWEST * line.cap_px * len(line.text) for line in block.lines)


def _is_on_thing(block: TextBlock) -> bool:
    if block.plate is None:
        return block.role in ON_THINGS
    x0, y0, x1, y1 = block.plate
    return block.role in ("offer", "price", "badge") and x1 - x0 <= ROUND * (y1 - y0)


def _find_own_ground(image_u8: np.ndarray, block: TextBlock) -> Box | None:
    """Return the box of the label or card that a text stands on; a flat one ends at faint edges, too, as on a dark screen."""
    x0, y0, x1, y1 = block.box
    if is_tilted(block):  # the corners of its box may lie beyond the badge
        dx, dy = round(TILTED_RIM * (x1 - x0)), round(TILTED_RIM * (y1 - y0))
        x0, y0, x1, y1 = x0 + dx, y0 + dy, x1 - dx, y1 - dy
    size = min(block.size_px, y1 - y0)
    box = _enclosing(ground_of(image_u8, (x0, y0, x1, y1), size))
    if box is None and block.residual <= FLAT_CARD:
        return _enclosing(ground_of(image_u8, (x0, y0, x1, y1), size, edge=FAINT_EDGE))
    return box


def _enclosing(ground: np.ndarray) -> Box | None:
    """Return the box of a ground [H, W] that is a shape of its own: a label, or a larger card that reaches one rim at most."""
    rows, columns = np.flatnonzero(ground.any(axis=1)), np.flatnonzero(ground.any(axis=0))
    height, width = ground.shape
    box = (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
    share = (box[2] - box[0]) * (box[3] - box[1]) / (height * width)
    num_rims = (box[0] <= 2) + (box[1] <= 2) + (box[2] >= width - 2) + (box[3] >= height - 2)
    fills = ndimage.binary_fill_holes(ground[box[1] : box[3], box[0] : box[2]]).mean()  # a card has a picture on it, too
    is_own = share <= MOST_LABEL or (share <= MOST_CARD and num_rims <= 1)
    return box if is_own and fills >= LABEL_FILL else None


def _lies_in(box: Box, other: Box) -> bool:
    return box[0] < other[2] and box[2] > other[0] and box[1] < other[3] and box[3] > other[1]
