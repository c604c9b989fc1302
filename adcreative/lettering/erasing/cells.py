"""Fills holes in drawn grounds with straight or round outlines, which are continued through the hole and divide it into cells.

Cells without a colour change between them form one region, and a region has one smooth colour: a surface shared by all
regions, plus the region's own step, plus the residual of nearby pixels. Where known pixels next to the hole contradict, or an
outline may have ended, the hole is left to a filling with weaker assumptions. Knows pixels; no letters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from adcreative.lettering.erasing.holes import window_of
from adcreative.lettering.erasing.outlines import FITTED as OUTLINES
from adcreative.lettering.erasing.outlines import Outline, find_outlines
from adcreative.lettering.reading.ink import fit_ground


@dataclass(frozen=True)
class Fitted:
    """Constants of this module, chosen by hand, checked by `pytest tests/lettering/erasing/test_cells.py`."""

    pad_share: float = 0.12  # of the picture's shorter side: search radius of outlines around the hole
    least_pad_px: int = 48  # minimum of that radius
    step_px: float = 3.0  # distance to both sides of an outline at which colours are compared
    same_colour: float = 2.5  # 0..255: larger colour differences between both sides confirm an outline
    beside_px: float = 6.0  # maximum distance from an outline of the pixels that give a cell's colour there
    least_known: int = 8  # minimum pixels for a cell's colour
    large_cell: int = 40  # minimum pixels of a cell that can start a region
    pure_px: int = 2  # minimum distance from the hole and from outlines of unmixed colours
    same_surface: float = 1.5  # 0..255: maximum median deviation of a region from the shared surface
    rounds: int = 4  # of merging regions
    middle: float = 128.0  # 0..255, added to colours without their steps while a surface is fitted
    large_region: int = 200  # minimum pixels of a region with a surface of its own
    max_residual: float = 2.5  # 0..255: maximum median deviation from that surface
    reach_px: float = 8.0  # deviation of the blur that averages residuals of a surface
    least_weight: float = 0.05  # minimum sum of the blur's weights
    largest_miss: float = 6.0  # 0..255: larger residuals are ignored
    truncated: float = 4.0  # deviations at which a blur is truncated
    seen_px: int = 16  # radius around the hole in which colours are sampled
    max_miss: float = 3.0  # 0..255: maximum difference of known pixels from the drawn ground
    miss_px: float = 1.5  # deviation of the blur for that
    doubt_px: float = 4.0  # radius around a checked pixel
    max_doubt: float = 0.2  # maximum share of differing known pixels in that radius: above it, the pixel is not filled
    near_seen_px: float = 8.0  # an outline continues for this distance beyond its visible part
    goes_on: float = 0.3  # or for this share of its visible part
    guessed_px: int = 6  # radius left unfilled around other continued edges
    fine: int = 3  # samples per pixel and axis, for soft edges
    ringing_px: int = 8  # distance from strokes within which compression artifacts show
    colour_range: tuple[float, float] = (1.0, 99.0)  # percentiles of a region's colours that limit the drawn colours


FITTED = Fitted()


class OutlinedGround:
    """The ground of straight and round outlines behind a mask [H, W] of a picture [H, W, 3], computed once.

    Args:
        keep_out: [H, W] pixels that are not ground.
    """

    def __init__(self, image_u8: np.ndarray, mask: np.ndarray, keep_out: np.ndarray) -> None:
        self._window = window_of(mask, max(FITTED.least_pad_px, round(FITTED.pad_share * min(mask.shape))))
        if self._window is None:
            return
        crop, hole = image_u8[self._window].astype(np.float32), mask[self._window]
        known = ~(mask | keep_out)[self._window]
        around = ndimage.binary_dilation(hole, iterations=FITTED.seen_px)
        self._outlines = [one for one in find_outlines(crop, known) if _crosses(one, around) and _is_step(one, crop)]
        near = known & ndimage.binary_dilation(hole, iterations=FITTED.ringing_px)
        self._drawn, self._is_edge = _draw(crop, known, hole | near, self._outlines)
        is_open = np.isnan(self._drawn).any(axis=2)
        missed = coherent_misses(crop - self._drawn, near & ~is_open & ~self._is_edge) > FITTED.max_miss
        reach = max(FITTED.doubt_px, float(ndimage.distance_transform_edt(hole).max()))
        shares = [ndimage.gaussian_filter(one.astype(np.float32), reach) for one in (missed | is_open & near, near)]
        doubt = is_open | (shares[0] > FITTED.max_doubt * np.maximum(shares[1], 1e-4)) | missed
        self._told = (hole | near & ~self._is_edge) & ~doubt
        self._near = near

    def fill(self, image_u8: np.ndarray, left: np.ndarray, *, is_sure: bool) -> tuple[np.ndarray, np.ndarray]:
        """Return a picture [H, W, 3] with the rest of the mask filled, and the mask of replaced pixels [H, W].

        Args:
            image_u8: the picture, partly filled. is_sure: skip pixels that an outline may not reach.
        """
        out, done = image_u8.copy(), np.zeros_like(left)
        if self._window is None:
            return out, done
        hole = left[self._window]
        chosen = self._told & (hole | self._near & ndimage.binary_dilation(hole, iterations=FITTED.ringing_px))
        if is_sure and chosen.any():
            guessed = _is_guessed(self._is_edge & hole, self._outlines)
            chosen &= ~ndimage.binary_dilation(guessed, iterations=FITTED.guessed_px)
        out[self._window][chosen] = self._drawn[chosen].round().clip(0, 255).astype(np.uint8)
        done[self._window] = chosen
        return out, done


def _is_guessed(is_edge: np.ndarray, outlines: Sequence[Outline]) -> np.ndarray:
    """Return the edge pixels [h, w] so far beyond the visible part of their outline that it may have ended or turned."""
    guessed = np.zeros_like(is_edge)
    y, x = np.nonzero(is_edge)
    if not len(y) or not outlines:
        return guessed
    nearest = np.argmin([np.abs(one.distance(y, x)) for one in outlines], axis=0)
    for k, one in enumerate(outlines):
        own = nearest == k
        guessed[y[own], x[own]] = one.beyond(y[own], x[own]) > max(FITTED.near_seen_px, FITTED.goes_on * len(one.points))
    return guessed


def coherent_misses(off: np.ndarray, near: np.ndarray) -> np.ndarray:
    """Return the smoothed difference of pixels [h, w] (0..255): large on an object; compression artifacts average out."""
    weight = np.maximum(ndimage.gaussian_filter(near.astype(np.float32), FITTED.miss_px), 0.02)
    known = np.where(near[:, :, None], off, 0.0)
    return np.max([np.abs(ndimage.gaussian_filter(known[:, :, k], FITTED.miss_px) / weight) for k in range(3)], axis=0) * near


def _crosses(outline: Outline, hole: np.ndarray) -> bool:
    y, x = np.nonzero(hole)
    distance = outline.distance(y, x)
    return bool((distance < 0).any() and (distance > 0).any())


def _is_step(outline: Outline, crop: np.ndarray) -> bool:
    """Return whether the colours on both sides of an outline's points differ by more than noise."""
    offsets = outline.points - outline.middle
    normals = offsets / np.maximum(np.hypot(*offsets.T), 1e-6)[:, None]
    sides = []
    for by in (-FITTED.step_px, FITTED.step_px):
        y, x = (outline.points + by * normals).round().astype(int).T
        sides.append(crop[y.clip(0, crop.shape[0] - 1), x.clip(0, crop.shape[1] - 1)])
    return float(np.abs(np.median(sides[1] - sides[0], axis=0)).max()) > FITTED.same_colour


def _codes(y: np.ndarray, x: np.ndarray, outlines: Sequence[Outline]) -> tuple[np.ndarray, np.ndarray]:
    """Return a bit per outline for the side of each point, and the distance to the nearest outline, px."""
    codes, nearest = np.zeros(y.shape, np.int64), np.full(y.shape, np.inf)
    for k, one in enumerate(outlines):
        distance = one.distance(y, x)
        codes |= (distance > 0).astype(np.int64) << k
        nearest = np.minimum(nearest, np.abs(distance))
    return codes, nearest


def _draw(
    crop: np.ndarray, known: np.ndarray, wanted: np.ndarray, outlines: Sequence[Outline]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the ground [h, w, 3] on the wanted pixels, NaN where unknown, and the mask [h, w] of pixels at an edge."""
    y, x = np.mgrid[: crop.shape[0], : crop.shape[1]].astype(float)
    codes, nearest = _codes(y, x, outlines)
    pure = ndimage.binary_erosion(known, iterations=FITTED.pure_px) & (nearest > FITTED.pure_px)
    pure &= ndimage.binary_dilation(wanted, iterations=FITTED.seen_px) & _is_calm(crop)
    regions = _join_cells(crop, known & (nearest > 1.0), pure, codes, outlines)
    names = np.array(sorted(regions))
    region_of = np.array([regions[int(code)] for code in names])
    labels = region_of[np.searchsorted(names, codes)]
    rows, columns = np.nonzero(wanted)
    colours = _colours(crop, pure, labels, wanted)
    is_edge = ndimage.maximum_filter(labels, 3) != ndimage.minimum_filter(labels, 3)
    own = np.searchsorted(np.unique(labels), labels[wanted])
    drawn = np.full(crop.shape, np.nan, np.float32)
    drawn[wanted] = colours[own, np.arange(len(own))]
    soft, order, offsets = (
        np.flatnonzero(is_edge[wanted]),
        np.unique(labels),
        (np.arange(FITTED.fine) + 0.5) / FITTED.fine - 0.5,
    )
    drawn[rows[soft], columns[soft]] = 0.0
    for dy, dx in ((dy, dx) for dy in offsets for dx in offsets):
        fine, _ = _codes(rows[soft] + dy, columns[soft] + dx, outlines)
        at = np.searchsorted(names, fine).clip(0, len(names) - 1)
        label = np.where(names[at] == fine, region_of[at], labels[rows[soft], columns[soft]])
        drawn[rows[soft], columns[soft]] += colours[np.searchsorted(order, label), soft] / FITTED.fine**2
    return drawn, is_edge


def _is_calm(crop: np.ndarray) -> np.ndarray:
    """Return the mask [h, w] of pixels outside photographs: most of the neighbourhood has no edges."""
    gy, gx = np.gradient(ndimage.gaussian_filter(crop, (OUTLINES.edge_px, OUTLINES.edge_px, 0.0)), axis=(0, 1))
    is_steep = np.hypot(gy, gx).max(axis=2) > OUTLINES.least_slope
    return np.asarray(ndimage.uniform_filter(is_steep.astype(np.float32), OUTLINES.crowd_px) < OUTLINES.max_crowd)


def _join_cells(
    crop: np.ndarray, known: np.ndarray, pure: np.ndarray, codes: np.ndarray, outlines: Sequence[Outline]
) -> dict[int, int]:
    """Return code of a cell -> its region. Large cells without a colour change between them are merged, small cells join the
    neighbour with the nearest colour, and invisible cells join across the outline whose visible part is farthest away.

    known, pure: [h, w] ground pixels; ground pixels that are also far from the hole and from outlines.
    """
    places = _places(codes)
    cells = list(places)
    seen, own = ({code: (y[mask[y, x]], x[mask[y, x]]) for code, (y, x) in places.items()} for mask in (known, pure))
    large = [code for code in cells if len(own[code][0]) >= FITTED.large_cell]
    parent = {code: code for code in cells}

    def root(code: int) -> int:
        while parent[code] != code:
            code = parent[code]
        return code

    for code in large:
        for k, outline in enumerate(outlines):
            other = code ^ (1 << k)
            if other > code and other in parent and len(own[other][0]) >= FITTED.large_cell:
                sides = [_beside(crop, own[one], outline) for one in (code, other)]
                if float(np.abs(sides[0] - sides[1]).max()) <= FITTED.same_colour:
                    parent[root(other)] = root(code)
    told = set(large)
    waiting = sorted((code for code in cells if code not in told), key=lambda code: -len(seen[code][0]))
    for _ in range(len(outlines) + 1):
        for code in list(waiting):
            middle = np.mean(places[code], axis=1)
            options = []
            for k, outline in enumerate(outlines):
                other = code ^ (1 << k)
                if other in told:
                    if len(seen[code][0]) >= FITTED.least_known and len(seen[other][0]) >= FITTED.least_known:
                        sides = [_beside(crop, seen[one], outline) for one in (code, other)]
                        options.append((float(np.abs(sides[0] - sides[1]).max()), 0.0, other))
                    else:
                        options.append((FITTED.same_colour, -float(np.hypot(*(outline.points - middle).T).min()), other))
            if options:
                parent[code] = root(min(options)[2])
                told.add(code)
                waiting.remove(code)
    return {code: root(code) for code in cells}


def _places(codes: np.ndarray) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    """Return code -> rows and columns of its pixels, sorted by code."""
    order = np.argsort(codes, axis=None, kind="stable")
    names, starts = np.unique(codes.ravel()[order], return_index=True)
    y, x = np.unravel_index(order, codes.shape)
    ends = [*starts[1:], len(order)]
    return {int(name): (y[start:end], x[start:end]) for name, start, end in zip(names, starts, ends, strict=True)}


def _beside(crop: np.ndarray, own: tuple[np.ndarray, ...], outline: Outline) -> np.ndarray:
    """Return the colour [3] of a cell's pixels next to an outline."""
    distance = np.abs(outline.distance(own[0], own[1]))
    limit = max(FITTED.beside_px, float(np.partition(distance, FITTED.least_known - 1)[FITTED.least_known - 1]))
    near = distance <= limit
    return np.asarray(np.median(crop[own[0][near], own[1][near]], axis=0))


def _colours(crop: np.ndarray, pure: np.ndarray, labels: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return the colour [R, N, 3] of each region at all wanted pixels; NaN for a region without a smooth colour.

    The shared surface plus a step, or a surface of its own if that does not fit, plus the residual of nearby pixels.
    """
    rows, columns = np.nonzero(wanted)
    names, sizes = np.unique(labels[pure], return_counts=True)
    found = np.full((len(np.unique(labels)), len(rows), 3), np.nan, np.float32)
    if not len(names):
        return found
    order = np.unique(labels)
    usual = _shared_surface(crop, pure, labels)
    for name, size in zip(names, sizes, strict=True):
        own = pure & (labels == name)
        if size < FITTED.least_known:
            continue
        surface = usual + np.median((crop - usual)[own], axis=0)
        if _residual(crop - surface, own) > FITTED.same_surface and size >= FITTED.large_region:
            surface, _ = fit_ground(crop, own)
        if _residual(crop - surface, own) <= FITTED.max_residual:
            drawn = surface[rows, columns] + _misses(crop - surface, own, wanted)
            low, high = np.percentile(crop[own], FITTED.colour_range, axis=0)
            found[np.searchsorted(order, name)] = drawn.clip(low - FITTED.same_colour, high + FITTED.same_colour)
    return found


def _residual(off: np.ndarray, own: np.ndarray) -> float:
    """Return the median deviation of a region's pixels from its surface, 0..255; objects on the region do not count."""
    return float(np.median(np.abs(off[own]).max(axis=1)))


def _shared_surface(crop: np.ndarray, pure: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the surface [h, w, 3] shared by all regions, apart from a step for each."""
    names, index = np.unique(labels, return_inverse=True)
    index = index.reshape(labels.shape)
    surface = np.zeros_like(crop)
    for _ in range(FITTED.rounds):
        steps = np.zeros((len(names), 3), np.float32)
        for k in range(len(names)):
            own = pure & (index == k)
            steps[k] = np.median((crop - surface)[own], axis=0) if own.any() else 0.0
        surface = fit_ground(crop - steps[index] + FITTED.middle, pure)[0] - FITTED.middle
    return surface


def _misses(off: np.ndarray, own: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return the residual [N, 3] at the wanted pixels, averaged over a region's own residuals [h, w, 3] nearby."""
    reach = round(FITTED.truncated * FITTED.reach_px)  # pixels farther from all wanted pixels have no influence
    box = tuple(slice(max(0, places.min() - reach), places.max() + reach + 1) for places in np.nonzero(wanted))
    off, own, wanted = off[box], own[box], wanted[box]
    rows, columns = np.nonzero(wanted)
    own = own & (np.abs(off).max(axis=2) <= FITTED.largest_miss)
    known = off * own[:, :, None]
    blurred = _blurred(np.dstack([known, own.astype(np.float32)]))[rows, columns]
    return np.asarray(blurred[:, :3] / np.maximum(blurred[:, 3:], FITTED.least_weight))


def _blurred(planes: np.ndarray) -> np.ndarray:
    """Return planes [h, w, 4] blurred with deviation FITTED.reach_px."""
    import cv2

    side = 2 * round(FITTED.truncated * FITTED.reach_px) + 1
    return np.asarray(cv2.GaussianBlur(planes.astype(np.float32), (side, side), FITTED.reach_px, borderType=cv2.BORDER_REFLECT))
