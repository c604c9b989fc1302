"""Takes text out of a picture: the fitted surface where the ground is flat or a gradient, inpainting of the strokes elsewhere.

Only the strokes and their soft edges are replaced, and every other pixel stays bit for bit. Knows pixels; no models.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image
from scipy import ndimage

from adcreative.encoders.picture_words.blocks import TextBlock
from adcreative.encoders.picture_words.ink import MAX_NOISE, Ink, measure_ink

Inpainter = Callable[[np.ndarray, np.ndarray], np.ndarray]  # picture [H, W, 3] and mask [H, W] bool to picture

MIN_COVERAGE = 0.06  # a pixel that is this much letter belongs to a stroke's soft edge
GROWTH_SHARE = 0.06  # of the letters' height: JPEG ringing and shadows around strokes
MAX_STEP = 7.0  # 0..255 by which the pixels along the strokes may miss the fitted surface
SHAPES = 8  # colours that a drawn ground is told apart into
GRAIN_FLOOR = 0.8  # root mean square (0..255) of the ground's grain below which none is added


def inpaint_strokes(image_u8: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Fill a mask from its surroundings (Telea 2004, in OpenCV)."""
    import cv2

    radius = max(3, round(0.004 * min(mask.shape)))
    return np.asarray(cv2.inpaint(np.ascontiguousarray(image_u8), mask.astype(np.uint8), radius, cv2.INPAINT_TELEA))


def erase_block(
    image_u8: np.ndarray, block: TextBlock, inpainter: Inpainter = inpaint_strokes
) -> tuple[np.ndarray, np.ndarray]:
    """Take a block's letters out of the picture [H, W, 3].

    Returns:
        the picture without them, and the mask [H, W] of the pixels that were replaced.
    """
    mask, filled = np.zeros(image_u8.shape[:2], bool), image_u8.copy()
    textured, grain = np.zeros_like(mask), np.zeros(image_u8.shape, np.float32)
    for line in block.lines:
        size = line.height
        ink = measure_ink(image_u8, tuple(float(edge) for edge in line.box), pad=max(3.0, 0.3 * size))  # type: ignore[arg-type]
        x0, y0, x1, y1 = ink.window
        strokes = _strokes(ink, image_u8, size)
        mask[y0:y1, x0:x1] |= strokes
        grain[y0:y1, x0:x1] = _grain(image_u8[y0:y1, x0:x1], ink, strokes)
        if ink.is_flat and _is_surface_around(image_u8[y0:y1, x0:x1], ink, strokes):
            surface = ink.ground + grain[y0:y1, x0:x1]
            part = filled[y0:y1, x0:x1]
            part[strokes] = surface.round().clip(0, 255).astype(np.uint8)[strokes]
        else:
            textured[y0:y1, x0:x1] |= ndimage.binary_dilation(strokes, iterations=2)
    mask |= textured
    if textured.any():
        filled, textured = fill_shapes(filled, textured, block.size_px)
    if textured.any():
        painted = (inpainter(filled, textured) + grain).round().clip(0, 255).astype(np.uint8)
        filled = np.where(textured[:, :, None], painted, filled)
    return filled, mask


def fill_shapes(image_u8: np.ndarray, mask: np.ndarray, size_px: float) -> tuple[np.ndarray, np.ndarray]:
    """Fill a mask over drawn shapes: each pixel takes the shape that prevails around it and that shape's colour there.

        label(p) = argmax_l G * known_l,    colour(p) = G * (known_l I) / G * known_l,    G: Gaussian, sigma a third of the size

    Inpainting draws smears where a plain shape ends behind a letter; this draws the end of the shape.

    Returns:
        the picture [H, W, 3], and the part of the mask [H, W] that is left because the ground is no drawing.
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    pad = round(1.2 * size_px) + 4
    window = (slice(max(0, rows[0] - pad), rows[-1] + pad), slice(max(0, columns[0] - pad), columns[-1] + pad))
    crop, hole = image_u8[window].astype(np.float32), mask[window]
    known = ~hole
    colours = Image.fromarray(image_u8[window][known][None]).quantize(SHAPES)
    palette = np.array(colours.getpalette() or [], np.float32).reshape(-1, 3)[: int(np.asarray(colours).max()) + 1]
    labels = np.argmin(np.linalg.norm(crop[:, :, None] - palette, axis=3), axis=2)
    sigma = max(2.0, size_px / 3.0)
    best, surface = np.full(hole.shape, 1e-6, np.float32), crop.copy()
    for label in range(len(palette)):
        share = (known & (labels == label)).astype(np.float32)
        weight = ndimage.gaussian_filter(share, sigma, truncate=3.0)
        colour = ndimage.gaussian_filter(crop * share[:, :, None], (sigma, sigma, 0.0), truncate=3.0) / (
            weight[:, :, None] + 1e-9
        )
        wins = weight > best
        best = np.where(wins, weight, best)
        surface = np.where(wins[:, :, None], colour, surface)
    around = ndimage.binary_dilation(hole, iterations=4) & known
    off = np.abs(crop - surface).max(axis=2)[around]
    if not len(off) or float(np.percentile(off, 90.0)) > MAX_STEP:
        return image_u8, mask
    filled = image_u8.copy()
    filled[window][hole] = surface.round().clip(0, 255).astype(np.uint8)[hole]
    return filled, np.zeros_like(mask)


def _strokes(ink: Ink, image_u8: np.ndarray, size: int) -> np.ndarray:
    """Return the mask [h, w] of letters with their soft edges, ringing and shadow, in the window of `ink`."""
    x0, y0, x1, y1 = ink.window
    distance = np.linalg.norm(image_u8[y0:y1, x0:x1].astype(np.float32) - ink.ground, axis=2)
    letters = ink.coverage > MIN_COVERAGE
    grown = ndimage.binary_dilation(ink.coverage > 0.4, iterations=max(2, round(GROWTH_SHARE * size)))
    changed = distance > max(4.0, 3.0 * min(ink.residual, MAX_NOISE))
    return grown | (letters & changed & ndimage.binary_dilation(grown, iterations=2))


def _is_surface_around(crop_u8: np.ndarray, ink: Ink, strokes: np.ndarray) -> bool:
    """Return whether the fitted surface is the ground all along the strokes: no shape begins or ends behind the letters."""
    around = ndimage.binary_dilation(strokes, iterations=4) & ~strokes
    if around.sum() < 16:
        return True
    off = np.abs(crop_u8.astype(np.float32) - ink.ground).max(axis=2)[around]
    return float(np.percentile(off, 97.0)) <= max(MAX_STEP, 3.0 * ink.grain)


def _grain(crop_u8: np.ndarray, ink: Ink, strokes: np.ndarray) -> np.ndarray:
    """Return the ground's own grain [h, w, 3] for the filled pixels: fine detail of the pixels around, drawn anew.

    Filled pixels without it are smoother than a photograph or a JPEG around them, and that shows.
    """
    around = ~ndimage.binary_dilation(strokes, iterations=3)
    crop = crop_u8.astype(np.float32)
    fine = (crop - ndimage.gaussian_filter(crop, (1.5, 1.5, 0.0)))[around]
    kept = fine[np.abs(fine).max(axis=1) <= 3.0 * max(ink.grain, 0.5)]
    if len(kept) < 32 or float(np.sqrt((kept**2).mean())) < GRAIN_FLOOR:
        return np.zeros_like(ink.ground)
    rng = np.random.default_rng(crop_u8.size)
    drawn: np.ndarray = kept[rng.integers(len(kept), size=strokes.shape)]
    return drawn
