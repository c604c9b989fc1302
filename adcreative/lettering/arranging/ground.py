"""The ground around a picture, continued outward: what an ad needs in a shape that it was not drawn for.

plain    rows and columns that are flat or a gradient along their whole length go on as they end, with the picture's grain; so
         do those of a panel with words on it
drawn    where every side that grows ends in flat areas, such as a circle on a flat ground, each goes on in its colour
other    a photograph is never drawn out: an enlarged, blurred and darkened copy of it lies around, with a soft seam
"""

from __future__ import annotations

import numpy as np

from adcreative.lettering.arranging.scene import find_picture

EDGE_DEPTH = 0.01  # of the shorter side, over which the outermost pixels of a plain edge are averaged
TOUCHES = 0.015  # of a side: what is nearer than this to the rim reaches it
SOFT = 0.04  # of the picture's shorter side: how wide its seam with the blurred copy is
PANEL_ENDS, LEAST_PANEL = 0.02, 0.08  # of the width, at both sides, where a panel has one colour; of the height
PANEL_OFF, PANEL_PART = 6.0, 0.9  # of values 0..255 that its ends may be off that colour; of their pixels
DRAWN_DEPTH, DRAWN_PART, DRAWN_EDGES = 0.02, 0.95, 0.03  # of a side's length: how deep a drawn rim is looked at; of its pixels
# that are alike so deep; of those that differ from the next one
SHARP_PART = 0.5  # of a row's ends, where what ends in it has an edge
BLUR, BLUR_PX = 0.12, 160  # deviation in longer sides; of the copy that is blurred
DARKER, LIGHTER = 0.68, 0.45  # share of the light that a blurred copy keeps; share of white that it takes


def extend_ground(image_u8: np.ndarray, left: int, top: int, width: int, height: int) -> np.ndarray:
    """Return a picture of width x height px with the old one [H, W, 3] at left, top (negative: cut), its ground continued."""
    old_height, old_width = image_u8.shape[:2]
    columns, rows = np.arange(width) - left, np.arange(height) - top
    near_x, near_y = np.clip(columns, 0, old_width - 1), np.clip(rows, 0, old_height - 1)
    beyond = np.maximum.outer(_beyond(rows, old_height), _beyond(columns, old_width))
    is_drawn = _is_drawn(image_u8, columns, rows)
    plain = _edge(image_u8, EDGE_DEPTH if not is_drawn else 0.0)[near_y][:, near_x]
    grain = np.random.default_rng(width * height).normal(0.0, _edge_grain(image_u8), plain.shape)
    laid = np.where((beyond > 0)[:, :, None], plain + grain, plain)
    is_plain = _continues_plainly(image_u8, columns, rows) | is_drawn
    if not is_plain.all():
        copy = blurred_cover(image_u8, width, height).astype(np.float32)
        laid = np.where(is_plain[:, :, None], laid, copy)
        share = _covers(rows, columns, image_u8.shape[:2], is_plain)[:, :, None]
        laid = np.where((beyond > 0)[:, :, None], laid, image_u8[near_y][:, near_x] * share + copy * (1.0 - share))
    laid_u8 = laid.round().clip(0, 255).astype(np.uint8)
    if is_plain.all():
        inside = np.ix_((rows >= 0) & (rows < old_height), (columns >= 0) & (columns < old_width))
        laid_u8[inside] = image_u8[near_y][:, near_x][inside]
    return laid_u8


def blurred_cover(picture: np.ndarray, width: int, height: int, *, darker: bool = True) -> np.ndarray:
    """Return a picture [H, W, 3] enlarged to cover a shape, strongly blurred, and darkened or lightened."""
    import cv2

    old_height, old_width = picture.shape[:2]
    scale = max(width / old_width, height / old_height)
    part_width, part_height = min(old_width, round(width / scale)), min(old_height, round(height / scale))
    x, y = (old_width - part_width) // 2, (old_height - part_height) // 2
    part = np.ascontiguousarray(picture[y : y + part_height, x : x + part_width])
    factor = BLUR_PX / max(width, height)
    small = cv2.resize(part, (max(2, round(width * factor)), max(2, round(height * factor))), interpolation=cv2.INTER_AREA)
    soft = cv2.GaussianBlur(small.astype(np.float32), (0, 0), BLUR * BLUR_PX)
    soft = soft * DARKER if darker else soft * (1.0 - LIGHTER) + 255.0 * LIGHTER
    large = cv2.resize(soft, (width, height), interpolation=cv2.INTER_CUBIC)
    noise = np.random.default_rng(width * height).normal(0.0, 0.6, large.shape)  # against bands of equal values
    return np.asarray((large + noise).round().clip(0, 255).astype(np.uint8))


def resized(picture: np.ndarray, scale: float) -> np.ndarray:
    """Return a picture [H, W, 3] larger or smaller; itself at scale 1."""
    import cv2

    if scale == 1.0:
        return picture
    size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    return np.asarray(
        cv2.resize(np.ascontiguousarray(picture), size, interpolation=cv2.INTER_AREA if scale < 1.0 else cv2.INTER_CUBIC)
    )


def extends_plainly(image_u8: np.ndarray, left: int, top: int, width: int, height: int) -> bool:
    """Return whether all new ground of `extend_ground` continues plain rows and columns, or drawn rims."""
    columns, rows = np.arange(width) - left, np.arange(height) - top
    return _is_drawn(image_u8, columns, rows) or bool(_continues_plainly(image_u8, columns, rows).all())


def _is_drawn(image_u8: np.ndarray, columns: np.ndarray, rows: np.ndarray) -> bool:
    """Return whether each side at which a picture [H, W, 3] grows ends in flat areas that hardly change near the rim."""
    height, width = image_u8.shape[:2]
    turned = image_u8.swapaxes(0, 1)
    sides = [
        (image_u8, rows[0] < 0), (image_u8[::-1], rows[-1] >= height), (turned, columns[0] < 0),
        (turned[::-1], columns[-1] >= width),
    ]  # fmt: skip
    rims = [side[: max(4, round(DRAWN_DEPTH * len(side)))].astype(np.float32) for side, grows in sides if grows]
    return bool(rims) and all(
        (np.abs(rim - rim[:1]).max(axis=(0, 2)) <= PANEL_OFF).mean() >= DRAWN_PART
        and (np.abs(np.diff(rim[0], axis=0)).max(axis=1) > PANEL_OFF).mean() <= DRAWN_EDGES
        for rim in rims
    )


def _continues_plainly(image_u8: np.ndarray, columns: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Tell for each new pixel [height, width] whether it continues a plain row or column, or lies inside the picture."""
    height, width = image_u8.shape[:2]
    x0, y0, x1, y1 = find_picture(image_u8)
    near_y, near_x = np.clip(rows, 0, height - 1), np.clip(columns, 0, width - 1)
    top, bottom = _panels(image_u8)
    left, right = _panels(image_u8.swapaxes(0, 1))
    is_plain_row = (near_y < max(y0, top)) | (near_y >= min(y1, height - bottom))
    is_plain_column = (near_x < max(x0, left)) | (near_x >= min(x1, width - right))
    if not is_plain_row.all():  # beside what is not plain, only what ends in an edge goes on: a sky would end in mid-air
        is_plain_row &= _ends_sharply(image_u8, max(y0, top), min(y1, height - bottom))[near_y]
    if not is_plain_column.all():
        is_plain_column &= _ends_sharply(image_u8.swapaxes(0, 1), max(x0, left), min(x1, width - right))[near_x]
    reach_x, reach_y = TOUCHES * width, TOUCHES * height
    beside = np.where(columns < 0, x0 > reach_x, np.where(columns >= width, x1 < width - reach_x, True))
    above = np.where(rows < 0, y0 > reach_y, np.where(rows >= height, y1 < height - reach_y, True))
    is_out_x, is_out_y = (columns < 0) | (columns >= width), (rows < 0) | (rows >= height)
    plain_x = np.logical_or.outer(is_plain_row, beside | ~is_out_x)
    plain_y = np.logical_or.outer(above | ~is_out_y, is_plain_column)
    return np.asarray(plain_x & plain_y)


def _ends_sharply(image_u8: np.ndarray, first: int, end: int) -> np.ndarray:
    """Tell for each row above `first` and from `end` on whether its ground ends in an edge there, at the sides [height]."""
    reach, depth = max(3, round(2 * EDGE_DEPTH * len(image_u8))), max(2, round(2 * PANEL_ENDS * image_u8.shape[1]))
    ends = np.concatenate([image_u8[:, :depth], image_u8[:, -depth:]], axis=1).astype(np.float32)
    known = np.zeros(len(image_u8), bool)
    for edge, part in ((first, np.s_[:first]), (end, np.s_[end:])):
        near = ends[max(0, edge - reach) : edge + reach]
        if len(near) > 1:
            known[part] = (np.abs(np.diff(near, axis=0)).max(axis=(0, 2)) > PANEL_OFF).mean() >= SHARP_PART
    return known


def _panels(image_u8: np.ndarray) -> tuple[int, int]:
    """Return how many rows the panels at the picture's upper and lower rim have, 0 for none: rows that end in one and the same
    colour at both sides, whatever stands between."""
    depth = max(2, round(PANEL_ENDS * image_u8.shape[1]))
    ends = np.concatenate([image_u8[:, :depth], image_u8[:, -depth:]], axis=1).astype(np.float32)
    found = []
    for rows in (ends, ends[::-1]):
        colour = np.median(rows[: max(2, round(EDGE_DEPTH * len(rows)))], axis=(0, 1))
        other = np.flatnonzero(np.quantile(np.abs(rows - colour).max(axis=2), PANEL_PART, axis=1) > PANEL_OFF)
        high = int(other[0]) if len(other) else len(rows)
        found.append(high if high >= LEAST_PANEL * len(rows) else 0)
    return found[0], found[1]


def _covers(rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int], is_plain: np.ndarray) -> np.ndarray:
    """Return how far the picture covers its blurred copy [height, width]: less and less towards a rim that this adjoins."""
    height, width = shape
    reach = max(1.0, SOFT * min(shape))
    share = np.ones(is_plain.shape)
    outside_x, outside_y = (columns < 0, columns >= width), (rows < 0, rows >= height)
    for is_out, depth in zip(outside_x, (columns + 0.5, width - columns - 0.5), strict=True):
        if is_out.any():
            side = np.asarray(~is_plain[:, is_out].all(axis=1))  # rows that do not go on there
            share = np.where(side[:, None], np.minimum(share, np.clip(depth / reach, 0.0, 1.0)[None, :]), share)
    for is_out, depth in zip(outside_y, (rows + 0.5, height - rows - 0.5), strict=True):
        if is_out.any():
            side = np.asarray(~is_plain[is_out].all(axis=0))
            share = np.where(side[None, :], np.minimum(share, np.clip(depth / reach, 0.0, 1.0)[:, None]), share)
    return share


def _beyond(places: np.ndarray, size: int) -> np.ndarray:
    return np.maximum(np.maximum(-places, places - size + 1), 0).astype(np.float32)


def _edge(image_u8: np.ndarray, share: float) -> np.ndarray:
    """Return the picture with its outermost rows and columns averaged over a share of its shorter side, so that no speck is
    drawn out."""
    depth = max(1, round(share * min(image_u8.shape[:2])))
    picture = image_u8.astype(np.float32)
    picture[0], picture[-1] = picture[:depth].mean(axis=0), picture[-depth:].mean(axis=0)
    picture[:, 0], picture[:, -1] = picture[:, :depth].mean(axis=1), picture[:, -depth:].mean(axis=1)
    return picture


def _edge_grain(image_u8: np.ndarray) -> float:
    """Return the deviation (0..255) of the fine detail at the picture's edge."""
    import cv2

    picture = image_u8.astype(np.float32)
    fine = np.abs(picture - cv2.GaussianBlur(picture, (0, 0), 1.5))
    depth = max(2, round(0.02 * min(image_u8.shape[:2])))
    rim = np.concatenate([fine[:depth].ravel(), fine[-depth:].ravel(), fine[:, :depth].ravel(), fine[:, -depth:].ravel()])
    return float(1.48 * np.median(rim))
