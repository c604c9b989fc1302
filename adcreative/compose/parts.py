"""The prepared parts of a composed ad: photos with areas that must not be cropped, a logo, palettes, typefaces.

Records only; `assets` and `brief` create them, `render` uses them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, wraps
from pathlib import Path
from typing import NamedTuple, TypeVar
from weakref import WeakKeyDictionary

import numpy as np
from PIL import Image

Found = TypeVar("Found")
# The role of a message in an ad, in the reading order without a leading one.
ROLES = ("headline", "subline", "offer", "price", "old_price", "proof", "badge", "button", "legal", "brand")
MOST_CHARACTERS = {
    "headline": 120,
    "subline": 220,
    "offer": 50,
    "price": 30,
    "old_price": 30,
    "proof": 110,
    "badge": 40,
    "button": 36,
    "legal": 320,
    "brand": 40,
}


class Box(NamedTuple):
    """A rectangle, in fractions of a picture (0..1) or in px; x1 and y1 are exclusive."""

    x0: float
    y0: float
    x1: float
    y1: float

    @property
    def width(self) -> float:
        return self.x1 - self.x0

    @property
    def height(self) -> float:
        return self.y1 - self.y0


@dataclass(frozen=True, eq=False)
class Photo:
    """A photograph of an ad.

    pixels: RGB. focus: areas that must not be cropped, faces and the product, as fractions of the picture, best first.
    cutout: RGBA of the same size, None for a poor edge. words_may_lie: whether words may be set on the photo.
    quiet: [H', W'] saliency in 0..1, low in quiet areas; None if unknown. shows: the content, in words.
    consent_id: consent records of the people shown.
    """

    pixels: Image.Image
    focus: tuple[Box, ...] = ()
    cutout: Image.Image | None = None
    words_may_lie: bool = True
    quiet: np.ndarray | None = field(default=None, repr=False)
    shows: str = ""
    consent_id: str = ""

    @cached_property
    def pixels_u8(self) -> np.ndarray:
        """The photo [H, W, 3]."""
        return np.asarray(self.pixels)

    @cached_property
    def cutout_u8(self) -> np.ndarray:
        """The cut-out [H, W, 4], empty without one."""
        return np.zeros((0, 0, 4), np.uint8) if self.cutout is None else np.asarray(self.cutout)


def once_a_photo(find: Callable[[Photo], Found]) -> Callable[[Photo], Found]:
    """Return a cached version of a function of a photo; a result is dropped with its photo."""
    kept: WeakKeyDictionary[Photo, Found] = WeakKeyDictionary()

    @wraps(find)
    def find_once(photo: Photo) -> Found:
        if photo not in kept:
            kept[photo] = find(photo)
        return kept[photo]

    return find_once


@dataclass(frozen=True)
class Palette:
    """Colour roles as "#rrggbb". Contrast of ground and ink, and of accent and on_accent, is at least 4.5:1 (WCAG 2.2)."""

    ground: str
    ink: str
    accent: str
    on_accent: str
    soft: str


@dataclass(frozen=True)
class Typefaces:
    """Font files (TrueType or OpenType) for large lines and for the rest, possibly the same file."""

    display: Path
    text: Path


@dataclass(frozen=True, eq=False)
class Parts:
    """All parts of one ad. logo: RGBA without a box of its own ground. language: BCP 47, such as "pt-BR"."""

    photos: tuple[Photo, ...]
    logo: Image.Image | None
    brand: str
    palettes: tuple[Palette, ...]
    typefaces: tuple[Typefaces, ...]
    language: str = "en"
