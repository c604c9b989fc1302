"""The visual form of words in a picture, independent of their text: area, contrast and size.

Lines are detected, not read, on a small copy: thirty milliseconds a picture, a tenth of a reading. Knows pixels and boxes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from adcreative.lettering import PHONE_WIDTH_PT, contrast_ratio, measure_ink

LETTERING_STATS = ("share", "lines", "letters", "contrast", "smallest", "largest")
NEUTRAL_CONTRAST, NEUTRAL_PT = 8.0, 14.0  # without words, so that their absence affects the first three statistics alone
LETTER_WIDTHS = 1.8  # letters in a piece of a line as long as it is high
CAP_SHARE = 0.62  # height of capitals as a share of a detected line's height
MAX_LINES = 40  # the largest are measured


class FindsLines(Protocol):
    """Finds lines of text (`lettering.reading.reader.LineFinder`). content_hash changes whenever an output could."""

    @property
    def content_hash(self) -> str: ...
    def find_lines(self, image_u8: np.ndarray) -> np.ndarray:
        """Return boxes x0, y0, x1, y1 [N, 4] float32, px of the picture [H, W, 3]."""


@dataclass(frozen=True, eq=False)
class DrawnLines:
    """Lines of text in a picture: boxes [N, 4] in px, with capitals of CAP_SHARE of their height; their inks where known."""

    boxes_px: np.ndarray
    inks: Sequence[tuple[int, int, int]] | None = None


def lettering_stats(
    image_u8: np.ndarray, lines_xyxy_px: np.ndarray, inks: Sequence[tuple[int, int, int]] | None = None
) -> np.ndarray:
    """Return the LETTERING_STATS of a picture, [6] float32.

    share: of the picture's area in boxes of lines. lines, letters: ln(1 + number), letters by the lines' proportions. contrast:
    ln of the lowest contrast of a line with its ground (1..21, WCAG). smallest, largest: ln of the height of capitals in points
    of a phone, 375 points wide.

    Args:
        image_u8: [H, W, 3]. lines_xyxy_px: boxes of lines of text [N, 4]. inks: colour of each; measured when None.
    """
    height, width = image_u8.shape[:2]
    boxes = np.asarray(lines_xyxy_px, np.float32).reshape(-1, 4)
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 1.0)  # [N, 2] width, height
    area = float((sides[:, 0] * sides[:, 1]).sum()) / (height * width)
    letters = float((LETTER_WIDTHS * sides[:, 0] / sides[:, 1]).sum())
    contrasts, caps_pt = [NEUTRAL_CONTRAST], [NEUTRAL_PT]
    if len(boxes):
        caps_pt = [float(side) * CAP_SHARE * PHONE_WIDTH_PT / width for side in sides[:, 1]]
        largest = np.argsort(-sides[:, 0] * sides[:, 1])[:MAX_LINES]
        found = (_contrast(image_u8, boxes[place], None if inks is None else inks[place]) for place in largest)
        contrasts = [one for one in found if one is not None] or contrasts
    return np.array(
        [
            min(area, 1.0),
            np.log1p(len(boxes)),
            np.log1p(letters),
            np.log(min(contrasts)),
            np.log(max(min(caps_pt), 1.0)),
            np.log(max(*caps_pt, 1.0)),
        ],
        np.float32,
    )


def _contrast(image_u8: np.ndarray, box: np.ndarray, ink: tuple[int, int, int] | None) -> float | None:
    """Return the contrast of a line with its ground, None where no letters are visible. A line covers less than half of its
    box, so the median of all colours is the ground's."""
    x0, y0, x1, y1 = (float(edge) for edge in box)
    if ink is None:
        measured = measure_ink(image_u8, (x0, y0, x1, y1))
        return None if measured.box is None else contrast_ratio(measured.colour, measured.ground_colour)
    inside = image_u8[max(0, int(y0)) : int(np.ceil(y1)), max(0, int(x0)) : int(np.ceil(x1))].reshape(-1, 3)
    if not len(inside):
        return None
    red, green, blue = (int(value) for value in np.median(inside, axis=0))
    return contrast_ratio(ink, (red, green, blue))
