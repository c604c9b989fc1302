"""The ground around a picture, continued outward: what an ad needs in a shape that it was not drawn for.

    plain edge     its colours go on (a flat ground, a gradient)
    textured edge  a strip of it is mirrored, to and fro (wood, cloth, a street), so that no speck is drawn out into a stripe
                   and nothing that stands farther in, such as a badge with a price, is shown once more

Each run of rows and columns decides for itself, so that a panel beside a photograph stays a panel. Farther out the new ground
is blurred more and more, plain and textured ground apart, and bears the picture's own grain.
"""

from __future__ import annotations

import numpy as np
from PIL import Image
from scipy import ndimage

EDGE_DEPTH = 0.01  # of the shorter side, over which the outermost pixels of a plain edge are averaged
ZONE = 0.03  # of the shorter side: how deep an edge is looked at
STRIP = 0.05  # of the shorter side: how deep a strip at a textured edge is mirrored
TEXTURE = 1.2  # deviation inside the zone from what a gradient has, 0..255, from which a line is no drawn ground
JUMP = 40.0  # step of colour between neighbouring lines, 0..255, at which one ground ends and another begins
GAP, SAME_COLOUR = 0.04, 8.0  # of a side, and 0..255: lines between plain ones that are no other ground
LEAST = 0.12  # of a side: a shorter run of plain lines is a part of the picture, such as a dark corner
REACHES = (4.0, 16.0, 48.0, 120.0)  # px beyond the picture at which the next stronger blur begins


def extend_ground(image_u8: np.ndarray, left: int, top: int, width: int, height: int) -> np.ndarray:
    """Return a picture of width x height px with the old one [H, W, 3] at left, top (negative: cut), its ground continued."""
    old_height, old_width = image_u8.shape[:2]
    columns, rows = np.arange(width) - left, np.arange(height) - top
    inside_x, inside_y = (columns >= 0) & (columns < old_width), (rows >= 0) & (rows < old_height)
    near_x, near_y = np.clip(columns, 0, old_width - 1), np.clip(rows, 0, old_height - 1)
    is_textured = _textured(image_u8, columns, rows)
    plain = _edge(image_u8)[near_y][:, near_x]
    depth = max(2, round(STRIP * min(old_height, old_width)))
    mirrored = image_u8[_mirror(rows, old_height, depth)][:, _mirror(columns, old_width, depth)].astype(np.float32)
    laid = np.where(is_textured[:, :, None], mirrored, plain)
    beyond = np.maximum.outer(_beyond(rows, old_height), _beyond(columns, old_width))
    laid = _soften(laid, beyond, is_textured)
    rng = np.random.default_rng(width * height)
    lost = np.where(is_textured, np.clip(beyond / REACHES[1], 0.0, 1.0), 1.0)  # of its own grain, which blurring takes
    laid += rng.normal(0.0, _edge_grain(image_u8), laid.shape) * lost[:, :, None]
    laid_u8 = laid.round().clip(0, 255).astype(np.uint8)
    target = np.ix_(np.flatnonzero(inside_y), np.flatnonzero(inside_x))
    laid_u8[target] = image_u8[np.ix_(rows[inside_y], columns[inside_x])]
    return laid_u8


def texture_of_edges(image_u8: np.ndarray) -> dict[str, np.ndarray]:
    """Return for each side ("left", "right", "top", "bottom") which of its lines [H] or [W] are textured."""
    depth = max(2, round(ZONE * min(image_u8.shape[:2])))
    picture = image_u8.astype(np.float32)
    zones = {
        "left": picture[:, :depth], "right": picture[:, -depth:],
        "top": picture[:depth].swapaxes(0, 1), "bottom": picture[-depth:].swapaxes(0, 1),
    }  # fmt: skip
    return {side: _is_textured(zone) for side, zone in zones.items()}


def _is_textured(zone: np.ndarray) -> np.ndarray:
    """Tell for each line of a zone [N, depth, 3] whether it is no plain ground: flat or a gradient, and so for a while."""
    steps = np.linspace(-1.0, 1.0, zone.shape[1])
    means = zone.mean(axis=1)
    centred = zone - means[:, None]
    slope = np.einsum("ndc,d->nc", centred, steps) / np.square(steps).sum()
    rest = centred - slope[:, None, :] * steps[None, :, None]
    is_plain = _bridged(rest.std(axis=1).max(axis=1) < TEXTURE, means)
    is_new = np.abs(np.diff(means, axis=0)).max(axis=1) > JUMP
    runs = np.concatenate([[0], np.cumsum(is_new | (is_plain[1:] != is_plain[:-1]))])
    lengths = np.bincount(runs)
    found: np.ndarray = ~is_plain | (lengths[runs] < LEAST * len(zone))
    return found


def _bridged(is_plain: np.ndarray, means: np.ndarray) -> np.ndarray:
    """Return the plain lines [N] with the gaps between them in which the colour [N, 3] stays: what is left of letters that
    were taken out is no texture."""
    bridged, (labels, num) = is_plain.copy(), ndimage.label(~is_plain)
    for (rows,) in ndimage.find_objects(labels, num):
        around = means[max(0, rows.start - 1) : rows.stop + 1]
        is_between = rows.start > 0 and rows.stop < len(is_plain)
        if is_between and rows.stop - rows.start <= GAP * len(is_plain) and np.ptp(around, axis=0).max() <= SAME_COLOUR:
            bridged[rows] = True
    return bridged


def _textured(image_u8: np.ndarray, columns: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Tell for each new pixel [height, width] whether the edge that it lies beyond is textured; inside the picture false."""
    old_height, old_width = image_u8.shape[:2]
    edges = texture_of_edges(image_u8)
    near_x, near_y = np.clip(columns, 0, old_width - 1), np.clip(rows, 0, old_height - 1)
    found = np.zeros((len(rows), len(columns)), bool)
    for side, is_out in (("left", columns < 0), ("right", columns >= old_width)):
        found |= np.outer(edges[side][near_y], is_out)
    for side, is_out in (("top", rows < 0), ("bottom", rows >= old_height)):
        found |= np.outer(is_out, edges[side][near_x])
    return found


def _mirror(places: np.ndarray, size: int, depth: int) -> np.ndarray:
    """Return the places inside 0..size-1 that lie there when a strip of `depth` at either edge is mirrored to and fro."""
    last = min(depth, size) - 1
    folded = np.abs((np.maximum(-places, places - size + 1) + last) % max(2 * last, 1) - last)
    found: np.ndarray = np.where(places < 0, folded, np.where(places >= size, size - 1 - folded, places))
    return found


def _beyond(places: np.ndarray, size: int) -> np.ndarray:
    return np.maximum(np.maximum(-places, places - size + 1), 0).astype(np.float32)


def _edge(image_u8: np.ndarray) -> np.ndarray:
    """Return the picture with its outermost rows and columns averaged over a small depth, so that no speck is drawn out."""
    depth = max(1, round(EDGE_DEPTH * min(image_u8.shape[:2])))
    picture = image_u8.astype(np.float32)
    picture[0], picture[-1] = picture[:depth].mean(axis=0), picture[-depth:].mean(axis=0)
    picture[:, 0], picture[:, -1] = picture[:, :depth].mean(axis=1), picture[:, -depth:].mean(axis=1)
    return picture


def _soften(laid: np.ndarray, beyond: np.ndarray, is_textured: np.ndarray) -> np.ndarray:
    """Blur the new ground the more the farther it lies from the old picture, textured and plain ground each within itself."""
    weight = is_textured.astype(np.float32)[:, :, None]
    for reach in REACHES:
        share = np.clip((beyond - reach / 2) / reach, 0.0, 1.0)[:, :, None]
        if not share.any():
            break
        laid = laid * (1.0 - share) + _blur_apart(laid, weight, reach / 2) * share
    return laid


def _blur_apart(laid: np.ndarray, weight: np.ndarray, deviation: float) -> np.ndarray:
    """Blur pixels of weight 1 among themselves and those of weight 0 among themselves (normalised convolution)."""
    blurred = laid
    for kind in (weight, 1.0 - weight):
        if kind.any():
            found = _blur(np.concatenate([laid * kind, kind], axis=2), deviation)
            blurred = np.where(kind > 0.5, found[:, :, :-1] / np.maximum(found[:, :, -1:], 1e-3), blurred)
    return blurred


def _blur(values: np.ndarray, deviation: float) -> np.ndarray:
    """Blur [H, W, C] float32 by a Gaussian; a wide one on a copy that is smaller by a third of the deviation."""
    factor = max(1, int(deviation / 3))
    if factor == 1:
        return ndimage.gaussian_filter(values, (deviation, deviation, 0.0), mode="nearest", truncate=3.0)
    height, width, channels = values.shape
    padded = np.pad(values, ((0, -height % factor), (0, -width % factor), (0, 0)), mode="edge")
    small = padded.reshape(padded.shape[0] // factor, factor, -1, factor, channels).mean(axis=(1, 3))
    small = ndimage.gaussian_filter(small, (deviation / factor, deviation / factor, 0.0), mode="nearest", truncate=3.0)
    size = padded.shape[1], padded.shape[0]
    planes = [Image.fromarray(small[:, :, k]).resize(size, Image.Resampling.BILINEAR) for k in range(channels)]
    return np.stack([np.asarray(plane)[:height, :width] for plane in planes], axis=2)


def _edge_grain(image_u8: np.ndarray) -> float:
    """Return the deviation (0..255) of the fine detail at the picture's edge."""
    picture = image_u8.astype(np.float32)
    fine = np.abs(picture - ndimage.gaussian_filter(picture, (1.5, 1.5, 0.0)))
    depth = max(2, round(0.02 * min(image_u8.shape[:2])))
    rim = np.concatenate([fine[:depth].ravel(), fine[-depth:].ravel(), fine[:, :depth].ravel(), fine[:, -depth:].ravel()])
    return float(1.48 * np.median(rim))
