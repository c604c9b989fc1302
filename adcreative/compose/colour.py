"""Perceptual colours: OKLCh (lightness, chroma, hue), and adjustment of colours to a required contrast.

Source: Ottosson 2020, "A perceptual color space for image processing" (OKLab and its matrices); WCAG 2.2 for contrast.
"""

from __future__ import annotations

import re

import numpy as np
from PIL import ImageColor

from adcreative.errors import ConfigError
from adcreative.lettering import contrast_ratio

MIN_CONTRAST = 4.5  # WCAG 2.2, 1.4.3, for text of any size
_TO_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
_FROM_LAB, _FROM_LMS = np.linalg.inv(_TO_LAB), np.linalg.inv(_TO_LMS)


def parse_colour(text: str) -> str:
    """Return a colour as "#rrggbb": from "#0a6", "#00aa66", "rgb(0, 170, 102)" or a name such as "teal".

    Raises:
        ConfigError: the text is no colour.
    """
    written = text.strip()
    if re.fullmatch(r"[0-9a-fA-F]{3}|[0-9a-fA-F]{6}", written):
        written = f"#{written}"
    try:
        red, green, blue = ImageColor.getrgb(written)[:3]
    except ValueError as error:
        raise ConfigError(f'"{text[:40]}" is no colour; write one such as "#0a6", "#00aa66" or "teal".') from error
    return f"#{red:02x}{green:02x}{blue:02x}"


def to_rgb(colour: str) -> tuple[int, int, int]:
    """Return red, green and blue (0..255) of "#rrggbb"."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def as_hex(values: tuple[float, ...] | np.ndarray) -> str:
    """Return red, green, blue (0..255) as "#rrggbb"."""
    return "#" + "".join(f"{int(np.clip(round(float(value)), 0, 255)):02x}" for value in values[:3])


def to_oklab(rgb: np.ndarray) -> np.ndarray:
    """Return [..., 3] lightness (0..1), a and b of colours [..., 3] sRGB 0..255."""
    lab: np.ndarray = np.cbrt(_light(rgb) @ _TO_LMS.T) @ _TO_LAB.T
    return lab


def _light(rgb: np.ndarray) -> np.ndarray:
    """Return the linear light 0..1 of sRGB values 0..255."""
    shares = np.asarray(rgb, np.float64) / 255.0
    return np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)


def to_oklch(colour: str) -> tuple[float, float, float]:
    """Return lightness (0..1), chroma (0..0.4) and hue (radians) of "#rrggbb"."""
    lightness, a, b = to_oklab(np.array(to_rgb(colour)))
    return float(lightness), float(np.hypot(a, b)), float(np.arctan2(b, a))


def from_oklch(lightness: float, chroma: float, hue: float) -> str:
    """Return "#rrggbb" of a colour, with the chroma reduced to the maximum that a screen can show."""
    lightness = min(max(lightness, 0.0), 1.0)
    low, high = 0.0, chroma
    if _is_shown(lightness, chroma, hue):
        low = chroma
    else:
        for _ in range(16):
            middle = (low + high) / 2
            low, high = (middle, high) if _is_shown(lightness, middle, hue) else (low, middle)
    shares = np.clip(_linear(lightness, low, hue), 0.0, 1.0)
    encoded = np.where(shares <= 0.0031308, shares * 12.92, 1.055 * shares ** (1 / 2.4) - 0.055)
    red, green, blue = (int(value) for value in np.rint(encoded * 255))
    return f"#{red:02x}{green:02x}{blue:02x}"


def _linear(lightness: float, chroma: float, hue: float) -> np.ndarray:
    lab = np.array([lightness, chroma * np.cos(hue), chroma * np.sin(hue)])
    linear: np.ndarray = (lab @ _FROM_LAB.T) ** 3 @ _FROM_LMS.T
    return linear


def _is_shown(lightness: float, chroma: float, hue: float) -> bool:
    linear = _linear(lightness, chroma, hue)
    return bool(linear.min() >= -1e-4 and linear.max() <= 1 + 1e-4)


def contrast(first: str, second: str) -> float:
    """Return the contrast of two "#rrggbb", 1..21 (WCAG 2.2)."""
    return contrast_ratio(to_rgb(first), to_rgb(second))


def legible(colour: str, ground: str, ratio: float = MIN_CONTRAST) -> str:
    """Return the colour with the smallest change of lightness that reaches a contrast with the ground.

    First away from the ground's lightness; in the other direction if that end is too close. Ratios up to 4.58 always exist.
    """
    if contrast(colour, ground) >= ratio:
        return colour
    own, chroma, hue = to_oklch(colour)
    away = 1.0 if own >= to_oklch(ground)[0] else 0.0
    for end in (away, 1.0 - away):
        if contrast("#ffffff" if end else "#000000", ground) < ratio:
            continue
        reached, short = end, own
        for _ in range(20):
            middle = (reached + short) / 2
            enough = contrast(from_oklch(middle, chroma, hue), ground) >= ratio
            reached, short = (middle, short) if enough else (reached, middle)
        return from_oklch(reached, chroma, hue)
    return "#ffffff" if contrast("#ffffff", ground) >= contrast("#000000", ground) else "#000000"


def ink_on(ground: str) -> str:
    """Return a tinted near-white or near-black that is readable on a ground, light letters if both are."""
    _, chroma, hue = to_oklch(ground)
    light, dark = "#ffffff", from_oklch(0.2, min(chroma, 0.03), hue)
    return light if contrast(light, ground) >= MIN_CONTRAST else legible(dark, ground)
