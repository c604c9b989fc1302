"""An antialiased drawing pen: shapes are drawn at twice the size and averaged down; text is set at final size.

Coordinates are final pixels, floats allowed. The font is the one shipped with Pillow, so that pictures are equal everywhere.
Product shapes are flat, two tones and a highlight, in the brand's colours; their parts are defined in shapes.yaml.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from adcreative.lettering import wrap_evenly
from adcreative.market.brands import RGB, Palette, read_market

RGBA = tuple[int, int, int, int]
OVERSAMPLING = 2
_BOLD_STROKE = 0.024


def mix(first: RGB, second: RGB, share: float) -> RGB:
    """Return `first` with `share` (0..1) of `second` mixed in."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


def fade(colour: RGB, opacity: float) -> RGBA:
    """Return the colour with an opacity, 0..1."""
    return (*colour, round(255 * opacity))


def luma(colour: Sequence[float]) -> float:
    """Return perceived brightness, 0..255."""
    return 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]


class Pen:
    """Draws shapes on one picture of `width` x `height` px; `finish` returns the picture.

    A background of that size stays unchanged where nothing is drawn; a background of another size is stretched.
    """

    def __init__(self, width: int, height: int, ground: Image.Image) -> None:
        self.width, self.height = width, height
        self.unit = min(width, height)
        method = Image.Resampling.NEAREST if ground.size == (width, height) else Image.Resampling.BICUBIC
        self._image = ground.resize((width * OVERSAMPLING, height * OVERSAMPLING), method)
        self._draw = ImageDraw.Draw(self._image, "RGBA")

    def circle(self, x: float, y: float, radius: float, fill: RGB | RGBA) -> None:
        self.ellipse(x - radius, y - radius, x + radius, y + radius, fill)

    def ring(self, x: float, y: float, radius: float, thickness: float, colour: RGB | RGBA) -> None:
        box = self._scale((x - radius, y - radius, x + radius, y + radius))
        self._draw.ellipse(box, outline=colour, width=max(1, round(thickness * OVERSAMPLING)))

    def ellipse(self, left: float, top: float, right: float, bottom: float, fill: RGB | RGBA) -> None:
        self._draw.ellipse(self._scale((left, top, right, bottom)), fill=fill)

    def box(self, bounds: Sequence[float], fill: RGB | RGBA, *, radius: float = 0.0) -> None:
        """Fill the rectangle left, top, right, bottom, its corners rounded by `radius`."""
        self._draw.rounded_rectangle(self._scale(bounds), radius * OVERSAMPLING, fill=fill)

    def box_with_corners(
        self, bounds: Sequence[float], fill: RGB | RGBA, *, radius: float, corners: tuple[bool, bool, bool, bool]
    ) -> None:
        """Fill a rectangle with only the given corners (clockwise from top left) rounded."""
        self._draw.rounded_rectangle(self._scale(bounds), radius * OVERSAMPLING, fill=fill, corners=corners)

    def polygon(self, points: Sequence[tuple[float, float]], fill: RGB | RGBA) -> None:
        self._draw.polygon([(x * OVERSAMPLING, y * OVERSAMPLING) for x, y in points], fill=fill)

    def line(self, points: Sequence[tuple[float, float]], thickness: float, colour: RGB | RGBA) -> None:
        scaled = [(x * OVERSAMPLING, y * OVERSAMPLING) for x, y in points]
        self._draw.line(scaled, fill=colour, width=max(1, round(thickness * OVERSAMPLING)), joint="curve")

    def arc(self, bounds: Sequence[float], start: float, end: float, thickness: float, colour: RGB | RGBA) -> None:
        width = max(1, round(thickness * OVERSAMPLING))
        self._draw.arc(self._scale(bounds), start, end, fill=colour, width=width)

    def finish(self) -> Image.Image:
        """Return the picture at its final size, [RGB]."""
        return self._image.reduce(OVERSAMPLING)

    def _scale(self, bounds: Sequence[float]) -> list[float]:
        return [value * OVERSAMPLING for value in bounds]


@lru_cache(maxsize=128)
def font(size_px: int) -> ImageFont.FreeTypeFont:
    """Return Pillow's built-in font at a size."""
    loaded = ImageFont.load_default(size_px)
    if not isinstance(loaded, ImageFont.FreeTypeFont):
        raise RuntimeError("Pillow was built without FreeType, so ads cannot be rendered; install a Pillow wheel.")
    return loaded.font_variant(layout_engine=ImageFont.Layout.BASIC)


def wrap(text: str, size_px: int, width_px: float) -> list[str]:
    """Break text into lines no wider than `width_px` (a longer word gets its own line), then even out the line lengths."""
    return wrap_evenly(text, width_px, font(size_px).getlength)


def set_text(
    draw: ImageDraw.ImageDraw, place: tuple[float, float], text: str, *, size_px: int, fill: RGB, bold: bool, anchor: str = "la"
) -> None:
    """Draw one line of text; bold is a thin stroke, as the font has one weight."""
    stroke = size_px * _BOLD_STROKE if bold else 0.0
    draw.text(place, text, font=font(size_px), fill=fill, anchor=anchor, stroke_width=stroke, stroke_fill=fill)


WHITE: RGB = (255, 255, 255)
INK: RGB = (34, 36, 42)
HANDLE = 0.035  # thickness of an arc, in sides
PRODUCTS: Mapping[str, list[dict[str, Any]]] = read_market("shapes")


def draw_product(name: str, pen: Pen, palette: Palette, left: float, top: float, side: float) -> None:
    """Draw a product into the square with top left corner (left, top), in pixels of the pen."""

    def place(point: list[float]) -> tuple[float, float]:
        return left + point[0] * side, top + point[1] * side

    for shape in PRODUCTS[name]:
        fill = _fill(shape["colour"], palette)
        if "polygon" in shape:
            pen.polygon([place(point) for point in shape["polygon"]], fill)
        elif "line" in shape:
            pen.line([place(point) for point in shape["line"]], shape["thickness"] * side, fill)
        else:
            kind = next(one for one in ("box", "ellipse", "arc") if one in shape)
            bounds = (*place(shape[kind][:2]), *place(shape[kind][2:]))
            if kind == "box":
                pen.box(bounds, fill, radius=shape.get("radius", 0.0) * side)
            elif kind == "ellipse":
                pen.ellipse(*bounds, fill)
            else:
                pen.arc(bounds, 180, 360, HANDLE * side, fill)


def _fill(said: str | list[int] | dict[str, Any], palette: Palette) -> RGB | RGBA:
    """Return a colour of shapes.yaml, with its opacity if it has one."""
    if isinstance(said, dict) and "fade" in said:
        one, opacity = said["fade"]
        return fade(_colour(one, palette), opacity)
    return _colour(said, palette)


def _colour(said: str | list[int] | dict[str, Any], palette: Palette) -> RGB:
    if isinstance(said, str):
        return {"white": WHITE, "ink": INK}.get(said) or getattr(palette, said)
    if isinstance(said, list):
        red, green, blue = said
        return red, green, blue
    one, another, share = said["mix"]
    return mix(_colour(one, palette), _colour(another, palette), share)
