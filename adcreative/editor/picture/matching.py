"""The font at hand that is nearest to the letters in a picture: each is rendered and compared with the old crop.

Knows letters' coverage and fonts; not what an ad is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from adcreative.editor.picture.fonts import Typeface
from adcreative.encoders.picture_words.blocks import Box, TextBlock
from adcreative.encoders.picture_words.ink import measure_ink

TRIAL_SIZE_PX = 64.0
COMPARED_LINES = 3  # the longest lines of a block decide
WEIGHT_SHARE = 0.5
FAMILY_SLACK = 0.15
MAX_SQUEEZE = 0.35  # logarithm of height to width by which a font may miss the old letters' proportions


@dataclass(frozen=True, kw_only=True)
class FontMatch:
    """The font, its size in px, and how like the old letters it is: overlap of rendered and old coverage, 0..1.

    leading_px: distance of baselines; baselines_px: of the old lines, from the top.
    """

    typeface: Typeface
    size_px: float
    likeness: float
    leading_px: float
    baselines_px: tuple[float, ...]


def match_fonts(
    image_u8: np.ndarray, blocks: Mapping[str, TextBlock], typefaces: Sequence[Typeface]
) -> dict[str, list[FontMatch]]:
    """Return for each block the fonts whose rendering of its lines is nearest to them, the nearest first.

    An ad is rarely set in more than one family: the family that suits all blocks best comes first for a block as long as its
    nearest style is less than FAMILY_SLACK behind the nearest of all.
    """
    ranked = {name: _rank(image_u8, block, typefaces) for name, block in blocks.items()}
    best: dict[str, dict[str, float]] = {}
    for name, found in ranked.items():
        for likeness, typeface, _ in found:
            of_family = best.setdefault(typeface.family, {})
            of_family[name] = max(of_family.get(name, -1.0), likeness)
    sizes = {name: block.size_px for name, block in blocks.items()}
    house = max(best, key=lambda family: sum(sizes[name] * best[family].get(name, -1.0) for name in sizes), default="")
    matches = {}
    for name, found in ranked.items():
        home = [one for one in found if one[1].family == house and one[0] >= found[0][0] - FAMILY_SLACK]
        ordered = [*home[:1], *(one for one in found if one not in home[:1])]
        matches[name] = [_measure(blocks[name], one) for one in ordered]
    return matches


def _measure(block: TextBlock, found: tuple[float, Typeface, float]) -> FontMatch:
    likeness, typeface, size = found
    baselines = [line.box[1] - ink_box(typeface, size, line.text)[1] for line in block.lines]
    gaps = np.diff(baselines)
    leading = float(np.median(gaps)) if len(gaps) else 1.2 * size
    return FontMatch(typeface=typeface, size_px=size, likeness=likeness, leading_px=max(leading, 0.95 * size),
                     baselines_px=tuple(float(one) for one in baselines))  # fmt: skip


def _rank(image_u8: np.ndarray, block: TextBlock, typefaces: Sequence[Typeface]) -> list[tuple[float, Typeface, float]]:
    """Return (likeness, font, size in px) of the fonts that have the block's letters, the nearest first."""
    lines = sorted(block.lines, key=lambda line: -len(line.text))[:COMPARED_LINES]
    crops = [(line.text, _coverage(image_u8, line.box)) for line in lines]
    found = []
    for typeface in typefaces:
        compared = [(len(text), *_compare(typeface, text, cut)) for text, cut in crops if cut is not None]
        if compared and typeface.has_letters(block.text):
            weights, likenesses, sizes = zip(*compared, strict=True)
            found.append((float(np.average(likenesses, weights=weights)), typeface, float(np.average(sizes, weights=weights))))
    return sorted(found, key=lambda one: -one[0])


def ink_box(typeface: Typeface, size_px: float, text: str) -> tuple[float, float, float, float]:
    """Return the box of a rendered line's ink around the point where its baseline starts: x0, y0, x1, y1 in px."""
    return tuple(
        float(edge) for edge in typeface.at(size_px).getbbox(text, anchor="ls", stroke_width=typeface.stroke * size_px)
    )  # type: ignore[return-value]


def render_line(typeface: Typeface, size_px: float, text: str, *, x: float, y: float, width: int, height: int) -> np.ndarray:
    """Return the coverage [height, width] 0..1 of a line whose baseline starts at x, y."""
    mask = Image.new("L", (width, height), 0)
    draw = ImageDraw.Draw(mask)
    draw.text((x, y), text, font=typeface.at(size_px), fill=255, anchor="ls", stroke_width=typeface.stroke * size_px)
    return np.asarray(mask, np.float32) / 255.0


def _coverage(image_u8: np.ndarray, box: Box) -> np.ndarray | None:
    """Return the coverage of the letters in a tight box, None when none are found there."""
    x0, y0, x1, y1 = box
    ink = measure_ink(image_u8, (float(x0), float(y0), float(x1), float(y1)), pad=max(2.0, 0.25 * (y1 - y0)))
    if ink.box is None:
        return None
    wx0, wy0, _, _ = ink.window
    cut = ink.coverage[y0 - wy0 : y1 - wy0, x0 - wx0 : x1 - wx0]
    return cut if cut.size and cut.max() > 0.3 else None


def _compare(typeface: Typeface, text: str, coverage: np.ndarray) -> tuple[float, float]:
    """Return how like the old letters a font's are (0..1), and its size (px) at which the line is as wide as the old one.

    likeness = (sum of min / sum of max of the two coverages, both at the old width)
               - |log(height ratio)| - 0.5 |log(ratio of the two sums)|    the last is the weight of the strokes
    """
    height, width = coverage.shape
    x0, y0, x1, y1 = ink_box(typeface, TRIAL_SIZE_PX, text)
    if x1 - x0 < 1 or y1 - y0 < 1:
        return 0.0, TRIAL_SIZE_PX
    size = TRIAL_SIZE_PX * width / (x1 - x0)
    squeeze = abs(float(np.log((y1 - y0) * size / TRIAL_SIZE_PX / height)))
    if squeeze > MAX_SQUEEZE:
        return -squeeze, size
    x0, y0, x1, y1 = ink_box(typeface, size, text)
    grown = (max(1, int(np.ceil(y1 - y0))), max(1, int(np.ceil(x1 - x0))))
    rendered = render_line(typeface, size, text, x=-x0, y=-y0, width=grown[1], height=grown[0])
    if rendered.shape != coverage.shape:
        rendered = np.asarray(Image.fromarray(rendered).resize((width, height), Image.Resampling.BILINEAR))
    union = float(np.maximum(rendered, coverage).sum())
    overlap = float(np.minimum(rendered, coverage).sum()) / union if union else 0.0
    weight = abs(float(np.log(max(rendered.sum(), 1.0) / max(coverage.sum(), 1.0))))
    return overlap - squeeze - WEIGHT_SHARE * weight, size
