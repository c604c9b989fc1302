"""Material of a simulated brand for composing ads: a portrait, a product with its mask, colours, lines by role.

Knows no layouts; the caller composes the parts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from adcreative.market.backdrops import draw_ground, draw_motif
from adcreative.market.brands import CATEGORIES, RGB, VOICES, Brand
from adcreative.market.lines import draw_speaker
from adcreative.market.pen import WHITE, Pen, draw_product

PRODUCT_PX, PORTRAIT_PX = 1080, 720
STAGE = (0.18, 0.16, 0.64)  # of a product's picture: left, top and side of the product
PROOFS = ("Rated 4.8 by {people}", "Chosen by {crowd} {people}", "{number} years of {topic}")
NUM_HEADLINES, NUM_LINES = 4, 2
BLACK: RGB = (0, 0, 0)


@dataclass(frozen=True, eq=False)
class Material:
    """A brand with material for its ads. portrait: [S, S, 3] uint8. product: [S, S, 3]; outline: [S, S] uint8 mask.

    lines: role in an ad -> possible lines.
    """

    brand: Brand
    portrait: np.ndarray
    product: np.ndarray
    outline: np.ndarray
    lines: Mapping[str, tuple[str, ...]]

    @property
    def colours(self) -> tuple[str, str]:
        """The main colour and the accent as "#rrggbb"."""
        main, accent = (
            f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in (self.brand.palette.main, self.brand.palette.accent)
        )
        return main, accent


def draw_material(brand: Brand, portrait: np.ndarray, rng: np.random.Generator) -> Material:
    """Draw a brand's material. portrait: [S, S, 3] uint8 of any size."""
    category = CATEGORIES[brand.category]
    picture, ground, tint = draw_ground(brand.palette, rng)
    pen = Pen(PRODUCT_PX, PRODUCT_PX, picture)
    draw_motif(str(rng.choice(category.motifs)), pen, ground, tint, rng)
    scene, product = pen.finish(), str(rng.choice(category.products))
    on_scene, on_white, on_black = (
        _with_product(one, product, brand)
        for one in (scene, *(Image.new("RGB", scene.size, colour) for colour in (WHITE, BLACK)))
    )
    apart = (on_white.astype(np.int16) - on_black).max(axis=2)
    person = Image.fromarray(portrait).resize((PORTRAIT_PX, PORTRAIT_PX), Image.Resampling.LANCZOS)
    return Material(
        brand=brand,
        portrait=np.asarray(person.filter(ImageFilter.UnsharpMask(radius=2, percent=80, threshold=2))),
        product=on_scene,
        outline=(255 - np.clip(apart, 0, 255)).astype(np.uint8),
        lines=_write_lines(brand, rng),
    )


def _with_product(ground: Image.Image, product: str, brand: Brand) -> np.ndarray:
    pen = Pen(*ground.size, ground)
    left, top, side = (share * PRODUCT_PX for share in STAGE)
    draw_product(product, pen, brand.palette, left, top, side)
    return np.asarray(pen.finish())


def _write_lines(brand: Brand, rng: np.random.Generator) -> dict[str, tuple[str, ...]]:
    voice, speaker = VOICES[brand.category], draw_speaker(brand.name, brand.category, rng=rng)

    def some(entries: Sequence[str], number: int) -> tuple[str, ...]:
        return tuple(str(one) for one in rng.choice(entries, min(number, len(entries)), replace=False))

    return {
        "headline": tuple(dict.fromkeys(speaker.write_headline(rng) for _ in range(NUM_HEADLINES))),
        "subline": some(voice.bodies, NUM_LINES),
        "offer": some(voice.offers, NUM_LINES),
        "proof": tuple(speaker.fill(frame, rng) for frame in PROOFS),
        "button": some(voice.buttons, NUM_LINES),
    }
