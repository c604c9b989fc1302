"""What an ad without its words consists of: a picture, the plain ground beside it, and ribbons that run from rim to rim.

    whole   the picture fills the ad, as a photograph does
    split   it fills one side, and a plain ground or a panel with the words the rest
    inset   it stands on a plain ground: a product, a person that was cut out, a photograph in a frame

A line of pixels is plain when it is flat or a gradient along its whole length; what is left when plain lines are taken off at
all four sides is the picture. Knows pixels and boxes; not the shapes that ads are laid out for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from adcreative.lettering.arranging.protection import Protection, salient_mask
from adcreative.lettering.reading.blocks import Box, TextBlock

SMALL_PX = 160  # longer side of the copy that is looked at: grain and compression are gone
PLAIN_OFF, PLAIN_PART = 4.0, 0.92  # of values 0..255 that a plain line may be off a smooth curve; of its pixels
TOUCHES = 0.015  # of a side: a picture nearer than this to the rim touches it
STRONG_EDGE, THING_REACH, LEAST_THING = 55.0, 0.012, 0.002  # of values 0..255; of the shorter side; of the picture's area
FAINT_EDGE, FAINT_REACH = 6.5, 0.6  # of values 0..255; of a thing's sides: how far what hangs on it may reach
FACE_RIM = 0.25  # of a face's box, on each side
PATTERNED = 0.6  # of a picture's box: where what has to stay whole fills less, the rest is a pattern of the ground
LEAST_STEP = 6.0  # of values 0..255, on average along an edge between a picture and its ground
PANEL_STEP, PANEL_EDGE = 4.0, 0.7  # of values 0..255 across a panel's edge, one way; of the edge's length
BAND_EDGES, BAND_EDGE = 0.6, 0.75  # of the width: both edges of a band, and the only one of a band at the rim
SPLIT_EDGE = 0.5  # of the length of the edge between a picture and its ground: where less is a step, the picture goes on
OPPOSITE, CALM_RIM = (("left", "right"), ("top", "bottom")), 0.5  # of the other plain rim beside what reaches both of these
MOST_LOST = 0.3  # of the area around a panel that would not be shown any more
LEAST_PICTURE = 0.22  # of the area beside a panel that counts as the picture


@dataclass(frozen=True, kw_only=True, eq=False)
class Ribbon:
    """A plain band over the ad's whole width. place: "top", "bottom" or "seam"; rows: first and end, px.

    strip [h, W, 3]: with its words; words: their box in it. colour: RGB of its ground.
    """

    place: str
    rows: tuple[int, int]
    strip: np.ndarray
    words: Box
    colour: tuple[int, int, int]


@dataclass(frozen=True, kw_only=True, eq=False)
class Scene:
    """kind: "whole", "split" or "inset". picture [h, w, 3]: what is shown; for an inset with the ground that it stands on.

    visual: box of what has to stay whole in an inset. ground [h, w, 3]: the plain ground beside a split picture, else None.
    origin: where the picture's upper left corner lay in the ad. side: of the picture, where the ground lay ("" none). touches:
    sides of the ad that an inset's visual reaches.
    """

    kind: str
    picture: np.ndarray
    visual: Box
    origin: tuple[int, int]
    ground: np.ndarray | None = None
    side: str = ""
    ribbons: tuple[Ribbon, ...] = ()
    touches: tuple[str, ...] = ()

    @property
    def box(self) -> Box:
        """Of the picture in the ad, px."""
        (x, y), (height, width) = self.origin, self.picture.shape[:2]
        return x, y, x + width, y + height


def find_scene(
    image_u8: np.ndarray, clean: np.ndarray, blocks: Sequence[TextBlock], panel: Box | None, visual: Box
) -> Scene | None:
    """Return what an ad [H, W, 3] consists of; None when there is no picture in it, or one on both sides of a ribbon.

    Args:
        clean: the ad without its words. blocks: all its text, some of it on a ribbon, maybe. panel: box that words stood on.
        visual: box of what has to stay whole.
    """
    height, width = clean.shape[:2]
    ribbons = [_cut_ribbon(image_u8, block) for block in blocks if block.is_ribbon(width)]
    top = max([0, *(one.rows[1] for one in ribbons if one.place == "top")])
    bottom = min([height, *(one.rows[0] for one in ribbons if one.place == "bottom")])
    seams = [one for one in ribbons if one.place == "seam"]
    if bottom - top < height // 3 or len(seams) > 1 or (seams and panel):
        return None
    if panel is not None:
        return _beside_panel(clean[top:bottom], (panel[0], panel[1] - top, panel[2], panel[3] - top), top, tuple(ribbons))
    if seams:
        return _beside_ribbon(clean, top, bottom, seams[0], tuple(ribbons))
    inner = clean[top:bottom]
    x0, y0, x1, y1 = find_picture(inner)
    rims = {"left": x0 / width, "top": y0 / len(inner), "right": 1 - x1 / width, "bottom": 1 - y1 / len(inner)}
    touches = tuple(side for side, share in rims.items() if share <= TOUCHES)
    if touches in OPPOSITE:
        calm = min(set(rims) - set(touches), key=lambda side: rims[side])
        if rims[calm] < CALM_RIM * max(rims.values()):  # a photograph whose own ground is plain at that rim
            touches = tuple(side for side in rims if side in (*touches, calm))
            x0, y0 = 0 if calm == "left" else x0, 0 if calm == "top" else y0
            x1, y1 = width if calm == "right" else x1, len(inner) if calm == "bottom" else y1
    if len(touches) == 3:
        (side,) = set(rims) - set(touches)
        step = round(max(height, width) / SMALL_PX) + 1  # the edge itself is neither ground nor picture
        ground = {
            "left": inner[:, : x0 - step],
            "top": inner[: y0 - step],
            "right": inner[:, x1 + step :],
            "bottom": inner[y1 + step :],
        }[side]
        cut = _inside(inner, (x0, y0, x1, y1), side, step)
        if min(ground.shape[:2]) > step and _has_edge(inner, (x0, y0, x1, y1), side, step):
            return _split(inner, cut, top, ground, side, tuple(ribbons))
    is_patterned = bool(touches) and _area(visual) < PATTERNED * (x1 - x0) * (y1 - y0)
    is_whole = len(touches) > 2 or is_patterned
    box = (0, 0, width, len(inner)) if is_whole else (x0, y0, x1, y1)
    kind = "whole" if is_whole else "inset"
    return Scene(kind=kind, picture=inner, visual=box, origin=(0, top), ribbons=tuple(ribbons), touches=touches)


def _has_edge(inner: np.ndarray, box: Box, side: str, step: int) -> bool:
    """Return whether a picture's box, px, ends in an edge on a side; a sky that things rise into is no ground beside them."""
    is_across = side in ("left", "right")
    lines = inner.astype(np.float32) if is_across else inner.swapaxes(0, 1).astype(np.float32)  # [L, N, 3], edge across N
    near = {"left": box[0], "top": box[1], "right": box[2], "bottom": box[3]}[side]
    start, end = max(0, near - 2 * step), near + 2 * step
    steps = np.abs(np.diff(lines[:, start:end], axis=1)).max(axis=(1, 2))
    return bool((steps > PANEL_STEP).mean() >= SPLIT_EDGE)


def _inside(inner: np.ndarray, box: Box, side: str, step: int) -> Box:
    """Return a picture's box, px, without the edge to the ground on one side, which is found again at full size."""
    x0, y0, x1, y1 = box
    is_across, is_first = side in ("left", "right"), side in ("left", "top")
    lines = inner.astype(np.float32) if is_across else inner.swapaxes(0, 1).astype(np.float32)  # [L, N, 3], edge across N
    steps = np.abs(np.diff(lines, axis=1)).mean(axis=(0, 2))
    near = {"left": x0, "top": y0, "right": x1, "bottom": y1}[side]
    start = max(0, near - 2 * step)
    window = steps[start : near + 2 * step]
    found = start + int(window.argmax()) + 1 if len(window) and window.max() > LEAST_STEP else near
    edge = found + (2 if found != near else step) * (1 if is_first else -1)
    return (
        edge if side == "left" else x0, edge if side == "top" else y0,
        edge if side == "right" else x1, edge if side == "bottom" else y1,
    )  # fmt: skip


def find_edged_panel(clean: np.ndarray, words: Box) -> Box | None:
    """Return the box of a panel around words, told by its straight edges on three sides, or of a band from side to side: the
    picture may show through.

    Args:
        clean: the ad [H, W, 3] without its words. words: box of all of them, px.
    """
    light = clean.astype(np.float32).mean(axis=2)
    height, width = light.shape
    x0, y0, x1, y1 = max(0, words[0]), max(0, words[1]), min(width, words[2]), min(height, words[3])
    right, below = _next_edge(light[y0:y1, x1:]), _next_edge(light[y1:, x0:x1].T)
    left, above = _next_edge(light[y0:y1, :x0][:, ::-1]), _next_edge(light[:y0, x0:x1][::-1].T)
    if sum(one is None for one in (left, above, right, below)) > 1:
        return _find_band(light, y0, y1)
    return (
        0 if left is None else x0 - left, 0 if above is None else y0 - above,
        width if right is None else x1 + right, height if below is None else y1 + below,
    )  # fmt: skip


def _find_band(light: np.ndarray, y0: int, y1: int) -> Box | None:
    """Return the box of a band from side to side around rows y0..y1, told by both edges, or by a clear one where the other
    would be the picture's rim."""
    rows_above, rows_below = light[:y0][::-1].T, light[y1:].T
    above, below = _next_edge(rows_above, BAND_EDGES), _next_edge(rows_below, BAND_EDGES)
    if above is None or below is None:
        above, below = _next_edge(rows_above, BAND_EDGE), _next_edge(rows_below, BAND_EDGE)
    if above is None and below is None:
        return None
    height, width = light.shape
    return 0, 0 if above is None else y0 - above, width, height if below is None else y1 + below


def _next_edge(light: np.ndarray, part: float = PANEL_EDGE) -> int | None:
    """Return how far the nearest edge along a part of the lines [L, N] lies from their beginning, px; None without one."""
    if light.shape[1] < 3 or not len(light):
        return None
    steps = light[:, 2:] - light[:, :-2]
    share = np.maximum((steps > PANEL_STEP).mean(axis=0), (steps < -PANEL_STEP).mean(axis=0))
    found = np.flatnonzero(share >= part)
    return int(found[0]) + 1 if len(found) else None


def _area(box: Box) -> int:
    return max(0, box[2] - box[0]) * max(0, box[3] - box[1])


def _split(inner: np.ndarray, box: Box, top: int, ground: np.ndarray, side: str, ribbons: tuple[Ribbon, ...]) -> Scene:
    x0, y0, x1, y1 = box
    return Scene(
        kind="split", picture=inner[y0:y1, x0:x1], visual=(0, 0, x1 - x0, y1 - y0), origin=(x0, top + y0), ground=ground,
        side=side, ribbons=ribbons,
    )  # fmt: skip


def _cut_ribbon(image_u8: np.ndarray, block: TextBlock) -> Ribbon:
    assert block.plate is not None
    _, y0, _, y1 = block.plate
    height = image_u8.shape[0]
    place = "top" if y0 <= TOUCHES * height else "bottom" if y1 >= (1 - TOUCHES) * height else "seam"
    a0, b0, a1, b1 = block.box
    return Ribbon(place=place, rows=(y0, y1), strip=image_u8[y0:y1], words=(a0, b0 - y0, a1, b1 - y0), colour=block.ground)


def _beside_ribbon(clean: np.ndarray, top: int, bottom: int, seam: Ribbon, ribbons: tuple[Ribbon, ...]) -> Scene | None:
    """Return the parts above and below a ribbon, one of which has to be plain."""
    (y0, y1), width, step = seam.rows, clean.shape[1], 3
    above, below = clean[top : y0 - step], clean[y1 + step : bottom]
    if min(len(above), len(below)) < 8:
        return None
    is_plain = [find_picture(one) == (0, 0, 0, 0) for one in (above, below)]
    if is_plain[0] == is_plain[1]:
        return None
    if is_plain[0]:
        return _split(clean, (0, y1 + step, width, bottom), 0, above, "top", ribbons)
    return _split(clean, (0, top, width, y0 - step), 0, below, "bottom", ribbons)


def find_picture(clean: np.ndarray) -> Box:
    """Return the box of a picture [H, W, 3] that is left when plain lines are taken off at all sides; zeros when
    all are."""
    import cv2

    height, width = clean.shape[:2]
    scale = SMALL_PX / max(height, width)
    size = (max(8, round(width * scale)), max(8, round(height * scale)))
    small = cv2.resize(np.ascontiguousarray(clean), size, interpolation=cv2.INTER_AREA).astype(np.float32)
    small = np.asarray(cv2.GaussianBlur(small, (3, 3), 0), np.float32)  # a small ad's compression is still to be seen
    y0, y1 = _plain_ends(_is_plain(small))
    if y0 >= y1:
        return 0, 0, 0, 0
    x0, x1 = _plain_ends(_is_plain(small[y0:y1].swapaxes(0, 1)))
    if x0 >= x1:
        return 0, 0, 0, 0
    factor_x, factor_y = width / size[0], height / size[1]
    return (
        int(np.floor(x0 * factor_x)), int(np.floor(y0 * factor_y)),
        min(width, int(np.ceil(x1 * factor_x))), min(height, int(np.ceil(y1 * factor_y))),
    )  # fmt: skip


def _is_plain(lines: np.ndarray) -> np.ndarray:
    """Tell for each of the lines [N, L, 3] whether it follows a quadratic curve along its length."""
    steps = np.linspace(-1.0, 1.0, lines.shape[1])
    terms = np.stack([np.ones_like(steps), steps, steps * steps], axis=1)
    onto = terms @ np.linalg.pinv(terms)
    off = np.abs(lines - np.einsum("lk,nkc->nlc", onto, lines)).max(axis=2)
    return np.asarray(np.quantile(off, PLAIN_PART, axis=1) <= PLAIN_OFF)


def _plain_ends(is_plain: np.ndarray) -> tuple[int, int]:
    """Return where the lines begin and end that are left when plain ones are taken off at both ends."""
    bridged = ndimage.binary_closing(np.pad(is_plain, 4, mode="edge"), np.ones(4))[4:-4]  # over traces of letters
    rest = np.flatnonzero(~bridged)
    return (int(rest[0]), int(rest[-1]) + 1) if len(rest) else (0, 0)


def _beside_panel(inner: np.ndarray, panel: Box, top: int, ribbons: tuple[Ribbon, ...]) -> Scene | None:
    """Return the largest part of the picture beside a panel, whose colour becomes the ground of the words."""
    (height, width), (x0, y0, x1, y1), step = inner.shape[:2], panel, 3
    free = {
        "left": (x1 + step, 0, width, height), "right": (0, 0, x0 - step, height),
        "top": (0, y1 + step, width, height), "bottom": (0, 0, width, y0 - step),
    }  # fmt: skip
    areas = {side: max(0, box[2] - box[0]) * max(0, box[3] - box[1]) for side, box in free.items()}
    side = max(areas, key=lambda name: areas[name])
    lost = 1.0 - (areas[side] + _area(panel)) / (width * height)
    if areas[side] < LEAST_PICTURE * width * height or lost > MOST_LOST:
        return None
    middle = inner[(3 * y0 + y1) // 4 : (y0 + 3 * y1) // 4, (3 * x0 + x1) // 4 : (x0 + 3 * x1) // 4]
    colour = np.median(middle.reshape(-1, 3), axis=0).astype(np.uint8)
    return _split(inner, free[side], top, np.broadcast_to(colour, (8, 8, 3)), side, ribbons)


def _with_faint_ends(things: np.ndarray, clean: np.ndarray) -> np.ndarray:
    """Return things [H, W] with what hangs on them by faint edges and ends soon, such as a handle; patterns go on and on."""
    edges = ndimage.morphological_gradient(clean.max(axis=2).astype(np.float32), size=(3, 3)) > FAINT_EDGE
    labels, _ = ndimage.label(things)
    whole = things.copy()
    for rows, columns in ndimage.find_objects(labels):
        up, aside = round(FAINT_REACH * (rows.stop - rows.start)), round(FAINT_REACH * (columns.stop - columns.start))
        window = (slice(max(0, rows.start - up), rows.stop + up), slice(max(0, columns.start - aside), columns.stop + aside))
        near, _ = ndimage.label(ndimage.binary_dilation(edges[window]) | things[window])
        own = np.isin(near, np.unique(near[things[window]]))
        rim = np.concatenate([own[0], own[-1], own[:, 0], own[:, -1]])
        if not rim.any():
            whole[window] |= own
    return whole


def find_visual(clean: np.ndarray, faces_xyxy_px: Sequence[Sequence[float]]) -> Box:
    """Return the box of what has to stay whole in a picture [H, W, 3]: faces, and things with strong edges.

    What is salient counts where it hangs together with such a thing: a faint pattern of the ground is salient, too.
    """
    height, width = clean.shape[:2]
    edges = ndimage.morphological_gradient(clean.max(axis=2).astype(np.float32), size=(3, 3)) > STRONG_EDGE
    reach = max(1, round(THING_REACH * min(height, width)))
    things = ndimage.binary_fill_holes(
        ndimage.binary_closing(np.pad(edges, reach), iterations=reach)[reach:-reach, reach:-reach]
    )
    labels, num = ndimage.label(things)
    sizes = np.bincount(labels.ravel(), minlength=num + 1)
    sizes[0] = 0
    things = _with_faint_ends((sizes >= LEAST_THING * height * width)[labels], clean)
    salient, _ = ndimage.label(salient_mask(clean))
    touched = np.unique(salient[things])
    mask = things | np.isin(salient, touched[touched > 0])
    for left, top, right, bottom in ([float(edge) for edge in face] for face in faces_xyxy_px):
        dx, dy = FACE_RIM * (right - left), FACE_RIM * (bottom - top)
        mask[max(0, int(top - dy)) : int(bottom + dy) + 1, max(0, int(left - dx)) : int(right + dx) + 1] = True
    return Protection(mask).frame()
