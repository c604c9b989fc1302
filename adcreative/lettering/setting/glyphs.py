"""Parameters of drawn letters (font, size, tracking, weight, softness, snapping to pixels), and drawing of their coverage.

Two kinds of rasteriser draw the text of pictures, and lines of the two drift apart by a letter's width:

    snapped   hinted outlines, every advance and every line a whole number of pixels (Pillow, GDI, old web pages)
    smooth   advances and positions in fractions of a pixel, kerned (design tools, browsers, print)

Knows fonts; no pictures of ads.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont, features
from scipy import ndimage

from adcreative.lettering.setting.fonts import FITTED as FONTS
from adcreative.lettering.setting.fonts import Typeface


@dataclass(frozen=True)
class Fitted:
    """Constants of this module, chosen by hand, checked by `pytest tests/lettering/setting/test_registration.py`."""

    oversampling: int = 4  # scale at which smooth letters are drawn before averaging


FITTED = Fitted()


@dataclass(frozen=True, kw_only=True)
class Lettering:
    """The style of drawn letters.

    tracking: space added between letters, a share of the size. stroke: outline that makes letters bolder, a share of the size.
    blur_px: deviation of the blur from scaling. is_snapped: see the module.
    """

    typeface: Typeface
    size_px: float
    tracking: float = 0.0
    stroke: float = 0.0
    blur_px: float = 0.0
    is_snapped: bool = True

    @classmethod
    def plain(cls, typeface: Typeface, size_px: float) -> Lettering:
        """Return a font at a size, as its family draws it."""
        return cls(typeface=typeface, size_px=size_px, stroke=typeface.stroke)

    @property
    def is_bold(self) -> bool:
        """Whether the strokes are bold: by the family's style, or by an outline."""
        return self.stroke >= FONTS.bold_stroke or any(word in self.typeface.style for word in ("Bold", "Black"))

    def scaled(self, scale: float) -> Lettering:
        """Return the same style at another size; snapped letters with a whole size keep a whole size."""
        size_px = self.size_px * scale
        if self.is_snapped and scale != 1.0 and self.size_px == round(self.size_px):
            size_px = float(max(1, round(size_px)))
        return replace(self, size_px=size_px)

    def length(self, text: str) -> float:
        """Return the advance of a text, px."""
        if self.is_snapped:
            return float(self.typeface.at(self.size_px).getlength(text))
        length = _smooth_font(self.typeface, self.size_px).getlength(text) / FITTED.oversampling
        return float(length + self.tracking * self.size_px * len(text))

    def ink_box(self, text: str) -> tuple[int, int, int, int]:
        """Return the box of a line's ink relative to the start of its baseline: x0, y0, x1, y1 in px, end exclusive.

        Ink is coverage above one half, as in pictures (lettering/reading/ink).
        """
        return _ink_box(self, text)

    def room_px(self, text: str) -> float:
        """Return an upper bound of the width of a line's ink and advance, without drawing, px."""
        x0, _, x1, _ = self._bounds(text)
        return x1 - x0

    def _bounds(self, text: str) -> tuple[float, float, float, float]:
        """Return a box around a line's ink and advance, relative to the start of its baseline, px."""
        stroke = self.stroke * self.size_px
        if self.is_snapped:
            box = self.typeface.at(self.size_px).getbbox(text, anchor="ls", stroke_width=stroke)
            return float(box[0]), float(box[1]), float(box[2]), float(box[3])
        font = _smooth_font(self.typeface, self.size_px)
        x0, y0, x1, y1 = font.getbbox(text, anchor="ls", stroke_width=stroke * FITTED.oversampling)
        added = self.tracking * self.size_px * max(0, len(text) - 1)
        return x0 / FITTED.oversampling, y0 / FITTED.oversampling, x1 / FITTED.oversampling + added, y1 / FITTED.oversampling

    def draw(self, text: str, x: float, y: float) -> tuple[np.ndarray, int, int]:
        """Draw a line with its baseline starting at x, y (px).

        Returns:
            coverage [h, w] float32 0..1, and the pixel of its upper left corner: column, row.
        """
        sharp = replace(self, blur_px=0.0) if self.blur_px else self
        if self.is_snapped:  # the same pixels at any position
            coverage, left, top = _draw_snapped(sharp, text)
            left, top = left + int(np.floor(x + 0.5)), top + int(np.floor(y + 0.5))
        else:
            coverage, left, top = _draw_smooth(sharp, text, float(x), float(y))
        if self.blur_px <= 0.0:
            return coverage, left, top
        pad = int(np.ceil(3.0 * self.blur_px))
        soft = ndimage.gaussian_filter(np.pad(coverage, pad), self.blur_px, mode="constant", truncate=3.0)
        return soft, left - pad, top - pad

    def _draw_at(self, text: str, x: float, y: float) -> tuple[np.ndarray, int, int]:
        """Draw a line without blur."""
        x0, y0, x1, y1 = self._bounds(text)
        pad = 2
        left, top = int(np.floor(x + x0)) - pad, int(np.floor(y + y0)) - pad
        width, height = int(np.ceil(x + x1)) + pad - left, int(np.ceil(y + y1)) + pad - top
        scale = 1 if self.is_snapped else FITTED.oversampling
        mask = Image.new("L", (width * scale, height * scale), 0)
        self._draw_on(ImageDraw.Draw(mask), text, (x - left) * scale, (y - top) * scale)
        if scale > 1:
            mask = mask.reduce(scale)
        return np.asarray(mask, np.float32) / 255.0, left, top

    def _draw_on(self, draw: ImageDraw.ImageDraw, text: str, x: float, y: float) -> None:
        stroke = self.stroke * self.size_px
        if self.is_snapped:
            draw.text((x, y), text, font=self.typeface.at(self.size_px), fill=255, anchor="ls", stroke_width=stroke)
            return
        font, stroke = _smooth_font(self.typeface, self.size_px), stroke * FITTED.oversampling
        if not self.tracking:
            draw.text((x, y), text, font=font, fill=255, anchor="ls", stroke_width=stroke)
            return
        step = self.tracking * self.size_px * FITTED.oversampling
        for k, char in enumerate(text):
            place = x + font.getlength(text[: k + 1]) - font.getlength(char) + k * step
            draw.text((place, y), char, font=font, fill=255, anchor="ls", stroke_width=stroke)


@lru_cache(maxsize=256)
def _draw_snapped(lettering: Lettering, text: str) -> tuple[np.ndarray, int, int]:
    coverage, left, top = lettering._draw_at(text, 0.0, 0.0)
    coverage.flags.writeable = False  # shared by callers
    return coverage, left, top


@lru_cache(maxsize=16)
def _draw_smooth(lettering: Lettering, text: str, x: float, y: float) -> tuple[np.ndarray, int, int]:
    """Draw smooth letters, with a cache: a fit needs the same letters for comparison, for gradients, and for blurring."""
    coverage, left, top = lettering._draw_at(text, x, y)
    coverage.flags.writeable = False  # shared by callers
    return coverage, left, top


@lru_cache(maxsize=4096)
def _ink_box(lettering: Lettering, text: str) -> tuple[int, int, int, int]:
    coverage, left, top = lettering.draw(text, 0.0, 0.0)
    rows, columns = np.flatnonzero((coverage > 0.5).any(axis=1)), np.flatnonzero((coverage > 0.5).any(axis=0))
    if not len(rows) or not len(columns):
        return 0, 0, 0, 0
    return left + int(columns[0]), top + int(rows[0]), left + int(columns[-1]) + 1, top + int(rows[-1]) + 1


def paste_coverage(canvas: np.ndarray, coverage: np.ndarray, left: int, top: int) -> None:
    """Combine a line's coverage with that of a picture [H, W], in place, clipped to the picture."""
    height, width = canvas.shape
    x0, y0, x1, y1 = max(0, left), max(0, top), min(width, left + coverage.shape[1]), min(height, top + coverage.shape[0])
    if x1 > x0 and y1 > y0:
        part = canvas[y0:y1, x0:x1]
        np.maximum(part, coverage[y0 - top : y1 - top, x0 - left : x1 - left], out=part)


@lru_cache(maxsize=512)
def _smooth_font(typeface: Typeface, size_px: float) -> ImageFont.FreeTypeFont:
    """Return the font at FITTED.oversampling times the size, with the kerning of its tables if Pillow can read them."""
    font = typeface.at(size_px * FITTED.oversampling)
    has_kerning = features.check("raqm") and features.check("fribidi")
    return font.font_variant(layout_engine=ImageFont.Layout.RAQM) if has_kerning else font
