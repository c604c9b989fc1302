"""Ink and ground of a piece of text: the mask of letters, their colour, and the ground. Knows pixels, no models.

ground: a plane or a quadratic surface fitted to the pixels around the letters, exact for flat grounds and gradients
coverage = clip(((I - G) . (C - G)) / |C - G|^2, 0, 1) with ground G and ink C, so that soft edges count in part
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class Fitted:
    """Constants of this module, chosen by hand, checked by `python -m tests.real.read_ads --split work`."""

    flat_residual: float = 2.0  # root mean square (0..255) up to which a fitted surface is the ground, regardless of grain
    grain_residual: float = 1.7  # or this multiple of the grain; a larger residual means steps or objects in the ground
    max_noise: float = 6.0  # 0..255: maximum noise of a ground for separating letters by the fitted surface
    min_distance: float = 30.0  # minimum distance of the colours of measurable ink and ground
    other_colour: float = 40.0  # maximum distance of an ink's colour from the line between ink and ground
    other_share: float = 0.3  # the same, as share of the distance of ink and ground
    stray_share: float = 0.3  # of a box's height: lower components at the box's edge belong to another line
    full_coverage: float = 0.75  # 0..1: minimum of a letter's maximum coverage; components below are ground of another shade
    soft_edge_px: int = 3  # width of a letter's soft edge
    ink_share: float = 0.5  # of the distance of ink and ground: pixels closer to the ink are letters
    near_known: float = 60.0  # 0..255: the same for a known ink
    reaches_px: tuple[float, ...] = (1.5, 3.0, 6.0, 12.0)  # deviations of the weights for interpolating ground between letters
    least_known: float = 0.1  # minimum sum of these weights
    even_reaches: tuple[float, ...] = (48.0, 24.0, 12.0)  # 0..255: shrinking radii around the ink's colour
    least_even: float = 0.4  # minimum share of the ink's pixels within a radius
    spot_share: float = 0.005  # of a line's height, squared: minimum area of a dot
    rim_share: float = 0.08  # of a line's height: distance by which letters exceed their box
    far_percentile: float = 99.0  # percentile of the distances from the ground that counts as full ink
    noise_times: float = 4.0  # minimum distance of ink from the ground, in residuals
    core_percentile: float = 60.0  # of the strong pixels' distances: pixels above it give the ink's colour
    stray_coverage: float = 0.3  # 0..1: minimum coverage for connected components
    most_rows: int = 4000  # maximum pixels for fitting a surface
    close: float = 1.2  # 0..255: residual at which no higher degree is tried
    close_share: float = 0.1  # the same, as share of the ground's spread
    least_off: float = 2.0  # 0..255: maximum difference of a ground pixel from the surface
    off_times: float = 2.5  # the same, in residuals
    least_inner: int = 64  # minimum pixels of ground for measuring grain
    grain_blur_px: float = 1.5  # deviation of the high-pass filter for grain
    grain_times: float = 1.15  # ratio of uniform grain to its high-pass part
    frame_share: float = 0.08  # of a crop's shorter side: width of its frame
    calm: float = 8.0  # step of light, 0..255, of smooth pixels
    calm_percentile: float = 60.0  # of the frame's steps; smooth pixels may have twice that step
    least_frame: int = 16  # minimum smooth pixels for the ground's colour
    near_frame: float = 40.0  # maximum distance of the ground's colours from the frame's
    near_times: float = 3.0  # the same, in spreads of the frame


FITTED = Fitted()

_TERMS = 6


@dataclass(frozen=True, kw_only=True)
class Ink:
    """Ink and ground in a box. coverage [h, w] 0..1; ground [h, w, 3] float32: the fitted surface; colour: RGB 0..255.

    residual: root mean square deviation of the ground's pixels from the surface, 0..255; grain: of its finest detail. box:
    tight around the letters, px of the picture, end exclusive; None without ink.
    """

    coverage: np.ndarray
    ground: np.ndarray
    colour: tuple[int, int, int]
    residual: float
    grain: float
    window: tuple[int, int, int, int]
    box: tuple[int, int, int, int] | None

    @property
    def is_flat(self) -> bool:
        """Whether the fitted surface is the ground, which is flat or a gradient."""
        return self.residual <= max(FITTED.flat_residual, FITTED.grain_residual * self.grain)

    @property
    def ground_colour(self) -> tuple[int, int, int]:
        red, green, blue = np.median(self.ground.reshape(-1, 3), axis=0).round().astype(int)
        return int(red), int(green), int(blue)


def window_around(box: tuple[float, float, float, float], pad: float, height: int, width: int) -> tuple[int, int, int, int]:
    """Return the box grown by `pad` px and clipped to the picture, as whole pixels, end exclusive."""
    x0, y0, x1, y1 = box
    return (
        max(0, int(np.floor(x0 - pad))),
        max(0, int(np.floor(y0 - pad))),
        min(width, int(np.ceil(x1 + pad))),
        min(height, int(np.ceil(y1 + pad))),
    )


def measure_ink(
    image_u8: np.ndarray,
    box: tuple[float, float, float, float],
    pad: float = 0.0,
    *,
    between: bool = False,
    known: tuple[int, int, int] | None = None,
) -> Ink:
    """Measure ink and ground in a box of the picture [H, W, 3].

    Args:
        pad: margin around the box, px. between: compare pixels with the ground next to them if no surface fits the ground,
            as on a photograph. known: the ink's colour, if it is not simply the colour farthest from the ground.
    """
    window = window_around(box, pad, *image_u8.shape[:2])
    x0, y0, x1, y1 = window
    crop = image_u8[y0:y1, x0:x1].astype(np.float32)
    is_ground = _likely_ground(crop)
    ground, residual = fit_ground(crop, is_ground)
    grain = measure_grain(crop, is_ground)
    distance = np.linalg.norm(crop - ground, axis=2)
    threshold = max(
        FITTED.min_distance,
        0.5 * float(np.percentile(distance, FITTED.far_percentile)),
        FITTED.noise_times * min(residual, FITTED.max_noise),
    )
    strong = distance >= threshold
    if known is None and strong.sum() < 4:
        return Ink(
            coverage=np.zeros(crop.shape[:2], np.float32),
            ground=ground,
            colour=(0, 0, 0),
            residual=residual,
            grain=grain,
            window=window,
            box=None,
        )
    if known is None:
        core = strong & (distance >= np.percentile(distance[strong], FITTED.core_percentile))
        colour = np.median(crop[core], axis=0)
    else:
        colour = np.array(known, np.float32)
    is_flat = residual <= max(FITTED.flat_residual, FITTED.grain_residual * grain)
    most = np.inf if known is None else FITTED.near_known
    coverage = _coverage(crop, _ground_between(crop, ground, colour, most) if between and not is_flat else ground, colour)
    coverage[_strays(coverage > FITTED.stray_coverage)] = 0.0
    red, green, blue = (round(float(value)) for value in colour)
    return Ink(
        coverage=coverage.astype(np.float32),
        ground=ground,
        colour=(red, green, blue),
        residual=residual,
        grain=grain,
        window=window,
        box=tight_box(coverage, x0, y0),
    )


def measure_letters(
    image_u8: np.ndarray, box: tuple[int, int, int, int], pad: float, known: tuple[int, int, int] | None = None
) -> Ink:
    """Measure a line's letters in its known box plus `pad` px: on a photograph `measure_ink` also takes objects behind the
    letters for ink. known: the ink's colour, as in `measure_ink`.

    A letter reaches full coverage, is larger than a spot and lies in the line's box; on flat ground all ink is letters.
    """
    from scipy import ndimage

    left, top, right, bottom = (float(edge) for edge in box)
    ink = measure_ink(image_u8, (left, top, right, bottom), pad, between=True, known=known)
    if ink.residual <= FITTED.flat_residual or ink.box is None:
        return ink
    labels, num = ndimage.label(ink.coverage > 0.5)
    rim = FITTED.rim_share * (bottom - top)
    side = rim if known is None else pad  # boxes may miss a letter
    x0, y0 = max(0, int(left - side) - ink.window[0]), max(0, int(top - rim) - ink.window[1])
    x1, y1 = int(np.ceil(right + side)) - ink.window[0], int(np.ceil(bottom + rim)) - ink.window[1]
    inside = np.zeros(ink.coverage.shape, np.float32)
    inside[y0:y1, x0:x1] = ink.coverage[y0:y1, x0:x1]
    fullest = np.asarray(ndimage.maximum(inside, labels, np.arange(num + 1)))
    is_spot = np.bincount(labels.ravel(), minlength=num + 1) < FITTED.spot_share * (bottom - top) ** 2
    is_letter = (fullest >= FITTED.full_coverage) & ~is_spot & (np.arange(num + 1) > 0)
    x0, y0, x1, y1 = ink.window
    even = _even_ink(image_u8[y0:y1, x0:x1].astype(np.float32), is_letter[labels])
    near = ndimage.binary_dilation(is_letter[labels] & even, iterations=FITTED.soft_edge_px)
    coverage = np.where(near & (inside > 0.0), ink.coverage, 0.0).astype(np.float32)
    return replace(ink, coverage=coverage, box=tight_box(coverage, *ink.window[:2]))


def measure_stroke(ink: Ink) -> float:
    """Return the mean width of the letters' strokes, px: twice their area by the length of their edges; 0 without ink."""
    covered = np.pad(ink.coverage > FITTED.ink_share, 1)
    edges = sum(int((np.diff(covered.astype(np.int8), axis=axis) != 0).sum()) for axis in (0, 1))
    return 2.0 * float(covered.sum()) / edges if edges else 0.0


def _even_ink(crop: np.ndarray, covered: np.ndarray) -> np.ndarray:
    """Return the covered pixels [h, w] of a crop [h, w, 3] in the uniform colour of the ink, without similar objects behind the
    letters; all covered pixels if the ink is not uniform, such as a translucent one."""
    if not covered.any():
        return covered
    from scipy import ndimage

    inner = ndimage.binary_erosion(covered, iterations=1)
    pixels = crop[inner if inner.any() else covered]
    colour = np.median(pixels, axis=0)
    for reach in FITTED.even_reaches:
        near = pixels[np.abs(pixels - colour).max(axis=1) <= reach]
        colour = np.median(near, axis=0) if len(near) else colour
    even = covered & (np.abs(crop - colour).max(axis=2) <= FITTED.even_reaches[-1])
    return even if even.sum() >= FITTED.least_even * covered.sum() else covered


def cut_below(ink: Ink, y: int) -> Ink:
    """Return a line's ink without the ink of the line below, which begins at row `y` (px), such as dots of an i or accents.

    The cut is made only at an empty row.
    """
    row, inked = y - ink.window[1], np.asarray((ink.coverage > FITTED.ink_share).any(axis=1))
    if not 1 < row < len(inked) or inked[row - 1] or not inked[: row - 1].any():
        return ink
    coverage = ink.coverage.copy()
    coverage[row - 1 :] = 0.0
    return replace(ink, coverage=coverage, box=tight_box(coverage, *ink.window[:2]))


def tight_box(coverage: np.ndarray, left: int, top: int) -> tuple[int, int, int, int] | None:
    """Return the box of pixels covered by more than half in [h, w] at left, top (px); None without any."""
    rows, columns = np.flatnonzero((coverage > 0.5).any(axis=1)), np.flatnonzero((coverage > 0.5).any(axis=0))
    if not len(rows) or not len(columns):
        return None
    return left + int(columns[0]), top + int(rows[0]), left + int(columns[-1]) + 1, top + int(rows[-1]) + 1


def _coverage(crop: np.ndarray, ground: np.ndarray, colour: np.ndarray) -> np.ndarray:
    """Return the position of pixels [h, w] between the ground's colour and the ink's, 0..1; 0 for other colours."""
    offset, span = crop - ground, colour - ground
    coverage = np.clip((offset * span).sum(axis=2) / np.maximum((span * span).sum(axis=2), 1.0), 0.0, 1.0)
    across = np.linalg.norm(offset - coverage[:, :, None] * span, axis=2)
    return np.where(across > np.maximum(FITTED.other_colour, FITTED.other_share * np.linalg.norm(span, axis=2)), 0.0, coverage)


def _ground_between(crop: np.ndarray, surface: np.ndarray, colour: np.ndarray, most: float) -> np.ndarray:
    """Return the ground [h, w, 3] of a photograph, interpolated from pixels near those of the ink's colour, which are at
    most `most` from it."""
    from scipy import ndimage

    limit = np.minimum(FITTED.ink_share * np.linalg.norm(surface - colour, axis=2), most)
    near_ink = np.linalg.norm(crop - colour, axis=2) < limit
    known = ~ndimage.binary_dilation(near_ink, iterations=FITTED.soft_edge_px)
    ground, found = surface.copy(), np.zeros(known.shape, bool)
    for reach in FITTED.reaches_px:
        weight = ndimage.gaussian_filter(known.astype(np.float32), reach)
        mean = ndimage.gaussian_filter(crop * known[:, :, None], (reach, reach, 0.0)) / np.maximum(weight, 1e-3)[:, :, None]
        new = ~found & (weight > FITTED.least_known)
        ground[new] = mean[new]
        found |= new
    return ground


def _strays(inked: np.ndarray) -> np.ndarray:
    """Return the mask [h, w] of parts of the lines above and below: low components at the upper or the lower edge."""
    from scipy import ndimage

    labels, _ = ndimage.label(inked)
    strays, height = np.zeros(inked.shape, bool), inked.shape[0]
    for label, (rows, columns) in enumerate(ndimage.find_objects(labels), start=1):
        is_at_edge = rows.start == 0 or rows.stop == height
        if is_at_edge and rows.stop - rows.start <= FITTED.stray_share * height:
            strays[rows, columns] |= labels[rows, columns] == label
    return strays


def fit_ground(crop: np.ndarray, is_ground: np.ndarray) -> tuple[np.ndarray, float]:
    """Fit a quadratic surface per channel to the ground's pixels of a crop [h, w, 3], float.

    Three rounds of least squares, each without outliers beyond 2.5 deviations; a plane if it fits as well, and a single
    colour if that does.

    Returns:
        the surface [h, w, 3] float32 and the root mean square of the residuals, 0..255.
    """
    height, width = crop.shape[:2]
    x, y = np.meshgrid(np.linspace(-1.0, 1.0, width), np.linspace(-1.0, 1.0, height))
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=2).reshape(-1, _TERMS)
    pixels, chosen = crop.reshape(-1, 3).astype(np.float64), is_ground.ravel().copy()
    if chosen.sum() < 4 * _TERMS:
        chosen[:] = True
    surface, residual = np.broadcast_to(np.median(pixels[chosen], axis=0), pixels.shape), 0.0
    for round_ in range(3):
        rows = np.flatnonzero(chosen)
        rows = rows[:: max(1, len(rows) // FITTED.most_rows)]
        spread = float(np.sqrt(((pixels[rows] - np.median(pixels[rows], axis=0)) ** 2).mean()))
        for num in (1, 3, _TERMS):
            weights, *_ = np.linalg.lstsq(terms[rows, :num], pixels[rows], rcond=None)
            residual = float(np.sqrt(((pixels[rows] - terms[rows, :num] @ weights) ** 2).mean()))
            if residual <= max(FITTED.close, FITTED.close_share * spread):
                break
        surface = terms[:, :num] @ weights
        if round_ == 2:
            break
        off = np.sqrt(((pixels - surface) ** 2).mean(axis=1))
        chosen &= off <= max(FITTED.least_off, FITTED.off_times * residual)
        if chosen.sum() < 4 * _TERMS:
            break
    return surface.reshape(crop.shape).clip(0.0, 255.0).astype(np.float32), residual


def measure_grain(crop: np.ndarray, is_ground: np.ndarray) -> float:
    """Return the root mean square (0..255) of the high-pass filtered ground pixels of a crop [h, w, 3]."""
    from scipy import ndimage

    inner = ndimage.binary_erosion(is_ground, iterations=2)
    chosen = inner if inner.sum() >= FITTED.least_inner else is_ground
    if not chosen.any():
        return 0.0
    fine = crop - ndimage.gaussian_filter(crop, (FITTED.grain_blur_px, FITTED.grain_blur_px, 0.0))
    return FITTED.grain_times * float(np.sqrt((fine[chosen] ** 2).mean()))


def _likely_ground(crop: np.ndarray) -> np.ndarray:
    """Return a mask [h, w] of probable ground pixels: smooth pixels with the colours of the crop's frame.

    Of the two colours of a crop with text, the frame has the ground's; a letter's edge has neither.
    """
    from scipy import ndimage

    grey = crop.mean(axis=2)
    edges = ndimage.morphological_gradient(grey, size=(3, 3))
    frame = np.zeros(grey.shape, bool)
    depth = max(1, round(FITTED.frame_share * min(grey.shape)))
    frame[:depth], frame[-depth:], frame[:, :depth], frame[:, -depth:] = True, True, True, True
    smooth = edges <= max(FITTED.calm, float(np.percentile(edges[frame], FITTED.calm_percentile)) * 2.0)
    framed = crop[frame & smooth] if (frame & smooth).sum() >= FITTED.least_frame else crop[frame]
    centre, spread = np.median(framed, axis=0), np.sqrt(((framed - np.median(framed, axis=0)) ** 2).mean())
    near = np.linalg.norm(crop - centre, axis=2) <= max(FITTED.near_frame, FITTED.near_times * float(spread))
    return smooth & near


def contrast_ratio(first: tuple[float, ...] | np.ndarray, second: tuple[float, ...] | np.ndarray) -> float:
    """Return the contrast of two colours (RGB 0..255), 1..21.

    Source: WCAG 2.2, definitions of contrast ratio and relative luminance.
    """
    lighter, darker = sorted((luminance(np.asarray(first)), luminance(np.asarray(second))), reverse=True)
    return float((lighter + 0.05) / (darker + 0.05))


def luminance(colours: np.ndarray) -> np.ndarray:
    """Return the relative luminance 0..1 of colours [..., 3], RGB 0..255 (WCAG 2.2)."""
    shares = np.asarray(colours, np.float64) / 255.0
    linear = np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)
    return linear @ np.array([0.2126, 0.7152, 0.0722])
