"""Ads drawn for tests: known words at known places, in a font that every machine has; and a reader that knows them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from adcreative.lettering import BlockLine, Placed, TextBlock, TextLine

GROUND, INK, SOFT, BUTTON, WHITE = (236, 228, 214), (36, 32, 60), (84, 80, 104), (20, 70, 140), (255, 255, 255)
HEADLINE, BODY, LABEL, BRAND = "Sleep better tonight", "Soft pillows, made by hand", "Order now", "Somnia"


def letters(size_px: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size_px)
    assert isinstance(font, ImageFont.FreeTypeFont)
    return font.font_variant(layout_engine=ImageFont.Layout.BASIC)


def drawn_ad(ground: np.ndarray | None = None, *, width: int = 480, height: int = 480) -> np.ndarray:
    """Return an ad [H, W, 3]: brand at the top, headline in two lines, a line of text, a button; all at the left."""
    picture = Image.new("RGB", (width, height), GROUND) if ground is None else Image.fromarray(ground)
    draw = ImageDraw.Draw(picture)
    draw.text((30, 24), BRAND, font=letters(20), fill=INK)
    draw.text((30, 110), "Sleep better", font=letters(46), fill=INK, stroke_width=1)
    draw.text((30, 164), "tonight", font=letters(46), fill=INK, stroke_width=1)
    draw.text((30, 240), BODY, font=letters(22), fill=SOFT)
    draw.rounded_rectangle((30, 300, 190, 348), 24, fill=BUTTON)
    draw.text((110, 324), LABEL, font=letters(22), fill=WHITE, anchor="mm")
    return np.asarray(picture)


def line(text: str, x0: float, y0: float, x1: float, y1: float, confidence: float = 0.99) -> TextLine:
    quad = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], np.float32)
    return TextLine(text=text, quad_xy_px=quad, confidence=confidence)


LINES = [
    line(BRAND, 26, 22, 106, 52),
    line("Sleep better", 24, 108, 318, 166),
    line("tonight", 24, 164, 206, 224),
    line(BODY, 26, 238, 324, 272),
    line(LABEL, 56, 308, 164, 340),
]


class KnownReader:
    """Knows the lines of a picture; reads back what it is told to, line by line."""

    def __init__(self, lines: Sequence[TextLine] = LINES, back: dict[str, str] | None = None, said: Sequence[str] = ()) -> None:
        self.lines, self.back, self.said, self.num_read = list(lines), back or {}, list(said), 0

    content_hash = "known"

    def unread_letters(self, text: str) -> str:
        return "".join(char for char in text if "\u0400" <= char <= "\u04ff")

    def read(self, image_u8: np.ndarray, whole: tuple[int, int] | None = None) -> list[TextLine]:
        self.num_read += 1
        corners = np.concatenate([line.quad_xy_px for line in self.lines] or [np.zeros((1, 2))])
        height, width = image_u8.shape[:2]
        return self.lines if (corners.max(axis=0) <= (width, height)).all() else []  # of a part it says nothing

    def read_lines(self, crops_u8: Sequence[np.ndarray]) -> list[str]:
        return [self.said.pop(0) if self.said else "" for _ in crops_u8]


def placed(text: str, *, is_own_font: bool = True) -> Placed:
    """Return the record of a text that was set at the upper left in place of "Tea"."""
    line = BlockLine(text=text, box=(0, 0, 2, 2), confidence=0.9)
    block = TextBlock(lines=(line,), colour=INK, ground=GROUND, residual=0.0)
    return Placed(old="Tea", block=block, font="Lato", is_own_font=is_own_font)
