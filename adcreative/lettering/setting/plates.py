"""Widens or narrows the plate of a button, with unchanged ends. Knows pixels and boxes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from adcreative.lettering.erasing.erasing import fill_hole
from adcreative.lettering.erasing.layers import Layer
from adcreative.lettering.reading.blocks import Box, TextBlock
from adcreative.lettering.reading.ink import FITTED as INK
from adcreative.lettering.reading.ink import fit_ground, measure_grain
from adcreative.lettering.setting.typesetting import IsFree


@dataclass(frozen=True)
class Fitted:
    """Constants of this module, chosen by hand, checked by `pytest tests/lettering/setting/test_plates.py`."""

    least_shape: float = 1.3  # minimum width of a plate in its heights, which keeps its ends
    soft_rim_px: int = 3  # width of a plate's soft edge
    # maximum share of the ground behind a plate unknown from drawn outlines; photographs have eight tenths and more
    most_unknown: float = 0.1
    same_centre: float = 0.02  # of the picture's width
    same_edge: float = 0.3  # heights of a label's capitals: maximum difference of aligned edges of a plate and texts
    same_middle: float = 6.0  # 0..255: maximum difference of the columns joined after cutting out the middle
    least_reach_px: int = 8  # minimum margin around a plate for examining the ground


FITTED = Fitted()


# a picture [H, W, 3] -> the plate, the picture without it and the mask of replaced pixels (`layers.lift_shape`)
Lift = Callable[[np.ndarray], tuple[Layer, np.ndarray, np.ndarray] | None]


def widen_plate(
    erased_u8: np.ndarray, block: TextBlock, more_px: int, is_free: IsFree, lift: Lift, *, alignment: str
) -> tuple[np.ndarray, TextBlock, np.ndarray] | None:
    """Return the picture with the block's plate `more_px` wider, and the block with the new plate.

    As `resize_plate`; a plate inseparable from its ground is widened with the ground at its ends. None without room.
    """
    if block.plate is None or more_px <= 0:
        return None
    x0, y0, x1, y1 = block.plate
    rim = 2  # the soft edge of the plate
    left = _to_the_left(more_px, alignment)
    right = more_px - left
    changed = (x0 - left - rim, y0 - rim, x1 + right + rim, y1 + rim)
    height, width = erased_u8.shape[:2]
    if changed[0] < 0 or changed[2] > width or changed[1] < 0 or changed[3] > height:
        return None
    if not all(is_free(box) for box in _new_ground(changed, block.plate, rim)):
        return None
    resized = resize_plate(erased_u8, block, more_px, lift, alignment=alignment)
    if resized is not None:
        return resized
    old = erased_u8[y0 - rim : y1 + rim, x0 - rim : x1 + rim]
    middle = old.shape[1] // 2
    filler = np.repeat(old[:, middle : middle + 1], more_px, axis=1)
    wider = np.concatenate([old[:, :middle], filler, old[:, middle:]], axis=1)
    out = erased_u8.copy()
    out[changed[1] : changed[3], changed[0] : changed[2]] = wider
    return out, replace(block, plate=(x0 - left, y0, x1 + right, y1)), np.zeros(out.shape[:2], bool)


def resize_plate(
    erased_u8: np.ndarray, block: TextBlock, more_px: int, lift: Lift, *, alignment: str
) -> tuple[np.ndarray, TextBlock, np.ndarray] | None:
    """Return the picture with the block's plate `more_px` wider, or narrower for a negative value, on the ground behind it.

    Columns are repeated or cut out in the middle; the two ends keep their pixels. The aligned end stays; for a centred plate
    both ends move.

    Args:
        erased_u8: the picture [H, W, 3] without the label. lift: lifts the plate off the picture.
    Returns:
        the picture, the block with its new plate, and the mask [H, W] of the filled ground, away from the plate's edge;
        None for a plate that is inseparable from its ground, not uniform in its middle, or would be too short.
    """
    if block.plate is None or not more_px:
        return None
    x0, y0, x1, y1 = block.plate
    if x1 - x0 + more_px < FITTED.least_shape * (y1 - y0):
        return None
    lifted = lift(erased_u8)
    if lifted is None:
        return None
    layer, hole = lifted[0], lifted[2]
    middle, less = (x0 + x1) // 2 - layer.left, max(0, -more_px)
    first, last = middle - less // 2, middle - less // 2 + less
    rows = slice(max(0, y0 + 2 - layer.top), max(0, y1 - 2 - layer.top))
    if np.abs(layer.part[rows, first] - layer.part[rows, last]).mean() > FITTED.same_middle:
        return None
    left = _to_the_left(more_px, alignment)
    part, alpha = (
        np.concatenate([one[:, :first], np.repeat(one[:, middle : middle + 1], max(0, more_px), axis=1), one[:, last:]], axis=1)
        for one in (layer.part, layer.alpha)
    )
    clean = lifted[1].copy()  # the lifted picture may be cached
    resized = Layer(part=part, alpha=alpha, left=layer.left - left, top=layer.top)
    under = resized.paste(clean)
    if more_px > 0 and not _is_smooth(*_around(erased_u8, block.plate, max(FITTED.least_reach_px, (y1 - y0) // 2))):
        # ground left free by the new plate was filled, and the ground at a fixed edge is known
        was, now = (one.cover(under.shape) for one in (layer, resized))
        kept = ~under | ((was == now) & (now < 1.0))
        clean[kept] = erased_u8[kept]
    beside = ndimage.binary_dilation(under, iterations=FITTED.soft_rim_px)  # the plate's edge is no seam of the ground
    return clean, replace(block, plate=(x0 - left, y0, x1 + more_px - left, y1)), hole & ~beside


def can_be_bared(image_u8: np.ndarray, plate: Box) -> bool:
    """Return whether the ground behind a plate is known: a flat, evenly shaded or drawn ground.

    The ground behind a plate on a photograph can only be invented; a button slightly too wide for its label looks right there.
    """
    height = plate[3] - plate[1]
    return _is_smooth(*_around(image_u8, plate, max(FITTED.least_reach_px, height // 2))) or _is_drawn(
        *_around(image_u8, plate, height)
    )


def _around(image_u8: np.ndarray, plate: Box, reach: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the crop [h, w, 3] up to `reach` px around a plate, and the mask [h, w] of the plate with its soft edge."""
    x0, y0, x1, y1 = plate
    left, top = max(0, x0 - reach), max(0, y0 - reach)
    crop = image_u8[top : y1 + reach, left : x1 + reach]
    rows = slice(max(0, y0 - FITTED.soft_rim_px - top), y1 + FITTED.soft_rim_px - top)
    hole = np.zeros(crop.shape[:2], bool)
    hole[rows, max(0, x0 - FITTED.soft_rim_px - left) : x1 + FITTED.soft_rim_px - left] = True
    return crop, hole


def _is_smooth(crop_u8: np.ndarray, hole: np.ndarray) -> bool:
    """Return whether one flat or evenly shaded surface surrounds a hole."""
    if hole.all():
        return False
    crop = crop_u8.astype(np.float32)
    _, residual = fit_ground(crop, ~hole)
    return residual <= max(INK.flat_residual, INK.grain_residual * measure_grain(crop, ~hole))


def _is_drawn(crop_u8: np.ndarray, hole: np.ndarray) -> bool:
    """Return whether outlines and tones around a hole determine nearly all of it."""
    if hole.all():
        return False
    unknown = np.zeros_like(hole)

    def leave(image_u8: np.ndarray, mask: np.ndarray, barred: np.ndarray) -> np.ndarray:
        unknown[:] = mask
        return image_u8

    fill_hole(crop_u8, hole, np.zeros_like(hole), leave)
    return float(unknown.sum()) <= FITTED.most_unknown * float(hole.sum())


def plate_alignment(block: TextBlock, others: Sequence[TextBlock], width: int) -> str:
    """Return the alignment (of ALIGNMENTS) of a block's plate in a picture `width` px wide.

    A plate that is not centred is left-aligned, unless only its right edge is shared with another text.
    """
    if block.plate is None:
        return block.alignment
    x0, _, x1, _ = block.plate
    if abs((x0 + x1) / 2 - width / 2) < FITTED.same_centre * width:
        return "centre"
    near = FITTED.same_edge * block.size_px
    is_left, is_right = (any(abs(other.box[edge] - x) <= near for other in others) for edge, x in ((0, x0), (2, x1)))
    return "right" if is_right and not is_left else "left"


def _to_the_left(more_px: int, alignment: str) -> int:
    return {"left": 0, "centre": more_px // 2, "right": more_px}[alignment]


def _new_ground(changed: Box, plate: Box, rim: int) -> list[Box]:
    """Return the additional boxes covered by a wider plate."""
    boxes = []
    if changed[0] < plate[0] - rim:
        boxes.append((changed[0], changed[1], plate[0] - rim, changed[3]))
    if changed[2] > plate[2] + rim:
        boxes.append((plate[2] + rim, changed[1], changed[2], changed[3]))
    return boxes
