"""Fills holes from examples: each patch at the rim of a hole is completed from the place in the picture that is most like it.

Patches on strong edges that run into the hole come first, so that stripes, bars and outlines go on behind letters:

    priority(p) = mean confidence of the patch * |isophote . normal|      filled pixels pass on less confidence than known ones
    example     = argmin over whole known patches of the squared difference on the patch's known pixels

Knows pixels; no letters. Source: Criminisi, Perez & Toyama 2004. Differs: a fitted surface is taken off first and added again,
so that a gradient needs no example of its own; several patches far from each other are filled in a round.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import ndimage

from adcreative.encoders.picture_words.ink import fit_ground, measure_grain

MIN_PATCH_PX, MAX_PATCH_PX = 7, 17
REACH_PATCHES = 9  # how far examples are looked for, in patches
PATCHES_A_ROUND = 8
LEAST_EDGE = 0.02  # of data terms, so that a hole in a flat ground is filled, too
NEARNESS = 0.03  # of squared difference a pixel (0..255) and pixel of distance: of equal examples the nearest
USUAL_PERCENTILE, ALLOWANCE = 80.0, 1.5  # of differences from the surface around the hole: beyond is no ground but a thing
DRAWN_GRAIN, EDGE_PX = 2.0, 0.6  # root mean square (0..255) up to which a ground is drawn; softness of a drawn edge
TONE_SHARE = 0.25  # of the strokes' width: deviation of the blur that tells tones from detail
LEAST_DETAIL = 0.5  # of a photograph's pixels, 0..255, in the median; drawn grounds have it at their edges only
DETAIL_GRAINS = 2.5  # of the ground's grain: how far an example's detail may differ from the tones around it
MAX_PATCHES = 2500  # a hole that needs more is left to a quicker way


def fill_from_examples(image_u8: np.ndarray, mask: np.ndarray, keep_out: np.ndarray, stroke_px: float) -> np.ndarray | None:
    """Return the picture [H, W, 3] with a mask [H, W] filled, all else bit for bit; None when that would take too long.

    Args:
        keep_out: [H, W] pixels that may not be copied. stroke_px: about how wide the parts of the hole are; patches are half as
            large again.
    """
    side = int(np.clip(round(1.5 * stroke_px), MIN_PATCH_PX, MAX_PATCH_PX)) | 1
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows) or mask.sum() > MAX_PATCHES * side * side / 3:
        return None if len(rows) else image_u8
    pad = 4 * side
    window = (slice(max(0, rows[0] - pad), rows[-1] + pad), slice(max(0, columns[0] - pad), columns[-1] + pad))
    hole = mask[window]
    crop = image_u8[window].astype(np.float32)
    surface, _ = fit_ground(crop, ~hole & ~keep_out[window])
    detail = crop - surface
    off = np.abs(detail).max(axis=2)
    barred = keep_out[window]
    around = ndimage.binary_dilation(hole, iterations=2 * side) & ~ndimage.binary_dilation(hole, iterations=1) & ~barred
    usual = float(np.percentile(off[around], USUAL_PERCENTILE)) if around.any() else 255.0
    filled = _Filling(detail, hole, ~barred & (off <= ALLOWANCE * usual + 4.0), side).filled()
    if filled is None:
        return None
    grain, filled = measure_grain(crop, around), filled + surface
    if grain <= DRAWN_GRAIN:
        filled = _without_specks(filled - surface, hole, side) + surface
    elif _median_detail(crop, around) > LEAST_DETAIL:
        filled = _with_even_tones(filled, image_u8[window], hole, stroke_px, grain)
    out = image_u8.copy()
    out[window][hole] = filled.round().clip(0, 255).astype(np.uint8)[hole]
    return out


def _median_detail(crop: np.ndarray, around: np.ndarray) -> float:
    """Return the fine detail (0..255) that at least half of the pixels around a hole have: photographs have some everywhere."""
    fine = np.abs(crop - ndimage.gaussian_filter(crop, (1.5, 1.5, 0.0))).max(axis=2)
    return float(np.median(fine[around])) if around.any() else 0.0


def _with_even_tones(filled: np.ndarray, crop_u8: np.ndarray, hole: np.ndarray, stroke_px: float, grain: float) -> np.ndarray:
    """Return a filled photograph [h, w, 3] with the fine detail of the examples, and tones that go on from the hole's rim.

    Neighbouring patches of different brightness show as blocks; what a diffusion from the rim says of the tones does not.
    Detail that differs from it by more than the ground's grain does is an example that does not belong there.
    """
    import cv2

    diffused = cv2.inpaint(np.ascontiguousarray(crop_u8), hole.astype(np.uint8), 3, cv2.INPAINT_TELEA).astype(np.float32)
    sigma = max(1.5, TONE_SHARE * stroke_px)
    weight = np.maximum(ndimage.gaussian_filter(hole.astype(np.float32), sigma), 1e-3)[:, :, None]
    off = ndimage.gaussian_filter((diffused - filled) * hole[:, :, None], (sigma, sigma, 0.0)) / weight
    detail = np.clip(filled + off - diffused, -DETAIL_GRAINS * grain, DETAIL_GRAINS * grain)
    return np.where(hole[:, :, None], diffused + detail, filled)


def _without_specks(filled: np.ndarray, hole: np.ndarray, side: int) -> np.ndarray:
    """Return a drawn picture [h, w, 3] whose hole is without the specks, steps and ragged edges that examples left in it.

    Medians move edges with their curvature, so that they become straight, and take what is smaller than half their width.
    """
    import cv2

    scale = 127.0 / max(1.0, float(np.percentile(np.abs(filled[ndimage.binary_dilation(hole, iterations=side)]), 99.9)))
    coded = np.round(filled * scale + 128.0).clip(0, 255).astype(np.uint8)
    for width in (side, side, side, side // 2 | 1, side // 2 | 1):
        coded[hole] = cv2.medianBlur(coded, max(3, width))[hole]
    cleaned = np.where(hole[:, :, None], (coded.astype(np.float32) - 128.0) / scale, filled)
    soft = ndimage.gaussian_filter(cleaned, (EDGE_PX, EDGE_PX, 0.0))
    return np.where(hole[:, :, None], soft, filled)


class _Filling:
    """A picture [h, w, 3] float32 while its hole [h, w] is filled."""

    def __init__(self, picture: np.ndarray, hole: np.ndarray, is_ground: np.ndarray, side: int) -> None:
        self._picture, self._open, self._side, self._half = picture.copy(), hole.copy(), side, side // 2
        self._confidence = (~hole).astype(np.float32)
        whole = ndimage.minimum_filter((is_ground & ~hole).astype(np.uint8), size=side, mode="constant").astype(bool)
        self._examples = picture.copy()
        self._planes = [np.ascontiguousarray(picture[:, :, channel]) for channel in range(3)]
        self._squares = np.square(picture).sum(axis=2)
        self._is_example = whole  # middles of patches that are ground all over
        self._picture[hole] = 0.0

    def filled(self) -> np.ndarray | None:
        """Fill the hole patch by patch; None when there is no example."""
        if not self._is_example.any():
            return None
        while self._open.any():
            for row, column, confidence in list(self._next_patches()):
                if not self._fill_patch(row, column, confidence):
                    return None
        return self._picture

    def _next_patches(self) -> Iterator[tuple[int, int, float]]:
        """Yield middles of patches on the rim of the hole and their confidence: the most urgent, far from each other."""
        known = ~self._open
        rim = self._open & ndimage.binary_dilation(known)
        confidence = ndimage.uniform_filter(self._confidence, self._side, mode="nearest")
        grey = self._picture.mean(axis=2)
        weight = ndimage.gaussian_filter(known.astype(np.float32), 1.0) + 1e-6
        smooth = ndimage.gaussian_filter(grey * known, 1.0) / weight  # unknown pixels have no part in it
        gy, gx = np.gradient(smooth)
        inner = ndimage.minimum_filter(known.astype(np.uint8), size=3).astype(bool)
        strength = np.where(inner, np.hypot(gx, gy), 0.0)
        nearest = ndimage.maximum_filter(strength, size=self._side)  # the strongest edge in the patch stands for all
        priority = np.where(rim, confidence * (nearest / 255.0 + LEAST_EDGE), -1.0)
        for _ in range(PATCHES_A_ROUND):
            row, column = np.unravel_index(int(priority.argmax()), priority.shape)
            if priority[row, column] < 0.0:
                return
            yield int(row), int(column), float(confidence[row, column])
            reach = self._side
            priority[max(0, row - reach) : row + reach + 1, max(0, column - reach) : column + reach + 1] = -1.0

    def _fill_patch(self, row: int, column: int, confidence: float) -> bool:
        half, (height, width) = self._half, self._open.shape
        row, column = min(max(row, half), height - half - 1), min(max(column, half), width - half - 1)
        patch = (slice(row - half, row + half + 1), slice(column - half, column + half + 1))
        unknown = self._open[patch]
        for reach in (REACH_PATCHES * self._side, max(height, width)):
            top, left = max(half, row - reach), max(half, column - reach)
            bottom, right = min(height - half, row + reach + 1), min(width - half, column + reach + 1)
            allowed = self._is_example[top:bottom, left:right]
            if allowed.any():
                break
        else:
            return False
        searched = (slice(top - half, bottom + half), slice(left - half, right + half))
        cost = self._differences(searched, self._picture[patch], ~unknown)
        distance = np.hypot(*np.ogrid[top - row : bottom - row, left - column : right - column])
        cost = cost / max(3.0 * float((~unknown).sum()), 1.0) + NEARNESS * distance
        cost[~allowed] = np.inf
        found_row, found_column = np.unravel_index(int(np.argmin(cost)), cost.shape)
        y, x = top + int(found_row), left + int(found_column)
        example = self._examples[y - half : y + half + 1, x - half : x + half + 1]
        self._picture[patch][unknown] = example[unknown]
        self._confidence[patch][unknown] = confidence
        self._open[patch] = False
        return True

    def _differences(self, searched: tuple[slice, slice], patch: np.ndarray, known: np.ndarray) -> np.ndarray:
        """Return the squared difference of a patch [side, side, 3] on its known pixels to each place of what is searched.

        sum m (e - p)^2 = e^2 * m - 2 e * (m p) + sum m p^2, where * is correlation: one for each plane takes OpenCV a sixth of
        the time of its own masked difference, which correlates each channel twice, all three at once.
        """
        import cv2

        weight = known.astype(np.float32)
        weighted = patch * weight[:, :, None]
        cost = np.asarray(cv2.matchTemplate(self._squares[searched], weight, cv2.TM_CCORR), np.float32)
        for channel, plane in enumerate(self._planes):
            shared = cv2.matchTemplate(plane[searched], np.ascontiguousarray(2.0 * weighted[:, :, channel]), cv2.TM_CCORR)
            cost -= np.asarray(shared, np.float32)
        return cost + np.float32((weighted * patch).sum())
