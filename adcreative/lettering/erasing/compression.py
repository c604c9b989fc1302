"""Gives new letters the compression noise of the old ones: JPEG's ringing, without which a letter looks out of place.

The file is not asked for its compression, since it may be a copy: the old letters are drawn again and compressed in every
usual way, and the compression most similar to the picture is used. Knows pixels; no fonts.
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
    """Constants of this module, chosen by hand, checked by `python -m tests.bench.set_text`."""

    qualities: tuple[int, ...] = (98, 95, 92, 90, 85, 80, 75, 65, 50)  # qualities (Pillow) that are tried
    subsamplings: tuple[int, int] = (0, 2)  # of Pillow: 4:4:4 and 4:2:0
    block_px: int = 16  # size of the largest unit of JPEG
    least_gain: float = 0.03  # minimum relative reduction of the difference for letters that count as compressed
    ringing_px: int = 8  # distance from a stroke within which its noise shows


FITTED = Fitted()


@dataclass(frozen=True)
class Compression:
    """A JPEG quality and subsampling in Pillow's numbers; quality 0: no compression."""

    quality: int = 0
    subsampling: int = 0

    def apply(self, image_u8: np.ndarray, boxes: Sequence[Box]) -> np.ndarray:
        """Return the picture [H, W, 3] with the pixels in the boxes compressed, all others unchanged.

        JPEG's units keep their position in the whole picture.
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
    """Return the compression that makes redrawn letters [H, W, 3] most similar to the picture's boxes, if any does."""

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
    """Return the range of whole units that contains start..stop."""
    first = max(0, start // FITTED.block_px * FITTED.block_px)
    return slice(first, max(first + 1, min(full, -(-stop // FITTED.block_px) * FITTED.block_px)))
