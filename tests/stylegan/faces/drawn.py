"""Letters, icons and flat drawings that a face detector may take for faces; none of them shows a photographed face."""

from __future__ import annotations

import importlib.util
import string
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

SIDE_PX = 320
GROUNDS = ((255, 255, 255), (20, 20, 30), (240, 230, 210), (200, 30, 40), (30, 90, 200), (250, 210, 0))
INKS = ((0, 0, 0), (255, 255, 255), (220, 170, 130), (200, 30, 40), (30, 90, 200), (60, 40, 20), (255, 220, 60))
LETTERS = string.ascii_letters + string.digits + "&@%$§ßöäüéàøåçñ?!€"
WORDS = ("SALE", "Coop", "oo", ":)", "8)", "OO", "co", "Moo", "ee", "Go", "Cookie", "o_o", "QQ", "3D", "e", "e", "e")
ICONS = ("smiley", "outline", "target", "clock", "car", "socket", "robot", "bust", "cart", "person")
Colour = tuple[int, int, int]


@lru_cache(maxsize=1)
def font_files() -> tuple[Path, ...]:
    """DejaVu of the system, and the fonts of installed packages (`font_*`); the one of Pillow goes beside them."""
    found = sorted(Path("/usr/share/fonts").rglob("DejaVu*.ttf"))
    for package in (
        "font_caladea",
        "font_fredoka_one",
        "font_lato",
        "font_manrope",
        "font_source_sans_pro",
        "font_source_serif_pro",
    ):
        if (spec := importlib.util.find_spec(package)) is not None and spec.origin is not None:
            found += sorted(Path(spec.origin).parent.rglob("*.[ot]tf"))
    return tuple(found)


def draw_letters(num: int, *, seed: int) -> Iterator[tuple[str, np.ndarray]]:
    """Yield a name and a picture [320, 320, 3] uint8 with one letter or word, or six, of 24 to 260 px; some are turned."""
    rng = np.random.default_rng(seed)
    for number in range(num):
        text = str(rng.choice(WORDS)) if number % 4 == 3 else str(rng.choice(list(LETTERS)))
        size, (ground, ink) = int(rng.choice([24, 32, 48, 64, 96, 128, 160, 200, 260])), _colours(rng)
        image = Image.new("RGB", (SIDE_PX, SIDE_PX), ground)
        draw, font = ImageDraw.Draw(image), _font(rng, size)
        if rng.random() < 0.3:
            for left, top in rng.integers(0, SIDE_PX - 40, (6, 2)).tolist():
                draw.text((left, top), text, font=font, fill=ink)
        else:
            draw.text((SIDE_PX / 2, SIDE_PX / 2), text, font=font, fill=ink, anchor="mm")
        if rng.random() < 0.2:
            image = image.rotate(float(rng.uniform(-20, 20)), fillcolor=ground)
        yield f"{text} {size} px", np.asarray(image)


def draw_icons(num: int, *, seed: int) -> Iterator[tuple[str, np.ndarray]]:
    """Yield a name and a picture [320, 320, 3] uint8 with one large icon or five small ones, in flat colours."""
    rng = np.random.default_rng(seed)
    for number in range(num):
        kind, radius, (ground, ink) = ICONS[number % len(ICONS)], int(rng.choice([16, 20, 30, 45, 70, 100, 140])), _colours(rng)
        large = Image.new("RGB", (3 * SIDE_PX, 3 * SIDE_PX), ground)  # drawn large, for smooth edges
        draw, inside = ImageDraw.Draw(large), SIDE_PX - radius
        places = rng.integers(radius, inside, (5, 2)) if radius <= 45 else np.full((1, 2), SIDE_PX // 2)
        for x, y in (3 * places).tolist():
            _draw_icon(draw, kind, (x, y), 3 * radius, ink, ground)
        yield f"{kind} {radius} px", np.asarray(large.resize((SIDE_PX, SIDE_PX), Image.Resampling.LANCZOS))


def _colours(rng: np.random.Generator) -> tuple[Colour, Colour]:
    ground, ink = GROUNDS[rng.integers(len(GROUNDS))], INKS[rng.integers(len(INKS))]
    return ground, (128, 128, 128) if ink == ground else ink


def _font(rng: np.random.Generator, size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    files = font_files()
    number = int(rng.integers(len(files) + 1))
    return ImageFont.truetype(files[number], size) if number < len(files) else ImageFont.load_default(size)


def _draw_icon(draw: ImageDraw.ImageDraw, kind: str, middle: tuple[int, int], radius: int, ink: Colour, ground: Colour) -> None:
    """Draw one of ICONS of a radius in pixels."""
    x, y, r = *middle, radius

    def disc(across: float, down: float, size: float, colour: Colour, **line: int) -> None:
        box = (x + r * (across - size), y + r * (down - size), x + r * (across + size), y + r * (down + size))
        draw.ellipse(box, **({"outline": colour, **line} if line else {"fill": colour}))  # type: ignore[arg-type]

    def box(left: float, top: float, right: float, bottom: float, colour: Colour) -> None:
        draw.rectangle((x + r * left, y + r * top, x + r * right, y + r * bottom), fill=colour)

    def eyes(down: float, size: float, colour: Colour, apart: float = 0.33) -> None:
        disc(-apart, down, size, colour)
        disc(apart, down, size, colour)

    width = max(2, r // 8)
    match kind:
        case "smiley":
            disc(0, 0, 1, ink)
            eyes(-0.3, 0.17, ground)
            draw.arc((x - r // 2, y - r // 3, x + r // 2, y + r // 2), 20, 160, fill=ground, width=width)
        case "outline":
            disc(0, 0, 1, ink, width=width)
            eyes(-0.25, 0.13, ink)
            draw.line((x - r // 3, y + r // 2, x + r // 3, y + r // 2), fill=ink, width=width)
        case "target":
            for number, size in enumerate((1, 0.67, 0.33)):
                disc(0, 0, size, ground if number % 2 else ink)
        case "clock":
            disc(0, 0, 1, ink, width=width)
            draw.line((x, y - r // 2, x, y, x + r // 2, y), fill=ink, width=width)
        case "car":
            box(-1, -0.5, 1, 0.5, ink)
            box(-0.33, 0.16, 0.33, 0.33, ground)
            eyes(0, 0.2, ground, apart=0.66)
        case "socket":
            disc(0, 0, 1, ink)
            eyes(0, 0.13, ground)
        case "robot":
            box(-1, -1, 1, 1, ink)
            box(-0.7, -0.5, -0.3, -0.1, ground)
            box(0.3, -0.5, 0.7, -0.1, ground)
            box(-0.5, 0.33, 0.5, 0.5, ground)
        case "bust":
            disc(0, -0.4, 0.55, ink)
            draw.pieslice((x - r, y + r // 4, x + r, y + 2 * r), 180, 360, fill=ink)
        case "cart":
            box(-0.9, -0.5, 0.9, 0.33, ink)
            eyes(0.7, 0.17, ink, apart=0.5)
        case _:  # a person of four flat colours, without shading
            draw.ellipse((x - 0.75 * r, y - r, x + 0.75 * r, y + r), fill=(240, 200, 170))
            draw.pieslice((x - 0.75 * r, y - r, x + 0.75 * r, y + r // 2), 180, 360, fill=(70, 40, 20))
            eyes(-0.05, 0.13, (30, 30, 30))
            draw.chord((x - r // 3, y + r // 3, x + r // 3, y + 2 * r // 3), 0, 180, fill=(190, 40, 50))
