"""Drawn product shapes: flat, two tones and a highlight, in the brand's colours. One function a shape, one registry."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from adcreative.market.brands import RGB, Palette
from adcreative.market.pen import Pen, fade, mix

WHITE: RGB = (255, 255, 255)
INK: RGB = (34, 36, 42)


@dataclass(frozen=True)
class Stage:
    """A square to draw in: places are shares of its side, from its top left corner."""

    pen: Pen
    left: float
    top: float
    side: float
    palette: Palette

    def x(self, share: float) -> float:
        return self.left + share * self.side

    def y(self, share: float) -> float:
        return self.top + share * self.side

    def box(self, left: float, top: float, right: float, bottom: float, fill: object, radius: float = 0.0) -> None:
        bounds = (self.x(left), self.y(top), self.x(right), self.y(bottom))
        self.pen.box(bounds, fill, radius=radius * self.side)  # type: ignore[arg-type]

    def ellipse(self, left: float, top: float, right: float, bottom: float, fill: object) -> None:
        self.pen.ellipse(self.x(left), self.y(top), self.x(right), self.y(bottom), fill)  # type: ignore[arg-type]

    def polygon(self, *points: tuple[float, float], fill: object) -> None:
        self.pen.polygon([(self.x(a), self.y(b)) for a, b in points], fill)  # type: ignore[arg-type]

    def line(self, *points: tuple[float, float], thickness: float, colour: object) -> None:
        scaled = [(self.x(a), self.y(b)) for a, b in points]
        self.pen.line(scaled, thickness * self.side, colour)  # type: ignore[arg-type]

    def arc(self, left: float, top: float, right: float, bottom: float, colour: RGB) -> None:
        """Draw the upper half of an ellipse as a handle."""
        bounds = (self.x(left), self.y(top), self.x(right), self.y(bottom))
        self.pen.arc(bounds, 180, 360, 0.035 * self.side, colour)

    def shadow(self, left: float = 0.18, right: float = 0.82) -> None:
        self.ellipse(left, 0.91, right, 0.99, fade(INK, 0.16))


def draw_bottle(stage: Stage) -> None:
    main, deep = stage.palette.main, stage.palette.deep
    stage.shadow(0.28, 0.72)
    stage.box(0.42, 0.05, 0.58, 0.16, deep, 0.02)
    stage.polygon((0.44, 0.15), (0.56, 0.15), (0.67, 0.32), (0.33, 0.32), fill=main)
    stage.box(0.33, 0.29, 0.67, 0.95, main, 0.05)
    stage.box(0.33, 0.48, 0.67, 0.76, mix(WHITE, stage.palette.pale, 0.6))
    stage.box(0.40, 0.55, 0.60, 0.58, deep)
    stage.box(0.43, 0.62, 0.57, 0.64, mix(deep, WHITE, 0.4))
    stage.box(0.37, 0.32, 0.41, 0.92, fade(WHITE, 0.30), 0.02)


def draw_tube(stage: Stage) -> None:
    pale, deep, accent = stage.palette.pale, stage.palette.deep, stage.palette.accent
    stage.shadow(0.30, 0.70)
    stage.box(0.36, 0.05, 0.64, 0.09, mix(pale, deep, 0.25))
    stage.polygon((0.34, 0.08), (0.66, 0.08), (0.62, 0.78), (0.38, 0.78), fill=mix(pale, WHITE, 0.4))
    stage.polygon((0.36, 0.30), (0.64, 0.30), (0.635, 0.56), (0.365, 0.56), fill=stage.palette.main)
    stage.box(0.42, 0.38, 0.58, 0.41, WHITE)
    stage.box(0.45, 0.45, 0.55, 0.47, fade(WHITE, 0.7))
    stage.box(0.39, 0.78, 0.61, 0.95, accent, 0.02)
    stage.polygon((0.37, 0.10), (0.40, 0.10), (0.425, 0.77), (0.40, 0.77), fill=fade(WHITE, 0.55))


def draw_phone(stage: Stage) -> None:
    palette = stage.palette
    stage.shadow(0.26, 0.74)
    stage.box(0.27, 0.04, 0.73, 0.96, INK, 0.07)
    stage.box(0.295, 0.07, 0.705, 0.93, mix(palette.pale, WHITE, 0.5), 0.05)
    stage.box(0.44, 0.085, 0.56, 0.11, INK, 0.012)
    stage.box(0.33, 0.16, 0.67, 0.40, palette.main, 0.03)
    stage.line((0.36, 0.35), (0.44, 0.28), (0.52, 0.31), (0.63, 0.21), thickness=0.018, colour=WHITE)
    for row in range(3):
        top = 0.46 + 0.11 * row
        stage.ellipse(0.33, top, 0.40, top + 0.07, mix(palette.main, WHITE, 0.45))
        stage.box(0.43, top + 0.01, 0.66, top + 0.03, mix(palette.deep, WHITE, 0.45), 0.01)
        stage.box(0.43, top + 0.045, 0.58, top + 0.06, mix(palette.deep, WHITE, 0.7), 0.01)
    stage.box(0.36, 0.81, 0.64, 0.89, palette.accent, 0.04)


def draw_laptop(stage: Stage) -> None:
    palette = stage.palette
    stage.shadow(0.05, 0.95)
    stage.box(0.12, 0.22, 0.88, 0.80, INK, 0.035)
    stage.box(0.15, 0.25, 0.85, 0.77, mix(palette.pale, WHITE, 0.6), 0.015)
    stage.box(0.15, 0.25, 0.30, 0.77, palette.deep, 0.015)
    for row in range(4):
        stage.box(0.18, 0.33 + 0.08 * row, 0.27, 0.35 + 0.08 * row, fade(WHITE, 0.55), 0.01)
    for column, height in enumerate((0.12, 0.20, 0.16, 0.28, 0.24)):
        left = 0.36 + 0.09 * column
        stage.box(left, 0.71 - height, left + 0.055, 0.71, palette.accent if column == 3 else palette.main, 0.01)
    stage.box(0.36, 0.31, 0.62, 0.345, mix(palette.deep, WHITE, 0.3), 0.01)
    stage.polygon((0.12, 0.80), (0.88, 0.80), (0.97, 0.92), (0.03, 0.92), fill=(196, 200, 206))
    stage.box(0.03, 0.91, 0.97, 0.94, (160, 164, 172), 0.015)


def draw_cup(stage: Stage) -> None:
    palette = stage.palette
    stage.shadow(0.25, 0.75)
    stage.polygon((0.28, 0.20), (0.72, 0.20), (0.65, 0.95), (0.35, 0.95), fill=mix(WHITE, palette.pale, 0.5))
    stage.polygon((0.30, 0.40), (0.70, 0.40), (0.67, 0.73), (0.33, 0.73), fill=palette.main)
    stage.ellipse(0.43, 0.48, 0.57, 0.62, mix(palette.pale, WHITE, 0.4))
    stage.box(0.25, 0.13, 0.75, 0.22, palette.deep, 0.03)
    stage.box(0.31, 0.07, 0.69, 0.14, palette.deep, 0.03)
    stage.polygon((0.32, 0.23), (0.36, 0.23), (0.40, 0.93), (0.375, 0.93), fill=fade(WHITE, 0.5))


def draw_bowl(stage: Stage) -> None:
    palette = stage.palette
    stage.shadow(0.18, 0.82)
    for x, y, size, colour in ((0.20, 0.34, 0.26, (98, 160, 82)), (0.36, 0.26, 0.28, (230, 120, 70)),
                               (0.55, 0.32, 0.26, (244, 196, 84)), (0.44, 0.38, 0.22, (196, 62, 58))):  # fmt: skip
        stage.ellipse(x, y, x + size, y + size, colour)
    stage.pen.polygon([(stage.x(0.5 + 0.40 * a), stage.y(0.52 + 0.40 * b)) for a, b in _half_circle()], palette.main)
    stage.box(0.08, 0.49, 0.92, 0.55, mix(palette.main, WHITE, 0.25), 0.03)
    stage.box(0.36, 0.89, 0.64, 0.95, palette.deep, 0.02)


def _half_circle() -> list[tuple[float, float]]:
    return [(x / 20 - 1.0, (1.0 - (x / 20 - 1.0) ** 2) ** 0.5) for x in range(41)]


def draw_suitcase(stage: Stage) -> None:
    palette = stage.palette
    stage.shadow(0.2, 0.8)
    stage.box(0.40, 0.04, 0.43, 0.26, (150, 154, 160))
    stage.box(0.57, 0.04, 0.60, 0.26, (150, 154, 160))
    stage.box(0.38, 0.03, 0.62, 0.07, INK, 0.02)
    stage.box(0.22, 0.22, 0.78, 0.92, palette.main, 0.07)
    for place in (0.34, 0.46, 0.58):
        stage.box(place, 0.26, place + 0.03, 0.88, mix(palette.main, palette.deep, 0.45), 0.01)
    stage.box(0.66, 0.26, 0.69, 0.88, fade(WHITE, 0.30), 0.01)
    stage.box(0.40, 0.42, 0.60, 0.54, palette.accent, 0.02)
    for place in (0.28, 0.64):
        stage.box(place, 0.91, place + 0.08, 0.97, INK, 0.03)


def draw_passport(stage: Stage) -> None:
    palette = stage.palette
    stage.shadow(0.22, 0.80)
    stage.polygon((0.34, 0.08), (0.86, 0.16), (0.80, 0.60), (0.30, 0.52), fill=WHITE)
    stage.box(0.66, 0.26, 0.78, 0.30, palette.accent)
    stage.box(0.22, 0.22, 0.70, 0.95, palette.deep, 0.04)
    stage.ellipse(0.32, 0.36, 0.60, 0.64, mix(palette.deep, (236, 200, 120), 0.8))
    stage.ellipse(0.35, 0.39, 0.57, 0.61, palette.deep)
    stage.ellipse(0.41, 0.39, 0.51, 0.61, mix(palette.deep, (236, 200, 120), 0.5))
    stage.box(0.33, 0.74, 0.59, 0.78, mix(palette.deep, (236, 200, 120), 0.8))
    stage.box(0.38, 0.83, 0.54, 0.86, mix(palette.deep, (236, 200, 120), 0.5))


def draw_card(stage: Stage) -> None:
    palette = stage.palette
    stage.shadow(0.10, 0.90)
    stage.polygon((0.16, 0.30), (0.90, 0.16), (0.97, 0.58), (0.23, 0.74), fill=mix(palette.main, WHITE, 0.35))
    stage.box(0.06, 0.38, 0.84, 0.88, palette.deep, 0.05)
    stage.polygon((0.50, 0.38), (0.79, 0.38), (0.62, 0.88), (0.33, 0.88), fill=fade(WHITE, 0.08))
    stage.box(0.13, 0.50, 0.26, 0.60, (228, 190, 110), 0.02)
    for group in range(4):
        stage.box(0.13 + 0.16 * group, 0.68, 0.25 + 0.16 * group, 0.705, fade(WHITE, 0.85), 0.01)
    stage.box(0.13, 0.77, 0.40, 0.80, fade(WHITE, 0.55), 0.01)
    stage.ellipse(0.62, 0.73, 0.71, 0.82, palette.accent)
    stage.ellipse(0.68, 0.73, 0.77, 0.82, fade(mix(palette.accent, WHITE, 0.5), 0.8))


def draw_bag(stage: Stage) -> None:
    palette = stage.palette
    stage.shadow()
    stage.arc(0.34, 0.10, 0.66, 0.62, palette.deep)
    stage.polygon((0.22, 0.36), (0.78, 0.36), (0.86, 0.95), (0.14, 0.95), fill=palette.main)
    stage.polygon((0.22, 0.36), (0.78, 0.36), (0.795, 0.46), (0.205, 0.46), fill=mix(palette.main, palette.deep, 0.5))
    stage.ellipse(0.44, 0.58, 0.56, 0.70, palette.pale)
    stage.ellipse(0.47, 0.61, 0.53, 0.67, palette.main)
    stage.polygon((0.24, 0.48), (0.29, 0.48), (0.25, 0.93), (0.19, 0.93), fill=fade(WHITE, 0.22))


def draw_shoe_box(stage: Stage) -> None:
    palette = stage.palette
    stage.shadow(0.05, 0.95)
    stage.box(0.10, 0.64, 0.90, 0.95, palette.main, 0.01)
    stage.box(0.06, 0.58, 0.94, 0.68, palette.deep, 0.015)
    stage.box(0.40, 0.76, 0.60, 0.86, palette.pale, 0.01)
    stage.polygon((0.20, 0.24), (0.40, 0.22), (0.50, 0.33), (0.66, 0.40), (0.82, 0.43), (0.86, 0.52), (0.18, 0.52),
                  fill=mix(WHITE, palette.pale, 0.5))  # fmt: skip
    stage.polygon((0.20, 0.24), (0.30, 0.23), (0.33, 0.52), (0.18, 0.52), fill=palette.accent)
    stage.polygon((0.66, 0.40), (0.82, 0.43), (0.86, 0.52), (0.68, 0.52), fill=mix(palette.main, WHITE, 0.2))
    for place in range(3):
        stage.line((0.43 + 0.06 * place, 0.40 + 0.02 * place), (0.51 + 0.05 * place, 0.32 + 0.035 * place),
                   thickness=0.016, colour=INK)  # fmt: skip
    stage.box(0.15, 0.52, 0.89, 0.58, INK, 0.025)


def draw_dumbbell(stage: Stage) -> None:
    palette = stage.palette
    stage.shadow(0.06, 0.94)
    stage.box(0.24, 0.53, 0.76, 0.61, (170, 174, 182), 0.02)
    for left, top, colour in ((0.06, 0.42, INK), (0.13, 0.30, palette.main), (0.24, 0.24, palette.deep)):
        width = 0.10
        stage.box(left, top, left + width, 1.14 - top, colour, 0.03)
        stage.box(1.0 - left - width, top, 1.0 - left, 1.14 - top, colour, 0.03)
        stage.box(left + 0.015, top + 0.04, left + 0.035, 1.10 - top, fade(WHITE, 0.25), 0.01)


def draw_lamp(stage: Stage) -> None:
    palette = stage.palette
    stage.shadow(0.28, 0.72)
    stage.ellipse(0.02, 0.08, 0.98, 0.80, fade((255, 232, 170), 0.25))
    stage.ellipse(0.14, 0.16, 0.86, 0.70, fade((255, 232, 170), 0.30))
    stage.box(0.485, 0.48, 0.515, 0.92, palette.deep)
    stage.box(0.34, 0.90, 0.66, 0.95, palette.deep, 0.02)
    stage.polygon((0.36, 0.14), (0.64, 0.14), (0.80, 0.52), (0.20, 0.52), fill=palette.main)
    stage.polygon((0.40, 0.14), (0.47, 0.14), (0.40, 0.52), (0.27, 0.52), fill=fade((255, 244, 210), 0.5))


def draw_cushion(stage: Stage) -> None:
    palette = stage.palette
    stage.shadow(0.06, 0.94)
    stage.box(0.06, 0.40, 0.94, 0.90, palette.deep, 0.10)
    stage.box(0.02, 0.56, 0.20, 0.93, mix(palette.deep, WHITE, 0.12), 0.07)
    stage.box(0.80, 0.56, 0.98, 0.93, mix(palette.deep, WHITE, 0.12), 0.07)
    stage.box(0.19, 0.66, 0.81, 0.88, mix(palette.deep, WHITE, 0.22), 0.04)
    stage.polygon((0.26, 0.42), (0.52, 0.38), (0.57, 0.68), (0.29, 0.71), fill=palette.accent)
    stage.polygon((0.56, 0.44), (0.76, 0.46), (0.74, 0.70), (0.54, 0.69), fill=palette.main)
    stage.line((0.32, 0.45), (0.51, 0.64), thickness=0.014, colour=fade(WHITE, 0.6))
    stage.line((0.50, 0.43), (0.33, 0.66), thickness=0.014, colour=fade(WHITE, 0.6))


PRODUCTS: Mapping[str, Callable[[Stage], None]] = {
    "bottle": draw_bottle,
    "tube": draw_tube,
    "phone": draw_phone,
    "laptop": draw_laptop,
    "cup": draw_cup,
    "bowl": draw_bowl,
    "suitcase": draw_suitcase,
    "passport": draw_passport,
    "card": draw_card,
    "bag": draw_bag,
    "shoe_box": draw_shoe_box,
    "dumbbell": draw_dumbbell,
    "lamp": draw_lamp,
    "cushion": draw_cushion,
}
