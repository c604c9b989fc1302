"""Takes text out of a picture: the fitted surface where the ground is flat or a gradient, inpainting of the strokes elsewhere.

Only the strokes and their soft edges are replaced, and every other pixel stays bit for bit. Knows pixels; no models.
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
    """Numbers of this file, chosen by hand, checked by `python -m tests.bench.set_text`."""

    min_coverage: float = 0.06  # 0..1: a pixel that is this much letter belongs to a stroke's soft edge
    growth_share: float = 0.06  # of the letters' height: JPEG ringing and shadows around strokes
    drawn_px: int = 1  # around letters drawn in the font that was found: where they are drawn is known to a fraction of a pixel
    max_step: float = 3.0  # 0..255 by which pixels along the strokes, averaged, may miss the fitted surface
    averaged_px: float = 2.0  # deviation of that average
    least_ringing: float = 1.5  # 0..255 by which compression shows around strokes
    grain_floor: float = 0.8  # root mean square (0..255) of the ground's grain below which none is added
    least_inside: float = 0.5  # of a piece at the edge of what is looked at that lies in the line's box: less is no letter
    usual_spread: float = 0.8  # deviation of even noise, of the median of what the farthest of three channels is off
    least_drawn: float = 0.1  # share of places that lie on a drawn ground: less is a photograph
    surely_drawn: float = 0.5  # share of places from which on it is none
    most_unknown: float = 0.45  # of a hole between these two that a drawn ground does not tell: photographs leave far more
    min_grains: int = 200  # pixels from which grain is drawn
    telea_share: float = 0.004  # of the picture's shorter side: radius of a filling from contours
    pad_share: float = 0.3  # of a line's height around it, in which letters are looked for
    core_coverage: float = 0.4  # 0..1 from which a stroke is grown
    least_around: int = 16  # pixels along the strokes, by which a surface is judged
    least_weight: float = 0.1  # of known pixels in the average there
    step_percentile: float = 97.0  # of those pixels' misses, that is held against `max_step`
    grain_blur_px: float = 1.5  # deviation of the blur that leaves grain
    least_grains: int = 32  # pixels: of fewer no grain is known


FITTED = Fitted()


def inpaint_strokes(image_u8: np.ndarray, mask: np.ndarray, keep_out: np.ndarray) -> np.ndarray:
    """Fill a mask [H, W] of letters' strokes with patches of what is around it; a very large one from its contours."""
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
    """Take a block's letters out of the picture [H, W, 3], their shadow, and the ringing that compression left around them.

    Args:
        keep_out: [H, W] what is no ground, such as other text and faces; None: nothing.
        letters: [H, W] how far the letters cover the picture, where a font is known that they are drawn in: nothing else is
            taken out then, and they wholly; None: as they are seen. shadow: that they cast.
        ink: their colour, where the block's own does not tell them.
    Returns:
        the picture without them, and the mask [H, W] of the pixels that were replaced.
    """
    cast = np.zeros(image_u8.shape[:2], bool)  # by a hard shadow, under which nothing can be seen
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
    """Fill a hole [H, W] in a ground that is no surface: by its outlines, by its tones, and what is left by the inpainter.

    Args:
        barred: [H, W] what is no ground.
    Returns:
        the picture, and the mask [H, W] of the pixels around the hole, and in it, that drawn grounds replaced.
    """
    share, filled, replaced = share_drawn(image_u8, hole, barred), image_u8, np.zeros_like(hole)
    if share >= FITTED.least_drawn:
        filled, replaced = _continue_drawn(image_u8, hole, barred)
    if share < FITTED.surely_drawn and (hole & ~replaced).sum() > FITTED.most_unknown * hole.sum():
        # a photograph: what seems drawn in it by chance, such as a calm brick, goes on wrongly
        filled, replaced = image_u8, np.zeros_like(hole)
    left = hole & ~replaced
    return (inpainter(filled, left, barred) if left.any() else filled), replaced


def _continue_drawn(image_u8: np.ndarray, hole: np.ndarray, barred: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the picture with what outlines and tones tell of a hole [H, W], and the mask [H, W] of what they replaced."""
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
    """Return the pixels [h, w] around strokes that differ from the ground [h, w, 3] as much as compression makes them."""
    off = crop_u8.astype(np.float32) - surface
    near = ndimage.binary_dilation(strokes, iterations=CELLS.ringing_px) & ~strokes
    return near & (np.abs(off).max(axis=2) > FITTED.least_ringing) & (coherent_misses(off, near) <= CELLS.max_miss)


def _strokes(ink: Ink, image_u8: np.ndarray, line: BlockLine) -> np.ndarray:
    """Return the mask [h, w] of letters with their soft edges, ringing and shadow, in the window of `ink`."""
    x0, y0, x1, y1 = ink.window
    distance = np.linalg.norm(image_u8[y0:y1, x0:x1].astype(np.float32) - ink.ground, axis=2)
    letters = ink.coverage > FITTED.min_coverage
    growth = max(2, round(FITTED.growth_share * line.height))
    grown = ndimage.binary_dilation(ink.coverage > FITTED.core_coverage, iterations=growth)
    changed = distance > max(4.0, 3.0 * min(ink.residual, INK.max_noise))
    strokes = grown | (letters & changed & ndimage.binary_dilation(grown, iterations=2))
    return strokes & ~_things_beside(strokes, line, ink.window)


def _things_beside(strokes: np.ndarray, line: BlockLine, window: Box) -> np.ndarray:
    """Return what of a mask [h, w] is no letter: pieces that hang in from beside the line, such as the rim of a picture."""
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
    """Return whether the fitted surface is the ground all along the strokes: no shape begins or ends behind the letters.

    Differences are averaged over a few pixels first: a shape is wide, the ringing of compression goes up and down.
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
    """Return the ground's own grain [h, w, 3] for the pixels of a hole [h, w]: fine detail of the pixels around, drawn anew.

    Filled pixels without it are smoother than a photograph or a JPEG around them, and that shows. Ringing beside strokes is
    not grain: pixels out of its reach are asked where there are enough. Nor are the edges of a pattern or of things beside:
    what is far above most of the detail is left out.

    Args:
        usual: the ground's grain, root mean square, 0..255 (`measure_grain`), at most.
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
