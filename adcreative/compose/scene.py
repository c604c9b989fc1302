"""The drawing of an ad as plain data in px, with two outputs: pixels by Skia, and an SVG with text as text.

Items are in drawing order. Each has a role, so that a check can draw an ad without one item.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

import cv2
import numpy as np
import skia
from PIL import Image

from adcreative.compose.fonts import typeface
from adcreative.compose.parts import Box
from adcreative.compose.typesetting import Type, directed, is_right_to_left, line_width, paragraph


@dataclass(frozen=True)
class Fill:
    """A rectangle with round corners, or an ellipse. shadow: blur in px, 0 for none; outline: px, 0 fills."""

    box: Box
    colour: str
    radius: float = 0.0
    opacity: float = 1.0
    shadow: float = 0.0
    outline: float = 0.0
    role: str = ""


@dataclass(frozen=True)
class Scrim:
    """A darkening or lightening gradient behind words. stops: (position along the axis from 0 to 1, opacity)."""

    box: Box
    colour: str
    stops: tuple[tuple[float, float], ...]
    vertical: bool = True
    role: str = ""


@dataclass(frozen=True)
class Picture:
    """A picture that fills its box: cropped, and in its drawn size in px."""

    box: Box
    pixels: Image.Image = field(repr=False)
    radius: float = 0.0
    role: str = "photo"


@dataclass(frozen=True)
class Line:
    """A stroke through points in px."""

    points: tuple[tuple[float, float], ...]
    width: float
    colour: str
    role: str = ""


@dataclass(frozen=True)
class Words:
    """Lines of text: (text, x of the left end, y of the baseline). struck: with a strikethrough, as for old prices."""

    lines: tuple[tuple[str, float, float], ...]
    size: float
    kind: Type
    colour: str
    role: str
    box: Box
    struck: bool = False


Item = Fill | Scrim | Picture | Line | Words


@dataclass(frozen=True, eq=False)
class Scene:
    """All items of an ad and its size in px."""

    width: int
    height: int
    items: tuple[Item, ...]

    def draw(self, keep: Callable[[Item], bool] = lambda item: True) -> np.ndarray:
        """Return the picture [H, W, 3] uint8 of the items accepted by `keep`."""
        pixels = np.full((self.height, self.width, 4), 255, np.uint8)
        canvas = skia.Surface(pixels, colorType=skia.kRGBA_8888_ColorType).getCanvas()
        for item in self.items:
            if keep(item):
                _PAINTERS[type(item)](canvas, item)
        return cv2.cvtColor(pixels, cv2.COLOR_RGBA2RGB)

    def svg(self) -> str:
        """Return the drawing as SVG 1.1: text as text, a line a tspan; pictures embedded."""
        body = "\n".join(_WRITERS[type(item)](item, f"i{number}") for number, item in enumerate(self.items))
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="{self.width}" '
            f'height="{self.height}" viewBox="0 0 {self.width} {self.height}">\n{body}\n</svg>\n'
        )


def draw_alpha(item: Item, cover_u8: np.ndarray) -> None:
    """Draw the coverage of one item, 0..255, into [H, W] uint8."""
    _PAINTERS[type(item)](skia.Surface(cover_u8, colorType=skia.kAlpha_8_ColorType).getCanvas(), item)


def argb(colour: str, opacity: float = 1.0) -> int:
    """Return "#rrggbb" with an opacity as Skia colour."""
    return (round(255 * opacity) << 24) | int(colour[1:], 16)


def _paint(colour: str, opacity: float = 1.0) -> skia.Paint:
    return skia.Paint(Color=argb(colour, opacity), AntiAlias=True)


def _rounded(box: Box, radius: float) -> skia.RRect:
    return skia.RRect.MakeRectXY(skia.Rect.MakeLTRB(*box), radius, radius)


def _paint_fill(canvas: skia.Canvas, item: Fill) -> None:
    if item.shadow:
        shadow = _paint("#000000", 0.22)
        shadow.setMaskFilter(skia.MaskFilter.MakeBlur(skia.kNormal_BlurStyle, item.shadow / 2))
        canvas.save()
        canvas.translate(0, item.shadow / 3)
        canvas.drawRRect(_rounded(item.box, item.radius), shadow)
        canvas.restore()
    paint = _paint(item.colour, item.opacity)
    if item.outline:
        paint.setStyle(skia.Paint.kStroke_Style)
        paint.setStrokeWidth(item.outline)
    canvas.drawRRect(_rounded(item.box, item.radius), paint)


def _paint_scrim(canvas: skia.Canvas, item: Scrim) -> None:
    box = item.box
    ends = [skia.Point(box.x0, box.y0), skia.Point(box.x0, box.y1) if item.vertical else skia.Point(box.x1, box.y0)]
    colours = [argb(item.colour, opacity) for _, opacity in item.stops]
    paint = skia.Paint(Shader=skia.GradientShader.MakeLinear(ends, colours, [place for place, _ in item.stops]))
    canvas.drawRect(skia.Rect.MakeLTRB(*box), paint)


def _paint_picture(canvas: skia.Canvas, item: Picture) -> None:
    rgba = np.asarray(item.pixels)
    rgba = cv2.cvtColor(rgba, cv2.COLOR_RGB2RGBA) if rgba.shape[2] == 3 else np.ascontiguousarray(rgba)
    image = skia.Image.fromarray(rgba, colorType=skia.kRGBA_8888_ColorType)
    between = item.box.x0 % 1 or item.box.y0 % 1 or (item.box.width, item.box.height) != item.pixels.size
    canvas.save()
    if item.radius:
        canvas.clipRRect(_rounded(item.box, item.radius), doAntiAlias=True)
    canvas.drawImageRect(
        image,
        skia.Rect.MakeLTRB(*item.box),
        skia.SamplingOptions(skia.FilterMode.kLinear if between else skia.FilterMode.kNearest),
    )
    canvas.restore()


def _paint_line(canvas: skia.Canvas, item: Line) -> None:
    paint = _paint(item.colour)
    paint.setStyle(skia.Paint.kStroke_Style)
    paint.setStrokeWidth(item.width)
    paint.setStrokeCap(skia.Paint.kRound_Cap)
    paint.setStrokeJoin(skia.Paint.kRound_Join)
    path = skia.Path()
    path.moveTo(*item.points[0])
    for point in item.points[1:]:
        path.lineTo(*point)
    canvas.drawPath(path, paint)


def _paint_words(canvas: skia.Canvas, item: Words) -> None:
    for text, x, baseline in item.lines:
        line = paragraph(item.kind, ((directed(text, item.kind), item.size),), argb(item.colour))
        line.paint(canvas, x, baseline - line.AlphabeticBaseline)
        if item.struck:
            _paint_line(canvas, _strike(item, text, x, baseline))


def _strike(item: Words, text: str, x: float, baseline: float) -> Line:
    y, width = baseline - 0.3 * item.size, line_width(text, item.kind) * item.size
    return Line(((x, y), (x + width, y)), max(1.5, 0.07 * item.size), item.colour, item.role)


_PAINTERS: dict[type, Callable[..., None]] = {
    Fill: _paint_fill,
    Scrim: _paint_scrim,
    Picture: _paint_picture,
    Line: _paint_line,
    Words: _paint_words,
}


def _rect(box: Box, radius: float) -> str:
    return f'<rect x="{box.x0:.2f}" y="{box.y0:.2f}" width="{box.width:.2f}" height="{box.height:.2f}" rx="{radius:.2f}"'


def _write_fill(item: Fill, name: str) -> str:
    ink = f'fill="none" stroke="{item.colour}" stroke-width="{item.outline:.2f}"' if item.outline else f'fill="{item.colour}"'
    shadow = (
        f' style="filter:drop-shadow(0 {item.shadow / 3:.1f}px {item.shadow / 2:.1f}px rgba(0,0,0,.22))"' if item.shadow else ""
    )
    return f'{_rect(item.box, item.radius)} {ink} opacity="{item.opacity:.3f}"{shadow}/>'


def _write_scrim(item: Scrim, name: str) -> str:
    stops = "".join(
        f'<stop offset="{place:.3f}" stop-color="{item.colour}" stop-opacity="{opacity:.3f}"/>' for place, opacity in item.stops
    )
    axis = 'x2="0" y2="1"' if item.vertical else 'x2="1" y2="0"'
    return (
        f'<linearGradient id="{name}" x1="0" y1="0" {axis}>{stops}</linearGradient>{_rect(item.box, 0)} fill="url(#{name})"/>'
    )


def _write_picture(item: Picture, name: str) -> str:
    data, clear = io.BytesIO(), item.pixels.mode == "RGBA"
    item.pixels.save(data, "PNG") if clear else item.pixels.save(data, "JPEG", quality=90)
    source = f"data:image/{'png' if clear else 'jpeg'};base64,{base64.b64encode(data.getvalue()).decode()}"
    clip = f'<clipPath id="{name}">{_rect(item.box, item.radius)}/></clipPath>' if item.radius else ""
    box = f'x="{item.box.x0:.2f}" y="{item.box.y0:.2f}" width="{item.box.width:.2f}" height="{item.box.height:.2f}"'
    use = f' clip-path="url(#{name})"' if item.radius else ""
    return f'{clip}<image id="{name}-{item.role}" {box} preserveAspectRatio="none"{use} xlink:href="{source}"/>'


def _write_line(item: Line, name: str) -> str:
    points = " ".join(f"{x:.2f},{y:.2f}" for x, y in item.points)
    round_ends = 'stroke-linecap="round" stroke-linejoin="round"'
    return f'<polyline points="{points}" fill="none" stroke="{item.colour}" stroke-width="{item.width:.2f}" {round_ends}/>'


def _write_words(item: Words, name: str) -> str:
    face = typeface(item.kind.faces[0])
    families = ", ".join(f"'{escape(typeface(each).getFamilyName())}'" for each in item.kind.faces)
    to_left = is_right_to_left(item.kind.language)
    lines = "".join(
        f'<tspan x="{x + (line_width(text, item.kind) * item.size if to_left else 0):.2f}" y="{y:.2f}">{escape(text)}</tspan>'
        for text, x, y in item.lines
    )
    struck = ' text-decoration="line-through"' if item.struck else ""
    direction = ' direction="rtl"' if to_left else ""
    return (
        f'<text id="{name}-{item.role}" xml:lang="{escape(item.kind.language)}" font-family="{families}" '
        f'font-weight="{face.fontStyle().weight()}" font-size="{item.size:.2f}" '
        f'letter-spacing="{item.kind.tracking * item.size:.2f}" fill="{item.colour}"{struck}{direction}>{lines}</text>'
    )


_WRITERS: dict[type, Callable[..., str]] = {
    Fill: _write_fill,
    Scrim: _write_scrim,
    Picture: _write_picture,
    Line: _write_line,
    Words: _write_words,
}


def encode(image: Image.Image, max_bytes: int | None = None, photographic: bool = True) -> tuple[bytes, str]:
    """Return a picture as encoded file and suffix: the best JPEG or PNG of at most max_bytes.

    PNG for drawings, or if small enough; else JPEG at the highest quality of 95 to 40 that fits.
    """
    if not photographic or max_bytes is not None:
        png = _file(image, "PNG", optimize=True)
        if max_bytes is None or len(png) <= max_bytes:
            return png, ".png"
    qualities: Sequence[int] = (92,) if max_bytes is None else (95, 92, 88, 84, 78, 70, 60, 50, 40)
    for quality in qualities:
        jpeg = _file(image, "JPEG", quality=quality, subsampling=0 if quality > 80 else 2)
        if max_bytes is None or len(jpeg) <= max_bytes:
            break
    return jpeg, ".jpg"


def _file(image: Image.Image, kind: str, **options: int | bool) -> bytes:
    data = io.BytesIO()
    image.save(data, kind, **options)
    return data.getvalue()
