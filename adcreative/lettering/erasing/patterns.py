"""Restores the spots of a pattern behind letters: equal spots on a lattice, such as a grid of dots.

Completely visible spots give the lattice, by least squares, and the appearance of a spot:

    place(i, j) = origin + i * first + j * second

Knows pixels; no letters.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage


@dataclass(frozen=True)
class Fitted:
    """Constants of this module, chosen by hand, checked by `pytest tests/lettering/erasing/test_patterns.py`."""

    reach_share: float = 0.3  # of the picture's shorter side: margin around a hole in which spots are examined
    ground_share: float = 0.05  # of that side: width of the median filter that separates spots from their ground
    least_off: float = 6.0  # 0..255: minimum difference of a spot from its ground
    min_area: int = 5  # minimum pixels of a spot
    same_area: float = 0.45  # maximum relative difference of areas
    max_length: float = 1.7  # maximum ratio of a spot's sides
    max_steps: int = 120  # shortest steps between spots examined for the lattice
    min_spots: int = 10  # minimum completely visible spots
    max_miss: float = 0.12  # of a lattice's step: maximum offset of a spot from its lattice point
    min_hits: float = 0.85  # minimum share of visible lattice points with a spot
    level: float = 0.3  # maximum slope of a step between spots of one row
    same_step: float = 0.1  # maximum relative difference of equal steps


FITTED = Fitted()


@dataclass(frozen=True, kw_only=True)
class _Lattice:
    """A lattice in px: origin [2], steps [2, 2] (rows: first, second), as row and column."""

    origin: np.ndarray
    steps: np.ndarray

    def places(self, height: int, width: int) -> np.ndarray:
        """Return the lattice points [N, 2] inside a window."""
        corners = np.array([[0, 0], [0, width], [height, 0], [height, width]], float) - self.origin
        indices = corners @ np.linalg.inv(self.steps)
        low, high = np.floor(indices.min(axis=0)).astype(int), np.ceil(indices.max(axis=0)).astype(int)
        first, second = np.meshgrid(np.arange(low[0], high[0] + 1), np.arange(low[1], high[1] + 1), indexing="ij")
        places = np.stack([first.ravel(), second.ravel()], axis=1) @ self.steps + self.origin
        inside = (places >= 0).all(axis=1) & (places < (height - 1, width - 1)).all(axis=1)
        return np.asarray(places[inside])


def repeat_spots(image_u8: np.ndarray, mask: np.ndarray, keep_out: np.ndarray) -> np.ndarray:
    """Return the picture [H, W, 3] with a pattern's spots drawn on the filled pixels of a mask [H, W], all else bit for bit.

    Args:
        image_u8: the picture, with the mask filled. keep_out: [H, W] pixels that are not ground.
    """
    import cv2

    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return image_u8
    side = min(mask.shape)
    reach = round(FITTED.reach_share * side)
    window = (slice(max(0, rows[0] - reach), rows[-1] + reach), slice(max(0, columns[0] - reach), columns[-1] + reach))
    crop, hole, barred = image_u8[window], mask[window], keep_out[window]
    ground = cv2.medianBlur(np.ascontiguousarray(crop), round(FITTED.ground_share * side) | 1).astype(np.float32)
    detail = crop.astype(np.float32) - ground
    off = np.abs(detail).max(axis=2) > FITTED.least_off
    centres, radius = _find_spots(off, hole | barred)
    lattice = _find_lattice(centres) if len(centres) >= FITTED.min_spots else None
    if lattice is None:
        return image_u8
    half = int(np.ceil(radius)) + 2
    places = [place for place in lattice.places(*hole.shape) if _around(place, half, hole.shape) is not None]
    whole = [place for place in places if not (hole | barred)[_around(place, half, hole.shape)].any()]
    num_hit = sum(bool((np.linalg.norm(centres - place, axis=1) < radius).any()) for place in whole)
    num_bare = sum(not off[_around(place, half, hole.shape)].any() for place in whole)  # objects cover the others
    if num_hit < FITTED.min_hits * (num_hit + num_bare):
        return image_u8
    spot = _mean_spot(detail, centres, half)
    out = crop.copy()
    for place in places:
        cut = _around(place, half, hole.shape)
        own = hole[cut] & ~barred[cut]
        if own.any():
            shift = place - np.floor(place + 0.5)
            drawn = ground[cut] + ndimage.shift(spot, (shift[0], shift[1], 0.0), order=1)
            out[cut][own] = drawn.round().clip(0, 255).astype(np.uint8)[own]
    filled = image_u8.copy()
    filled[window] = out
    return filled


def _around(place: np.ndarray, half: int, shape: tuple[int, ...]) -> tuple[slice, slice] | None:
    """Return the square around a point, None for a point too close to the window's edge."""
    y, x = (int(np.floor(one + 0.5)) for one in place)
    if y < half or x < half or y + half >= shape[0] or x + half >= shape[1]:
        return None
    return slice(y - half, y + half + 1), slice(x - half, x + half + 1)


def _find_spots(off: np.ndarray, barred: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the centres [N, 2] of equal round spots in a mask [h, w] away from barred pixels, and their radius."""
    labels, num = ndimage.label(off)
    areas = np.bincount(labels.ravel(), minlength=num + 1)
    cut_off = set(np.unique(labels[ndimage.binary_dilation(barred, iterations=2)]))
    found = []
    for label, (rows, columns) in enumerate(ndimage.find_objects(labels), start=1):
        high, wide = rows.stop - rows.start, columns.stop - columns.start
        is_round = max(high, wide) <= FITTED.max_length * min(high, wide) and areas[label] >= 0.5 * high * wide
        if label not in cut_off and areas[label] >= FITTED.min_area and is_round:
            found.append(label)
    if not found:
        return np.zeros((0, 2)), 0.0
    usual = float(np.median(areas[found]))
    equal = [label for label in found if abs(areas[label] - usual) <= FITTED.same_area * usual]
    centres = np.array(ndimage.center_of_mass(off, labels, equal)) if equal else np.zeros((0, 2))
    return centres, float(np.sqrt(usual / np.pi))


def _find_lattice(centres: np.ndarray) -> _Lattice | None:
    """Return the lattice with a point at nearly all centres [N, 2]; None without one."""
    steps = (centres[None] - centres[:, None]).reshape(-1, 2)
    steps = steps[(np.abs(steps).max(axis=1) > 1e-6)]
    is_level = np.abs(steps[:, 0]) <= FITTED.level * np.abs(steps[:, 1])
    steps = steps[np.where(is_level, steps[:, 1], steps[:, 0]) > 0.0]  # one of each pair of opposite steps
    lengths = np.linalg.norm(steps, axis=1)
    first = _usual_step(steps, lengths)
    across = np.abs(steps @ np.array([-first[1], first[0]])) > 0.5 * lengths * np.linalg.norm(first)
    if not across.any():
        return None
    second = _usual_step(steps[across], lengths[across])
    basis = np.stack([first, second])
    origin = min(centres, key=lambda one: float(np.median(_misses(centres, one, basis))))
    for _ in range(3):
        indices = np.round((centres - origin) @ np.linalg.inv(basis))
        design = np.concatenate([indices, np.ones((len(centres), 1))], axis=1)
        on = _misses(centres, origin, basis) <= 2.0 * FITTED.max_miss * np.linalg.norm(basis, axis=1).min()
        if on.sum() < FITTED.min_spots or np.linalg.matrix_rank(design[on]) < 3:
            return None
        solved, *_ = np.linalg.lstsq(design[on], centres[on], rcond=None)
        basis, origin = solved[:2], solved[2]
    is_lattice = (
        _misses(centres, origin, basis) <= FITTED.max_miss * np.linalg.norm(basis, axis=1).min()
    ).mean() >= FITTED.min_hits
    return _Lattice(origin=origin, steps=basis) if is_lattice else None


def _misses(centres: np.ndarray, origin: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """Return the distance of centres [N, 2] from the nearest lattice point, px."""
    indices = np.round((centres - origin) @ np.linalg.inv(basis))
    return np.asarray(np.linalg.norm(indices @ basis + origin - centres, axis=1))


def _usual_step(steps: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Return the most frequent of the shortest steps [N, 2] between spots, averaged over similar steps."""
    short = steps[np.argsort(lengths)[: FITTED.max_steps]]
    like = np.linalg.norm(short[None] - short[:, None], axis=2) <= FITTED.same_step * np.linalg.norm(short, axis=1)[:, None]
    return np.asarray(short[like[int(like.sum(axis=1).argmax())]].mean(axis=0))


def _mean_spot(detail: np.ndarray, centres: np.ndarray, half: int) -> np.ndarray:
    """Return the mean appearance of spots [s, s, 3], less their ground, around their centres."""
    cuts = []
    for centre in centres:
        cut = _around(centre, half, detail.shape[:2])
        if cut is not None:
            off = centre - np.floor(centre + 0.5)
            cuts.append(ndimage.shift(detail[cut], (-off[0], -off[1], 0.0), order=1))
    return np.asarray(np.mean(cuts, axis=0)) if cuts else np.zeros((2 * half + 1, 2 * half + 1, 3), np.float32)
