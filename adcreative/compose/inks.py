"""Inks and grounds of composed ads by palette roles, readability checks, and repair of palettes without contrast."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from adcreative.compose.colour import MIN_CONTRAST, as_hex, contrast, parse_colour, to_rgb
from adcreative.compose.parts import Palette

LARGE_CONTRAST = 3.0  # large type, and required graphics (1.4.11)
WHITE, BLACK = "#ffffff", "#101214"


def mix(one: str, other: str, share: float) -> str:
    """Return the first colour mixed with `share` of the other."""
    return as_hex(np.array(to_rgb(one)) * (1 - share) + np.array(to_rgb(other)) * share)


def readable(candidates: tuple[str, ...], ground: str, least: float = MIN_CONTRAST) -> str:
    """Return the first colour with enough contrast to a ground, else black or white, whichever has more contrast."""
    for colour in candidates:
        if contrast(colour, ground) >= least:
            return colour
    return max((WHITE, BLACK), key=lambda colour: contrast(colour, ground))


def sound(palette: Palette, accent: str | None = None) -> Palette:
    """Return a palette with guaranteed contrast: inks are replaced if necessary, grounds and accent stay."""
    accent = parse_colour(accent or palette.accent)
    ground = parse_colour(palette.ground)
    return replace(
        palette,
        ground=ground,
        accent=accent,
        soft=parse_colour(palette.soft),
        ink=readable((parse_colour(palette.ink),), ground),
        on_accent=readable((parse_colour(palette.on_accent), ground), accent),
    )


def ground_colour(role: str, palette: Palette, photo: str) -> str:
    """Return the colour of a fill role. photo: the colour of a photo's plain edge."""
    return {
        "ground": palette.ground,
        "accent": palette.accent,
        "soft": palette.soft,
        "ink": palette.ink,
        "white": WHITE,
        "photo": photo,
    }[role]


def palette_ink(ground: str, palette: Palette) -> str:
    """Return the palette's own ink for a ground, if readable, else black or white."""
    own = (palette.on_accent,) if ground == palette.accent else ()
    return readable((*own, palette.ink, palette.ground), ground)
