"""Takes text out of a picture: the fitted surface where the ground is flat or a gradient, inpainting of the strokes elsewhere.

Only the strokes and their soft edges are replaced, and every other pixel stays bit for bit. Knows pixels; no models.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from adcreative.lettering.erasing.cells import MAX_MISS, RINGING_PX, OutlinedGround, coherent_misses
from adcreative.lettering.erasing.hole_filling import FillHoles
from adcreative.lettering.erasing.inks import MORE_PAD, Colour
from adcreative.lettering.erasing.patches import fill_from_patches
from adcreative.lettering.erasing.patterns import repeat_spots
from adcreative.lettering.erasing.shadows import Shadow, measure_coverage
from adcreative.lettering.erasing.tones import continue_tones, share_drawn
from adcreative.lettering.reading.blocks import BlockLine, Box, TextBlock
from adcreative.lettering.reading.ink import MAX_NOISE, Ink, measure_letters

MIN_COVERAGE = 0.06  # a pixel that is this much letter belongs to a stroke's soft edge
GROWTH_SHARE = 0.06  # of the letters' height: JPEG ringing and shadows around strokes
DRAWN_PX = 1  # around letters drawn in the font that was found: where they are drawn is known to a fraction of a pixel
MAX_STEP, AVERAGED_PX = 3.0, 2.0  # 0..255 by which pixels along the strokes, averaged, may miss the fitted surface
LEAST_RINGING = 1.5  # 0..255 by which compression shows around strokes
GRAIN_FLOOR = 0.8  # root mean square (0..255) of the ground's grain below which none is added
LEAST_INSIDE = 0.5  # of a piece at the edge of what is looked at that lies in the line's box: less is no letter
USUAL_SPREAD = 0.8  # deviation of even noise, of the median of what the farthest of three channels is off
LEAST_DRAWN, SURELY_DRAWN = 0.1, 0.5  # share of places that lie on a drawn ground: less is a photograph; more is none
MOST_UNKNOWN = 0.45  # of a hole between these two that a drawn ground does not tell: photographs leave far more
MIN_GRAINS = 200  # pixels from which grain is drawn


def inpaint_strokes(image_u8: np.ndarray, mask: np.ndarray, keep_out: np.ndarray) -> np.ndarray:
    """Fill a mask [H, W] of letters' strokes with patches of what is around it; a very large one from its contours."""
    filled = fill_from_patches(image_u8, mask, keep_out)
    if filled is not None:
        return filled
    import cv2

    radius = max(3, round(0.004 * min(mask.shape)))
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
            cast = ndimage.binary_dilation(shadow.cover(coverage) > MIN_COVERAGE, iterations=DRAWN_PX)
    if shadow is not None and not shadow.is_hard:
        lit = shadow.lift(image_u8, coverage)
        lit = lit if keep_out is None else np.where(keep_out[:, :, None], image_u8, lit)
        erased, mask = erase_block(lit, block, inpainter, keep_out, letters=letters, ink=ink)
        return erased, mask | (lit != image_u8).any(axis=2)
    mask, filled = np.zeros(image_u8.shape[:2], bool), image_u8.copy()
    textured, grain = np.zeros_like(mask), np.zeros(image_u8.shape, np.float32)
    for line in block.lines:
        seen = measure_letters(image_u8, line.box, max(3.0, (0.3 if ink is None else MORE_PAD) * line.height), ink)
        x0, y0, x1, y1 = seen.window
        strokes = _strokes(seen, image_u8, line)
        if letters is not None:
            drawn = ndimage.binary_dilation(letters[y0:y1, x0:x1] > MIN_COVERAGE, iterations=DRAWN_PX)
            strokes = drawn | strokes & ndimage.binary_dilation(drawn, iterations=max(2, round(GROWTH_SHARE * line.height)))
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
    if share >= LEAST_DRAWN:
        filled, replaced = _continue_drawn(image_u8, hole, barred)
    if share < SURELY_DRAWN and (hole & ~replaced).sum() > MOST_UNKNOWN * hole.sum():
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
    near = ndimage.binary_dilation(strokes, iterations=RINGING_PX) & ~strokes
    return near & (np.abs(off).max(axis=2) > LEAST_RINGING) & (coherent_misses(off, near) <= MAX_MISS)


def _strokes(ink: Ink, image_u8: np.ndarray, line: BlockLine) -> np.ndarray:
    """Return the mask [h, w] of letters with their soft edges, ringing and shadow, in the window of `ink`."""
    x0, y0, x1, y1 = ink.window
    distance = np.linalg.norm(image_u8[y0:y1, x0:x1].astype(np.float32) - ink.ground, axis=2)
    letters = ink.coverage > MIN_COVERAGE
    grown = ndimage.binary_dilation(ink.coverage > 0.4, iterations=max(2, round(GROWTH_SHARE * line.height)))
    changed = distance > max(4.0, 3.0 * min(ink.residual, MAX_NOISE))
    strokes = grown | (letters & changed & ndimage.binary_dilation(grown, iterations=2))
    return strokes & ~_things_beside(strokes, line, ink.window)


def _things_beside(strokes: np.ndarray, line: BlockLine, window: Box) -> np.ndarray:
    """Return what of a mask [h, w] is no letter: pieces that hang in from beside the line, such as the rim of a picture."""
    x0, y0, x1, y1 = line.box[0] - window[0], line.box[1] - window[1], line.box[2] - window[0], line.box[3] - window[1]
    own = np.zeros(strokes.shape, bool)
    own[max(0, y0) : y1, max(0, x0) : x1] = True
    labels, num = ndimage.label(strokes)
    sizes, inside = np.bincount(labels.ravel(), minlength=num + 1), np.bincount(labels[own], minlength=num + 1)
    beside = inside < LEAST_INSIDE * sizes
    rim = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    beside &= np.isin(np.arange(num + 1), rim)
    beside[0] = False
    return np.asarray(beside[labels])


def _is_surface_around(crop_u8: np.ndarray, ink: Ink, strokes: np.ndarray) -> bool:
    """Return whether the fitted surface is the ground all along the strokes: no shape begins or ends behind the letters.

    Differences are averaged over a few pixels first: a shape is wide, the ringing of compression goes up and down.
    """
    around = ndimage.binary_dilation(strokes, iterations=4) & ~strokes
    if around.sum() < 16:
        return True
    known = (~strokes).astype(np.float32)[:, :, None]
    sigmas = (AVERAGED_PX, AVERAGED_PX, 0.0)
    share = ndimage.gaussian_filter(known, sigmas)
    mean = ndimage.gaussian_filter((crop_u8.astype(np.float32) - ink.ground) * known, sigmas) / np.maximum(share, 1e-3)
    off = np.abs(mean).max(axis=2)[around & (share[:, :, 0] > 0.1)]
    return not len(off) or float(np.percentile(off, 97.0)) <= max(MAX_STEP, ink.grain)


def draw_grain(crop_u8: np.ndarray, usual: float, hole: np.ndarray) -> np.ndarray:
    """Return the ground's own grain [h, w, 3] for the pixels of a hole [h, w]: fine detail of the pixels around, drawn anew.

    Filled pixels without it are smoother than a photograph or a JPEG around them, and that shows. Ringing beside strokes is
    not grain: pixels out of its reach are asked where there are enough. Nor are the edges of a pattern or of things beside:
    what is far above most of the detail is left out.

    Args:
        usual: the ground's grain, root mean square, 0..255 (`measure_grain`), at most.
    """
    crop = crop_u8.astype(np.float32)
    detail = crop - ndimage.gaussian_filter(crop, (1.5, 1.5, 0.0))
    for reach in (RINGING_PX, 3):
        around = ~ndimage.binary_dilation(hole, iterations=reach)
        fine = np.abs(detail[around]).max(axis=1)
        spread = min(usual, USUAL_SPREAD * float(np.median(fine))) if len(fine) else usual
        kept = detail[around][fine <= 3.0 * max(spread, 0.5)]
        if len(kept) >= MIN_GRAINS:
            break
    if len(kept) < 32 or float(np.sqrt((kept**2).mean())) < GRAIN_FLOOR:
        return np.zeros(crop_u8.shape, np.float32)
    rng = np.random.default_rng(crop_u8.size)
    drawn: np.ndarray = kept[rng.integers(len(kept), size=hole.shape)]
    return drawn
