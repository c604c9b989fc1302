"""One ad in other shapes: parts that matter are kept whole, the ground around them is cut or extended.

    crop     to the new shape as far as it keeps faces, text, logo and product with a margin
    extend   what is still missing: plain ground goes on as it ends (ground)
    arrange  where that is not enough: picture and words are laid anew, each in its part of the shape (arranging)

What cannot be arranged stands whole on a blurred copy of itself. What the ad shows keeps its pixels where the shape lets it,
and is enlarged where it has to cover one. Content keeps clear of the parts that platforms cover with their own controls, as far
as it fits. Knows pixels and boxes; no models.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from adcreative.errors import ConfigError
from adcreative.lettering.arranging.arranging import Arrangement, faces_at, find_arrangements
from adcreative.lettering.arranging.ground import extend_ground, extends_plainly
from adcreative.lettering.arranging.laying import draw, reads_back
from adcreative.lettering.arranging.parts import Parts, take_apart
from adcreative.lettering.erasing.erasing import inpaint_strokes
from adcreative.lettering.erasing.hole_filling import FillHoles
from adcreative.lettering.reading.blocks import TextBlock
from adcreative.lettering.reading.reader import TextReading
from adcreative.lettering.setting.gate import find_foreign_lines
from adcreative.problem import Problem
from adcreative.progress import Count, uncounted

RATIOS = {"1:1": 1.0, "4:5": 0.8, "9:16": 0.5625, "1.91:1": 1.91}
KEEP_FREE = {"9:16": (0.14, 0.35)}  # shares of the height, top and bottom, that stories and reels cover at least


@dataclass(frozen=True)
class Thresholds:
    """Bounds of a shape, chosen by eye on drawn ads (`tests/bench/sizes.py`).

    same_ratio: relative difference up to which two shapes are one, as platforms count. margin: of the content's shorter side,
    kept around it when the picture is cut. least_content: of the new picture's area: less is told as a weakness. most_extended:
    of a shape's area: with more new ground, words are arranged anew. most_foot: of the height that may be empty below words.
    most_around: of a shape's area around the whole ad, up to which that is better than a poor arrangement. most_cost,
    most_cost_of_small: of an arrangement, where the whole ad would fill more than that, and less.
    """

    same_ratio: float = 0.01
    margin: float = 0.04
    least_content: float = 0.30
    most_extended: float = 0.15
    most_foot: float = 0.3
    most_around: float = 0.5
    most_cost: float = 1.45
    most_cost_of_small: float = 2.2


THRESHOLDS = Thresholds()


@dataclass(frozen=True, kw_only=True)
class SizedPicture:
    """A picture laid out for a shape. origin: where the old picture's upper left corner lies in it (px, may be negative).

    extended: share of its area that is none of the old picture. note: a weakness of the layout, "" when there is none.
    arranged: where the words moved to, from what is shown ("below", "above", "right", "left") or on it ("over top", ...), ""
    when they stand where they stood. scale: of the old picture. is_plain: no blurred copy of it lies around it. is_clear: words
    and faces keep clear of what platforms cover. problems: what the finished shape fails by: it may not be delivered then.
    """

    ratio: str
    image_u8: np.ndarray = field(repr=False)
    origin: tuple[int, int]
    extended: float
    note: str = ""
    arranged: str = ""
    scale: float = 1.0
    is_plain: bool = True
    is_clear: bool = True
    problems: tuple[Problem, ...] = ()


def parse_ratios(text: str) -> tuple[str, ...]:
    """Return the shapes that a list such as "1:1,4:5" or "1:1 4:5" names, each once; "all" names every one.

    Raises:
        ConfigError: one is not among RATIOS.
    """
    names = tuple(dict.fromkeys(text.replace(",", " ").split()))
    if names == ("all",):
        return tuple(RATIOS)
    if unknown := [name for name in names if name not in RATIOS]:
        raise ConfigError(f'no size is named "{unknown[0]}"; name some of {", ".join(RATIOS)}, separated by commas, or "all"')
    return names


def lay_out_sizes(
    image_u8: np.ndarray,
    ratios: Sequence[str],
    content_xyxy_px: Sequence[int],
    blocks: Sequence[TextBlock],
    faces_xyxy_px: Sequence[Sequence[float]],
    reader: TextReading | None,
    inpainter: FillHoles = inpaint_strokes,
    tell: Count = uncounted,
) -> list[SizedPicture]:
    """Lay a picture [H, W, 3] out in shapes of RATIOS, its words arranged anew where cutting and extending is not enough.

    Args:
        content_xyxy_px: as of `lay_out_size`. blocks: the text that was read in it. reader: reads arranged words back; without
            one words stay where they stand. tell: how many shapes are laid out, of how many.
    """
    tell(0, len(ratios))
    plain = [_checked(lay_out_size(image_u8, ratio, content_xyxy_px), blocks) for ratio in ratios]
    wanting = [
        one.image_u8 is not image_u8
        and (one.extended > THRESHOLDS.most_extended or not one.is_plain or bool(one.note or one.problems) or not one.is_clear)
        for one in plain
    ]  # fmt: skip
    parts = take_apart(image_u8, blocks, faces_xyxy_px, inpainter) if any(wanting) and reader is not None else None
    if parts is None or reader is None:
        tell(len(ratios), len(ratios))
        return plain
    sized = []
    for one, is_wanting in zip(plain, wanting, strict=True):
        sized.append(_arranged(one, parts, blocks, reader) if is_wanting else one)
        tell(len(sized), len(ratios))
    return sized


def _arranged(plain: SizedPicture, parts: Parts, blocks: Sequence[TextBlock], reader: TextReading) -> SizedPicture:
    """Return the first arrangement whose finished picture says all that the ad says and nothing else; without one the plain."""
    said = [block.text for block in blocks]
    for one in find_arrangements(parts, RATIOS[plain.ratio], KEEP_FREE.get(plain.ratio, (0.0, 0.0))):
        has_room = plain.extended < THRESHOLDS.most_around
        is_poor = parts.is_cut or (one.foot > THRESHOLDS.most_foot and parts.scene.kind != "inset")
        if (is_poor and has_room) or one.cost > (THRESHOLDS.most_cost if has_room else THRESHOLDS.most_cost_of_small):
            continue
        drawn = draw(parts, one) if _keeps_whole(one, parts, blocks) else None
        if drawn is not None and reads_back(one, drawn, reader) and not find_foreign_lines(drawn, said, reader):
            (x, y), (dx, dy) = one.origin, parts.scene.origin
            origin = (round(x - one.scale * dx), round(y - one.scale * dy))
            return SizedPicture(
                ratio=plain.ratio, image_u8=drawn, origin=origin, extended=_new_share(one, parts), arranged=one.side,
                scale=one.scale, is_clear=_keeps_clear(faces_at(parts, one), plain.ratio, drawn.shape[0]),
            )  # fmt: skip
    return plain


def _keeps_whole(one: Arrangement, parts: Parts, blocks: Sequence[TextBlock]) -> bool:
    """Return whether words that stay in the picture, such as on a product, stand whole in its part of a shape."""
    laid = {placed.piece.block.box for placed in one.words}
    bands = [ribbon.rows for ribbon, _, _ in one.ribbons]
    stays = [box for box in (block.box for block in blocks) if box not in laid]
    stays = [box for box in stays if not any(start <= box[1] and box[3] <= end for start, end in bands)]
    x, y = (at - one.scale * start for at, start in zip(one.origin, parts.scene.origin, strict=True))
    left, top, right, bottom = one.shown
    return all(
        x + one.scale * x0 >= left - 1 and y + one.scale * y0 >= top - 1
        and x + one.scale * x1 <= right + 1 and y + one.scale * y1 <= bottom + 1
        for x0, y0, x1, y1 in stays
    )  # fmt: skip


def _checked(plain: SizedPicture, blocks: Sequence[TextBlock]) -> SizedPicture:
    """Return a shape whose words stand as they stood, with the lines that its edges cut."""
    (x, y), (height, width) = plain.origin, plain.image_u8.shape[:2]
    cut = [
        line.text
        for block in blocks for line in block.lines
        if line.box[0] + x < 0 or line.box[1] + y < 0 or line.box[2] + x > width or line.box[3] + y > height
    ]  # fmt: skip
    return replace(plain, problems=(Problem("words_cut", words=" ".join(cut)),)) if cut else plain


def _keeps_clear(boxes: Sequence[Sequence[float]], ratio: str, height: int) -> bool:
    """Return whether boxes stay out of what platforms cover of a shape."""
    free_top, free_bottom = KEEP_FREE.get(ratio, (0.0, 0.0))
    low = (1.0 - free_bottom) * height + 1 if free_bottom else np.inf
    return all((not free_top or box[1] >= free_top * height - 1) and box[3] <= low for box in boxes)


def _new_share(one: Arrangement, parts: Parts) -> float:
    """Return which share of a shape is none of the old picture."""
    height, width = parts.scene.picture.shape[:2]
    x0, y0, x1, y1 = (0, 0, *one.size) if parts.scene.kind == "inset" else one.shown
    (left, top), scale = one.origin, one.scale
    shown_x = max(0.0, min(x1, left + scale * width) - max(x0, left))
    shown_y = max(0.0, min(y1, top + scale * height) - max(y0, top))
    return round(max(0.0, 1.0 - shown_x * shown_y / (one.size[0] * one.size[1])), 4)


def lay_out_size(image_u8: np.ndarray, ratio: str, content_xyxy_px: Sequence[int]) -> SizedPicture:
    """Lay a picture [H, W, 3] out in a shape of RATIOS.

    Args:
        content_xyxy_px: box around all that has to stay whole; an empty one keeps nothing in particular.
    """
    height, width = image_u8.shape[:2]
    wanted = RATIOS[ratio]
    if abs(width / height / wanted - 1.0) <= THRESHOLDS.same_ratio:
        is_clear = _keeps_clear([content_xyxy_px], ratio, height)
        return SizedPicture(ratio=ratio, image_u8=image_u8, origin=(0, 0), extended=0.0, is_clear=is_clear)
    x0, y0, x1, y1 = _keep(content_xyxy_px, height, width)
    if width / height > wanted:  # too wide: cut the sides as far as the content lets, then add above and below
        new_width = max(x1 - x0, min(width, round(height * wanted)))
        left = _slide(x0, x1, new_width, width)
        new_height = max(height, round(new_width / wanted))
        top = _above(y0, y1, height, new_height, ratio)
        window = (-left, top, new_width, new_height)
    else:  # too high
        new_height = max(y1 - y0, min(height, round(width / wanted)))
        top = _slide(y0, y1, new_height, height)
        new_width = max(width, round(new_height * wanted))
        window = ((new_width - width) // 2, -top, new_width, new_height)
    laid = extend_ground(image_u8, *window)
    shown = (min(window[2], width) * min(window[3], height)) / (window[2] * window[3])
    content = (x1 - x0) * (y1 - y0) / (window[2] * window[3])
    note = ""
    if content < THRESHOLDS.least_content:
        note = f"the ad's content fills {content:.0%} of this shape; an ad made for it would use more"
    content_box = (x0, window[1] + content_xyxy_px[1], x1, window[1] + content_xyxy_px[3])
    return SizedPicture(
        ratio=ratio, image_u8=laid, origin=window[:2], extended=round(1.0 - shown, 4), note=note,
        is_plain=extends_plainly(image_u8, *window), is_clear=_keeps_clear([content_box], ratio, window[3]),
    )  # fmt: skip


def _keep(content: Sequence[int], height: int, width: int) -> tuple[int, int, int, int]:
    """Return the content's box with its margin, cut to the picture; the middle of the picture when there is no content."""
    x0, y0, x1, y1 = content
    if x1 <= x0 or y1 <= y0:
        return width // 4, height // 4, width - width // 4, height - height // 4
    margin = round(THRESHOLDS.margin * min(x1 - x0, y1 - y0))
    return max(0, x0 - margin), max(0, y0 - margin), min(width, x1 + margin), min(height, y1 + margin)


def _slide(start: int, stop: int, size: int, full: int) -> int:
    """Return where a window of `size` begins that holds start..stop, its middle as near to theirs as the picture lets."""
    middle = (start + stop - size) // 2
    return max(0, min(middle, full - size, start), stop - size)


def _above(y0: int, y1: int, height: int, new_height: int, ratio: str) -> int:
    """Return how much ground is added above: half, or so that the content clears what the platform covers."""
    added = new_height - height
    free_top, free_bottom = (round(share * new_height) for share in KEEP_FREE.get(ratio, (0.0, 0.0)))
    lowest = new_height - free_bottom - y1  # the content must not begin below this offset, nor above the next
    top = added // 2 if lowest < free_top - y0 else min(max(added // 2, free_top - y0), lowest)
    return int(min(max(top, 0), added))
