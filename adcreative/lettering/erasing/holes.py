"""Positions of boxes and of holes to be filled. Knows boxes and masks; no pictures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

Window = tuple[slice, slice]  # rows, columns


def window_of(mask: np.ndarray, pad_px: int = 0) -> Window | None:
    """Return the bounding rows and columns of a mask [H, W], padded by `pad_px` inside the picture; None for an empty mask."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return None
    first, last = (max(0, int(rows[0]) - pad_px), max(0, int(columns[0]) - pad_px)), (int(rows[-1]), int(columns[-1]))
    height, width = mask.shape
    return slice(first[0], min(height, last[0] + 1 + pad_px)), slice(first[1], min(width, last[1] + 1 + pad_px))


def cut_box(box: Sequence[float], height: int, width: int, rim_px: float = 0.0) -> Window:
    """Return the whole pixels of a box x0, y0, x1, y1, padded by a rim and clipped to a picture, as rows and columns."""
    low = (max(0, int(np.floor(edge - rim_px))) for edge in box[:2])
    high = (max(0, int(np.ceil(edge + rim_px))) for edge in box[2:])
    (x0, y0), (x1, y1) = low, high
    return slice(min(height, y0), min(height, y1)), slice(min(width, x0), min(width, x1))
