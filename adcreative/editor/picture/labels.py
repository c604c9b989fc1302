"""Which texts of an ad are lettering on a thing: a product's label, a round badge. Knows pixels and blocks of text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from adcreative.editor.picture.room import ground_of
from adcreative.encoders.picture_words.blocks import Box, TextBlock

__all__ = ["is_lettering"]

MOST_LABEL, LABEL_FILL = 0.12, 0.6  # of the picture's area that a label or badge has; of its box that it fills


def is_lettering(image_u8: np.ndarray, block: TextBlock, blocks: Sequence[TextBlock]) -> bool:
    """Return whether a text stands alone on a small thing of its own, such as a label or a round badge, and goes with it."""
    if block.role not in ("body", "price", "badge", "logo") or block.plate is not None:
        return False
    box = _enclosing(ground_of(image_u8, block.box, block.size_px))
    return box is not None and not any(_lies_in(other.box, box) for other in blocks if other is not block)


def _enclosing(ground: np.ndarray) -> Box | None:
    """Return the box of a ground [H, W] that is a shape of its own, at most MOST_LABEL of the picture; else None."""
    rows, columns = np.flatnonzero(ground.any(axis=1)), np.flatnonzero(ground.any(axis=0))
    height, width = ground.shape
    box = (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
    area = (box[2] - box[0]) * (box[3] - box[1])
    fills = ground[box[1] : box[3], box[0] : box[2]].mean()
    return box if area <= MOST_LABEL * height * width and fills >= LABEL_FILL else None


def _lies_in(box: Box, other: Box) -> bool:
    return box[0] < other[2] and box[2] > other[0] and box[1] < other[3] and box[3] > other[1]
