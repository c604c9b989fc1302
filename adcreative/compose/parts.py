"""What a composed ad is made of, already prepared: photos with what must not be cut, a logo, palettes, typefaces.

Records alone; who fills them is `assets` and `brief`, who sets them is `render`.
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
# What a message is in an ad, in the order in which it is read when nothing else leads.
ROLES = ("headline", "subline", "offer", "price", "old_price", "proof", "badge", "button", "legal", "brand")


class Box(NamedTuple):
    """A rectangle, in fractions of a picture (0..1) or in px; x1 and y1 lie outside."""

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
    """A photograph to set.

    pixels: RGB. focus: what must not be cut, faces and the thing that is sold, as fractions of the picture, best first.
    cutout: RGBA of the same size, None where its edge is poor. words_may_lie: whether words may lie on the photo.
    quiet: [H', W'] saliency in 0..1, low where words disturb nothing; None when unknown. shows: what is seen, in words.
    consent_id: records of those shown.
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
        """The cut-out [H, W, 4], empty where there is none."""
        return np.zeros((0, 0, 4), np.uint8) if self.cutout is None else np.asarray(self.cutout)


def once_a_photo(find: Callable[[Photo], Found]) -> Callable[[Photo], Found]:
    """Return a function that finds something in a photo once, and forgets it with the photo."""
    kept: WeakKeyDictionary[Photo, Found] = WeakKeyDictionary()

    @wraps(find)
    def find_once(photo: Photo) -> Found:
        if photo not in kept:
            kept[photo] = find(photo)
        return kept[photo]

    return find_once


@dataclass(frozen=True)
class Palette:
    """Colour roles as "#rrggbb". Contrast of ground with ink and of accent with on_accent is at least 4.5:1 (WCAG 2.2)."""

    ground: str
    ink: str
    accent: str
    on_accent: str
    soft: str


@dataclass(frozen=True)
class Typefaces:
    """Font files (TrueType or OpenType) for large lines and for the rest; the same file may serve both."""

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
