"""Drawn parts for tests of composed ads: a thing on plain ground, a patterned photo, a logo, a palette."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from adcreative.compose.fonts import open_pairs
from adcreative.compose.parts import Box, Palette, Parts, Photo

LIGHT = Palette("#ffffff", "#1b2430", "#0a5c4a", "#ffffff", "#eef2f0")
DARK = Palette("#132238", "#ffffff", "#ffc94a", "#132238", "#22364f")
TEXTS = {
    "headline": "Boots that survive a Nordic winter",
    "subline": "Hand-stitched leather, resoled for free for ten years.",
    "offer": "20% off this week",
    "price": "€129",
    "old_price": "€161",
    "proof": "Free returns for 60 days\nResoled for free\n4.8 of 5 from 2,310 buyers",
    "badge": "New season",
    "button": "Shop the sale",
    "legal": "Offer ends 30 November. While stocks last.",
}


def thing(width: int = 600, height: int = 600, ground: str = "#ffffff") -> Photo:
    """Return a round thing on plain ground, with its cut-out."""
    picture = Image.new("RGB", (width, height), ground)
    mask = Image.new("L", (width, height), 0)
    box = (0.3 * width, 0.3 * height, 0.7 * width, 0.7 * height)
    ImageDraw.Draw(picture).ellipse(box, fill="#c2472b")
    ImageDraw.Draw(mask).ellipse(box, fill=255)
    cutout = picture.copy()
    cutout.putalpha(mask)
    return Photo(picture, (Box(0.3, 0.3, 0.7, 0.7),), cutout)


def scenery(level: float, width: int = 640, height: int = 480, seed: int = 1) -> Photo:
    """Return a photo of soft noise around a grey level (0..1), its subject in the upper right."""
    noise = np.random.default_rng(seed).normal(level, 0.18, (height // 16, width // 16, 3)).clip(0, 1)
    picture = Image.fromarray((255 * noise).astype(np.uint8)).resize((width, height), Image.Resampling.BICUBIC)
    return Photo(picture, (Box(0.6, 0.1, 0.8, 0.35),))


def logo(colour: str = "#0a5c4a") -> Image.Image:
    """Return a logo of a disc and a bar, RGBA."""
    picture = Image.new("RGBA", (300, 90), (0, 0, 0, 0))
    draw = ImageDraw.Draw(picture)
    draw.ellipse((0, 0, 90, 90), fill=colour)
    draw.rectangle((110, 25, 300, 65), fill=colour)
    return picture


def parts(*photos: Photo, language: str = "en", palettes: tuple[Palette, ...] = (LIGHT, DARK), brand: str = "Nordhem") -> Parts:
    """Return parts with photos (four things where none is given)."""
    return Parts(photos or (thing(),) * 4, logo(), brand, palettes, open_pairs(), language)
