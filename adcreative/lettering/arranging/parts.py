"""An ad taken apart: its words, its button, its logo, each off the ground, and the box of what has to stay as it is.

Words are cut out one by one, so that they can be broken over other lines with the very letters that they have. Text on a panel
of its own stays with the panel. Knows pixels and blocks; not the shapes that ads are laid out for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from adcreative.lettering.arranging.cutting import cut_words, find_baseline, part_lines, without_blobs
from adcreative.lettering.arranging.labels import find_things, is_found_whole, is_on_texture, is_tilted
from adcreative.lettering.arranging.scene import Scene, find_edged_panel, find_scene, find_visual
from adcreative.lettering.arranging.stacking import box_of, find_corner, find_stack, find_words, group_rows, measure_gap
from adcreative.lettering.erasing.hole_filling import FillHoles
from adcreative.lettering.erasing.layers import Layer, find_plate_coverage, lift_block, lift_shape
from adcreative.lettering.erasing.smears import is_smeared, leaves_ink
from adcreative.lettering.reading.blocks import Box, TextBlock
from adcreative.lettering.reading.line_breaks import wrap_evenly
from adcreative.lettering.setting.reflow import THING_RIM, mask_things
from adcreative.lettering.setting.room import ground_of

MARK_SHARE = 2.4  # of a logo's letters' height: how far beside and above them its mark is looked for
PANEL_SHARES, PANEL_FILL = (0.04, 0.6), 0.8  # of the picture's area that a panel has; of its box that it fills
USUAL_BLANK, USUAL_LEADING = 0.38, 1.75  # of the height of capitals
PLAIN_RESIDUAL = 3.0  # of the ground under a logo, 0..255: on other grounds it stays where it is
NEEDED = ("headline", "subline", "offer", "button", "legal")  # without one of these the others do not move
THING_AIR, MOST_AIR = 0.25, 0.04  # of a thing's shorter side, kept around it; of the picture's side
LEAST_VISUAL, SMALL_VISUAL = 0.01, 0.45  # of the picture's area: a thing that fills less is seen whole, like a face
FRAMED_VISUAL = 0.8  # and one in a picture beside a panel, which stands free in it
RIM = 0.01  # of a side: what is nearer than this to the rim is cut by it
MOST_HIDDEN = 0.1  # of a face or a badge beyond the picture's part: cut at the panel, the picture would show half of it
LEAST_LEFT = 0.5  # of what stays where it stands, that has to lie in the picture: beside it, it would be lost
MARK_OFF = 48.0  # of values 0..255 that a mark differs from the ground
LEAST_MARK = 0.05  # of the place beside or above a logo's letters that is not of their ground, where a mark stands
LEAST_CLEANED_PX = 16  # height of capitals: thinner strokes cover no pixel in full


@dataclass(frozen=True, kw_only=True, eq=False)
class Word:
    """A word, or what stands between two blanks. above_px: from its layer's top to the baseline."""

    layer: Layer
    above_px: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Piece:
    """One element of the stack: text as words, or a button or panel as one layer. gap_px: to what stands above it.

    block: the text; for a panel its first. blank_px: between words. leading_px: between baselines.
    """

    block: TextBlock
    gap_px: float
    words: tuple[Word, ...] = ()
    solid: Layer | None = None
    blank_px: float = 0.0
    leading_px: float = 0.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Parts:
    """An ad taken apart. scene: what is left without words. rows: its words from top to bottom, those in one row together.

    corner: a logo that stood apart from all other words, else None; is_low: whether below them. faces: boxes in the ad, px,
    and of what else is seen whole: things with lettering, and one that fills no more than a part of the ad.
    covered: share of a face that words lay on. is_cut: a face or a thing is partly hidden by the panel that words stand on.
    size: height and width of the ad.
    """

    scene: Scene
    rows: tuple[tuple[Piece, ...], ...]
    faces: tuple[Box, ...]
    size: tuple[int, int]
    covered: float = 0.0
    corner: Piece | None = None
    is_low: bool = False
    is_cut: bool = False

    @property
    def pieces(self) -> list[Piece]:
        return [piece for row in self.rows for piece in row]

    @property
    def head(self) -> Piece:
        """The headline, else what has the largest letters."""
        named = [piece for piece in self.pieces if piece.block.role == "headline"]
        return named[0] if named else max(self.pieces, key=lambda piece: piece.block.size_px)


@dataclass(frozen=True, kw_only=True, eq=False)
class SetPiece:
    """A piece set for a width and a scale: layers with their places from the piece's upper left corner, and its size, px."""

    layers: tuple[tuple[Layer, int, int], ...]
    width: int
    height: int


def take_apart(
    image_u8: np.ndarray, blocks: Sequence[TextBlock], faces_xyxy_px: Sequence[Sequence[float]], inpainter: FillHoles
) -> Parts | None:
    """Take the ad's words [H, W, 3] off its picture; None when that cannot be done cleanly."""
    height, width = image_u8.shape[:2]
    things = find_things(image_u8, blocks)
    on_things = [block for thing in things for block in thing.texts]
    own = find_words([block for block in blocks if block not in on_things], width)
    if not own:
        return None
    fixed = [*_find_fixed(image_u8, own), *(one for one in own if is_tilted(one) or not is_found_whole(one))]
    if any(block.role in NEEDED and not is_tilted(block) for block in fixed):
        return None  # what an ad says would stand in two places
    own = [block for block in own if block not in fixed]
    if not any(block.role == "headline" for block in own):
        return None
    foreign = [block for block in blocks if block not in own]
    clean, layers = image_u8, {}
    for block in own:
        others = [*foreign, *(one for one in own if one is not block and one.box not in layers)]
        barred = mask_things((height, width), others, [face for face in faces_xyxy_px if not _is_near(box_of(block), face)])
        if block.role == "brand":
            lifted = _lift_logo(clean, block, barred & ~_around(block, (height, width)), inpainter)
            if lifted is None:
                fixed.append(block)
                continue
        else:
            lifted = lift_block(clean, block, inpainter, barred)
        if lifted is None or (block.plate is not None and is_smeared(lifted[1], lifted[2])):
            return None
        if block.plate is None and block.role != "brand" and leaves_ink(lifted[1], lifted[2], block):
            return None
        layers[block.box], clean = lifted[0], lifted[1]
    own = [block for block in own if block not in fixed]
    stack = [block for block in own if block.role != "brand"]
    visual = find_visual(clean, faces_xyxy_px)
    scene = find_scene(image_u8, clean, blocks, _find_panel(clean, stack), visual)
    staying = [*(thing.box for thing in things), *(box_of(block) for block in fixed)]
    if scene is None or any(_area(_clip(box, scene.box)) < LEAST_LEFT * _area(box) for box in staying):
        return None
    rows = group_rows(own)
    corner, is_low = find_corner(rows)
    rows = [row for row in rows if row != [corner]]
    gaps = [0.0, *(measure_gap(upper, lower) for upper, lower in pairwise(rows))]
    pieces = [tuple(_piece(block, layers[block.box], gap) for block in row) for row, gap in zip(rows, gaps, strict=True)]
    boxes = [_with_rim(box, scene) for box in (*(thing.box for thing in things), *(_with_mark(block) for block in fixed))]
    seen, is_cut = _seen_of([*faces_xyxy_px, *boxes], scene, (height, width))
    faces = seen[: len(faces_xyxy_px)]
    seen += _find_small_thing(scene, visual, faces)
    return Parts(
        scene=scene, rows=tuple(pieces), faces=tuple(seen), size=(height, width), covered=_covered(faces, own), is_low=is_low,
        is_cut=is_cut, corner=None if corner is None else _piece(corner, layers[corner.box], 0.0),
    )  # fmt: skip


def _find_small_thing(scene: Scene, visual: Box, faces: Sequence[Box]) -> list[Box]:
    """Return the box (px of the ad) of what a photograph shows, if it is small in one that fills the ad, or framed in one that
    fills a side of it; else [].

    What reaches a corner is a piece of the surroundings.

    Args:
        visual: what has to stay whole in the ad, faces: boxes in the ad, both px.
    """
    left, top, right, bottom = scene.box
    most, most_rims = SMALL_VISUAL, 1
    if scene.kind == "split":
        own = find_visual(scene.picture, [(x0 - left, y0 - top, x1 - left, y1 - top) for x0, y0, x1, y1 in faces])
        visual = (own[0] + left, own[1] + top, own[2] + left, own[3] + top)
        most, most_rims = FRAMED_VISUAL, 0
    x0, y0, x1, y1 = _clip(visual, scene.box)
    dx, dy = RIM * (right - left), RIM * (bottom - top)
    num_rims = (x0 <= left + dx) + (y0 <= top + dy) + (x1 >= right - dx) + (y1 >= bottom - dy)
    is_thing = num_rims <= most_rims and LEAST_VISUAL <= _area(visual) / _area(scene.box) < most
    return [(x0, y0, x1, y1)] if scene.kind != "inset" and is_thing else []


def _seen_of(boxes: Sequence[Sequence[float]], scene: Scene, size: tuple[int, int]) -> tuple[list[Box], bool]:
    """Return what of each box (px of the ad) lies in its picture, and whether part of one lies elsewhere, as behind a panel."""
    whole = [_clip(box, (0, 0, size[1], size[0])) for box in boxes]
    seen = [_clip(box, scene.box) for box in whole]
    is_cut = any(_area(part) < (1.0 - MOST_HIDDEN) * _area(box) for part, box in zip(seen, whole, strict=True))
    return seen, is_cut


def _with_rim(box: Box, scene: Scene) -> Box:
    """Return a thing's box with as much of its surroundings, as far as the picture has them, as keeps it off a new rim."""
    rim = round(min(THING_AIR * min(box[2] - box[0], box[3] - box[1]), MOST_AIR * np.sqrt(np.prod(scene.picture.shape[:2]))))
    grown = _clip((box[0] - rim, box[1] - rim, box[2] + rim, box[3] + rim), scene.box)
    return min(box[0], grown[0]), min(box[1], grown[1]), max(box[2], grown[2]), max(box[3], grown[3])


def _find_fixed(image_u8: np.ndarray, own: Sequence[TextBlock]) -> list[TextBlock]:
    """Return what stays where it stands, on a photograph, where it cannot be taken off without a trace: a logo, whose mark has
    any form and colour, and a button apart from the headline that is no plain shape of one colour."""
    stack = find_stack(own)
    return [
        block for block in own
        if (block.role == "brand" and block.residual > PLAIN_RESIDUAL)
        or (
            block.role == "button" and block not in stack and block.plate is not None and is_on_texture(image_u8, block.plate)
            and find_plate_coverage(image_u8.astype(np.float32), block.plate, block.ground) is None
        )
    ]  # fmt: skip


def _with_mark(block: TextBlock) -> Box:
    """Return the box of a fixed block, a logo's with the mark that may stand beside or above its letters; as wide as these will
    be where they were found in part."""
    x0, y0, x1, y1 = box_of(block)
    if not is_found_whole(block):
        half = round(0.5 * block.size_px * len(block.text))
        x0, x1 = min(x0, (x0 + x1) // 2 - half), max(x1, (x0 + x1) // 2 + half)
    reach = round(MARK_SHARE * (y1 - y0)) if block.role == "brand" else 0
    return x0 - reach, y0 - reach // 2, x1, y1 + reach // 4


def _covered(faces: Sequence[Box], own: Sequence[TextBlock]) -> float:
    """Return the largest share of a face that the words' boxes lie on."""
    shares = [0.0]
    for x0, y0, x1, y1 in faces:
        boxes = [box_of(block) for block in own]
        shared = sum(max(0, min(x1, b[2]) - max(x0, b[0])) * max(0, min(y1, b[3]) - max(y0, b[1])) for b in boxes)
        shares.append(shared / max(1, (x1 - x0) * (y1 - y0)))
    return max(shares)


def set_piece(piece: Piece, width_px: float, scale: float, alignment: str) -> SetPiece | None:
    """Set a piece in a column; None when its widest word or its button is wider than that."""
    if piece.solid is not None:
        height, width = (max(1, round(side * scale)) for side in piece.solid.alpha.shape)
        return SetPiece(layers=((piece.solid, 0, 0),), width=width, height=height) if width <= width_px else None
    widths = [word.layer.alpha.shape[1] * scale for word in piece.words]
    if max(widths) > width_px:
        return None
    numbers = " ".join(map(str, range(len(widths))))
    blank = piece.blank_px * scale
    lines = wrap_evenly(numbers, width_px, lambda text: blank if text == " " else widths[int(text)])
    rows = [[int(number) for number in line.split()] for line in lines]
    lengths = [sum(widths[k] for k in row) + blank * (len(row) - 1) for row in rows]
    full, rise = max(lengths), max(piece.words[k].above_px for k in rows[0]) * scale
    placed, bottom = [], 0.0
    for number, (row, length) in enumerate(zip(rows, lengths, strict=True)):
        x = {"left": 0.0, "centre": (full - length) / 2, "right": full - length}[alignment]
        baseline = rise + number * piece.leading_px * scale
        for k in row:
            word = piece.words[k]
            top = round(baseline) - round(word.above_px * scale)
            placed.append((word.layer, round(x), top))
            bottom = max(bottom, top + word.layer.alpha.shape[0] * scale)
            x += widths[k] + blank
    return SetPiece(layers=tuple(placed), width=round(full), height=round(bottom))


def _area(box: Sequence[float]) -> float:
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])


def _clip(box: Sequence[float], other: Box) -> Box:
    """Return what of a box lies in another one, a pixel at least."""
    x0, y0 = max(other[0], int(box[0])), max(other[1], int(box[1]))
    return x0, y0, max(x0 + 1, min(other[2], int(box[2]))), max(y0 + 1, min(other[3], int(box[3])))


def _is_near(box: Box, face: Sequence[float]) -> bool:
    """Return whether a face lies where the ground of a box is looked at."""
    reach = (box[3] - box[1]) + THING_RIM * (face[3] - face[1])
    across, down = min(box[2], face[2]) - max(box[0], face[0]), min(box[3], face[3]) - max(box[1], face[1])
    return min(across, down) > -reach


def _around(block: TextBlock | None, shape: tuple[int, int]) -> np.ndarray:
    mask = np.zeros(shape, bool)
    if block is not None:
        x0, y0, x1, y1 = block.box
        reach = round(2 * MARK_SHARE * (y1 - y0))
        mask[max(0, y0 - reach) : y1 + reach, max(0, x0 - reach) : x1 + reach] = True
    return mask


def _find_panel(clean: np.ndarray, stack: Sequence[TextBlock]) -> Box | None:
    """Return the box of the panel that the stack stands on; None when it stands on the picture's own ground."""
    boxes = np.array([box_of(block) for block in stack])
    left, top, right, bottom = (int(edge) for edge in (*boxes[:, :2].min(axis=0), *boxes[:, 2:].max(axis=0)))
    ground = ground_of(clean, (left, top, right, bottom), stack[0].size_px)
    rows, columns = np.flatnonzero(ground.any(axis=1)), np.flatnonzero(ground.any(axis=0))
    height, width = ground.shape
    box = (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
    inside = box[0] > 2 and box[1] > 2 and box[2] < width - 2 and box[3] < height - 2
    share = (box[2] - box[0]) * (box[3] - box[1]) / (height * width)
    fills = ground[box[1] : box[3], box[0] : box[2]].mean()
    if inside and PANEL_SHARES[0] <= share <= PANEL_SHARES[1] and fills >= PANEL_FILL:
        return box
    edged = find_edged_panel(clean, (left, top, right, bottom))
    is_panel = edged is not None and PANEL_SHARES[0] <= _area(edged) / (height * width) <= PANEL_SHARES[1]
    return edged if is_panel else None


def _piece(block: TextBlock, layer: Layer, gap_px: float) -> Piece:
    if block.plate is None and block.residual > PLAIN_RESIDUAL:
        cleaned = without_blobs(layer.alpha) if block.size_px >= LEAST_CLEANED_PX else layer.alpha
        layer = replace(layer, alpha=cleaned).inked(block.colour)
    if block.plate is not None or block.role == "brand":
        return Piece(block=block, gap_px=gap_px, solid=layer)
    words, blanks, baselines = [], [], []
    for line, own in zip(block.lines, part_lines(layer, block.lines), strict=True):
        cuts, gaps = cut_words(own, line)
        baseline = find_baseline(own, line, cuts)
        baselines.append(baseline)
        blanks += gaps
        for x0, x1 in cuts:
            part = own.cut((x0, line.box[1] - 2, x1, line.box[3] + 2))
            words.append(Word(layer=part, above_px=baseline - part.top))
    leading = (baselines[-1] - baselines[0]) / (len(baselines) - 1) if len(baselines) > 1 else USUAL_LEADING * block.size_px
    return Piece(
        block=block, gap_px=gap_px, words=tuple(words), leading_px=leading,
        blank_px=float(np.median(blanks)) if blanks else USUAL_BLANK * block.size_px,
    )  # fmt: skip


def _lift_logo(
    clean: np.ndarray, logo: TextBlock, things: np.ndarray, inpainter: FillHoles
) -> tuple[Layer, np.ndarray, np.ndarray] | None:
    """Take a logo with the mark beside or above its letters off the picture, or its letters alone where there is none; None
    where the mark cannot be taken off."""
    x0, y0, x1, y1 = logo.box
    reach = round(MARK_SHARE * (y1 - y0))
    for left, up in ((reach, round(0.4 * (y1 - y0))), (0, reach)):
        box = (max(0, x0 - left), max(0, y0 - up), x1, y1 + (round(0.4 * (y1 - y0)) if left else 0))
        lifted = lift_shape(clean, box, inpainter, things, reach_px=round(0.8 * (y1 - y0)))
        if lifted is not None:
            return lifted
    off = np.abs(clean.astype(np.float32) - np.array(logo.ground, np.float32)).max(axis=2) > MARK_OFF
    places = [off[y0:y1, max(0, x0 - reach) : max(0, x0 - 2)], off[max(0, y0 - reach) : max(0, y0 - 2), x0:x1]]
    has_mark = any(place.size and place.mean() > LEAST_MARK for place in places)
    return None if has_mark else lift_block(clean, logo, inpainter, things)
