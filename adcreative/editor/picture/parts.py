"""An ad taken apart: its words, its button, its logo, each off the ground, and the box of what has to stay as it is.

Words are cut out one by one, so that they can be broken over other lines with the very letters that they have. Text on a panel
of its own stays with the panel. Knows pixels and blocks; not the shapes that ads are laid out for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy import ndimage

from adcreative.editor.picture.layers import Layer, lift_block, lift_shape
from adcreative.editor.picture.protection import Protection, salient_mask
from adcreative.editor.picture.reflow import mask_things
from adcreative.editor.picture.room import ground_of
from adcreative.encoders.hole_filling import FillHoles
from adcreative.encoders.picture_words.blocks import BlockLine, Box, TextBlock
from adcreative.encoders.picture_words.line_breaks import wrap_evenly

STACK_GAP = 4.0  # heights of capitals: blocks farther apart are no stack
MARK_SHARE = 2.4  # of a logo's letters' height: how far beside and above them its mark is looked for
PANEL_SHARES, PANEL_FILL = (0.04, 0.6), 0.8  # of the picture's area that a panel has; of its box that it fills
USUAL_BLANK, USUAL_LEADING, DESCENT = 0.38, 1.75, 0.28  # of the height of capitals
STRONG_EDGE, THING_REACH, LEAST_THING = 55.0, 0.012, 0.002  # of values 0..255; of the shorter side; of the picture's area
FAINT_EDGE, FAINT_REACH = 6.5, 0.6  # of values 0..255; of a thing's sides: how far what hangs on it may reach
FACE_RIM = 0.25  # of a face's box, on each side
INKED = 0.2  # coverage from which a column of a line has letters


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
    """An ad taken apart. clean [H, W, 3]: the picture without stack and logo. visual: box of what has to stay whole in it.

    stack: from top to bottom. others: blocks that were left in the picture.
    """

    clean: np.ndarray
    stack: tuple[Piece, ...]
    logo: tuple[TextBlock, Layer] | None
    visual: Box
    others: tuple[TextBlock, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class SetPiece:
    """A piece set for a width and a scale: layers with their places from the piece's upper left corner, and its size, px."""

    layers: tuple[tuple[Layer, int, int], ...]
    width: int
    height: int


def take_apart(
    image_u8: np.ndarray, blocks: Sequence[TextBlock], faces_xyxy_px: Sequence[Sequence[float]], inpainter: FillHoles
) -> Parts | None:
    """Take the stack of text around the headline, and the logo, off an ad [H, W, 3]; None when that cannot be done cleanly."""
    stack = find_stack(blocks)
    if not stack:
        return None
    height, width = image_u8.shape[:2]
    logo = next((block for block in blocks if block.role == "logo"), None)
    things = mask_things((height, width), [block for block in blocks if block not in stack], faces_xyxy_px)
    found = _lift_stack(image_u8, stack, things, inpainter)
    if found is None:
        return None
    pieces, clean = found
    lifted = _lift_logo(clean, logo, things & ~_around(logo, (height, width)), inpainter) if logo is not None else None
    if lifted is not None:
        clean = lifted[1]
    others = tuple(block for block in blocks if block not in stack and (lifted is None or block is not logo))
    visual = find_visual(clean, others, faces_xyxy_px)
    return Parts(
        clean=clean, stack=tuple(pieces), logo=(logo, lifted[0]) if logo is not None and lifted is not None else None,
        visual=visual, others=others,
    )  # fmt: skip


def find_stack(blocks: Sequence[TextBlock]) -> list[TextBlock]:
    """Return the blocks in the headline's column that hang together with it, from top to bottom; [] without a headline."""
    head = next((block for block in blocks if block.role == "headline"), None)
    if head is None:
        return []
    stack = [head]
    ordered = sorted((block for block in blocks if block is not head and block.role != "logo"), key=lambda one: _box(one)[1])
    for below in (True, False):
        for block in ordered if below else reversed(ordered):
            first, last = (stack[-1], block) if below else (block, stack[0])
            gap = _box(last)[1] - _box(first)[3]
            x0, x1 = min(_box(one)[0] for one in stack), max(_box(one)[2] for one in stack)
            is_near = -2 <= gap <= STACK_GAP * max(first.size_px, last.size_px)
            if block not in stack and is_near and _box(block)[0] < x1 and _box(block)[2] > x0:
                stack = [*stack, block] if below else [block, *stack]
    return stack


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


def _box(block: TextBlock) -> Box:
    return block.plate or block.box


def _around(block: TextBlock | None, shape: tuple[int, int]) -> np.ndarray:
    mask = np.zeros(shape, bool)
    if block is not None:
        x0, y0, x1, y1 = block.box
        reach = round(2 * MARK_SHARE * (y1 - y0))
        mask[max(0, y0 - reach) : y1 + reach, max(0, x0 - reach) : x1 + reach] = True
    return mask


def _lift_stack(
    image_u8: np.ndarray, stack: Sequence[TextBlock], things: np.ndarray, inpainter: FillHoles
) -> tuple[list[Piece], np.ndarray] | None:
    """Return the stack's pieces and the picture without them."""
    clean, layers = image_u8, []
    for block in stack:
        others = mask_things(image_u8.shape[:2], [one for one in stack if one is not block], ())
        lifted = lift_block(clean, block, inpainter, things | others)
        if lifted is None:
            return None
        layers.append(lifted[0])
        clean = lifted[1]
    panel = _find_panel(clean, stack)
    if panel is not None:
        whole = lift_shape(
            image_u8, panel, _fill_softly, things, colour=stack[0].ground, reach_px=round(0.03 * image_u8.shape[1])
        )
        return None if whole is None else ([Piece(block=stack[0], gap_px=0.0, solid=whole[0])], whole[1])
    gaps = [0.0, *(float(max(0, _box(lower)[1] - _box(upper)[3])) for upper, lower in pairwise(stack))]
    return [_piece(block, layer, gap) for block, layer, gap in zip(stack, layers, gaps, strict=True)], clean


def _fill_softly(image_u8: np.ndarray, mask: np.ndarray, keep_out: np.ndarray) -> np.ndarray:
    """Fill a large mask [H, W] from its rim, at a quarter of the size: most of it is covered again."""
    import cv2

    height, width = mask.shape
    size = (max(1, width // 4), max(1, height // 4))
    small = cv2.resize(np.ascontiguousarray(image_u8), size, interpolation=cv2.INTER_AREA)
    hole = cv2.resize(ndimage.binary_dilation(mask, iterations=4).astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    filled = cv2.resize(cv2.inpaint(small, hole, 5, cv2.INPAINT_TELEA), (width, height), interpolation=cv2.INTER_CUBIC)
    return np.where(mask[:, :, None], filled, image_u8)


def _find_panel(clean: np.ndarray, stack: Sequence[TextBlock]) -> Box | None:
    """Return the box of the panel that the stack stands on; None when it stands on the picture's own ground."""
    boxes = np.array([_box(block) for block in stack])
    left, top, right, bottom = (int(edge) for edge in (*boxes[:, :2].min(axis=0), *boxes[:, 2:].max(axis=0)))
    ground = ground_of(clean, (left, top, right, bottom), stack[0].size_px)
    rows, columns = np.flatnonzero(ground.any(axis=1)), np.flatnonzero(ground.any(axis=0))
    height, width = ground.shape
    box = (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
    inside = box[0] > 2 and box[1] > 2 and box[2] < width - 2 and box[3] < height - 2
    share = (box[2] - box[0]) * (box[3] - box[1]) / (height * width)
    fills = ground[box[1] : box[3], box[0] : box[2]].mean()
    return box if inside and PANEL_SHARES[0] <= share <= PANEL_SHARES[1] and fills >= PANEL_FILL else None


def _piece(block: TextBlock, layer: Layer, gap_px: float) -> Piece:
    if block.plate is not None:
        return Piece(block=block, gap_px=gap_px, solid=layer)
    words, blanks, baselines = [], [], []
    for line in block.lines:
        cuts, gaps = _cut_words(layer, line)
        baseline = _baseline(layer, line, cuts)
        baselines.append(baseline)
        blanks += gaps
        for x0, x1 in cuts:
            part = layer.cut((x0, line.box[1] - 2, x1, line.box[3] + 2))
            words.append(Word(layer=part, above_px=baseline - part.top))
    leading = (baselines[-1] - baselines[0]) / (len(baselines) - 1) if len(baselines) > 1 else USUAL_LEADING * block.size_px
    return Piece(
        block=block, gap_px=gap_px, words=tuple(words), leading_px=leading,
        blank_px=float(np.median(blanks)) if blanks else USUAL_BLANK * block.size_px,
    )  # fmt: skip


def _cut_words(layer: Layer, line: BlockLine) -> tuple[list[tuple[int, int]], list[int]]:
    """Return where the words of a line begin and end (x in px), and the blanks between them; one word if they are not told."""
    x0, y0, x1, y1 = line.box
    rows = slice(max(0, y0 - layer.top), y1 - layer.top)
    inked = np.asarray((layer.alpha[rows, max(0, x0 - layer.left) : x1 - layer.left] > INKED).any(axis=0))
    num = len(line.text.split())
    labels, count = ndimage.label(~inked)
    gaps = [(piece[0].start, piece[0].stop) for piece in ndimage.find_objects(labels)] if count else []
    inner = [gap for gap in gaps if gap[0] > 0 and gap[1] < len(inked)]
    widest = sorted(sorted(inner, key=lambda gap: gap[0] - gap[1])[: num - 1])
    if num < 2 or len(widest) < num - 1:
        return [(x0, x1)], []
    starts, ends = [0, *(gap[1] for gap in widest)], [*(gap[0] for gap in widest), len(inked)]
    return [(x0 + a, x0 + b) for a, b in zip(starts, ends, strict=True)], [gap[1] - gap[0] for gap in widest]


def _baseline(layer: Layer, line: BlockLine, cuts: Sequence[tuple[int, int]]) -> int:
    """Return the row below the baseline: where words without descenders end; else by the share that descenders have."""
    words = line.text.split()
    bottoms = []
    if len(words) == len(cuts):
        for word, (x0, x1) in zip(words, cuts, strict=True):
            if not any(char in "gjpqy,;()Q$@/|" for char in word):
                part = layer.cut((x0, line.box[1], x1, line.box[3] + 2))
                rows = np.flatnonzero((part.alpha > 0.5).any(axis=1))
                bottoms += [part.top + int(rows[-1]) + 1] if len(rows) else []
    return round(float(np.median(bottoms))) if bottoms else round(line.box[3] - DESCENT * line.cap_px)


def _lift_logo(
    clean: np.ndarray, logo: TextBlock, things: np.ndarray, inpainter: FillHoles
) -> tuple[Layer, np.ndarray, np.ndarray] | None:
    """Take a logo with the mark beside or above its letters off the picture; None when they cannot be told from the ground."""
    x0, y0, x1, y1 = logo.box
    reach = round(MARK_SHARE * (y1 - y0))
    for left, up in ((reach, round(0.4 * (y1 - y0))), (0, reach)):
        box = (max(0, x0 - left), max(0, y0 - up), x1, y1 + (round(0.4 * (y1 - y0)) if left else 0))
        lifted = lift_shape(clean, box, inpainter, things, reach_px=round(0.8 * (y1 - y0)))
        if lifted is not None:
            return lifted
    return None


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


def find_visual(clean: np.ndarray, others: Sequence[TextBlock], faces_xyxy_px: Sequence[Sequence[float]]) -> Box:
    """Return the box of what has to stay whole in a picture [H, W, 3]: faces, text, and things with strong edges.

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
    mask = things | np.isin(salient, touched[touched > 0]) | mask_things((height, width), others, ())
    for left, top, right, bottom in ([float(edge) for edge in face] for face in faces_xyxy_px):
        dx, dy = FACE_RIM * (right - left), FACE_RIM * (bottom - top)
        mask[max(0, int(top - dy)) : int(bottom + dy) + 1, max(0, int(left - dx)) : int(right + dx) + 1] = True
    return Protection(mask).frame()
