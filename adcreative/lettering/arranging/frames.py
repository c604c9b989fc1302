"""How a shape is divided among what an ad consists of: a part for the picture, one for the words, ribbons from rim to rim.

Knows sides and shares; not how large letters are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from adcreative.lettering.arranging.parts import Parts
from adcreative.lettering.arranging.scene import Ribbon
from adcreative.lettering.reading.blocks import Box

BESIDE = ("above", "below", "left", "right")  # of the picture, where the words stand
OVER = ("over top", "over bottom", "over left", "over right")  # and where on it
MARGIN = 0.055  # of the square root of the area, around words and what is not cut
SEAM = 0.05  # of the shorter side: over this a picture passes into the blurred copy of itself
RIBBON_ROOM = 0.92  # of the width that a ribbon's words may have

SetRibbon = tuple[Ribbon, int, int]  # with its top and its height, px


@dataclass(frozen=True, kw_only=True, eq=False)
class Frame:
    """A shape divided, px. size: width and height. shown: for the picture; region: for the words; room: where these may be.

    safe: the rows between ribbons and what a platform covers.
    """

    size: tuple[int, int]
    shown: Box
    region: Box
    room: Box
    ribbons: tuple[SetRibbon, ...]
    margin: int
    safe: tuple[int, int]


def divide(parts: Parts, side: str, share: float, size: tuple[int, int], keep_free: tuple[float, float]) -> Frame:
    """Divide a shape (width, height) so that the picture has a share of it and the words stand on a side of it, or on it.

    Args:
        keep_free: shares of the height, top and bottom, that stay clear of words.
    """
    width, height = size
    margin = round(MARGIN * np.sqrt(width * height))
    free = round(keep_free[0] * height), height - round(keep_free[1] * height)
    ribbons, seam = _place_ribbons(parts, side, size, free)
    top = max([0, *(y + high for _, y, high in ribbons if 2 * y < height)])
    low = min([height, *(y for _, y, high in ribbons if 2 * y >= height)])
    cut = {
        "above": round(low - share * (low - top)), "below": round(top + share * (low - top)),
        "left": round(width * (1 - share)), "right": round(width * share),
    }.get(side, 0)  # fmt: skip
    whole = (0, top, width, low)
    shown, region = {
        "above": ((0, cut + seam, width, low), (0, top, width, cut)),
        "below": ((0, top, width, cut), (0, cut + seam, width, low)),
        "left": ((cut, top, width, low), (0, top, cut, low)),
        "right": ((0, top, cut, low), (cut, top, width, low)),
    }.get(side, (whole, whole))
    if seam:
        ribbons += [(one, cut, seam) for one in parts.scene.ribbons if one.place == "seam"]
    safe = max(free[0], top), min(free[1], low)
    return Frame(size=size, shown=shown, region=region, room=_room(parts, side, region, safe, size, margin),
                 ribbons=tuple(ribbons), margin=margin, safe=safe)  # fmt: skip


def _place_ribbons(parts: Parts, side: str, size: tuple[int, int], free: tuple[int, int]) -> tuple[list[SetRibbon], int]:
    """Return the ribbons at the shape's ends, and the height of one between words and picture, 0 without one.

    At an end that a platform covers a ribbon moves to where its words are seen; one below would leave the rest of a story to
    it, so that it stands above.
    """
    placed: list[SetRibbon] = []
    seam = 0
    for one in parts.scene.ribbons:
        scale = min(np.sqrt(np.prod(size) / np.prod(parts.size)), RIBBON_ROOM * size[0] / max(1, one.words[2] - one.words[0]))
        high = max(2, round(scale * (one.rows[1] - one.rows[0])))
        place = "bottom" if one.place == "seam" and side not in ("above", "below") else one.place
        if place == "seam":
            seam = high
        elif place == "top" or free[1] < size[1]:
            placed.append((one, max([free[0], *(y + h for _, y, h in placed)]), high))
        else:
            placed.append((one, size[1] - high, high))
    return placed, seam


def logo_top(safe: tuple[int, int], margin: int) -> int:
    """Return where a logo that stands apart begins: a margin below the rim, or closer to what covers the rim."""
    return safe[0] + (margin // 2 if safe[0] else margin)


def _room(parts: Parts, side: str, region: Box, safe: tuple[int, int], size: tuple[int, int], margin: int) -> Box:
    """Return where words may stand: inside their part with margins, clear of a logo that stands apart."""
    (width, height), (x0, y0, x1, y1) = size, region
    above = margin if safe[0] <= y0 else margin // 4  # what a platform covers is a margin already
    room = [x0 + margin, max(y0, safe[0]) + above, x1 - margin, min(y1, safe[1]) - margin]
    if side in ("over left", "over right"):
        room[2 if side == "over left" else 0] = round(0.5 * width)
    if parts.corner is not None and parts.corner.solid is not None:
        logo = round(parts.corner.solid.alpha.shape[0] * height / parts.size[0])
        if parts.is_low:
            room[3] = min(room[3], safe[1] - 2 * margin - logo)
        else:
            room[1] = max(room[1], logo_top(safe, margin) + logo + margin // 2)
    return room[0], room[1], room[2], room[3]
