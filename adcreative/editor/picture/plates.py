"""Makes the plate of a button wider, its ends kept as they are. Knows pixels and boxes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from adcreative.editor.picture.typesetting import IsFree
from adcreative.encoders.picture_words.blocks import Box, TextBlock


def widen_plate(
    erased_u8: np.ndarray, block: TextBlock, more_px: int, is_free: IsFree, *, is_centred: bool
) -> tuple[np.ndarray, TextBlock] | None:
    """Return the picture with the block's plate `more_px` wider, and the block with the new plate.

    The middle column of the plate is repeated; its two halves keep their pixels. On a centred plate both ends move, else the
    right one. None when there is no room.

    Args:
        erased_u8: the picture [H, W, 3] without the label.
    """
    if block.plate is None or more_px <= 0:
        return None
    x0, y0, x1, y1 = block.plate
    rim = 2  # the soft edge of the plate
    left = more_px // 2 if is_centred else 0
    right = more_px - left
    changed = (x0 - left - rim, y0 - rim, x1 + right + rim, y1 + rim)
    height, width = erased_u8.shape[:2]
    if changed[0] < 0 or changed[2] > width or changed[1] < 0 or changed[3] > height:
        return None
    if not all(is_free(box) for box in _new_ground(changed, block.plate, rim)):
        return None
    old = erased_u8[y0 - rim : y1 + rim, x0 - rim : x1 + rim]
    middle = old.shape[1] // 2
    filler = np.repeat(old[:, middle : middle + 1], more_px, axis=1)
    wider = np.concatenate([old[:, :middle], filler, old[:, middle:]], axis=1)
    out = erased_u8.copy()
    out[changed[1] : changed[3], changed[0] : changed[2]] = wider
    return out, replace(block, plate=(x0 - left, y0, x1 + right, y1))


def _new_ground(changed: Box, plate: Box, rim: int) -> list[Box]:
    """Return the boxes that a wider plate covers anew."""
    boxes = []
    if changed[0] < plate[0] - rim:
        boxes.append((changed[0], changed[1], plate[0] - rim, changed[3]))
    if changed[2] > plate[2] + rim:
        boxes.append((plate[2] + rim, changed[1], changed[2], changed[3]))
    return boxes
