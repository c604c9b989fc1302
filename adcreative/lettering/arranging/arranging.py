"""An ad's parts arranged for another shape: its words over, above, below or beside what it shows, in their own letters.

    over    the picture is cut to the shape, and the words stand on it where little is to be seen
    beside  the picture is cut to a part of the shape; the words have the rest: the plain ground or the panel that they had,
            else a blurred copy of the picture

What stands on a plain ground is not cut: the ground goes on. Of all arrangements the one is taken that costs least

    |log(height of capitals / wanted)| + what is cut off + what words cover + empty room + another side than before

and that can be read: contrast with the new ground, every block read back. Knows parts and pixels only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from adcreative.lettering.arranging.columns import Column, Placed, set_column
from adcreative.lettering.arranging.frames import BESIDE, OVER, SEAM, Frame, divide, logo_top
from adcreative.lettering.arranging.parts import Parts
from adcreative.lettering.arranging.scene import Ribbon
from adcreative.lettering.reading.blocks import Box

SHARES = (0.3, 0.36, 0.42, 0.48, 0.54, 0.6, 0.66)  # of the shape that the picture has
SCALES = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.12, 1.25, 1.4, 1.6, 1.8)
TRIES = (1.0, 0.97, 0.94)  # of a scale: in another size of the shape, rounding may take a pixel of the room
GAPS = (1.0, 0.75, 0.5)  # of the distances between texts: rather tighter than smaller
LEAST_SIDE, MOST_SIDE = 0.7, 1.4  # of the old picture's shorter side that the new one's has where that saves resampling
WANTED_CAPS = (0.055, 0.072)  # height of a headline's capitals in square roots of the area: what it had, within these
USUAL_PICTURE, USUAL_INSET = 0.45, 0.18  # of the area
COVERED_LOW = 0.12  # of a story's height, from below: nothing but ground or a picture's rest should lie there
COST_OF_SMALLER, COST_OF_LARGER, COST_OF_CUT, COST_OF_COVERED, COST_OF_EMPTY = 2.0, 0.5, 0.9, 2.0, 0.8
COST_OF_SMALL, COST_OF_SIDE, COST_OF_LINES, COST_OF_ENLARGED = 0.7, 0.25, 0.25, 0.4
COST_OF_TIGHT = 0.3
COST_OF_FOOT, USUAL_FOOT = 2.0, 0.12  # of plain ground below all words, in heights of the shape beyond the usual
COST_OF_ACROSS = 3.0  # of words beside in a high shape, above or below in a wide one
COST_OF_FACE, COST_OF_LOW_FACE, COST_OF_OFF_FACE = 4.0, 1.0, 0.1
COST_OF_LOGO, HAIR = 0.4, (0.25, 0.4)  # of a logo all on a head; of a face's sides: how far its hair reaches aside and above
USUAL_LINES = {"headline": 3, "subline": 4}
FACE_MARGIN = 0.06  # of a face's height, kept around it


@dataclass(frozen=True, kw_only=True, eq=False)
class Arrangement:
    """Where the parts stand, px. size: width and height. shown, region: the parts of the shape that picture and words have.

    scale, origin: of the picture, and where its upper left corner lies. ribbons: with their tops and heights.
    """

    side: str
    size: tuple[int, int]
    shown: Box
    scale: float
    origin: tuple[float, float]
    region: Box
    placed: tuple[Placed, ...]
    corner: tuple[Placed, ...]
    ribbons: tuple[tuple[Ribbon, int, int], ...]
    cost: float

    @property
    def foot(self) -> float:
        """Share of the height below all words where only their plain ground is."""
        low = max(one.box[3] for one in self.words)
        return (self.region[3] - low) / self.size[1] if self.side == "below" else 0.0

    @property
    def words(self) -> tuple[Placed, ...]:
        return self.placed + self.corner


def find_arrangements(parts: Parts, ratio: float, keep_free: tuple[float, float]) -> list[Arrangement]:
    """Return arrangements in a shape (width over height), the one that costs least first, each side once.

    Args:
        keep_free: shares of the height, top and bottom, that stay clear of words.
    """
    height, width = parts.size
    nominal = (np.sqrt(height * width * ratio), np.sqrt(height * width / ratio))
    mass = weigh(parts.scene.picture)
    best: dict[str, tuple[Arrangement, float, float]] = {}
    for side in (*BESIDE, *OVER) if parts.scene.kind == "whole" else BESIDE:
        for share in SHARES if side in BESIDE else (1.0,):
            for scale in SCALES:
                one = _arrange(parts, mass, side, share, scale, nominal, keep_free)
                if one is not None and (side not in best or one.cost < best[side][0].cost):
                    best[side] = one, share, scale
    found = []
    for one, share, scale in best.values():
        shorter = min(one.size) / min(height, width)
        factor = float(np.clip(1.0 / one.scale, LEAST_SIDE / shorter, MOST_SIDE / shorter))
        size = (nominal[0] * factor, nominal[1] * factor)
        tries = (_arrange(parts, mass, one.side, share, part * scale * factor, size, keep_free) for part in TRIES)
        final = next((made for made in tries if made is not None), None)
        if final is not None:
            exact = abs(final.scale - 1.0) < 0.01
            found.append(replace(final, scale=1.0, origin=(round(final.origin[0]), round(final.origin[1]))) if exact else final)
    return sorted(found, key=lambda one: one.cost)


def faces_at(parts: Parts, one: Arrangement) -> list[tuple[float, ...]]:
    """Return the boxes of the ad's faces in an arrangement, px."""
    return [_placed(face, parts.scene.origin, one.scale, one.origin) for face in parts.faces]


def weigh(picture: np.ndarray) -> np.ndarray:
    """Return how much there is to see in each part of a picture [H, W, 3], on a grid [h, w] that sums up to one."""
    import cv2

    scale = 96 / max(picture.shape[:2])
    size = (max(4, round(picture.shape[1] * scale)), max(4, round(picture.shape[0] * scale)))
    small = cv2.resize(np.ascontiguousarray(picture), size, interpolation=cv2.INTER_AREA).astype(np.float32)
    edges = np.hypot(ndimage.sobel(small, axis=0), ndimage.sobel(small, axis=1)).max(axis=2)
    mass = ndimage.gaussian_filter(np.sqrt(edges), 2.0) + 1e-3
    return np.asarray(mass / mass.sum())


def _arrange(
    parts: Parts,
    mass: np.ndarray,
    side: str,
    share: float,
    scale: float,
    size_px: tuple[float, float],
    keep_free: tuple[float, float],
) -> Arrangement | None:
    size = (round(size_px[0]), round(size_px[1]))
    frame = divide(parts, side, share, size, keep_free)
    centred = parts.head.block.alignment == "centre"
    found = _fit_column(parts, frame.room, scale, centred)
    if found is None:
        return None
    column, gaps = found
    placed = column.at(*_stand(column, frame, side, centred))
    words = _bounds([one.box for one in placed])
    shown = _show(parts, mass, frame, words)
    if shown is None:
        return None
    picture_scale, origin, cost_of_view = shown
    heads = [_head_of(_placed(face, parts.scene.origin, picture_scale, origin)) for face in parts.faces]
    corner = _set_corner(parts, frame, side, scale, heads)
    if corner is None:
        return None
    cost = cost_of_view + COST_OF_LOGO * sum(_lies_on(one.box, heads) for one in corner)
    cost += _cost_of_words(parts, column, frame, side, scale, picture_scale) + COST_OF_TIGHT * (1.0 - gaps)
    made = Arrangement(
        side=side, size=size, shown=frame.shown, scale=picture_scale, origin=origin, region=frame.region, placed=placed,
        corner=corner, ribbons=frame.ribbons, cost=float(cost),
    )  # fmt: skip
    return replace(made, cost=made.cost + COST_OF_FOOT * max(0.0, made.foot - USUAL_FOOT))


def _fit_column(parts: Parts, room: Box, scale: float, centred: bool) -> tuple[Column, float] | None:
    """Return the words as a column that the room is high enough for, and the share of their distances that they keep."""
    for gaps in GAPS:
        column = set_column(parts.rows, room[2] - room[0], scale, is_centred=centred, gaps=gaps)
        if column is None:
            return None
        if column.size[1] <= room[3] - room[1]:
            return column, gaps
    return None


def _stand(column: Column, frame: Frame, side: str, centred: bool) -> tuple[float, float]:
    """Return where the column's upper left corner stands: in the middle of its room, on a picture at one of its ends."""
    x0, y0, x1, y1 = frame.room
    x = x0 + (x1 - x0 - column.size[0]) / 2 if centred else float(x0)
    rest = y1 - y0 - column.size[1]
    return x, y0 + {"over top": 0.0, "over bottom": float(rest)}.get(side, rest / 2)


def _set_corner(
    parts: Parts, frame: Frame, side: str, scale: float, heads: Sequence[Sequence[float]]
) -> tuple[Placed, ...] | None:
    """Return the logo that stands apart, on the words' side of a picture beside them; () without one, None if too wide.

    It stands at the side where it stood, or at another one where it covers less of a head. heads: their boxes, px.
    """
    centred = parts.head.block.alignment == "centre"
    if parts.corner is None:
        return ()
    left, right = (frame.region[0], frame.region[2]) if side in ("left", "right") else (0, frame.size[0])
    width = right - left - 2 * frame.margin
    column = set_column([[parts.corner]], width, min(scale, frame.size[0] / parts.size[1]), is_centred=centred)
    if column is None:
        return None
    old_x0, old_x1 = parts.corner.block.box[0], parts.corner.block.box[2]
    is_right = (old_x0 + old_x1) / 2 > 0.6 * parts.size[1]
    places = [float(left + frame.margin), right - frame.margin - column.size[0], (left + right - column.size[0]) / 2]
    own = 2 if centred else int(is_right)
    y = frame.safe[1] - frame.margin - column.size[1] if parts.is_low else logo_top(frame.safe, frame.margin)
    tried = [column.at(places[k], y) for k in (own, *({0, 1, 2} - {own}))]
    return min(tried, key=lambda placed: round(_lies_on(placed[0].box, heads), 1))


def _head_of(face: Sequence[float]) -> tuple[float, float, float, float]:
    """Return the box of a head with its hair, as wide and high as is usual around a face's."""
    (x0, y0, x1, y1), (side, above) = face, HAIR
    return x0 - side * (x1 - x0), y0 - above * (y1 - y0), x1 + side * (x1 - x0), y1


def _lies_on(box: Sequence[float], others: Sequence[Sequence[float]]) -> float:
    """Return the largest share (0..1) of a box that a single other box covers."""
    return max((_lies_under(box, (x0, y0, x1, y1)) for x0, y0, x1, y1 in others), default=0.0)


def _show(parts: Parts, mass: np.ndarray, frame: Frame, words: Box) -> tuple[float, tuple[float, float], float] | None:
    """Return scale and origin of the picture in its part of the shape, and the cost of what is cut off or covered."""
    if parts.scene.kind == "inset":
        return _show_whole(parts, frame)
    x0, y0, x1, y1 = frame.shown
    height, width = parts.scene.picture.shape[:2]
    if min(x1 - x0, y1 - y0) < 8:
        return None
    scale = max((x1 - x0) / width, (y1 - y0) / height)
    rest_x, rest_y = width * scale - (x1 - x0), height * scale - (y1 - y0)
    sharp = _without_seam(frame) if parts.scene.ground is None else frame.shown
    sums = np.pad(mass, ((1, 0), (1, 0))).cumsum(axis=0).cumsum(axis=1)
    best: tuple[float, tuple[float, float]] | None = None
    for part in np.linspace(0.0, 1.0, 13 if max(rest_x, rest_y) > 1 else 1):
        origin = (x0 - part * rest_x, y0 - part * rest_y)
        faces = [_placed(face, parts.scene.origin, scale, origin) for face in parts.faces]
        if any(not _is_clear(face, sharp, words, parts.covered, origin[1]) for face in faces):
            continue
        seen = _share(sums, frame.shown, origin, scale, (height, width))
        lain_on = _share(sums, words, origin, scale, (height, width)) if frame.shown == frame.region else 0.0
        of_faces = max((_cost_of_face(face, frame, words) for face in faces), default=0.0)
        cost = COST_OF_CUT * (1.0 - seen) + COST_OF_COVERED * lain_on + of_faces
        if best is None or cost < best[0]:
            best = cost, origin
    return None if best is None else (scale, best[1], best[0])


def _without_seam(frame: Frame) -> Box:
    """Return the picture's part without the rim at which it passes into its blurred copy; all of it where words stand on it."""
    (x0, y0, x1, y1), region, soft = frame.shown, frame.region, round(SEAM * min(frame.size))
    if frame.shown == region:
        return frame.shown
    return (
        x0 + soft * (region[0] < x0), y0 + soft * (region[1] < y0), x1 - soft * (region[2] > x1), y1 - soft * (region[3] > y1)
    )  # fmt: skip


def _cost_of_face(face: Sequence[float], frame: Frame, words: Box) -> float:
    """Return what is wrong with a face's place: under words, where a platform covers it, far off the middle."""
    (x0, y0, x1, y1), shown = face, frame.shown
    off = abs(x0 + x1 - shown[0] - shown[2]) / (shown[2] - shown[0]) + abs(y0 + y1 - shown[1] - shown[3]) / (
        shown[3] - shown[1]
    )
    low = max(0.0, y1 - frame.safe[1]) / max(1.0, y1 - y0)
    return COST_OF_FACE * _lies_under(face, words) + COST_OF_LOW_FACE * low + COST_OF_OFF_FACE * off


def _lies_under(face: Sequence[float], words: Sequence[float]) -> float:
    """Return which share of a face lies under a box of words."""
    x0, y0, x1, y1 = face
    shared = max(0.0, min(x1, words[2]) - max(x0, words[0])) * max(0.0, min(y1, words[3]) - max(y0, words[1]))
    return shared / max(1.0, (x1 - x0) * (y1 - y0))


def _show_whole(parts: Parts, frame: Frame) -> tuple[float, tuple[float, float], float] | None:
    """Return scale and origin with which what stands on a plain ground fits into its part of the shape."""
    vx0, vy0, vx1, vy1 = parts.scene.visual
    if vx1 <= vx0 or vy1 <= vy0:
        return float(np.sqrt(np.prod(frame.size) / np.prod(parts.size))), (float(frame.shown[0]), float(frame.shown[1])), 0.0
    touches, (width, height) = parts.scene.touches, frame.size
    x0, y0, x1, y1 = frame.shown
    lowest = height - (0 if frame.safe[1] == height else round(COVERED_LOW * height))
    is_rim = {"left": x0 <= 0, "top": y0 <= 0, "right": x1 >= width, "bottom": y1 >= height}
    if any(side in touches and not is_rim[side] for side in is_rim):
        return None
    inset = {side: 0 if side in touches else frame.margin if is_rim[side] else frame.margin // 3 for side in is_rim}
    x0, y0, x1, y1 = x0 + inset["left"], y0 + inset["top"], x1 - inset["right"], y1 - inset["bottom"]
    y1 = y1 if "bottom" in touches else min(y1, lowest)
    scale = min((x1 - x0) / (vx1 - vx0), (y1 - y0) / (vy1 - vy0))
    if scale <= 0.05:
        return None
    rest_x, rest_y = (x1 - x0) - scale * (vx1 - vx0), (y1 - y0) - scale * (vy1 - vy0)
    if ({"left", "right"} <= set(touches) and rest_x > 1) or ({"top", "bottom"} <= set(touches) and rest_y > 1):
        return None  # what goes from rim to rim would end in mid-air
    part_x = 0.0 if "left" in touches else 1.0 if "right" in touches else 0.5
    part_y = 0.0 if "top" in touches else 1.0 if "bottom" in touches else 0.5
    origin = (x0 + part_x * rest_x - scale * vx0, y0 + part_y * rest_y - scale * vy0)
    faces = [_placed(face, parts.scene.origin, scale, origin) for face in parts.faces]
    low = max((max(0.0, face[3] - frame.safe[1]) / max(1.0, face[3] - face[1]) for face in faces), default=0.0)
    empty = rest_x * (y1 - y0) + rest_y * scale * (vx1 - vx0)
    return scale, origin, COST_OF_EMPTY * empty / (width * height) + COST_OF_LOW_FACE * min(1.0, low)


def _placed(face: Box, picture_at: tuple[int, int], scale: float, origin: tuple[float, float]) -> tuple[float, ...]:
    dx, dy = origin[0] - scale * picture_at[0], origin[1] - scale * picture_at[1]
    return scale * face[0] + dx, scale * face[1] + dy, scale * face[2] + dx, scale * face[3] + dy


def _is_clear(face: Sequence[float], shown: Box, words: Box, covered: float, top: float) -> bool:
    """Return whether a face is in view, and hardly more of it lies under words than did. top: of the picture, px."""
    x0, y0, x1, y1 = face
    rim = FACE_MARGIN * (y1 - y0)
    is_in = x0 >= shown[0] - 1 and x1 <= shown[2] + 1 and max(y0 - rim, top) >= shown[1] - 1 and y1 <= shown[3] + 1
    return is_in and _lies_under(face, words) <= covered + 0.02


def _share(sums: np.ndarray, box: Box, origin: tuple[float, float], scale: float, shape: tuple[int, int]) -> float:
    """Return the share of the mass that lies in a box of the new picture."""
    rows, columns = sums.shape[0] - 1, sums.shape[1] - 1
    x0, x1 = (np.clip((x - origin[0]) / scale / shape[1], 0, 1) * columns for x in (box[0], box[2]))
    y0, y1 = (np.clip((y - origin[1]) / scale / shape[0], 0, 1) * rows for y in (box[1], box[3]))
    a0, a1, b0, b1 = (round(float(one)) for one in (y0, y1, x0, x1))
    return float(sums[a1, b1] - sums[a0, b1] - sums[a1, b0] + sums[a0, b0])


def _cost_of_words(parts: Parts, column: Column, frame: Frame, side: str, scale: float, picture_scale: float) -> float:
    width, height = frame.size
    root, head = np.sqrt(width * height), parts.head
    had = head.block.size_px / np.sqrt(np.prod(parts.size))
    off = np.log(head.block.size_px * scale / root / np.clip(had, *WANTED_CAPS))
    lines = sum(
        max(0, one.num_lines - USUAL_LINES[one.piece.block.role])
        for one in column.placed if one.piece.block.role in USUAL_LINES
    )  # fmt: skip
    area = (frame.shown[2] - frame.shown[0]) * (frame.shown[3] - frame.shown[1]) / (width * height) / USUAL_PICTURE
    if parts.scene.kind == "inset":
        vx0, vy0, vx1, vy1 = parts.scene.visual
        area = picture_scale**2 * (vx1 - vx0) * (vy1 - vy0) / (width * height) / USUAL_INSET if vx1 > vx0 else 1.0
    across = max(0.0, np.log(0.8 * height / width)) if side in ("left", "right") else 0.0
    across += max(0.0, np.log(width / height / 1.3)) if side in ("above", "below") else 0.0
    empty = 0.0
    if frame.shown != frame.region:
        region = (frame.region[2] - frame.region[0]) * (frame.region[3] - frame.region[1])
        empty = max(0.0, 0.75 * region - column.size[0] * column.size[1]) / (width * height)
    return float(
        (COST_OF_SMALLER if off < 0 else COST_OF_LARGER) * abs(off)
        + COST_OF_LINES * lines
        + COST_OF_EMPTY * empty
        + COST_OF_SMALL * max(0.0, -np.log(max(area, 0.01)))
        + COST_OF_ENLARGED * max(0.0, np.log(picture_scale * np.sqrt(np.prod(parts.size)) / root / 1.3))
        + COST_OF_SIDE * (side != _old_side(parts))
        + COST_OF_ACROSS * across
    )


def _old_side(parts: Parts) -> str:
    """Return where the words stood from the picture, or on it."""
    boxes = np.array([piece.block.plate or piece.block.box for piece in parts.pieces], float)
    x, y = (boxes[:, :2].min(axis=0) + boxes[:, 2:].max(axis=0)) / 2
    height, width = parts.size
    scene = parts.scene
    if scene.kind == "split":
        return {"left": "left", "right": "right", "top": "above", "bottom": "below"}[scene.side]
    vx, vy = (width / 2, height / 2)
    if scene.kind == "inset":
        vx, vy = (scene.visual[0] + scene.visual[2]) / 2, (scene.visual[1] + scene.visual[3]) / 2
    dx, dy = (x - vx) / width, (y - vy) / height
    name = ("right" if dx > 0 else "left") if abs(dx) > abs(dy) else ("below" if dy > 0 else "above")
    return (
        {"above": "over top", "below": "over bottom", "left": "over left", "right": "over right"}[name]
        if scene.kind == "whole"
        else name
    )


def _bounds(boxes: Sequence[Box]) -> Box:
    found = np.array(boxes)
    x0, y0 = found[:, :2].min(axis=0)
    x1, y1 = found[:, 2:].max(axis=0)
    return int(x0), int(y0), int(x1), int(y1)
