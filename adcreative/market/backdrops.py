"""Drawn backgrounds of ads: a gradient and one subtle motif in the brand's colours."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
from PIL import Image

from adcreative.market.brands import RGB, Palette
from adcreative.market.pen import Pen, fade, luma, mix


def draw_ground(palette: Palette, rng: np.random.Generator) -> tuple[Image.Image, RGB, RGB]:
    """Draw a small gradient, to be stretched over the ad, and return it with its main colour and a tint for the motif.

    Three tones: pale (half of all), the brand's main colour, or deep; each with a random change of lightness.
    """
    tone = rng.choice(3, p=(0.5, 0.25, 0.25))
    start = (palette.pale, palette.main, palette.deep)[tone]
    tint = (palette.main, palette.deep, palette.main)[tone]
    start = mix(start, ((255, 255, 255), (0, 0, 0))[int(rng.integers(2))], float(rng.uniform(0.0, 0.18)))
    end = mix(start, tint, float(rng.uniform(0.10, 0.35)))
    angle = float(rng.uniform(0.0, 2.0 * math.pi))
    y, x = np.mgrid[0:32, 0:32] / 31.0 - 0.5
    share = np.clip((x * math.cos(angle) + y * math.sin(angle)) + 0.5, 0.0, 1.0)[..., None]
    gradient = np.array(start) * (1.0 - share) + np.array(end) * share
    return Image.fromarray(np.round(gradient).astype(np.uint8)), mix(start, end, 0.5), tint


def draw_hills(pen: Pen, ground: RGB, tint: RGB, rng: np.random.Generator) -> None:
    """Draw three ranges of hills at the bottom."""
    width, height = pen.width, pen.height
    for layer in range(3):
        base = height * (0.66 + 0.12 * layer)
        phase, swing = rng.uniform(0, 6.28), height * rng.uniform(0.03, 0.08)
        xs = np.linspace(0, width, 40)
        ridge = [(float(x), base + swing * math.sin(x / width * (4 + layer) + phase)) for x in xs]
        pen.polygon([*ridge, (width, height), (0, height)], fade(mix(ground, tint, 0.18 + 0.14 * layer), 0.9))


def draw_waves(pen: Pen, ground: RGB, tint: RGB, rng: np.random.Generator) -> None:
    """Draw five waves across the lower half."""
    phase = rng.uniform(0, 6.28)
    for layer in range(5):
        base = pen.height * (0.58 + 0.10 * layer)
        xs = np.linspace(0, pen.width, 60)
        crest = [(float(x), base + pen.unit * 0.018 * math.sin(x / pen.unit * 14 + phase + layer * 1.7)) for x in xs]
        pen.polygon([*crest, (pen.width, pen.height), (0, pen.height)], fade(mix(ground, tint, 0.12 + 0.07 * layer), 0.85))


def draw_sun(pen: Pen, ground: RGB, tint: RGB, rng: np.random.Generator) -> None:
    """Draw a pale sun with twelve rays."""
    x, y = pen.width * rng.uniform(0.1, 0.9), pen.height * rng.uniform(0.0, 0.4)
    reach = pen.width + pen.height
    for ray in range(0, 24, 2):
        first, second = (2 * math.pi * (ray + k) / 24 for k in (0, 1))
        corners = [(x + reach * math.cos(a), y + reach * math.sin(a)) for a in (first, second)]
        pen.polygon([(x, y), *corners], fade(tint, 0.07))
    pen.circle(x, y, pen.unit * 0.22, fade(mix(ground, (255, 236, 190), 0.5), 0.5))


def draw_blobs(pen: Pen, ground: RGB, tint: RGB, rng: np.random.Generator) -> None:
    """Draw a large soft dot near each corner."""
    for x, y in ((0.05, 0.10), (0.95, 0.25), (0.85, 0.98), (0.10, 0.92)):
        radius = pen.unit * rng.uniform(0.14, 0.36)
        pen.circle(pen.width * x, pen.height * y, radius, fade(mix(ground, tint, rng.uniform(0.2, 0.6)), 0.55))


def draw_stripes(pen: Pen, ground: RGB, tint: RGB, rng: np.random.Generator) -> None:
    """Draw slanted stripes across the picture."""
    step, lean = pen.unit * rng.uniform(0.08, 0.14), pen.height * rng.uniform(0.3, 0.7)
    for place in np.arange(-pen.height, pen.width + pen.height, 2 * step):
        corners = [(place, pen.height), (place + step, pen.height), (place + step + lean, 0.0), (place + lean, 0.0)]
        pen.polygon(corners, fade(tint, 0.10))


def draw_blocks(pen: Pen, ground: RGB, tint: RGB, rng: np.random.Generator) -> None:
    """Draw a block over one side."""
    split = pen.width * rng.uniform(0.35, 0.65)
    bounds = (0, 0, split, pen.height) if rng.random() < 0.5 else (split, 0, pen.width, pen.height)
    pen.box(bounds, fade(mix(ground, tint, 0.30), 0.8))


def draw_arches(pen: Pen, ground: RGB, tint: RGB, rng: np.random.Generator) -> None:
    """Draw two arches that rise from the foot."""
    half = pen.unit * rng.uniform(0.16, 0.24)
    for place in (rng.uniform(0.1, 0.3), rng.uniform(0.7, 0.95)):
        x, top = pen.width * place, pen.height * rng.uniform(0.15, 0.5)
        pen.box((x - half, top, x + half, pen.height + half), fade(mix(ground, tint, 0.35), 0.45), radius=half)


def draw_bars(pen: Pen, ground: RGB, tint: RGB, rng: np.random.Generator) -> None:
    """Draw nine bars that grow to the right."""
    step = pen.width / 9
    for place in range(9):
        top = pen.height * (0.92 - 0.055 * place - rng.uniform(0, 0.06))
        bounds = (step * place + step * 0.15, top, step * (place + 1) - step * 0.15, pen.height + step)
        pen.box(bounds, fade(mix(ground, tint, 0.3), 0.5), radius=step * 0.12)


def draw_grid(pen: Pen, ground: RGB, tint: RGB, rng: np.random.Generator) -> None:
    """Draw a grid of small dots, and a large soft dot."""
    step = pen.unit / 12
    for x in np.arange(step / 2, pen.width, step):
        for y in np.arange(step / 2, pen.height, step):
            pen.circle(float(x), float(y), step * 0.07, fade(tint, 0.30))
    pen.circle(pen.width * rng.uniform(0.2, 0.8), pen.height * rng.uniform(0.1, 0.9), pen.unit * 0.4, fade(tint, 0.10))


def draw_rings(pen: Pen, ground: RGB, tint: RGB, rng: np.random.Generator) -> None:
    """Draw six rings around one point."""
    x, y = pen.width * rng.uniform(0.2, 0.95), pen.height * rng.uniform(0.1, 0.9)
    for place in range(1, 7):
        pen.ring(x, y, pen.unit * 0.13 * place, pen.unit * 0.03, fade(tint, 0.14))


def draw_motif(name: str, pen: Pen, ground: RGB, tint: RGB, rng: np.random.Generator) -> None:
    """Draw the named motif faintly over the background."""
    if abs(luma(ground) - luma(tint)) < 30:
        tint = mix(tint, (255, 255, 255), 0.4)
    MOTIFS[name](pen, ground, tint, rng)


MOTIFS: Mapping[str, Callable[[Pen, RGB, RGB, np.random.Generator], None]] = {
    draw.__name__.removeprefix("draw_"): draw
    for draw in (
        draw_hills,
        draw_waves,
        draw_sun,
        draw_blobs,
        draw_stripes,
        draw_blocks,
        draw_arches,
        draw_bars,
        draw_grid,
        draw_rings,
    )
}
