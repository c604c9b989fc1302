"""Finds the straight and round outlines of a drawn picture, finer than pixels: of bars, stripes, rays, rings, rounded corners.

Each is one circle (a straight line has a very large one), sought among the points of steepest slope by random trial:

    p, q on an outline, n its normal at p:      radius = |q - p|^2 / (2 (q - p) . n),      middle = p + radius n

Knows pixels; not what outlines are for. Source: Fischler & Bolles 1981 for the search, Taubin 1991 for the fit of circles.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

EDGE_PX, LEAST_SLOPE = 1.2, 1.0  # deviation of the blur under which edges are sought; their least slope, 0..255 a pixel
RIM_PX = 2  # an edge so near to what is unknown is not sure
CROWD_PX, MAX_CROWD = 17, 0.6  # side of a square; share of it that may be edges: a photograph's are no outlines
MAX_POINTS, NEIGHBOURS = 6000, (6, 48)  # edge points; a second point is drawn among so many nearest
NUM_DRAWN, MAX_BATCHES, A_BATCH = 400, 6, 8  # outlines that are drawn at once; how often; of which so many are taken
NEAR_PX, ALONG = 0.8, 0.92  # an outline's points lie so near to it, their normals within this cosine of its own
LEAST_POINTS, LEAST_OF_DRAWN = 14, 8  # of an outline; before it is fitted
LEVEL, LEAST_OF_LEVEL = 0.98, 7  # cosine of a level line's points; how many are enough for it
LONGEST_RADIUS_PX, LEAST_RADIUS_PX = 5e6, 3.0
MAX_SPREAD_PX = 0.42  # root mean square of an outline's points' distance from it
LEAST_BOW_PX = 1.0  # of what is seen of a circle: what is flatter is a line
FEW_POINTS, LEAST_TURN = 30, 0.9  # of an outline; fewer are no circle that goes on elsewhere, unless they turn by so much (rad)
MAX_CURVES = 48


@dataclass(frozen=True, kw_only=True)
class Outline:
    """A circle: middle (row, column) and radius, px; points [N, 2] of the picture that lie on it."""

    middle: np.ndarray
    radius: float
    points: np.ndarray

    def distance(self, y: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Return how far places lie outside (px); less than 0 is inside."""
        return np.asarray(np.hypot(y - self.middle[0], x - self.middle[1]) - self.radius)

    def beyond(self, y: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Return how far places lie beyond the ends of what is seen of the circle, px along it; 0 between its points."""
        seen = np.sort(np.arctan2(*(self.points - self.middle).T) % (2.0 * np.pi))
        gaps = np.diff(np.append(seen, seen[0] + 2.0 * np.pi))
        widest = int(gaps.argmax())
        turned = (np.arctan2(y - self.middle[0], x - self.middle[1]) - seen[widest]) % (2.0 * np.pi)
        return np.asarray(self.radius * np.maximum(np.minimum(turned, gaps[widest] - turned), 0.0))


def find_outlines(crop: np.ndarray, known: np.ndarray) -> list[Outline]:
    """Return the outlines among the known pixels [h, w] of a picture [h, w, 3], float, 0..255: those that are seen most first.

    The same pixels have the same outlines.
    """
    points, normals = _edge_points(crop, known)
    rng = np.random.default_rng(len(points))
    found: list[Outline] = []
    for _ in range(MAX_BATCHES):
        if len(points) < NEIGHBOURS[1] or len(found) >= MAX_CURVES:
            break
        middles, radii = _draw_circles(points, normals, rng)
        on = _lie_on(points, normals, middles, radii)
        left, counts = np.ones(len(points), bool), on.sum(axis=1)
        for _ in range(A_BATCH):
            best = int(counts.argmax())
            if counts[best] < LEAST_OF_DRAWN:
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
    return sorted(found, key=lambda one: -len(one.points))[:MAX_CURVES]


def _lie_on(points: np.ndarray, normals: np.ndarray, middles: np.ndarray, radii: np.ndarray) -> np.ndarray:
    """Return which points [N, 2] with normals [N, 2] lie on circles [M]: [M, N]. Most are too far off to ask for the normal."""
    down, right = (points[None, :, k] - middles[:, None, k] for k in (0, 1))
    lengths = np.sqrt(down * down + right * right)
    on = np.abs(lengths - radii[:, None]) <= NEAR_PX
    circle, point = np.nonzero(on)
    along = np.abs(down[circle, point] * normals[point, 0] + right[circle, point] * normals[point, 1])
    on[circle, point] = along / np.maximum(lengths[circle, point], 1e-6) >= ALONG
    return on


def _edge_points(crop: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return places [N, 2] of the strongest slope across edges of the known pixels of [h, w, 3], finer than pixels, and their
    normals [N, 2]."""
    weight = np.maximum(ndimage.gaussian_filter(known.astype(np.float32), EDGE_PX), 1e-3)[:, :, None]
    smooth = ndimage.gaussian_filter(crop * known[:, :, None], (EDGE_PX, EDGE_PX, 0.0)) / weight
    gy, gx = np.gradient(smooth, axis=(0, 1))
    channel = (gy**2 + gx**2).argmax(axis=2)[:, :, None]
    gy, gx = np.take_along_axis(gy, channel, 2)[:, :, 0], np.take_along_axis(gx, channel, 2)[:, :, 0]
    strength = np.hypot(gy, gx)
    sure = ndimage.binary_erosion(known, iterations=RIM_PX)
    crowd = ndimage.uniform_filter((strength > LEAST_SLOPE).astype(np.float32), CROWD_PX)
    y, x = np.nonzero(sure & (strength > LEAST_SLOPE) & (crowd < MAX_CROWD))
    ny, nx = gy[y, x] / strength[y, x], gx[y, x] / strength[y, x]
    ahead, behind = (ndimage.map_coordinates(strength, (y + k * ny, x + k * nx), order=1) for k in (1.0, -1.0))
    here = strength[y, x]
    peak = (here >= ahead) & (here > behind)
    step = 0.5 * (ahead - behind)[peak] / np.maximum(2 * here - ahead - behind, 1e-3)[peak]
    places = np.stack([y[peak] + step * ny[peak], x[peak] + step * nx[peak]], axis=1)
    normals = np.stack([ny[peak], nx[peak]], axis=1)
    if len(places) > MAX_POINTS:
        chosen = np.random.default_rng(len(places)).permutation(len(places))[:MAX_POINTS]
        places, normals = places[chosen], normals[chosen]
    return places, normals


def _level_lines(points: np.ndarray, normals: np.ndarray) -> list[Outline]:
    """Return the level and upright lines among what is left of the points [N, 2]: of those a few points are enough, since most
    of what is drawn has such sides."""
    found = []
    for axis in (0, 1):
        facing = np.abs(normals[:, axis]) >= LEVEL
        places = points[facing]
        while len(places) >= LEAST_OF_LEVEL:
            ordered = np.sort(places[:, axis])
            counts = np.searchsorted(ordered, ordered + NEAR_PX, side="right") - np.arange(len(ordered))
            first = ordered[counts.argmax()]
            on = (places[:, axis] >= first) & (places[:, axis] <= first + NEAR_PX)
            if on.sum() < LEAST_OF_LEVEL:
                break
            middle = np.zeros(2)
            middle[axis] = float(places[on, axis].mean()) + LONGEST_RADIUS_PX
            middle[1 - axis] = float(places[on, 1 - axis].mean())
            found.append(Outline(middle=middle, radius=LONGEST_RADIUS_PX, points=places[on]))
            places = places[np.abs(places[:, axis] - first) > 2.0]
    return found


def _draw_circles(points: np.ndarray, normals: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return middles [M, 2] and radii [M] of circles through a point, along its normal, and through a point nearby."""
    first = rng.integers(len(points), size=NUM_DRAWN)
    _, nearest = cKDTree(points).query(points[first], k=NEIGHBOURS[1])
    second = nearest[np.arange(NUM_DRAWN), rng.integers(*NEIGHBOURS, size=NUM_DRAWN)]
    chord = points[second] - points[first]
    rise = (chord * normals[first]).sum(axis=1)
    rise = np.where(np.abs(rise) < 1e-4, 1e-4, rise)
    radius = (chord**2).sum(axis=1) / (2.0 * rise)
    radius = np.sign(radius) * np.clip(np.abs(radius), LEAST_RADIUS_PX, LONGEST_RADIUS_PX)
    return points[first] + radius[:, None] * normals[first], np.abs(radius)


def _fitted(points: np.ndarray, normals: np.ndarray, on: np.ndarray, left: np.ndarray) -> tuple[Outline | None, np.ndarray]:
    """Return the line or circle that fits the points that are on it, all that lie on that, and their mask [N]."""
    for _ in range(3):
        if on.sum() < LEAST_OF_DRAWN:
            return None, on
        middle, radius = _simplest(points[on])
        offsets = points - middle
        lengths = np.maximum(np.hypot(offsets[:, 0], offsets[:, 1]), 1e-6)
        cosine = np.abs((offsets * normals).sum(axis=1)) / lengths
        on = left & (np.abs(lengths - radius) <= NEAR_PX) & (cosine >= ALONG)
    if on.sum() < LEAST_POINTS or (on.sum() < FEW_POINTS and radius < LONGEST_RADIUS_PX and on.sum() < LEAST_TURN * radius):
        return None, on
    spread = float(np.sqrt(((np.hypot(*(points[on] - middle).T) - radius) ** 2).mean()))
    return (Outline(middle=middle, radius=radius, points=points[on]) if spread <= MAX_SPREAD_PX else None), on


def _simplest(points: np.ndarray) -> tuple[np.ndarray, float]:
    """Return middle and radius of the circle that fits points [N, 2] best, of a nearly endless one where a line does."""
    centre = points.mean(axis=0)
    offsets = points - centre
    _, _, axes = np.linalg.svd(offsets, full_matrices=False)
    line = centre + axes[1] * LONGEST_RADIUS_PX, LONGEST_RADIUS_PX
    squares = (offsets**2).sum(axis=1)
    mean = float(squares.mean())
    scaled = np.column_stack([(squares - mean) / (2.0 * np.sqrt(mean)), offsets])
    first, b, c = np.linalg.svd(scaled, full_matrices=False)[2][-1]
    a = first / (2.0 * np.sqrt(mean))
    if abs(a) * LONGEST_RADIUS_PX < 0.5:
        return line
    middle = centre - np.array([b, c]) / (2.0 * a)
    radius = float(np.sqrt(max(b * b + c * c + 4.0 * a * a * mean, 0.0)) / (2.0 * abs(a)))
    bow = float(np.ptp(offsets @ axes[0])) ** 2 / (8.0 * radius)
    return line if bow <= LEAST_BOW_PX else (middle, radius)
