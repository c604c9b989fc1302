"""Drawn product shapes: flat, two tones and a highlight, in the brand's colours. The parts are defined in shapes.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from adcreative.market.brands import RGB, Palette, read_market
from adcreative.market.pen import Pen, fade, mix

WHITE: RGB = (255, 255, 255)
INK: RGB = (34, 36, 42)
HANDLE = 0.035  # thickness of an arc, in sides
PRODUCTS: Mapping[str, list[dict[str, Any]]] = read_market("shapes")


def draw_product(name: str, pen: Pen, palette: Palette, left: float, top: float, side: float) -> None:
    """Draw a product into the square with top left corner (left, top), in pixels of the pen."""

    def place(point: list[float]) -> tuple[float, float]:
        return left + point[0] * side, top + point[1] * side

    for shape in PRODUCTS[name]:
        fill: Any = _colour(shape["colour"], palette)
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


def _colour(said: Any, palette: Palette) -> Any:
    """Return the RGB or RGBA of a colour of shapes.yaml."""
    if isinstance(said, str):
        return {"white": WHITE, "ink": INK}.get(said) or getattr(palette, said)
    if isinstance(said, list):
        return tuple(said)
    if "mix" in said:
        one, another, share = said["mix"]
        return mix(_colour(one, palette), _colour(another, palette), share)
    one, opacity = said["fade"]
    return fade(_colour(one, palette), opacity)
