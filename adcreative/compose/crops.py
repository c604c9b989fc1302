"""Choice of a photo's crop for a box: the focus stays complete, and away from words."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image

from adcreative.compose.colour import as_hex
from adcreative.compose.parts import Box, Photo, once_a_photo

ZOOMS = (1.0, 0.86, 0.74)  # factors of the largest window
PLACES = 7  # positions tried along each free axis
PLAIN_SPREAD, PLAIN_SHARE = 6.0, 0.75  # maximum distance from the median, of 255; minimum share of such pixels in a plain edge
MAX_ENLARGED = 2.5  # maximum enlargement of a photo's pixels for an object that may be smaller: more is visibly blurred
MOST_ENLARGED = 4.5  # of a photo's pixels in any box; a photo under SMALLEST_PX has no limit
SMALLEST_PX = 160  # minimum shorter side of a photo taken from an ad: shown at 720 px of 1080
CUT = 0.01  # of a side: an object closer to the edge is cut by it
AIR = 0.1  # margin around an object on plain ground
FOCUS_KEPT = 0.97  # minimum share of a photo's first focus in a crop
FILLS = 0.6  # minimum share for an object that fills its photo, which the photographer cropped already
TOUCHING, FILLED_SIDES, FILLED = 0.05, 2, 0.5  # of an object that fills its photo: distance to edges, number of edges, area


@dataclass(frozen=True)
class Crop:
    """A photo cropped to a box. focus: areas that must stay complete, in px of the box. kept: share of the first focus inside.
    window: in px of the photo, which it may exceed."""

    pixels: Image.Image
    focus: tuple[Box, ...]
    kept: float
    window: Box


@once_a_photo
def plain_edge(photo: Photo) -> str | None:
    """Return the colour of a photo's edge if PLAIN_SHARE of it is plain, as around an object that touches it; else None."""
    pixels = np.asarray(photo.pixels.resize((64, 64), Image.Resampling.BILINEAR), np.float32)
    edge = np.concatenate(
        [pixels[:2].reshape(-1, 3), pixels[-2:].reshape(-1, 3), pixels[:, :2].reshape(-1, 3), pixels[:, -2:].reshape(-1, 3)]
    )
    ground = np.median(edge, 0)
    return as_hex(ground) if (np.abs(edge - ground).max(1) < PLAIN_SPREAD).mean() >= PLAIN_SHARE else None


def _share(inner: Box, outer: Box) -> float:
    """Return the share of a box inside another."""
    width = min(inner.x1, outer.x1) - max(inner.x0, outer.x0)
    height = min(inner.y1, outer.y1) - max(inner.y0, outer.y0)
    return max(0.0, width) * max(0.0, height) / max(1e-9, inner.width * inner.height)


def crop(photo: Photo, width: int, height: int, words: tuple[Box, ...] = ()) -> Crop:
    """Return a photo cropped to width by height px. words: positions of words, as fractions of the box."""
    pixels = photo.pixels
    focus = tuple(
        Box(b.x0 * pixels.width, b.y0 * pixels.height, b.x1 * pixels.width, b.y1 * pixels.height) for b in photo.focus
    )
    window = max(
        _windows(pixels.width, pixels.height, width / height, focus[:1]),
        key=lambda each: _score(each, focus, words, photo),
    )
    kept = _share(focus[0], window) if focus else 1.0
    if focus and kept >= FILLS and _fills(photo.focus[0]):
        kept = 1.0
    edge = plain_edge(photo)
    if edge is not None and focus:  # an object on plain ground is shown completely in any box
        around = _around(focus[0], width / height, words, width / MAX_ENLARGED)
        window, kept = _not_past(around, focus[0], pixels.size), 1.0
    seen = tuple(_scaled(within(each, window), width, height) for each in focus)
    return Crop(_cut(photo.pixels_u8, window, width, height, edge), seen, kept, window)


def cells_under(photo: Photo, window: Box, part: Box) -> np.ndarray:
    """Return the cells of a photo's saliency map, 0..1, under a part (shares) of a window (px); empty without a map."""
    if photo.quiet is None:
        return np.zeros(0, np.float32)
    high, wide = photo.quiet.shape
    across, down = wide / photo.pixels.width, high / photo.pixels.height
    x0, x1 = (round((window.x0 + x * window.width) * across) for x in (part.x0, part.x1))
    y0, y1 = (round((window.y0 + y * window.height) * down) for y in (part.y0, part.y1))
    return photo.quiet[max(0, y0) : max(y1, y0 + 1, 0), max(0, x0) : max(x1, x0 + 1, 0)]


def whole_aspects(photo: Photo) -> tuple[float, float]:
    """Return the minimum and maximum width by height of a box that shows the photo's object completely."""
    if not photo.focus or plain_edge(photo) is not None:
        return 0.0, np.inf
    thing, aspect = photo.focus[0], photo.pixels.width / photo.pixels.height
    share = FILLS if _fills(thing) else 1.0
    return aspect * share * thing.width, aspect / (share * thing.height)


def _fills(thing: Box) -> bool:
    """Return whether a large object (shares of its photo) touches several edges: the photographer cropped it already."""
    sides = sum(side <= TOUCHING for side in (thing.x0, thing.y0, 1 - thing.x1, 1 - thing.y1))
    return sides >= FILLED_SIDES and thing.width * thing.height >= FILLED


def within(box: Box, window: Box) -> Box:
    """Return a box as fractions of a window."""
    return Box(
        (box.x0 - window.x0) / window.width,
        (box.y0 - window.y0) / window.height,
        (box.x1 - window.x0) / window.width,
        (box.y1 - window.y0) / window.height,
    )


def _scaled(box: Box, width: float, height: float) -> Box:
    return Box(box.x0 * width, box.y0 * height, box.x1 * width, box.y1 * height)


def _windows(width: int, height: int, aspect: float, focus: tuple[Box, ...]) -> list[Box]:
    """Return windows of that aspect: several sizes, each at a grid of positions and centred on the focus."""
    widest = (width, width / aspect) if width / aspect <= height else (height * aspect, height)
    found = []
    for zoom in ZOOMS:
        wide, high = widest[0] * zoom, widest[1] * zoom
        lefts = _places(width - wide, [(box.x0 + box.x1 - wide) / 2 for box in focus])
        found += [
            Box(x, y, x + wide, y + high)
            for x in lefts
            for y in _places(height - high, [(box.y0 + box.y1 - high) / 2 for box in focus])
        ]
    return found


def _places(free: float, wishes: list[float]) -> list[float]:
    """Return positions along an axis with `free` px to spare: evenly spaced, and the nearest to each wish."""
    if free <= 1:
        return [0.0]
    return [*np.linspace(0, free, PLACES).tolist(), *(min(max(wish, 0.0), free) for wish in wishes)]


def _score(window: Box, focus: tuple[Box, ...], words: tuple[Box, ...], photo: Photo) -> float:
    size = photo.pixels.size
    score = -0.15 * (1 - window.width / size[0]) * (1 - window.height / size[1])  # larger windows are sharper
    for number, box in enumerate(focus[:4]):
        seen = within(box, window)
        score += (4.0 * _share(box, window) - 3.0 * max((_share(seen, each) for each in words), default=0.0)) / (
            1 + number
        ) ** 2
    if focus:
        seen = within(focus[0], window)
        free = 1 - max((each.y0 < 0.5 and each.y1 > 0.75) * 0.35 for each in words) if words else 1.0
        score -= 0.3 * (abs((seen.x0 + seen.x1) / 2 - 0.5) + abs((seen.y0 + seen.y1) / 2 - 0.48 * free))
    else:
        score -= 0.3 * abs((window.y0 + window.y1) / 2 / size[1] - 0.45) + 0.3 * abs(
            (window.x0 + window.x1) / 2 / size[0] - 0.5
        )
    seen_cells = [cells_under(photo, window, each) for each in words]
    return score - sum(float(cells.mean()) for cells in seen_cells if cells.size)


def _around(thing: Box, aspect: float, words: tuple[Box, ...], least: float) -> Box:
    """Return a window of that aspect around an object on plain ground, if necessary larger than the photo, with the object in
    the largest band without words. least: minimum width of the window in px, which limits the enlargement."""
    free = max(_bands(words), key=lambda band: min(band.width * aspect, band.height) * (1.2 if band.y0 == 0 else 1.0))
    wide, high = thing.width * (1 + 2 * AIR), thing.height * (1 + 2 * AIR)
    width = max(wide / free.width, high / free.height * aspect, least)
    height = width / aspect
    x0 = (thing.x0 + thing.x1) / 2 - width * (free.x0 + free.x1) / 2
    y0 = (thing.y0 + thing.y1) / 2 - height * (free.y0 + free.y1) / 2
    return Box(x0, y0, x0 + width, y0 + height)


def _not_past(window: Box, thing: Box, size: tuple[int, int]) -> Box:
    """Return a window shifted so that it does not exceed an edge of the photo that cuts the object: the cut would show."""
    moved = []
    for low, high, start, end, side in (
        (window.x0, window.x1, thing.x0, thing.x1, size[0]),
        (window.y0, window.y1, thing.y0, thing.y1, size[1]),
    ):
        shift = max(0.0, -low) if start <= CUT * side else min(0.0, side - high) if end >= (1 - CUT) * side else 0.0
        moved += [low + shift, high + shift]
    return Box(moved[0], moved[2], moved[1], moved[3])


def _bands(words: tuple[Box, ...]) -> list[Box]:
    """Return the whole box without words, else the bands above, below and beside all words."""
    if not words:
        return [Box(0, 0, 1, 1)]
    x0, y0 = min(w.x0 for w in words), min(w.y0 for w in words)
    x1, y1 = max(w.x1 for w in words), max(w.y1 for w in words)
    bands = [Box(0, 0, 1, y0), Box(0, y1, 1, 1), Box(0, 0, x0, 1), Box(x1, 0, 1, 1)]
    return [band for band in bands if band.width > 0.08 and band.height > 0.08] or [Box(0, 0, 1, 1)]


def resize(pixels_u8: np.ndarray, part: Box, width: int, height: int) -> Image.Image:
    """Return a part (px) of a picture [H, W, 3 or 4] at width by height px: area means for shrinking, cubic for enlarging."""
    x0, y0 = int(part.x0), int(part.y0)
    cut = pixels_u8[y0 : max(y0 + 1, round(part.y1)), x0 : max(x0 + 1, round(part.x1))]
    is_grown = width > cut.shape[1]
    how = cv2.INTER_CUBIC if width >= cut.shape[1] else cv2.INTER_AREA
    sized = np.asarray(cv2.resize(cut, (width, height), interpolation=how))
    if sized.shape[2] == 4 and is_grown:  # the outline of a cut-out stays sharp and smooth
        scale = width / cut.shape[1]
        share = cv2.GaussianBlur(sized[..., 3].astype(np.float32) / 255.0, (0, 0), scale)
        sized[..., 3] = np.rint(255 * np.clip((share - 0.5) * 2 * scale + 0.5, 0.0, 1.0))
    return Image.fromarray(sized)


def _cut(pixels_u8: np.ndarray, window: Box, width: int, height: int, edge: str | None) -> Image.Image:
    high, wide = pixels_u8.shape[:2]
    inside = Box(max(0.0, window.x0), max(0.0, window.y0), min(float(wide), window.x1), min(float(high), window.y1))
    if edge is None or inside == window:
        return resize(pixels_u8, inside, width, height)
    place = _scaled(within(inside, window), width, height)
    x0, y0, x1, y1 = (round(side) for side in (place.x0, place.y0, place.x1, place.y1))
    part = resize(pixels_u8, inside, max(1, x1 - x0), max(1, y1 - y0))
    ground = Image.new("RGB", (width, height), edge)
    ground.paste(part, (x0, y0))
    return ground
