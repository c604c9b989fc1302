"""Draws an arrangement: the picture, the ground of the words, ribbons, and the words; and says whether it can be read.

Where words on a picture lack contrast, the ground under them is darkened (lightened under dark letters) with soft ends, as far
as they need it. Knows parts, pixels and a reader.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from adcreative.lettering.arranging.arranging import Arrangement
from adcreative.lettering.arranging.columns import Placed
from adcreative.lettering.arranging.frames import SEAM
from adcreative.lettering.arranging.ground import blurred_cover, extend_ground, resized
from adcreative.lettering.arranging.parts import Parts
from adcreative.lettering.arranging.scene import Ribbon
from adcreative.lettering.reading.blocks import Box
from adcreative.lettering.reading.ink import luminance
from adcreative.lettering.reading.measures import MIN_CONTRAST
from adcreative.lettering.reading.reader import TextReading
from adcreative.lettering.reading.roles import is_same_text
from adcreative.lettering.setting.acceptance import comparable, crop_line

GROUND_PX = 32  # sides of the copy from which a plain ground is drawn anew
VEILS = (0.0, 0.2, 0.35, 0.5, 0.65, 0.8)  # shares of black or white under words
MOST_VEIL = 0.5  # of that on a picture: more hides it
CALM, CALM_EDGES = 1.6, 9.0  # times the old ground's edges, and mean step of neighbouring pixels, 0..255, that are allowed
CONTRAST_SHARE = 0.85  # of the old contrast that is kept


def draw(parts: Parts, one: Arrangement) -> np.ndarray | None:
    """Return the arrangement [H, W, 3]; None when its words cannot be made readable on it."""
    ground = _draw_ground(parts, one)
    for ribbon, top, high in one.ribbons:
        _draw_ribbon(ground, ribbon, top, high)
    is_on_picture = parts.scene.ground is None and parts.scene.kind != "inset"
    for veil in VEILS if is_on_picture else VEILS[:1]:
        if veil > MOST_VEIL and one.shown == one.region:
            return None
        veiled = _veil(ground, one, veil) if veil else ground.copy()
        inks = [_find_ink(placed, veiled, parts.head.block.colour) for placed in one.words]
        if None in inks:
            continue
        for placed, ink in zip(one.words, inks, strict=True):
            block = placed.piece.block
            is_own = block.plate is not None or ink == block.colour
            for layer, x, y in placed.made.layers:
                letters = layer if placed.piece.solid is None else layer.cut_out(block.colour, block.ground)
                shown = layer if is_own or ink is None else letters.inked(ink)
                shown.scaled(placed.scale).at(placed.x + x, placed.y + y).paste(veiled)
        return veiled
    return None


def _find_ink(placed: Placed, ground: np.ndarray, other: tuple[int, int, int]) -> tuple[int, int, int] | None:
    """Return the colour in which a text can be read on the new ground: its own, else the headline's; None when neither."""
    own = placed.piece.block.colour
    return next((colour for colour in (own, other) if _is_readable(placed, ground, colour)), None)


def reads_back(one: Arrangement, drawn: np.ndarray, reader: TextReading) -> bool:
    """Return whether what is read of each text is the text, line by line."""
    return all(_reads_back(placed, drawn, reader) for placed in one.words)


def _draw_ground(parts: Parts, one: Arrangement) -> np.ndarray:
    (width, height), scene = one.size, parts.scene
    picture = resized(scene.picture, one.scale)
    left, top = round(one.origin[0]), round(one.origin[1])
    if scene.kind == "inset":
        return extend_ground(picture, left, top, width, height)
    x0, y0, x1, y1 = one.shown
    if scene.ground is not None:
        rx0, ry0, rx1, ry1 = one.region
        ground = np.zeros((height, width, 3), np.uint8)
        ground[ry0:ry1, rx0:rx1] = _stretched(scene.ground, rx1 - rx0, ry1 - ry0)
    elif one.shown != one.region:
        ground = blurred_cover(scene.picture, width, height, darker=_has_light_letters(one.words))
    else:
        ground = np.zeros((height, width, 3), np.uint8)
    part = _crop(picture, x0 - left, y0 - top, x1 - x0, y1 - y0)
    if scene.ground is None and one.shown != one.region:
        share = _seam(one)[y0:y1, x0:x1, None]
        part = (part * share + ground[y0:y1, x0:x1] * (1.0 - share)).round().astype(np.uint8)
    ground[y0:y1, x0:x1] = part
    return ground


def _stretched(ground: np.ndarray, width: int, height: int) -> np.ndarray:
    """Return a plain ground [h, w, 3] in another size, without specks that letters left on it."""
    import cv2

    size = (min(GROUND_PX, ground.shape[1]), min(GROUND_PX, ground.shape[0]))
    small = cv2.medianBlur(cv2.resize(np.ascontiguousarray(ground), size, interpolation=cv2.INTER_AREA), 3)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR))


def _crop(picture: np.ndarray, left: int, top: int, width: int, height: int) -> np.ndarray:
    """Return a window of a picture that may end a pixel outside: the outermost one is repeated there."""
    rows = np.clip(np.arange(top, top + height), 0, picture.shape[0] - 1)
    columns = np.clip(np.arange(left, left + width), 0, picture.shape[1] - 1)
    return np.asarray(picture[np.ix_(rows, columns)])


def _seam(one: Arrangement) -> np.ndarray:
    """Return how far the picture covers its blurred copy [H, W]: less and less towards the words."""
    width, height = one.size
    x0, y0, x1, y1 = one.shown
    rows, columns, reach = np.arange(height) + 0.5, np.arange(width)[None] + 0.5, max(1.0, SEAM * min(width, height))
    inside = {"above": rows[:, None] - y0, "below": y1 - rows[:, None], "left": columns - x0, "right": x1 - columns}[one.side]
    share = np.clip(inside / reach, 0.0, 1.0)
    return np.broadcast_to(share * share * (3.0 - 2.0 * share), (height, width))


def _has_light_letters(words: Sequence[Placed]) -> bool:
    own = [float(luminance(np.array(one.piece.block.colour))) for one in words if one.piece.solid is None]
    return not own or float(np.median(own)) > 0.3


def _veil(ground: np.ndarray, one: Arrangement, share: float) -> np.ndarray:
    """Darken or lighten the ground [H, W, 3] under the words, with soft ends; what words stand on a blurred copy, all of it."""
    import cv2

    height, width = ground.shape[:2]
    tone = 0.0 if _has_light_letters(one.words) else 255.0
    mask = np.zeros((height, width), np.float32)
    pad = round(0.04 * np.sqrt(height * width))
    for placed in one.words:
        x0, y0, x1, y1 = placed.box
        mask[max(0, y0 - pad) : y1 + pad, max(0, x0 - pad) : x1 + pad] = 1.0
    if one.side in ("over left", "over right"):
        mask[:, mask.any(axis=0)] = 1.0
        mask[:, : width // 8 if one.side == "over left" else 0] = 1.0
    else:
        mask[mask.any(axis=1)] = 1.0
    small = cv2.resize(mask, (max(1, width // 8), max(1, height // 8)), interpolation=cv2.INTER_AREA)
    soft = cv2.resize(ndimage.gaussian_filter(small, pad / 8, mode="nearest"), (width, height), interpolation=cv2.INTER_LINEAR)
    shares = share * np.clip(soft, 0.0, 1.0)[:, :, None]
    return np.asarray((ground * (1.0 - shares) + tone * shares).round().clip(0, 255).astype(np.uint8))


def _draw_ribbon(ground: np.ndarray, ribbon: Ribbon, top: int, high: int) -> None:
    """Draw a ribbon over the whole width, its words in the middle or where they stood, in place."""
    import cv2

    width = ground.shape[1]
    scale = high / (ribbon.rows[1] - ribbon.rows[0])
    x0, _, x1, _ = ribbon.words
    pad = round(0.3 * (ribbon.words[3] - ribbon.words[1]))
    x0, x1 = max(0, x0 - pad), min(ribbon.strip.shape[1], x1 + pad)
    rest = np.delete(ribbon.strip, np.s_[x0:x1], axis=1)
    colours = np.median(rest if rest.size else ribbon.strip, axis=1, keepdims=True).astype(np.uint8)  # [h, 1, 3]
    part = resized(ribbon.strip[:, x0:x1], scale)[:high]
    ground[top : top + high] = cv2.resize(np.ascontiguousarray(colours), (1, high), interpolation=cv2.INTER_LINEAR)
    if ribbon.place != "seam" and 2 * top < len(ground):
        ground[:top] = ground[top, 0]  # below what a platform covers: its colour goes on to the rim
    left = round((width - part.shape[1]) * x0 / max(1, ribbon.strip.shape[1] - (x1 - x0)))
    ground[top : top + part.shape[0], left : left + part.shape[1]] = part


def _is_readable(placed: Placed, ground: np.ndarray, colour: tuple[int, int, int]) -> bool:
    """Return whether the new ground under a text is as calm as the old one's and its contrast in a colour as high."""
    block = placed.piece.block
    if block.plate is not None:
        return True
    x0, y0, x1, y1 = placed.box
    under = ground[max(0, y0) : y1, max(0, x0) : x1]
    if not under.size:
        return False
    own, light = float(luminance(np.array(colour))), luminance(under.reshape(-1, 3))
    contrast = float(np.percentile((np.maximum(light, own) + 0.05) / (np.minimum(light, own) + 0.05), 5.0))
    steps = float(ndimage.morphological_gradient(under.mean(axis=2), size=(3, 3)).mean())
    return contrast >= min(MIN_CONTRAST, CONTRAST_SHARE * block.contrast) and steps <= max(CALM_EDGES, CALM * block.residual)


def _reads_back(placed: Placed, drawn: np.ndarray, reader: TextReading) -> bool:
    if placed.piece.solid is not None:
        return True
    rows: dict[int, list[Box]] = {}
    for (layer, x, y), word in zip(placed.made.layers, placed.piece.words, strict=True):
        height, width = (round(side * placed.scale) for side in layer.alpha.shape)
        x0, y0 = placed.x + x, placed.y + y
        rows.setdefault(y + round(word.above_px * placed.scale), []).append((x0, y0, x0 + width, y0 + height))
    crops = []
    for boxes in rows.values():
        left, top, right, bottom = zip(*boxes, strict=True)
        crops.append(crop_line(drawn, (min(left), min(top), max(right), max(bottom)), 0.2))
    read, text = " ".join(reader.read_lines(crops)), placed.piece.block.text
    return comparable(read) == comparable(text) or is_same_text(read, text, 0.95)
