"""Gives new letters the compression noise that the old ones have: JPEG's ringing, which a clean letter among others lacks.

How a picture was compressed is not asked of its file, which may be a copy: the old letters, drawn again and compressed in
every usual way, say which way makes them most like what is there. Knows pixels; no fonts.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from adcreative.lettering.reading.blocks import Box


@dataclass(frozen=True)
class Fitted:
    """Numbers of this file, chosen by hand, checked by `python -m tests.bench.set_text`."""

    qualities: tuple[int, ...] = (98, 95, 92, 90, 85, 80, 75, 65, 50)  # of Pillow, that are tried
    subsamplings: tuple[int, int] = (0, 2)  # of Pillow: 4:4:4 and 4:2:0
    block_px: int = 16  # of the largest unit that is compressed together
    least_gain: float = 0.03  # share by which the difference has to shrink before letters count as compressed
    ringing_px: int = 8  # how far from a stroke its noise reaches


FITTED = Fitted()


@dataclass(frozen=True)
class Compression:
    """A quality and subsampling of JPEG as Pillow counts them; quality 0: none."""

    quality: int = 0
    subsampling: int = 0

    def apply(self, image_u8: np.ndarray, boxes: Sequence[Box]) -> np.ndarray:
        """Return the picture [H, W, 3] with the pixels in the boxes as they are after compression, all others as they were.

        The units of JPEG lie where they lay in the whole picture.
        """
        if not self.quality:
            return image_u8
        out = image_u8.copy()
        for x0, y0, x1, y1 in boxes:
            rows, columns = _units(y0, y1, image_u8.shape[0]), _units(x0, x1, image_u8.shape[1])
            unit = self._round_trip(image_u8[rows, columns])
            y0, x0, y1, x1 = max(0, y0), max(0, x0), min(y1, rows.stop), min(x1, columns.stop)
            out[y0:y1, x0:x1] = unit[y0 - rows.start : y1 - rows.start, x0 - columns.start : x1 - columns.start]
        return out

    def _round_trip(self, crop_u8: np.ndarray) -> np.ndarray:
        buffer = io.BytesIO()
        Image.fromarray(crop_u8).save(buffer, "JPEG", quality=self.quality, subsampling=self.subsampling)
        return np.asarray(Image.open(buffer).convert("RGB"))


def find_compression(seen_u8: np.ndarray, drawn_u8: np.ndarray, boxes: Sequence[Box]) -> Compression:
    """Return the compression that makes letters drawn anew [H, W, 3] most like those seen in the boxes; none if none does."""

    def difference(compression: Compression) -> float:
        made = compression.apply(drawn_u8, boxes)
        return float(np.mean([np.abs(made[cut].astype(np.int16) - seen_u8[cut]).mean() for cut in cuts]))

    height, width = seen_u8.shape[:2]
    cuts = [(slice(max(0, y0), min(y1, height)), slice(max(0, x0), min(x1, width))) for x0, y0, x1, y1 in boxes]
    plain = difference(Compression())
    tried = [(difference(one), one) for one in (Compression(q, s) for s in FITTED.subsamplings for q in FITTED.qualities)]
    least, best = min(tried, key=lambda one: one[0])
    return best if least < (1.0 - FITTED.least_gain) * plain else Compression()


def _units(start: int, stop: int, full: int) -> slice:
    """Return the rows or columns of whole units that hold start..stop."""
    first = max(0, start // FITTED.block_px * FITTED.block_px)
    return slice(first, max(first + 1, min(full, -(-stop // FITTED.block_px) * FITTED.block_px)))
