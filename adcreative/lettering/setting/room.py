"""The free room for a new text in a picture: on the ground of the old one, not on faces, other text, products, or the edge.

The ground is the component of the colours around the old text, without an edge in between. Knows pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy import ndimage

from adcreative.lettering.erasing.holes import cut_box
from adcreative.lettering.reading.blocks import Box, TextBlock
from adcreative.lettering.reading.ink import FITTED as INK
from adcreative.lettering.setting.typesetting import IsFree


@dataclass(frozen=True)
class Thresholds:
    """Bounds of the room for a text, chosen by eye on drawn ads (`tests/bench/set_text.py`).

    safe_margin: of either side of the picture, whose rim platforms crop and cover. face_margin: of a face's box, on each side.
    tolerance, edge: maximum colour distance from the ground, 0..255, and step of an edge; faint: maximum colour distance of
    dots in the ground, and of anything under a button, which needs no smooth ground. palette, least_share: colours of a ground,
    and minimum share of pixels for each. speck: maximum size of a dot, in heights of capitals. bearing, descent: heights of
    capitals by which letters may exceed the old ones' box, at each side and below. margin: distance kept to other text,
    products and the edge of a panel, in heights of capitals; reach: search range above and below. plate_edge: of a button, px.
    """

    safe_margin: float = 0.03
    face_margin: float = 0.12
    tolerance: float = 28.0
    edge: float = 34.0
    faint: float = 60.0
    palette: int = 8
    least_share: float = 0.02
    speck: float = 0.6
    bearing: float = 0.1
    descent: float = 0.3
    margin: float = 0.45
    reach: float = 3.0
    plate_edge: int = 3
    # chosen by hand from here on; the method was not recorded
    pad_share: float = 0.3  # heights of capitals around a text, for sampling its ground's colours


THRESHOLDS = Thresholds()


def find_room(
    erased_u8: np.ndarray,
    block: TextBlock,
    others: Sequence[TextBlock],
    faces_xyxy_px: Sequence[Sequence[float]],
    plate: Box | None = None,
    *,
    reach_px: float | None = None,
) -> IsFree:
    """Return a function that tells whether a box is free for letters.

    Args:
        erased_u8: the picture [H, W, 3] without the block's letters. others: the other blocks of the picture.
        faces_xyxy_px: boxes of faces. plate: find room for this button instead of letters.
        reach_px: search range above and below; None: the usual one.
    """
    height, width = erased_u8.shape[:2]
    size = block.size_px
    (x0, y0, x1, y1), rim_px = (block.box, 1) if plate is None else (plate, round(THRESHOLDS.margin * size) + 4)
    free = np.zeros((height, width), bool)
    reach = THRESHOLDS.reach * size if reach_px is None else max(reach_px, THRESHOLDS.reach * size)
    top, bottom = max(0, int(y0 - reach)), min(height, int(np.ceil(y1 + reach)))
    tolerance = THRESHOLDS.tolerance if plate is None else THRESHOLDS.faint
    edge = 0 if plate is None else THRESHOLDS.plate_edge
    own = (max(0, x0 - edge), max(0, y0 - top - edge), x1 + edge, y1 - top + edge)
    free[top:bottom] = ground_of(erased_u8[top:bottom], own, size, tolerance)
    free = ndimage.minimum_filter(free, size=2 * max(1, round(THRESHOLDS.margin * size)) + 1)
    for box in _obstacles(THRESHOLDS.margin * size, others, faces_xyxy_px):
        free[cut_box(box, height, width)] = False
    side_px, below_px = (round(THRESHOLDS.bearing * size), round(THRESHOLDS.descent * size)) if plate is None else (0, 0)
    side_px, below_px = max(rim_px, side_px), max(rim_px, below_px)
    # an object beside a short line is visible there, so only the lines themselves are free
    is_ragged = plate is None and block.residual <= INK.flat_residual
    for a0, b0, a1, b1 in [line.box for line in block.lines] if is_ragged else [(x0, y0, x1, y1)]:
        free[cut_box((a0 - side_px, b0 - side_px, a1 + side_px, b1 + below_px), height, width)] = True
    for box in _obstacles(THRESHOLDS.bearing * size if plate is None else THRESHOLDS.margin * size, others, faces_xyxy_px):
        free[cut_box(box, height, width)] = False  # letters may be this close only at the place of old ones
    dx, dy = round(THRESHOLDS.safe_margin * width), round(THRESHOLDS.safe_margin * height)
    rim = np.ones_like(free)
    rim[min(dy, y0) : max(height - dy, y1), min(dx, x0) : max(width - dx, x1)] = False
    taken = np.zeros((height + 1, width + 1), np.int64)
    taken[1:, 1:] = (~free | rim).cumsum(axis=0).cumsum(axis=1)

    def is_free(box: Box) -> bool:
        a0, b0, a1, b1 = box
        if a0 < 0 or b0 < 0 or a1 > width or b1 > height:
            return False
        return bool(taken[b1, a1] - taken[b0, a1] - taken[b1, a0] + taken[b0, a0] == 0)

    return is_free


def ground_of(
    image_u8: np.ndarray, box: Box, size: float, tolerance: float = THRESHOLDS.tolerance, edge: float = THRESHOLDS.edge
) -> np.ndarray:
    """Return the mask [h, w] of the ground under a box: pixels of its colours, connected to it without an edge.

    Args:
        tolerance: maximum colour distance from the ground, 0..255. edge: step of light, 0..255, that ends the ground.
    """
    x0, y0, x1, y1 = box
    pad = max(4, round(THRESHOLDS.pad_share * size))
    window = image_u8[max(0, y0 - pad) : y1 + pad, max(0, x0 - pad) : x1 + pad]
    reduced = Image.fromarray(window).quantize(THRESHOLDS.palette)
    counts = np.bincount(np.asarray(reduced).ravel(), minlength=THRESHOLDS.palette)
    palette = np.array(reduced.getpalette() or [], np.float32).reshape(-1, 3)
    kept = [colour for colour, count in zip(palette, counts, strict=False) if count >= THRESHOLDS.least_share * counts.sum()]
    pixels = image_u8.astype(np.float32)
    distance = np.min([np.linalg.norm(pixels - colour, axis=2) for colour in kept], axis=0)
    edges = ndimage.morphological_gradient(pixels.mean(axis=2), size=(3, 3)) > edge
    ground = (distance <= tolerance) & ~edges
    own = np.zeros_like(ground)
    own[max(0, y0) : y1, max(0, x0) : x1] = True
    labels, _ = ndimage.label(_without_specks(ground, distance, size) | own)
    return labels == labels[(y0 + y1) // 2, (x0 + x1) // 2]


def _without_specks(ground: np.ndarray, distance: np.ndarray, size: float) -> np.ndarray:
    """Return a ground [h, w] including its faint dots, such as of a pattern, which letters may cover.

    distance [h, w]: of the pixels from the ground's colours. size: of the letters' capitals, px.
    """
    labels, _ = ndimage.label(~ground)
    covered = ground.copy()
    for label, (rows, columns) in enumerate(ndimage.find_objects(labels), start=1):
        if max(rows.stop - rows.start, columns.stop - columns.start) <= THRESHOLDS.speck * size:
            speck = labels[rows, columns] == label
            if float(distance[rows, columns][speck].max()) <= THRESHOLDS.faint:
                covered[rows, columns] |= speck
    return covered


def _obstacles(
    gap: float, others: Sequence[TextBlock], faces_xyxy_px: Sequence[Sequence[float]]
) -> list[tuple[float, float, float, float]]:
    boxes = []
    for other in others:
        for line in other.lines:
            a0, b0, a1, b1 = line.box
            boxes.append((a0 - gap, b0 - gap, a1 + gap, b1 + gap))
        if other.plate is not None:
            a0, b0, a1, b1 = other.plate
            boxes.append((a0 - gap, b0 - gap, a1 + gap, b1 + gap))
    for face in faces_xyxy_px:
        left, top, right, bottom = (float(edge) for edge in face)
        dx, dy = THRESHOLDS.face_margin * (right - left), THRESHOLDS.face_margin * (bottom - top)
        boxes.append((left - dx, top - dy, right + dx, bottom + dy))
    return boxes
