"""Finds straight and round outlines of a drawn picture with subpixel accuracy: bars, stripes, rays, rings, rounded corners.

Each outline is a circle (a straight line has a very large one), searched among the points of steepest slope by RANSAC:

    p, q on an outline, n its normal at p:      radius = |q - p|^2 / (2 (q - p) . n),      middle = p + radius n

Knows pixels; not the purpose of outlines. Source: Fischler & Bolles 1981 for the search, Taubin 1991 for the circle fit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree


@dataclass(frozen=True)
class Fitted:
    """Constants of this module, chosen by hand, checked by `pytest tests/lettering/erasing/test_outlines.py`."""

    edge_px: float = 1.2  # deviation of the blur before edge detection
    least_slope: float = 1.0  # minimum slope of an edge, 0..255 per pixel
    rim_px: int = 2  # edges closer to unknown pixels are unreliable
    crowd_px: int = 17  # side of the window for edge density
    max_crowd: float = 0.6  # maximum share of edge pixels in it: photographs have more
    max_points: int = 6000  # maximum edge points
    neighbours: tuple[int, int] = (6, 48)  # the second point is drawn from these ranks of the nearest neighbours
    num_drawn: int = 400  # outlines drawn per batch
    max_batches: int = 6  # maximum batches
    a_batch: int = 8  # outlines accepted per batch
    near_px: float = 0.8  # maximum distance of an outline's points
    along: float = 0.92  # minimum cosine between their normals and its own
    least_points: int = 14  # minimum points of an outline
    least_of_drawn: int = 8  # minimum points before the fit
    level: float = 0.98  # minimum cosine of the normals of a horizontal or vertical line's points
    least_of_level: int = 7  # minimum points of such a line
    longest_radius_px: float = 5e6  # of a circle: a larger one is a line
    least_radius_px: float = 3.0  # minimum radius of a circle
    max_spread_px: float = 0.42  # maximum root mean square distance of an outline's points
    least_bow_px: float = 1.0  # minimum sagitta of the visible part of a circle: flatter ones are lines
    few_points: int = 30  # an outline with fewer points is no extended circle, unless it turns by `least_turn`
    least_turn: float = 0.9  # radians
    max_curves: int = 48  # maximum outlines


FITTED = Fitted()


@dataclass(frozen=True, kw_only=True)
class Outline:
    """A circle: middle (row, column) and radius, px; points [N, 2] of the picture on the circle."""

    middle: np.ndarray
    radius: float
    points: np.ndarray

    def distance(self, y: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Return the signed distance of points from the circle (px); negative inside."""
        return np.asarray(np.hypot(y - self.middle[0], x - self.middle[1]) - self.radius)

    def beyond(self, y: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Return the distance of points beyond the ends of the circle's visible part, px along it; 0 between its points."""
        seen = np.sort(np.arctan2(*(self.points - self.middle).T) % (2.0 * np.pi))
        gaps = np.diff(np.append(seen, seen[0] + 2.0 * np.pi))
        widest = int(gaps.argmax())
        turned = (np.arctan2(y - self.middle[0], x - self.middle[1]) - seen[widest]) % (2.0 * np.pi)
        return np.asarray(self.radius * np.maximum(np.minimum(turned, gaps[widest] - turned), 0.0))


def find_outlines(crop: np.ndarray, known: np.ndarray) -> list[Outline]:
    """Return the outlines among the known pixels [h, w] of a picture [h, w, 3], float, 0..255, the most visible first.

    Deterministic.
    """
    points, normals = _edge_points(crop, known)
    rng = np.random.default_rng(len(points))
    found: list[Outline] = []
    for _ in range(FITTED.max_batches):
        if len(points) < FITTED.neighbours[1] or len(found) >= FITTED.max_curves:
            break
        middles, radii = _draw_circles(points, normals, rng)
        on = _lie_on(points, normals, middles, radii)
        left, counts = np.ones(len(points), bool), on.sum(axis=1)
        for _ in range(FITTED.a_batch):
            best = int(counts.argmax())
            if counts[best] < FITTED.least_of_drawn:
                break
            outline, own = _fitted(points, normals, on[best] & left, left)
            on[best], counts[best] = False, 0
            if outline is not None:
                found.append(outline)
                left &= ~own
                counts -= on[:, own].sum(axis=1)
                on[:, own] = False
        if left.all():
            break
        points, normals = points[left], normals[left]
    found += _level_lines(points, normals)
    return sorted(found, key=lambda one: -len(one.points))[: FITTED.max_curves]


def _lie_on(points: np.ndarray, normals: np.ndarray, middles: np.ndarray, radii: np.ndarray) -> np.ndarray:
    """Return the mask [M, N] of points [N, 2] with normals [N, 2] on circles [M]; normals are checked for near points only."""
    down, right = (points[None, :, k] - middles[:, None, k] for k in (0, 1))
    lengths = np.sqrt(down * down + right * right)
    on = np.abs(lengths - radii[:, None]) <= FITTED.near_px
    circle, point = np.nonzero(on)
    along = np.abs(down[circle, point] * normals[point, 0] + right[circle, point] * normals[point, 1])
    on[circle, point] = along / np.maximum(lengths[circle, point], 1e-6) >= FITTED.along
    return on


def _edge_points(crop: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return subpixel positions [N, 2] of the steepest slopes at edges of the known pixels of [h, w, 3], and normals."""
    weight = np.maximum(ndimage.gaussian_filter(known.astype(np.float32), FITTED.edge_px), 1e-3)[:, :, None]
    smooth = ndimage.gaussian_filter(crop * known[:, :, None], (FITTED.edge_px, FITTED.edge_px, 0.0)) / weight
    gy, gx = np.gradient(smooth, axis=(0, 1))
    channel = (gy**2 + gx**2).argmax(axis=2)[:, :, None]
    gy, gx = np.take_along_axis(gy, channel, 2)[:, :, 0], np.take_along_axis(gx, channel, 2)[:, :, 0]
    strength = np.hypot(gy, gx)
    sure = ndimage.binary_erosion(known, iterations=FITTED.rim_px)
    crowd = ndimage.uniform_filter((strength > FITTED.least_slope).astype(np.float32), FITTED.crowd_px)
    y, x = np.nonzero(sure & (strength > FITTED.least_slope) & (crowd < FITTED.max_crowd))
    ny, nx = gy[y, x] / strength[y, x], gx[y, x] / strength[y, x]
    ahead, behind = (ndimage.map_coordinates(strength, (y + k * ny, x + k * nx), order=1) for k in (1.0, -1.0))
    here = strength[y, x]
    peak = (here >= ahead) & (here > behind)
    step = 0.5 * (ahead - behind)[peak] / np.maximum(2 * here - ahead - behind, 1e-3)[peak]
    places = np.stack([y[peak] + step * ny[peak], x[peak] + step * nx[peak]], axis=1)
    normals = np.stack([ny[peak], nx[peak]], axis=1)
    if len(places) > FITTED.max_points:
        chosen = np.random.default_rng(len(places)).permutation(len(places))[: FITTED.max_points]
        places, normals = places[chosen], normals[chosen]
    return places, normals


def _level_lines(points: np.ndarray, normals: np.ndarray) -> list[Outline]:
    """Return the horizontal and vertical lines among the remaining points [N, 2]: few points suffice for them, since most
    drawings have such sides."""
    found = []
    for axis in (0, 1):
        facing = np.abs(normals[:, axis]) >= FITTED.level
        places = points[facing]
        while len(places) >= FITTED.least_of_level:
            ordered = np.sort(places[:, axis])
            counts = np.searchsorted(ordered, ordered + FITTED.near_px, side="right") - np.arange(len(ordered))
            first = ordered[counts.argmax()]
            on = (places[:, axis] >= first) & (places[:, axis] <= first + FITTED.near_px)
            if on.sum() < FITTED.least_of_level:
                break
            middle = np.zeros(2)
            middle[axis] = float(places[on, axis].mean()) + FITTED.longest_radius_px
            middle[1 - axis] = float(places[on, 1 - axis].mean())
            found.append(Outline(middle=middle, radius=FITTED.longest_radius_px, points=places[on]))
            places = places[np.abs(places[:, axis] - first) > 2.0]
    return found


def _draw_circles(points: np.ndarray, normals: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return middles [M, 2] and radii [M] of circles through a point with its normal, and a second point nearby."""
    first = rng.integers(len(points), size=FITTED.num_drawn)
    _, nearest = cKDTree(points).query(points[first], k=FITTED.neighbours[1])
    second = nearest[np.arange(FITTED.num_drawn), rng.integers(*FITTED.neighbours, size=FITTED.num_drawn)]
    chord = points[second] - points[first]
    rise = (chord * normals[first]).sum(axis=1)
    rise = np.where(np.abs(rise) < 1e-4, 1e-4, rise)
    radius = (chord**2).sum(axis=1) / (2.0 * rise)
    radius = np.sign(radius) * np.clip(np.abs(radius), FITTED.least_radius_px, FITTED.longest_radius_px)
    return points[first] + radius[:, None] * normals[first], np.abs(radius)


def _fitted(points: np.ndarray, normals: np.ndarray, on: np.ndarray, left: np.ndarray) -> tuple[Outline | None, np.ndarray]:
    """Return the line or circle fitted to the points in `on`, and the mask [N] of all points on it."""
    for _ in range(3):
        if on.sum() < FITTED.least_of_drawn:
            return None, on
        middle, radius = _simplest(points[on])
        offsets = points - middle
        lengths = np.maximum(np.hypot(offsets[:, 0], offsets[:, 1]), 1e-6)
        cosine = np.abs((offsets * normals).sum(axis=1)) / lengths
        on = left & (np.abs(lengths - radius) <= FITTED.near_px) & (cosine >= FITTED.along)
    if on.sum() < FITTED.least_points or (
        on.sum() < FITTED.few_points and radius < FITTED.longest_radius_px and on.sum() < FITTED.least_turn * radius
    ):
        return None, on
    spread = float(np.sqrt(((np.hypot(*(points[on] - middle).T) - radius) ** 2).mean()))
    return (Outline(middle=middle, radius=radius, points=points[on]) if spread <= FITTED.max_spread_px else None), on


def _simplest(points: np.ndarray) -> tuple[np.ndarray, float]:
    """Return middle and radius of the best circle for points [N, 2], or of a nearly infinite circle if a line fits."""
    centre = points.mean(axis=0)
    offsets = points - centre
    _, _, axes = np.linalg.svd(offsets, full_matrices=False)
    line = centre + axes[1] * FITTED.longest_radius_px, FITTED.longest_radius_px
    squares = (offsets**2).sum(axis=1)
    mean = float(squares.mean())
    scaled = np.column_stack([(squares - mean) / (2.0 * np.sqrt(mean)), offsets])
    first, b, c = np.linalg.svd(scaled, full_matrices=False)[2][-1]
    a = first / (2.0 * np.sqrt(mean))
    if abs(a) * FITTED.longest_radius_px < 0.5:
        return line
    middle = centre - np.array([b, c]) / (2.0 * a)
    radius = float(np.sqrt(max(b * b + c * c + 4.0 * a * a * mean, 0.0)) / (2.0 * abs(a)))
    bow = float(np.ptp(offsets @ axes[0])) ** 2 / (8.0 * radius)
    return line if bow <= FITTED.least_bow_px else (middle, radius)
