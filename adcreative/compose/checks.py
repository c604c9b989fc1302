"""Faults of a composed ad, measured in its pixels: each line of words is drawn alone and located in the ad.

The checks use the ad's words, not the layouter's positions: overlaps, cut words, ground, contrast and sizes are all measured
in drawings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TypeGuard

import cv2
import numpy as np

from adcreative.compose.colour import MIN_CONTRAST
from adcreative.compose.fonts import is_drawn
from adcreative.compose.inks import LARGE_CONTRAST
from adcreative.compose.parts import Box
from adcreative.compose.render import Composed
from adcreative.compose.scene import Picture, Scene, Words, draw_alpha
from adcreative.compose.shapes import Shape
from adcreative.compose.typesetting import Type
from adcreative.lettering import luminance
from adcreative.problem import Problem

COVERED = 0.5  # minimum coverage of an ink pixel
SEEN = 0.9  # minimum share of an item's ink found in the ad
WITHIN = 0.995  # minimum share of an item's ink within the ad
DIFFERS = 10  # minimum difference of ink and ground, of 255 levels
WORST = 3.0  # per cent of the ground around ink that may have less contrast
ROUNDING = 0.97  # factor of a limit, for smoothed edges
CROSS = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
UNKNOWN = "\U0010fffd"  # a letter without a glyph in any font


@dataclass(frozen=True, eq=False)
class _Ink:
    """The ink of an item: its box x0, y0, x1, y1 in px of the ad, and the coverage of the box's pixels.

    is_cut: whether a part of the ink is outside the ad.
    """

    item: Words | Picture
    box: tuple[int, int, int, int]
    cover: np.ndarray
    is_cut: bool

    @property
    def part(self) -> tuple[slice, slice]:
        """The box as an index of pixels."""
        x0, y0, x1, y1 = self.box
        return np.s_[y0:y1, x0:x1]

    @property
    def mask(self) -> np.ndarray:
        """The mask of ink pixels in the box."""
        found: np.ndarray = self.cover >= COVERED
        return found

    def within(self, x0: int, y0: int, x1: int, y1: int) -> np.ndarray:
        """Return the mask of ink pixels in a box of the ad inside the ink's box."""
        left, top = self.box[:2]
        return self.mask[y0 - top : y1 - top, x0 - left : x1 - left]


def faults(composed: Composed, shape: Shape) -> tuple[Problem, ...]:
    """Return the problems in an ad's pixels; empty without any."""
    scene = composed.scene
    ad, plate = composed.pixels, scene.draw(lambda item: not _is_read(item))
    differs = cv2.inRange(cv2.absdiff(ad, plate), (0, 0, 0), (DIFFERS,) * 3) == 0
    found: list[Problem] = []
    inks: list[_Ink] = []
    for item in filter(_is_read, scene.items):
        ink = _find_ink(item, scene)
        if ink is None:
            found.append(Problem("ad_no_ink", role=item.role))
            continue
        inks.append(ink)
        if ink.is_cut or differs[ink.part][ink.mask].mean() < SEEN:
            found.append(Problem("ad_words_cut", role=item.role))
        found += _outside(ink, shape)
        if isinstance(item, Words):
            found += _contrast(item, ink, ad, plate, shape)
            found += _size(item, scene, shape)
            found += _letters(item)
            found += _lines(item, ink)
    found += _overlaps(inks)
    return tuple(dict.fromkeys(found))


def _is_read(item: object) -> TypeGuard[Words | Picture]:
    return isinstance(item, Words) or (isinstance(item, Picture) and item.role == "logo")


def _find_ink(item: Words | Picture, scene: Scene) -> _Ink | None:
    """Return the ink of an item within the ad; None without any."""
    margin = max(scene.width, scene.height) // 16  # beyond the ad's edge
    cover = _coverage(item, scene.width, scene.height, margin)
    whole = cover >= 255 * COVERED
    inside = whole[margin:-margin, margin:-margin]
    x, y, width, height = cv2.boundingRect(inside.view(np.uint8))
    if not width:
        return None
    part = np.s_[margin + y : margin + y + height, margin + x : margin + x + width]
    is_cut = int(np.count_nonzero(inside)) < WITHIN * int(np.count_nonzero(whole))
    return _Ink(item, (x, y, x + width, y + height), cover[part].astype(np.float32) / 255, is_cut)


def _coverage(item: Words | Picture, width: int, height: int, margin: int = 0) -> np.ndarray:
    """Return the coverage by ink, 0 to 255, of the pixels of an ad of that size plus a margin."""
    cover = np.zeros((height + 2 * margin, width + 2 * margin), np.uint8)
    if isinstance(item, Words):
        lines = tuple((text, x + margin, y + margin) for text, x, y in item.lines)
        draw_alpha(replace(item, lines=lines, colour="#000000"), cover)
        return cover
    alpha = np.asarray(item.pixels.getchannel("A"))
    y, x = round(item.box.y0) + margin, round(item.box.x0) + margin
    top, left = max(0, -y), max(0, -x)
    seen = alpha[top : max(0, len(cover) - y), left : max(0, cover.shape[1] - x)]
    cover[y + top : y + top + seen.shape[0], x + left : x + left + seen.shape[1]] = seen
    return cover


def _outside(ink: _Ink, shape: Shape) -> list[Problem]:
    (x0, y0, x1, y1), safe = ink.box, shape.safe_px
    inside = y0 >= safe.y0 - 1 and y1 - 1 <= safe.y1 and x0 >= safe.x0 - 1 and x1 - 1 <= safe.x1
    return [] if inside else [Problem("ad_outside_safe", role=ink.item.role, shape=shape.name)]


def _contrast(item: Words, ink: _Ink, ad: np.ndarray, plate: np.ndarray, shape: Shape) -> list[Problem]:
    """Compare the ink's own colour with the ground under and around it."""
    reach = max(1, round(0.1 * item.size))
    (x0, y0, x1, y1), mask = ink.box, ink.mask
    share = ink.cover[mask][:, None]  # no pixel of a thin stroke has the ink's own colour
    behind = plate[ink.part][mask].astype(np.float32)
    own = float(luminance(np.median(behind + (ad[ink.part][mask] - behind) / share, 0).clip(0, 255)))
    around = plate[max(0, y0 - reach) : y1 + reach, max(0, x0 - reach) : x1 + reach]
    top, left = min(y0, reach), min(x0, reach)
    near = np.zeros(around.shape[:2], np.uint8)
    near[top : top + y1 - y0, left : left + x1 - x0] = mask
    ground = luminance(around[cv2.dilate(near, CROSS, iterations=reach) > 0])
    ratios = (np.maximum(ground, own) + 0.05) / (np.minimum(ground, own) + 0.05)
    ratio = float(np.percentile(ratios, WORST))
    limit = LARGE_CONTRAST if item.size >= 2 * shape.min_type else MIN_CONTRAST
    return [] if ratio >= ROUNDING * limit else [Problem("ad_contrast", role=item.role, ratio=ratio, limit=limit)]


def _size(item: Words, scene: Scene, shape: Shape) -> list[Problem]:
    """Compare the words' width with the width of the same words at the minimum size."""
    text = max((text for text, _, _ in item.lines), key=len)
    widths = []
    for size in (item.size, shape.min_type):
        line = replace(item, lines=((text, 8.0, 2.5 * size),), size=size)
        _, _, width, _ = cv2.boundingRect((_coverage(line, scene.width * 2, max(64, int(4 * size))) > 76).view(np.uint8))
        widths.append(float(width))
    if not widths[1] or widths[0] >= ROUNDING * widths[1]:
        return []
    return [Problem("ad_small_type", role=item.role, size=shape.min_type * widths[0] / widths[1], least=shape.min_type)]


def _letters(item: Words) -> list[Problem]:
    missing = {letter for text, _, _ in item.lines for letter in text if is_drawn(letter) and _is_unknown(letter, item.kind)}
    if not missing:
        return []
    font = item.kind.faces[0][0].name
    return [
        Problem("ad_no_letters", role=item.role, font=font, letters="".join(sorted(missing)), package="a font of its script")
    ]


def _lines(item: Words, ink: _Ink) -> list[Problem]:
    """Return a problem if two neighbouring lines touch: every other line is drawn alone, in the box of all ink."""
    if len(item.lines) < 2:
        return []
    (x0, y0, _, _), masks = ink.box, []
    for lines in (item.lines[::2], item.lines[1::2]):
        cover = np.zeros(ink.cover.shape, np.uint8)
        draw_alpha(replace(item, lines=tuple((text, x - x0, y - y0) for text, x, y in lines), colour="#000000"), cover)
        masks.append((cover >= 255 * COVERED).astype(np.uint8))
    touching = np.logical_and(masks[0], cv2.dilate(masks[1], CROSS))
    return [Problem("ad_lines_touch", role=item.role)] if touching.any() else []


@lru_cache(maxsize=8192)
def _is_unknown(letter: str, kind: Type) -> bool:
    """Return whether a letter is drawn as the box for unknown letters."""
    return np.array_equal(_drawn(letter, kind), _drawn(UNKNOWN, kind))


@lru_cache(maxsize=64)  # caches pictures; results are cached above
def _drawn(letter: str, kind: Type) -> np.ndarray:
    words = Words(((letter, 40.0, 60.0),), 32.0, replace(kind, language="en"), "#000000", "", Box(0, 0, 0, 0))
    return Scene(120, 100, (words,)).draw()


def _overlaps(inks: Sequence[_Ink]) -> list[Problem]:
    found = []
    for second, ink in enumerate(inks):
        for under in inks[:second]:
            x0, y0 = (max(own, other) for own, other in zip(ink.box[:2], under.box[:2], strict=True))
            x1, y1 = (min(own, other) for own, other in zip(ink.box[2:], under.box[2:], strict=True))
            if x0 >= x1 or y0 >= y1:
                continue
            own, other = (one.within(x0, y0, x1, y1) for one in (ink, under))
            if (own & (cv2.dilate(other.astype(np.uint8), CROSS) > 0)).any():
                found.append(Problem("ad_overlap", role=ink.item.role, other=under.item.role))
    return found
