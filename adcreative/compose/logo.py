"""Prepares a logo for any ground: read from SVG or pixels, its own white box removed, its margins cropped."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError

from adcreative.compose.colour import to_oklab
from adcreative.errors import ConfigError

MAX_PX = 1024  # of the longer side
MAX_SVG_BYTES = 2_000_000
BOX_STEP = 0.06  # OKLab: maximum distance of the box's colour from the corners' colour
BOX_SHARE = 0.9  # minimum share of the edge in the corners' colour for a box
LETTERS_SHARE = 0.5  # of the logo's frame: less is lettering, whose counters show the ground too; more is a solid badge
MIN_MARK = 0.002  # minimum remaining share of the picture without the box
_NOT_DRAWN = re.compile(rb"<(?:\w+:)?(text|image|foreignObject)[\s>/]")  # elements that Skia leaves out


def read_logo(path: Path) -> Image.Image:
    """Return a logo as RGBA, cropped to its drawing, without a box of its own.

    Raises:
        ConfigError: the file is missing, no picture, a broken SVG, or empty without its ground.
    """
    try:
        logo = _draw_svg(path) if path.suffix.casefold() == ".svg" else _read_pixels(path)
    except OSError as error:
        raise ConfigError(
            f"the logo {path.name} cannot be read ({error.strerror or 'it is damaged'}); supply an SVG or a PNG."
        ) from error
    return free_logo(logo, path.name)


def _read_pixels(path: Path) -> Image.Image:
    try:
        with Image.open(path, formats=("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")) as image:
            if image.width * image.height > 40_000_000:
                raise ConfigError(
                    f"the logo {path.name} is {image.width}x{image.height} px; export it smaller, 1000 px are enough."
                )
            image.load()
            logo = image.convert("RGBA")
    except (UnidentifiedImageError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(f"the logo {path.name} is no picture that can be read; supply an SVG or a PNG.") from error
    logo.thumbnail((MAX_PX, MAX_PX), Image.Resampling.LANCZOS)
    return logo


def _draw_svg(path: Path) -> Image.Image:
    """Draw an SVG with Skia, which loads no referenced files and has no fonts."""
    import skia

    content = path.read_bytes()
    if len(content) > MAX_SVG_BYTES:
        raise ConfigError(f"the logo {path.name} has {len(content) / 1e6:.1f} MB; export it as a PNG of 1000 px.")
    drawing = skia.SVGDOM.MakeFromStream(skia.MemoryStream(content))
    size = None if drawing is None else drawing.containerSize()
    if drawing is None or b"<svg" not in content:
        raise ConfigError(f"the logo {path.name} is a broken SVG; export it again, or supply a PNG.")
    if (left_out := _NOT_DRAWN.search(content)) is not None:
        what = "words as text" if left_out[1] == b"text" else "a picture"
        raise ConfigError(f"the logo {path.name} holds {what}; export it as outlines, or supply a PNG.")
    width, height = (size.width(), size.height()) if size is not None else (0, 0)
    if not (0 < width < 1e5 and 0 < height < 1e5):
        width = height = 512.0
        drawing.setContainerSize(skia.Size(width, height))
    scale = MAX_PX / max(width, height)
    surface = skia.Surface(max(1, round(width * scale)), max(1, round(height * scale)))
    canvas = surface.getCanvas()
    canvas.scale(scale, scale)
    drawing.render(canvas)
    pixels = surface.makeImageSnapshot().toarray(colorType=skia.kRGBA_8888_ColorType)
    return Image.fromarray(np.ascontiguousarray(pixels), "RGBA")


def free_logo(logo: Image.Image, name: str = "the logo") -> Image.Image:
    """Return an RGBA logo without its single-coloured box, cropped to the rest.

    Raises:
        ConfigError: the rest is empty.
    """
    pixels = np.array(logo)
    if (pixels[..., 3] >= 250).mean() > 0.98:  # opaque: the logo includes its ground
        pixels = _without_box(pixels)
    mark = pixels[..., 3] > 24
    if mark.mean() < MIN_MARK:
        raise ConfigError(f"{name} is empty, or of one colour with its ground; supply one with a transparent ground.")
    rows, columns = np.flatnonzero(mark.any(axis=1)), np.flatnonzero(mark.any(axis=0))
    return Image.fromarray(pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1], "RGBA")


def _without_box(pixels: np.ndarray) -> np.ndarray:
    rim = np.concatenate([pixels[0, :, :3], pixels[-1, :, :3], pixels[:, 0, :3], pixels[:, -1, :3]])
    ground = np.median(rim, axis=0)
    if (np.linalg.norm(to_oklab(rim) - to_oklab(ground), axis=1) <= BOX_STEP).mean() < BOX_SHARE:
        return pixels  # a badge that fills its frame
    away = np.linalg.norm(to_oklab(pixels[..., :3]) - to_oklab(ground), axis=2)
    is_ground = (away <= BOX_STEP).astype(np.uint8)
    _, labels = cv2.connectedComponents(cv2.copyMakeBorder(is_ground, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=1), connectivity=4)
    outside = labels[1:-1, 1:-1] == labels[0, 0]
    if outside.all():
        return np.where(np.arange(4) == 3, 0, pixels).astype(np.uint8)
    rows, columns = np.flatnonzero(~outside.all(axis=1)), np.flatnonzero(~outside.all(axis=0))
    frame = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    open_parts = is_ground > 0 if (is_ground == 0)[frame].mean() < LETTERS_SHARE else outside
    # alpha near the ground: distance from the ground relative to the nearby ink's distance
    near = cv2.dilate(open_parts.astype(np.uint8), np.ones((3, 3), np.uint8), iterations=2) > 0
    full = cv2.dilate(away.astype(np.float32), np.ones((7, 7), np.uint8))
    alpha = np.where(near, np.clip(away / np.maximum(full, 2 * BOX_STEP), 0, 1), 1.0)
    alpha[open_parts & (away <= BOX_STEP / 2)] = 0.0
    share = np.maximum(alpha, 0.05)[..., None]
    colours = np.clip((pixels[..., :3] - (1 - share) * ground) / share, 0, 255)
    return np.dstack([np.rint(colours), np.rint(alpha * 255)]).astype(np.uint8)
