"""An ad's parts arranged for another shape: its words above, below or beside what it shows, in the letters that they have.

For each side and size of letters the smallest picture is looked for that holds all parts with margins, clear of what platforms
cover. Of those the one is taken that uses its room best:

    cost = |log(height of capitals / usual)| + share that is missing of the visual + empty room + resampling + other side

and that can be read: contrast with the new ground, a calm ground, every block read back. Knows parts and pixels only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from adcreative.editor.picture.acceptance import comparable, crop_line
from adcreative.editor.picture.layers import Layer
from adcreative.editor.picture.parts import Parts, Piece, SetPiece, set_piece
from adcreative.encoders.picture_words.blocks import Box
from adcreative.encoders.picture_words.ink import luminance
from adcreative.encoders.picture_words.measures import MIN_CONTRAST
from adcreative.encoders.picture_words.reader import TextReading
from adcreative.encoders.picture_words.roles import is_same_text

SIDES = ("below", "above", "right", "left")  # of the visual, where the words stand
SCALES = (0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.35, 1.5)
WIDTHS = 22  # canvases tried between the narrowest and the widest
MARGIN = 0.06  # of a picture's width, left and right; of its height, above and below where nothing is covered
GAP = 0.04  # of the square root of the area: between visual and words, and below a logo
LEAST_SIDE = 0.7  # of the old picture's shorter side that the new one's has: sharpness is not given away
USUAL_CAPS, USUAL_VISUAL, USUAL_COVERED = 0.052, 0.36, 0.55  # of the area's root: headline's capitals; of the area: visual, all
COST_OF_CAPS, COST_OF_VISUAL, COST_OF_EMPTY, COST_OF_SCALE, COST_OF_SIDE, COST_OF_LINES = 1.0, 0.6, 0.9, 0.4, 0.12, 0.12
USUAL_LINES = 3  # of a headline
TRIED = 8  # arrangements that are drawn before none is found good
CONTRAST_SHARE, CALM = 0.85, 1.6  # of the old contrast that is kept; times the old ground's edges that are allowed
CALM_EDGES = 9.0  # mean step of neighbouring pixels, 0..255, that is always allowed

Extend = Callable[[np.ndarray, int, int, int, int], np.ndarray]  # picture, left, top, width, height


@dataclass(frozen=True, kw_only=True, eq=False)
class Placed:
    """A piece with its place in the new picture, px, and its scale."""

    piece: Piece
    made: SetPiece
    x: int
    y: int
    scale: float

    @property
    def box(self) -> Box:
        return self.x, self.y, self.x + self.made.width, self.y + self.made.height


@dataclass(frozen=True, kw_only=True, eq=False)
class Arrangement:
    """Where the parts stand. size: width and height; origin: of the old picture, px, may be negative. logo: layer and place."""

    side: str
    size: tuple[int, int]
    origin: tuple[int, int]
    placed: tuple[Placed, ...]
    logo: tuple[Layer, int, int] | None
    cost: float


def arrange(
    parts: Parts, ratio: float, keep_free: tuple[float, float], reader: TextReading, extend: Extend
) -> tuple[np.ndarray, Arrangement] | None:
    """Return the parts arranged in a picture [H, W, 3] of the ratio (width over height), the best that can be read.

    Args:
        keep_free: shares of the height, top and bottom, that stay clear of words. extend: lays a picture on a larger ground.
    Returns:
        the picture and how it is arranged; None when no arrangement holds.
    """
    best: dict[tuple[str, float], Arrangement] = {}
    for one in _arrangements(parts, ratio, keep_free):
        key = (one.side, one.placed[0].scale)
        if key not in best or one.cost < best[key].cost:
            best[key] = one
    for one in sorted(best.values(), key=lambda arrangement: arrangement.cost)[:TRIED]:
        ground = extend(parts.clean, *one.origin, *one.size)
        if all(_is_readable(placed, ground) for placed in one.placed):
            drawn = draw(one, ground)
            if all(_reads_back(placed, drawn, reader) for placed in one.placed):
                return drawn, one
    return None


def draw(arrangement: Arrangement, ground: np.ndarray) -> np.ndarray:
    """Return the ground [H, W, 3] with words, button and logo on it."""
    drawn = ground.copy()
    for placed in arrangement.placed:
        for layer, x, y in placed.made.layers:
            layer.scaled(placed.scale).at(placed.x + x, placed.y + y).paste(drawn)
    if arrangement.logo is not None:
        layer, x, y = arrangement.logo
        layer.at(x, y).paste(drawn)
    return drawn


def _arrangements(parts: Parts, ratio: float, keep_free: tuple[float, float]) -> Iterator[Arrangement]:
    height, width = parts.clean.shape[:2]
    visual_width = parts.visual[2] - parts.visual[0]
    least = max(LEAST_SIDE * min(height, width) * max(1.0, ratio), visual_width / (1.0 - 2 * MARGIN))
    for side in SIDES:
        for scale in SCALES:
            for canvas in np.geomspace(least, 2.2 * max(least, width), WIDTHS):
                one = _arrange(parts, side, scale, (round(canvas), round(canvas / ratio)), keep_free)
                if one is not None:
                    yield one


def _arrange(
    parts: Parts, side: str, scale: float, size: tuple[int, int], keep_free: tuple[float, float]
) -> Arrangement | None:
    width, height = size
    x0, y0, x1, y1 = parts.visual
    is_beside, gap, margin = side in ("left", "right"), round(GAP * np.sqrt(width * height)), round(MARGIN * width)
    top, bottom = round(max(MARGIN, keep_free[0]) * height), height - round(max(MARGIN, keep_free[1]) * height)
    logo = parts.logo[1] if parts.logo is not None else None
    logo_height = logo.alpha.shape[0] + gap if logo is not None else 0
    column = width - 2 * margin - ((x1 - x0) + 2 * gap if is_beside else 0)
    is_centred = parts.stack[0].block.alignment == "centre" and not is_beside
    made = [set_piece(piece, column, scale, "centre" if is_centred else "left") for piece in parts.stack] if column > 0 else []
    kept = [one for one in made if one is not None]
    if not kept or len(kept) < len(made) or (logo is not None and logo.alpha.shape[1] > (column if is_beside else width)):
        return None
    words_height = sum(one.height for one in kept) + scale * sum(piece.gap_px for piece in parts.stack)
    left_over = bottom - top - logo_height - words_height - (0 if is_beside else (y1 - y0) + gap)
    if left_over < 0 or (is_beside and (y1 - y0) > height):
        return None
    words_x, visual_x = float(margin), (width - (x1 - x0)) / 2
    if is_beside:
        words_x, visual_x = (margin, width - margin - (x1 - x0)) if side == "left" else (width - margin - column, margin)
        words_y, visual_y = top + logo_height + left_over / 2, (height - (y1 - y0)) / 2
    elif side == "below":
        visual_y = top + logo_height + left_over / 3
        words_y = visual_y + (y1 - y0) + gap + left_over / 3
    else:
        words_y = top + logo_height + left_over / 3
        visual_y = words_y + words_height + gap + left_over / 3
    placed = _stack_up(parts.stack, kept, (words_x, words_y, column if is_centred else 0.0), scale)
    set_logo = None
    if logo is not None:
        set_logo = (logo, round((width - logo.alpha.shape[1]) / 2 if is_centred else words_x), top)
    cost = _cost(parts, side, scale, size, kept, left_over)
    origin = (round(visual_x) - x0, round(visual_y) - y0)
    return Arrangement(side=side, size=size, origin=origin, placed=placed, logo=set_logo, cost=cost)


def _stack_up(
    stack: Sequence[Piece], made: Sequence[SetPiece], place: tuple[float, float, float], scale: float
) -> tuple[Placed, ...]:
    """Return the pieces one below the other. place: left, top, and the width in whose middle they stand, 0 for none."""
    left, y, width = place
    placed = []
    for piece, one in zip(stack, made, strict=True):
        y += scale * piece.gap_px
        x = left + ((width - one.width) / 2 if width else 0.0)
        placed.append(Placed(piece=piece, made=one, x=round(x), y=round(y), scale=scale))
        y += one.height
    return tuple(placed)


def _cost(parts: Parts, side: str, scale: float, size: tuple[int, int], made: Sequence[SetPiece], left_over: float) -> float:
    width, height = size
    x0, y0, x1, y1 = parts.visual
    head = max(parts.stack, key=lambda piece: piece.block.size_px)
    caps = head.block.size_px * scale / np.sqrt(width * height)
    visual = min(1.0, (x1 - x0) * (y1 - y0) / (width * height) / USUAL_VISUAL)
    covered = (x1 - x0) * (y1 - y0) + max(one.width for one in made) * sum(one.height for one in made)
    lines = made[parts.stack.index(head)].height / max(1.0, head.leading_px * scale) if head.words else 1
    return float(
        COST_OF_CAPS * abs(np.log(caps / USUAL_CAPS))
        + COST_OF_VISUAL * -np.log(max(visual, 0.02))
        + COST_OF_EMPTY * (left_over / height + max(0.0, 1.0 - covered / (USUAL_COVERED * width * height)))
        + COST_OF_SCALE * abs(np.log(scale))
        + COST_OF_SIDE * (side != _side_of(parts))
        + COST_OF_LINES * max(0.0, round(lines) - USUAL_LINES)
    )


def _side_of(parts: Parts) -> str:
    """Return where the words stood from the visual."""
    boxes = np.array([piece.block.plate or piece.block.box for piece in parts.stack], float)
    words = (boxes[:, :2].min(axis=0) + boxes[:, 2:].max(axis=0)) / 2
    x0, y0, x1, y1 = parts.visual
    dx, dy = words[0] - (x0 + x1) / 2, words[1] - (y0 + y1) / 2
    return ("right" if dx > 0 else "left") if abs(dx) > abs(dy) else ("below" if dy > 0 else "above")


def _is_readable(placed: Placed, ground: np.ndarray) -> bool:
    """Return whether the new ground under a text is as calm as the old one's and its contrast as high."""
    if placed.piece.solid is not None:
        return True
    x0, y0, x1, y1 = placed.box
    under = ground[max(0, y0) : y1, max(0, x0) : x1]
    if not under.size:
        return False
    block = placed.piece.block
    own, light = float(luminance(np.array(block.colour))), luminance(under.reshape(-1, 3))
    contrast = float(np.percentile((np.maximum(light, own) + 0.05) / (np.minimum(light, own) + 0.05), 5.0))
    steps = float(ndimage.morphological_gradient(under.mean(axis=2), size=(3, 3)).mean())
    return contrast >= min(MIN_CONTRAST, CONTRAST_SHARE * block.contrast) and steps <= max(CALM_EDGES, CALM * block.residual)


def _reads_back(placed: Placed, drawn: np.ndarray, reader: TextReading) -> bool:
    """Return whether what is read of a text is the text, line by line."""
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
