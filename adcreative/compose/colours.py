"""Colours of composed ads: contrast (WCAG 2.2), what can be read on what, and palettes that were given without contrast."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from adcreative.compose.parts import Palette
from adcreative.errors import ConfigError

TEXT_CONTRAST = 4.5  # WCAG 2.2, 1.4.3
LARGE_CONTRAST = 3.0  # large type, and parts that must be seen (1.4.11)
WHITE, BLACK = "#ffffff", "#101214"


def rgb(colour: str) -> tuple[int, int, int]:
    """Return "#rrggbb" or "#rgb" as numbers.

    Raises:
        ConfigError: it is no such colour.
    """
    digits = colour.strip().lstrip("#")
    digits = "".join(2 * digit for digit in digits) if len(digits) == 3 else digits
    try:
        if len(digits) != 6:
            raise ValueError
        return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16)
    except ValueError:
        raise ConfigError(f'a colour is written "#rrggbb", such as "#00aa66"; got {colour!r}.') from None


def as_hex(values: tuple[float, ...] | np.ndarray) -> str:
    """Return red, green, blue (0..255) as "#rrggbb"."""
    return "#" + "".join(f"{int(np.clip(round(float(value)), 0, 255)):02x}" for value in values[:3])


def luminance(pixels: np.ndarray) -> np.ndarray:
    """Return the relative luminance of sRGB values [..., 3] in 0..255 (WCAG 2.2)."""
    linear = np.asarray(pixels, np.float64) / 255
    linear = np.where(linear <= 0.04045, linear / 12.92, ((linear + 0.055) / 1.055) ** 2.4)
    return linear @ np.array([0.2126, 0.7152, 0.0722])


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours, 1 to 21."""
    low, high = sorted((float(luminance(np.array(rgb(one)))), float(luminance(np.array(rgb(other))))))
    return (high + 0.05) / (low + 0.05)


def mix(one: str, other: str, share: float) -> str:
    """Return `share` of the other colour in the first one."""
    return as_hex(np.array(rgb(one)) * (1 - share) + np.array(rgb(other)) * share)


def readable(candidates: tuple[str, ...], ground: str, least: float = TEXT_CONTRAST) -> str:
    """Return the first colour with enough contrast to a ground, else black or white, whichever has more."""
    for colour in candidates:
        if contrast(colour, ground) >= least:
            return colour
    return max((WHITE, BLACK), key=lambda colour: contrast(colour, ground))


def sound(palette: Palette, accent: str | None = None) -> Palette:
    """Return a palette that keeps what it promises: inks without contrast give way, grounds and accent stay as they are."""
    accent = as_hex(rgb(accent or palette.accent))
    ground = as_hex(rgb(palette.ground))
    return replace(
        palette, ground=ground, accent=accent, soft=as_hex(rgb(palette.soft)),
        ink=readable((as_hex(rgb(palette.ink)),), ground), on_accent=readable((as_hex(rgb(palette.on_accent)), ground), accent),
    )  # fmt: skip


def ground_colour(role: str, palette: Palette, photo: str) -> str:
    """Return the colour of a fill's role. photo: the colour of a photo's plain edge."""
    return {
        "ground": palette.ground, "accent": palette.accent, "soft": palette.soft, "ink": palette.ink, "white": WHITE,
        "photo": photo,
    }[role]  # fmt: skip


def ink_on(ground: str, palette: Palette) -> str:
    """Return the palette's own ink for a ground, where one can be read on it."""
    own = (palette.on_accent,) if ground == palette.accent else ()
    return readable((*own, palette.ink, palette.ground), ground)
