"""Faults of a composed ad, measured in its pixels: each line of words is drawn alone and looked for in the ad.

Knows what words an ad has, not where the layouter believes them to be: overlaps, cut words, ground, contrast and sizes are all
read off drawings.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TypeGuard

import numpy as np
from scipy import ndimage

from adcreative.compose.colour import MIN_CONTRAST
from adcreative.compose.fonts import is_drawn
from adcreative.compose.inks import LARGE_CONTRAST
from adcreative.compose.parts import Box
from adcreative.compose.render import Composed
from adcreative.compose.scene import Fill, Picture, Scene, Words
from adcreative.compose.shapes import Shape
from adcreative.compose.typesetting import Type
from adcreative.lettering import luminance
from adcreative.problem import Problem

COVERED = 0.5  # share of a pixel that ink covers to count as ink
SEEN = 0.9  # share of its ink that must be found in the ad
DIFFERS = 10  # levels of 255 by which ink differs from its ground
WORST = 3.0  # per cent of the ground around ink that may have less contrast
ROUNDING = 0.97  # of a limit, for smoothed edges
UNKNOWN = "\U0010fffd"  # a letter that no font has


def faults(composed: Composed, shape: Shape) -> tuple[Problem, ...]:
    """Return what is wrong with an ad's pixels; empty where nothing is."""
    scene = composed.scene
    ad = np.asarray(composed.image, np.int16)
    plate = np.asarray(scene.draw(lambda item: not _is_read(item)), np.int16)
    found: list[Problem] = []
    inks: list[tuple[str, np.ndarray]] = []
    margin = max(scene.width, scene.height) // 16  # beyond the edge
    for item in filter(_is_read, scene.items):
        cover = _coverage(item, scene, margin)
        whole = cover >= COVERED
        cover, ink = cover[margin:-margin, margin:-margin], whole[margin:-margin, margin:-margin]
        inks.append((item.role, ink))
        if not ink.any():
            found.append(Problem("ad_no_ink", role=item.role))
            continue
        differs = np.abs(ad - plate).max(-1) > DIFFERS
        if ink.sum() < 0.995 * whole.sum() or (differs & ink).sum() < SEEN * ink.sum():
            found.append(Problem("ad_words_cut", role=item.role))
        found += _outside(item.role, ink, shape)
        if isinstance(item, Words):
            found += _contrast(item, ink, cover, ad, plate, shape)
            found += _size(item, scene, shape)
            found += _letters(item)
    found += _overlaps(inks)
    return tuple(dict.fromkeys(found))


def _is_read(item: object) -> TypeGuard[Words | Picture]:
    return isinstance(item, Words) or (isinstance(item, Picture) and item.role == "logo")


def _coverage(item: Words | Picture, scene: Scene, margin: int = 0) -> np.ndarray:
    """Return how much ink covers each pixel, 0 to 1, of the ad and a margin around it."""
    width, height = scene.width + 2 * margin, scene.height + 2 * margin
    box = Box(item.box.x0 + margin, item.box.y0 + margin, item.box.x1 + margin, item.box.y1 + margin)
    if isinstance(item, Words):
        lines = tuple((text, x + margin, y + margin) for text, x, y in item.lines)
        moved: Words | Picture = replace(item, lines=lines, colour="#000000", box=box)
        drawn = Scene(width, height, (Fill(Box(0, 0, width, height), "#ffffff"), moved)).draw()
        return 1 - np.asarray(drawn.convert("L"), np.float32) / 255
    cover = np.zeros((height, width), np.float32)
    alpha = np.asarray(item.pixels.getchannel("A"), np.float32) / 255
    y, x = round(box.y0), round(box.x0)
    cover[y : y + alpha.shape[0], x : x + alpha.shape[1]] = alpha[: height - y, : width - x]
    return cover


def _outside(role: str, ink: np.ndarray, shape: Shape) -> list[Problem]:
    rows, columns, safe = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0)), shape.safe_px
    inside = rows[0] >= safe.y0 - 1 and rows[-1] <= safe.y1 and columns[0] >= safe.x0 - 1 and columns[-1] <= safe.x1
    return [] if inside else [Problem("ad_outside_safe", role=role, shape=shape.name)]


def _contrast(
    item: Words, ink: np.ndarray, cover: np.ndarray, ad: np.ndarray, plate: np.ndarray, shape: Shape
) -> list[Problem]:
    """Compare the ink's own colour with the ground under and around it."""
    reach = max(1, round(0.1 * item.size))
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    part = np.s_[max(0, rows[0] - reach) : rows[-1] + reach + 1, max(0, columns[0] - reach) : columns[-1] + reach + 1]
    mask = ink[part]
    near = ndimage.binary_dilation(mask, iterations=reach)
    behind, share = plate[part][mask], cover[part][mask][:, None]  # of a thin stroke, no pixel has the ink's own colour
    own = float(luminance(np.median(behind + (ad[part][mask] - behind) / share, 0).clip(0, 255)))
    ground = luminance(plate[part][near])
    ratios = (np.maximum(ground, own) + 0.05) / (np.minimum(ground, own) + 0.05)
    ratio = float(np.percentile(ratios, WORST))
    limit = LARGE_CONTRAST if item.size >= 2 * shape.min_type else MIN_CONTRAST
    return [] if ratio >= ROUNDING * limit else [Problem("ad_contrast", role=item.role, ratio=ratio, limit=limit)]


def _size(item: Words, scene: Scene, shape: Shape) -> list[Problem]:
    """Compare the words' width with that of the same words at the least size."""
    text = max((text for text, _, _ in item.lines), key=len)
    canvas = Scene(scene.width * 2, max(64, int(4 * item.size)), ())
    widths = []
    for size in (item.size, shape.min_type):
        line = replace(item, lines=((text, 8.0, 2.5 * max(item.size, size)),), size=size)
        columns = np.flatnonzero((_coverage(line, canvas) > 0.3).any(0))
        widths.append(float(np.ptp(columns)) if columns.size else 0.0)
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


@lru_cache(maxsize=8192)
def _is_unknown(letter: str, kind: Type) -> bool:
    """Return whether a letter is drawn as the box that stands for unknown ones."""
    return np.array_equal(_drawn(letter, kind), _drawn(UNKNOWN, kind))


@lru_cache(maxsize=8192)
def _drawn(letter: str, kind: Type) -> np.ndarray:
    words = Words(((letter, 40.0, 60.0),), 32.0, replace(kind, language="en"), "#000000", "", Box(0, 0, 0, 0))
    return np.asarray(Scene(120, 100, (words,)).draw().convert("L"))


def _overlaps(inks: list[tuple[str, np.ndarray]]) -> list[Problem]:
    found = []
    boxes = [_extent(ink) for _, ink in inks]
    for second, (role, ink) in enumerate(inks):
        for first, (other, under) in enumerate(inks[:second]):
            a, b = boxes[first], boxes[second]
            if a is None or b is None:
                continue
            part = np.s_[max(a[0], b[0]) : min(a[1], b[1]) + 1, max(a[2], b[2]) : min(a[3], b[3]) + 1]
            if ink[part].size and (ink[part] & ndimage.binary_dilation(under[part])).any():
                found.append(Problem("ad_overlap", role=role, other=other))
    return found


def _extent(ink: np.ndarray) -> tuple[int, int, int, int] | None:
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    return (int(rows[0]), int(rows[-1]), int(columns[0]), int(columns[-1])) if rows.size else None
