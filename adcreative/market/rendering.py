"""Render one ad: background, framed portraits, product, words, button, brand. Pillow only; no response, no networks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from adcreative.market.backdrops import draw_ground, draw_motif
from adcreative.market.brands import CATEGORIES, RGB, Brand
from adcreative.market.layouts import PLACEMENTS, TEMPLATES, Bounds, Layout
from adcreative.market.lines import AdWords
from adcreative.market.pen import INK, WHITE, Pen, draw_product, fade, font, luma, mix, set_text, wrap

FRAMES = ("circle", "rounded", "arch", "leaf")
_SHARPEN = ImageFilter.UnsharpMask(radius=1.6, percent=60, threshold=2)
_LINE_HEIGHT = 1.18


@dataclass(frozen=True, kw_only=True)
class AdDesign:
    """The look of an ad apart from its people and words; shared by the variants of a test.

    style_seed draws background, motif, frame shape and colour grade. scale: 1 is the placement's full size.
    """

    brand: Brand
    placement: str
    template: str
    with_product: bool
    style_seed: int
    scale: float = 0.5

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the finished picture in px."""
        kind = PLACEMENTS[self.placement]
        return round(kind.width * self.scale), round(kind.height * self.scale)


def render_ad(design: AdDesign, words: AdWords, portraits: Sequence[np.ndarray]) -> np.ndarray:
    """Render an ad.

    Args:
        portraits: aligned face pictures, image_u8 [S, S, 3], zero to three.
    Returns:
        image_u8 [H, W, 3] of `design.size`; equal inputs give equal pixels.
    """
    rng = np.random.default_rng(design.style_seed)
    width, height = design.size
    category, palette = CATEGORIES[design.brand.category], design.brand.palette
    layout = TEMPLATES[design.template](width, height, len(portraits), with_product=design.with_product)
    ground_image, ground, tint = draw_ground(palette, rng)
    pen = Pen(width, height, ground_image)
    draw_motif(str(rng.choice(category.motifs)), pen, ground, tint, rng)
    frame = FRAMES[int(rng.integers(len(FRAMES)))]
    for place in layout.portraits:
        _draw_frame(pen, frame, place, palette.accent if rng.random() < 0.5 else palette.main)
    product = str(rng.choice(category.products))
    if layout.card:
        pen.box([v + pen.unit * 0.008 for v in layout.card], fade(INK, 0.12), radius=pen.unit * 0.035)
        pen.box(layout.card, mix(WHITE, palette.pale, 0.25), radius=pen.unit * 0.035)
    grade = _draw_grade(rng)
    picture = _paste_portraits(pen.finish(), layout, frame, [_grade(face, *grade) for face in portraits])
    picture = _draw_product(picture, layout, product, design)
    paper = mix(WHITE, palette.pale, 0.25) if layout.card else _mean_colour(picture, layout.words)
    _set_words(picture, layout, words, design, paper)
    _set_brand(picture, layout, design.brand)
    return np.asarray(picture)


def _frame_corners(frame: str) -> tuple[bool, bool, bool, bool]:
    """Return which corners of a frame are fully rounded: top left, top right, bottom right, bottom left."""
    return {"arch": (True, True, False, False), "leaf": (True, False, True, False)}.get(frame, (True,) * 4)


@lru_cache(maxsize=64)
def _frame_mask(frame: str, side: int) -> Image.Image:
    """Return a frame's shape as a smooth mask [side, side]."""
    big = Image.new("L", (side * 4, side * 4), 0)
    draw = ImageDraw.Draw(big)
    end = side * 4 - 1
    if frame == "circle":
        draw.ellipse((0, 0, end, end), fill=255)
    else:
        radius = side * (0.5 if frame == "rounded" else 1.8)
        draw.rounded_rectangle((0, 0, end, end), radius, fill=255, corners=_frame_corners(frame))
    return big.reduce(4)


def _draw_frame(pen: Pen, frame: str, place: tuple[float, float, float], colour: RGB) -> None:
    """Draw the frame behind a portrait: a shifted coloured copy of its shape and a white border."""
    left, top, side = place
    rim, shift = 0.018 * side, 0.045 * side
    for grow, move, fill in ((rim, shift, colour), (rim, 0.0, WHITE)):
        bounds = (left - grow + move, top - grow + move, left + side + grow + move, top + side + grow + move)
        if frame == "circle":
            pen.ellipse(*bounds, fill)
        elif frame == "rounded":
            pen.box(bounds, fill, radius=0.125 * side + grow)
        else:
            pen.box_with_corners(bounds, fill, radius=0.45 * side + grow, corners=_frame_corners(frame))


def _draw_grade(rng: np.random.Generator) -> tuple[float, float, float]:
    """Draw the colour grade of a brand's photos: gain, contrast, warmth."""
    return float(rng.normal(1.0, 0.06)), float(rng.normal(1.0, 0.06)), float(rng.normal(0.0, 0.025))


def _grade(portrait_u8: np.ndarray, gain: float, contrast: float, warmth: float) -> np.ndarray:
    levels = portrait_u8.astype(np.float32) / 255.0
    levels = (levels - 0.5) * contrast + 0.5 * gain
    levels *= np.array([1.0 + warmth, 1.0, 1.0 - warmth], np.float32)
    return np.round(levels.clip(0.0, 1.0) * 255.0).astype(np.uint8)


def _paste_portraits(picture: Image.Image, layout: Layout, frame: str, portraits: Sequence[np.ndarray]) -> Image.Image:
    for (left, top, side), portrait in zip(layout.portraits, portraits, strict=True):
        size = max(8, round(side))
        person = Image.fromarray(portrait).resize((size, size), Image.Resampling.LANCZOS).filter(_SHARPEN)
        picture.paste(person, (round(left), round(top)), _frame_mask(frame, size))
    return picture


def _draw_product(picture: Image.Image, layout: Layout, product: str, design: AdDesign) -> Image.Image:
    """Draw the product over the portraits' lower corner, on a copy of the region at double size."""
    if layout.product is None:
        return picture
    left, top, side = layout.product
    x, y, size = round(left), round(top), round(side)
    size = max(8, min(size, picture.width - x, picture.height - y))
    region = picture.crop((x, y, x + size, y + size))
    pen = Pen(size, size, region)
    draw_product(product, pen, design.brand.palette, 0.0, 0.0, size)
    picture.paste(pen.finish(), (x, y))
    return picture


def _mean_colour(picture: Image.Image, bounds: Bounds) -> RGB:
    left, top, right, bottom = (round(v) for v in bounds)
    red, green, blue = np.asarray(picture.crop((left, top, right, bottom)).resize((4, 4))).reshape(-1, 3).mean(axis=0)
    return int(red), int(green), int(blue)


@dataclass(frozen=True)
class _TextBlock:
    headline: list[str]
    body: list[str]
    headline_px: int
    body_px: int
    button_px: int

    @property
    def height(self) -> float:
        total = len(self.headline) * self.headline_px * _LINE_HEIGHT
        total += self.body_px * (0.5 + len(self.body) * 1.28) if self.body else 0.0
        return total + self.button_px * 3.0 if self.button_px else total


def _fit_words(layout: Layout, words: AdWords, unit: float) -> _TextBlock:
    """Return the largest type sizes at which headline, line and button fit; the line is dropped if nothing fits."""
    left, top, right, bottom = layout.words
    share = layout.largest_text
    while True:
        headline_px = max(9, round(unit * share))
        body_px = max(9, round(headline_px * 0.50 + unit * 0.006))
        headline = wrap(words.headline, headline_px, right - left)
        body = wrap(words.description, body_px, right - left) if words.description and share > 0.04 else []
        button_px = max(9, round(unit * 0.018 + headline_px * 0.26)) if words.cta else 0
        block = _TextBlock(headline, body, headline_px, body_px, button_px)
        widest = max((font(headline_px).getlength(line) for line in headline), default=0.0)
        if (block.height <= bottom - top and widest <= right - left) or share < 0.025:
            return block
        share *= 0.93


def _set_words(picture: Image.Image, layout: Layout, words: AdWords, design: AdDesign, paper: RGB) -> None:
    left, top, right, bottom = layout.words
    block = _fit_words(layout, words, min(picture.size))
    draw = ImageDraw.Draw(picture)
    palette = design.brand.palette
    ink = WHITE if luma(paper) < 145 else mix(palette.deep, INK, 0.3)
    soft = mix(ink, paper, 0.22)
    x, anchor = ((left + right) / 2, "ma") if layout.is_centred else (left, "la")
    y = top + max(0.0, (bottom - top - block.height) * (0.30 if layout.is_centred else 0.42))
    for line in block.headline:
        set_text(draw, (x, y), line, size_px=block.headline_px, fill=ink, bold=True, anchor=anchor)
        y += block.headline_px * _LINE_HEIGHT
    if block.body:
        y += block.body_px * 0.5
    for line in block.body:
        set_text(draw, (x, y), line, size_px=block.body_px, fill=soft, bold=False, anchor=anchor)
        y += block.body_px * 1.28
    if words.cta and block.button_px:
        _set_button(picture, (x, y + block.button_px * 0.9), words.cta, block.button_px, _button_colour(design, paper))


def _button_colour(design: AdDesign, paper: RGB) -> RGB:
    palette = design.brand.palette
    choices = (palette.accent, palette.deep, palette.main, WHITE)
    distances = [sum(abs(a - b) for a, b in zip(colour, paper, strict=True)) for colour in choices]
    return next(colour for colour, distance in zip(choices, distances, strict=True) if distance > 150)


def _set_button(picture: Image.Image, place: tuple[float, float], label: str, size_px: int, fill: RGB) -> None:
    """Draw the button with its top at `place`: centred on a centred layout's axis, else from the left edge."""
    text_width = font(size_px).getlength(label)
    width, height = text_width + size_px * 2.0, size_px * 2.1
    is_axis = place[0] > picture.width * 0.45 and abs(place[0] - picture.width / 2) < 2
    left = place[0] - width / 2 if is_axis else place[0]
    x, y = round(left), round(place[1])
    region = picture.crop((x, y, x + round(width), y + round(height)))
    pen = Pen(region.width, region.height, region)
    pen.box((0, 0, region.width - 1, region.height - 1), fill, radius=height / 2)
    picture.paste(pen.finish(), (x, y))
    ink = WHITE if luma(fill) < 170 else INK
    centre = (x + region.width / 2, y + region.height / 2)
    set_text(ImageDraw.Draw(picture), centre, label, size_px=size_px, fill=ink, bold=True, anchor="mm")


def _set_brand(picture: Image.Image, layout: Layout, brand: Brand) -> None:
    """Draw the brand's mark and name."""
    unit = min(picture.size)
    size_px = max(9, round(unit * 0.042))
    name_width = font(size_px).getlength(brand.name)
    x, y = layout.brand
    if layout.is_centred or layout.card:
        x = (picture.width - name_width - size_px * 1.5) / 2
    mark = round(size_px * 1.15)
    left, top = round(x), round(y)
    region = picture.crop((left, top, left + mark, top + mark))
    paper = _mean_colour(picture, (left, top, left + size_px * 6, top + mark))
    ink = WHITE if luma(paper) < 145 else brand.palette.deep
    pen = Pen(mark, mark, region)
    _draw_mark(pen, brand.mark, ink)
    picture.paste(pen.finish(), (left, top))
    draw = ImageDraw.Draw(picture)
    set_text(draw, (left + mark + size_px * 0.4, top + mark / 2), brand.name, size_px=size_px, fill=ink, bold=True, anchor="lm")


def _draw_mark(pen: Pen, mark: int, ink: RGB) -> None:
    side = pen.unit
    if mark == 0:
        pen.ring(side / 2, side / 2, side * 0.46, side * 0.16, ink)
    elif mark == 1:
        pen.polygon([(side * 0.5, side * 0.04), (side * 0.96, side * 0.92), (side * 0.04, side * 0.92)], ink)
    elif mark == 2:
        for place, top in enumerate((0.5, 0.25, 0.02)):
            left = side * (0.06 + 0.32 * place)
            pen.box((left, side * top, left + side * 0.22, side * 0.96), ink, radius=side * 0.05)
    elif mark == 3:
        pen.circle(side * 0.36, side * 0.5, side * 0.34, ink)
        pen.circle(side * 0.66, side * 0.5, side * 0.30, fade(ink, 0.5))
    elif mark == 4:
        pen.box((side * 0.06, side * 0.06, side * 0.94, side * 0.94), ink, radius=side * 0.24)
    else:
        pen.box_with_corners(
            (side * 0.06, side * 0.06, side * 0.94, side * 0.94), ink, radius=side * 0.44, corners=(True, False, True, False)
        )
