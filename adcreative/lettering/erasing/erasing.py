"""Erases text from a picture: by the fitted surface on flat grounds and gradients, by inpainting of the strokes elsewhere.

Only the strokes and their soft edges are replaced; every other pixel stays bit for bit. Knows pixels; no models.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from adcreative.lettering.erasing.cells import FITTED as CELLS
from adcreative.lettering.erasing.cells import OutlinedGround, coherent_misses
from adcreative.lettering.erasing.hole_filling import FillHoles
from adcreative.lettering.erasing.inks import FITTED as INKS
from adcreative.lettering.erasing.inks import Colour
from adcreative.lettering.erasing.patches import fill_from_patches
from adcreative.lettering.erasing.patterns import repeat_spots
from adcreative.lettering.erasing.shadows import Shadow, measure_coverage
from adcreative.lettering.erasing.tones import continue_tones, share_drawn
from adcreative.lettering.reading.blocks import BlockLine, Box, TextBlock
from adcreative.lettering.reading.ink import FITTED as INK
from adcreative.lettering.reading.ink import Ink, measure_letters


@dataclass(frozen=True)
class Fitted:
    """Constants of this module, chosen by hand, checked by `python -m tests.bench.set_text`."""

    min_coverage: float = 0.06  # 0..1: minimum letter coverage of a pixel in a stroke's soft edge
    growth_share: float = 0.06  # of the letters' height: JPEG ringing and shadows around strokes
    drawn_px: int = 1  # margin around letters drawn in the matched font, whose position is known to a fraction of a pixel
    max_step: float = 3.0  # 0..255: maximum averaged difference from the fitted surface along the strokes
    averaged_px: float = 2.0  # deviation of that average
    least_ringing: float = 1.5  # 0..255: minimum difference of compression artifacts around strokes
    grain_floor: float = 0.8  # root mean square (0..255) of the ground's grain below which no grain is added
    least_inside: float = 0.5  # minimum share inside the line's box of a component at the window's edge: below, it is no letter
    usual_spread: float = 0.8  # deviation of uniform noise, relative to the median of the largest of three channels
    least_drawn: float = 0.1  # minimum share of nodes on a drawn ground: below, the picture is a photograph
    surely_drawn: float = 0.5  # share of nodes from which on the picture is certainly drawn
    most_unknown: float = 0.45  # maximum unfilled share of a hole between these two shares: photographs leave far more
    min_grains: int = 200  # minimum pixels for sampling grain
    telea_share: float = 0.004  # of the picture's shorter side: radius of Telea inpainting
    pad_share: float = 0.3  # of a line's height: margin in which letters are searched
    core_coverage: float = 0.4  # 0..1: minimum coverage of a stroke's core
    least_around: int = 16  # minimum pixels along the strokes for judging a surface
    least_weight: float = 0.1  # minimum weight of known pixels in the average
    step_percentile: float = 97.0  # of those pixels' differences, which is compared with `max_step`
    grain_blur_px: float = 1.5  # deviation of the high-pass filter for grain
    least_grains: int = 32  # minimum pixels for measuring grain


FITTED = Fitted()


def inpaint_strokes(image_u8: np.ndarray, mask: np.ndarray, keep_out: np.ndarray) -> np.ndarray:
    """Fill a mask [H, W] of letters' strokes with patches of the surroundings; a very large mask by Telea inpainting."""
    filled = fill_from_patches(image_u8, mask, keep_out)
    if filled is not None:
        return filled
    import cv2

    radius = max(3, round(FITTED.telea_share * min(mask.shape)))
    return np.asarray(cv2.inpaint(np.ascontiguousarray(image_u8), mask.astype(np.uint8), radius, cv2.INPAINT_TELEA))


def erase_block(
    image_u8: np.ndarray,
    block: TextBlock,
    inpainter: FillHoles = inpaint_strokes,
    keep_out: np.ndarray | None = None,
    *,
    letters: np.ndarray | None = None,
    shadow: Shadow | None = None,
    ink: Colour | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Erase a block's letters from the picture [H, W, 3], with their shadow and the compression artifacts around them.

    Args:
        keep_out: [H, W] pixels that are not ground, such as other text and faces; None: none.
        letters: [H, W] coverage of the letters in their known font, which are then erased completely and nothing else; None:
            the letters as seen. shadow: the letters' shadow.
        ink: the letters' colour, if different from the block's.
    Returns:
        the picture without the letters, and the mask [H, W] of the replaced pixels.
    """
    cast = np.zeros(image_u8.shape[:2], bool)  # by a hard shadow, which hides the ground
    if shadow is not None:
        coverage = measure_coverage(image_u8, block) if letters is None else letters
        if shadow.is_hard:
            cast = ndimage.binary_dilation(shadow.cover(coverage) > FITTED.min_coverage, iterations=FITTED.drawn_px)
    if shadow is not None and not shadow.is_hard:
        lit = shadow.lift(image_u8, coverage)
        lit = lit if keep_out is None else np.where(keep_out[:, :, None], image_u8, lit)
        erased, mask = erase_block(lit, block, inpainter, keep_out, letters=letters, ink=ink)
        return erased, mask | (lit != image_u8).any(axis=2)
    mask, filled = np.zeros(image_u8.shape[:2], bool), image_u8.copy()
    textured, grain = np.zeros_like(mask), np.zeros(image_u8.shape, np.float32)
    for line in block.lines:
        pad = max(3.0, (FITTED.pad_share if ink is None else INKS.more_pad) * line.height)
        seen = measure_letters(image_u8, line.box, pad, ink)
        x0, y0, x1, y1 = seen.window
        strokes = _strokes(seen, image_u8, line)
        if letters is not None:
            drawn = ndimage.binary_dilation(letters[y0:y1, x0:x1] > FITTED.min_coverage, iterations=FITTED.drawn_px)
            growth = max(2, round(FITTED.growth_share * line.height))
            strokes = drawn | strokes & ndimage.binary_dilation(drawn, iterations=growth)
        strokes |= cast[y0:y1, x0:x1]
        mask[y0:y1, x0:x1] |= strokes
        crop_u8 = image_u8[y0:y1, x0:x1]
        grain[y0:y1, x0:x1] = draw_grain(crop_u8, seen.grain, strokes)
        if seen.is_flat and _is_surface_around(crop_u8, seen, strokes):
            replaced = strokes | _ringing(crop_u8, seen.ground, strokes)
            surface = seen.ground + grain[y0:y1, x0:x1]
            filled[y0:y1, x0:x1][replaced] = surface.round().clip(0, 255).astype(np.uint8)[replaced]
            mask[y0:y1, x0:x1] |= replaced
        else:
            textured[y0:y1, x0:x1] |= ndimage.binary_dilation(strokes, iterations=1)
    mask |= textured
    barred = np.zeros_like(mask) if keep_out is None else keep_out & ~mask
    if textured.any():
        filled, drawn = fill_hole(filled, textured, barred, inpainter)
        mask |= drawn
    return (repeat_spots(filled, mask, barred) if block.plate is None else filled), mask


def fill_hole(
    image_u8: np.ndarray, hole: np.ndarray, barred: np.ndarray, inpainter: FillHoles
) -> tuple[np.ndarray, np.ndarray]:
    """Fill a hole [H, W] in a ground that is no surface: by its outlines, by its tones, and the rest by the inpainter.

    Args:
        barred: [H, W] pixels that are not ground.
    Returns:
        the picture, and the mask [H, W] of the pixels in and around the hole that drawn grounds replaced.
    """
    share, filled, replaced = share_drawn(image_u8, hole, barred), image_u8, np.zeros_like(hole)
    if share >= FITTED.least_drawn:
        filled, replaced = _continue_drawn(image_u8, hole, barred)
    if share < FITTED.surely_drawn and (hole & ~replaced).sum() > FITTED.most_unknown * hole.sum():
        # a photograph: parts that look drawn by chance, such as a smooth brick, would be continued wrongly
        filled, replaced = image_u8, np.zeros_like(hole)
    left = hole & ~replaced
    return (inpainter(filled, left, barred) if left.any() else filled), replaced


def _continue_drawn(image_u8: np.ndarray, hole: np.ndarray, barred: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the picture with a hole [H, W] filled from outlines and tones, and the mask [H, W] of the replaced pixels."""
    outlined = OutlinedGround(image_u8, hole, barred)
    filled, replaced = outlined.fill(image_u8, hole, is_sure=True)
    if (hole & ~replaced).any():
        filled, drawn = continue_tones(filled, hole & ~replaced, barred)
        replaced |= drawn
    if (hole & ~replaced).any():
        filled, drawn = outlined.fill(filled, hole & ~replaced, is_sure=False)
        replaced |= drawn
    return filled, replaced


def _ringing(crop_u8: np.ndarray, surface: np.ndarray, strokes: np.ndarray) -> np.ndarray:
    """Return the pixels [h, w] around strokes whose difference from the ground [h, w, 3] is typical of compression."""
    off = crop_u8.astype(np.float32) - surface
    near = ndimage.binary_dilation(strokes, iterations=CELLS.ringing_px) & ~strokes
    return near & (np.abs(off).max(axis=2) > FITTED.least_ringing) & (coherent_misses(off, near) <= CELLS.max_miss)


def _strokes(ink: Ink, image_u8: np.ndarray, line: BlockLine) -> np.ndarray:
    """Return the mask [h, w] of letters with their soft edges, artifacts and shadow, in the window of `ink`."""
    x0, y0, x1, y1 = ink.window
    distance = np.linalg.norm(image_u8[y0:y1, x0:x1].astype(np.float32) - ink.ground, axis=2)
    letters = ink.coverage > FITTED.min_coverage
    growth = max(2, round(FITTED.growth_share * line.height))
    grown = ndimage.binary_dilation(ink.coverage > FITTED.core_coverage, iterations=growth)
    changed = distance > max(4.0, 3.0 * min(ink.residual, INK.max_noise))
    strokes = grown | (letters & changed & ndimage.binary_dilation(grown, iterations=2))
    return strokes & ~_things_beside(strokes, line, ink.window)


def _things_beside(strokes: np.ndarray, line: BlockLine, window: Box) -> np.ndarray:
    """Return the part of a mask [h, w] outside letters: components from outside the line, such as a picture's rim."""
    x0, y0, x1, y1 = line.box[0] - window[0], line.box[1] - window[1], line.box[2] - window[0], line.box[3] - window[1]
    own = np.zeros(strokes.shape, bool)
    own[max(0, y0) : y1, max(0, x0) : x1] = True
    labels, num = ndimage.label(strokes)
    sizes, inside = np.bincount(labels.ravel(), minlength=num + 1), np.bincount(labels[own], minlength=num + 1)
    beside = inside < FITTED.least_inside * sizes
    rim = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    beside &= np.isin(np.arange(num + 1), rim)
    beside[0] = False
    return np.asarray(beside[labels])


def _is_surface_around(crop_u8: np.ndarray, ink: Ink, strokes: np.ndarray) -> bool:
    """Return whether the fitted surface is the ground all along the strokes, so that no shape ends behind the letters.

    Differences are averaged over a few pixels first: shapes are wide, whereas compression artifacts oscillate.
    """
    around = ndimage.binary_dilation(strokes, iterations=4) & ~strokes
    if around.sum() < FITTED.least_around:
        return True
    known = (~strokes).astype(np.float32)[:, :, None]
    sigmas = (FITTED.averaged_px, FITTED.averaged_px, 0.0)
    share = ndimage.gaussian_filter(known, sigmas)
    mean = ndimage.gaussian_filter((crop_u8.astype(np.float32) - ink.ground) * known, sigmas) / np.maximum(share, 1e-3)
    off = np.abs(mean).max(axis=2)[around & (share[:, :, 0] > FITTED.least_weight)]
    return not len(off) or float(np.percentile(off, FITTED.step_percentile)) <= max(FITTED.max_step, ink.grain)


def draw_grain(crop_u8: np.ndarray, usual: float, hole: np.ndarray) -> np.ndarray:
    """Return synthetic grain [h, w, 3] for the pixels of a hole [h, w], sampled from the fine detail of the surroundings.

    Filled pixels without grain are visibly smoother than a photograph or a JPEG around them. Ringing next to strokes is
    not grain: pixels out of its reach are preferred. Neither are edges of a pattern or of objects: outliers of the detail
    are excluded.

    Args:
        usual: the ground's grain, root mean square, 0..255 (`measure_grain`), as an upper limit.
    """
    crop = crop_u8.astype(np.float32)
    detail = crop - ndimage.gaussian_filter(crop, (FITTED.grain_blur_px, FITTED.grain_blur_px, 0.0))
    for reach in (CELLS.ringing_px, 3):
        around = ~ndimage.binary_dilation(hole, iterations=reach)
        fine = np.abs(detail[around]).max(axis=1)
        spread = min(usual, FITTED.usual_spread * float(np.median(fine))) if len(fine) else usual
        kept = detail[around][fine <= 3.0 * max(spread, 0.5)]
        if len(kept) >= FITTED.min_grains:
            break
    if len(kept) < FITTED.least_grains or float(np.sqrt((kept**2).mean())) < FITTED.grain_floor:
        return np.zeros(crop_u8.shape, np.float32)
    rng = np.random.default_rng(crop_u8.size)
    drawn: np.ndarray = kept[rng.integers(len(kept), size=hole.shape)]
    return drawn
