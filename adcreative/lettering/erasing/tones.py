"""Fills holes in drawn grounds of a few uniform tones, whose outlines are continued behind letters as smooth curves.

At the nodes of a grid the known pixels nearby are classified by tone, after removal of the ground's slope; a polynomial of
the position separates the tones, and so draws the outline through the hole. Neighbouring nodes are blended:

    tone(x, y) = argmax over tones t of  w_t . (1, x, y, x^2, xy, y^2, ...)      w_t: ridge logistic regression on known pixels,
                                                                                 each weighed by its nearness to the node
Grounds without such curves, such as a photograph or a pattern, are left to the filling with patches. Knows pixels; no letters.
Source: Cleveland & Devlin 1988 for the local regression.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy import ndimage


@dataclass(frozen=True)
class Fitted:
    """Constants of this module, chosen by hand, checked by `pytest tests/lettering/erasing/test_tones.py`."""

    step_share: float = 0.16  # of the hole's height: spacing of the nodes
    least_step_px: int = 6  # minimum of that spacing
    reach_steps: float = 1.8  # deviation of a node's weights, in steps
    window_reaches: float = 2.3  # half the node's window, in such deviations
    usual_reach_px: float = 11.0  # larger windows are subsampled
    max_tones: int = 4  # maximum tones of a window
    degrees: tuple[int, ...] = (1, 2, 3)  # degrees of the curves between two tones
    span_px: int = 4  # distance for measuring the slope
    max_slope: float = 2.0  # maximum difference (0..255) over that distance: more is an edge
    noise_px: float = 0.9  # deviation of the blur before the classification of tones
    spread: float = 3.5  # maximum distance of colours of most pixels from their tone: compression
    spread_percentile: float = 80.0  # percentile of the pixels for that test
    spot_px: int = 4  # pixels that differ from their tone in whole squares of this side are a tone of their own
    max_spots: int = 8  # maximum number of such pixels
    least_tones: float = 5.0  # minimum distance of two tones: less is noise
    min_share: float = 0.02  # minimum share of a tone in the pixels around
    min_pixels: int = 12  # minimum pixels of a tone
    max_wrong: float = 0.015  # maximum share of the pixels around classified wrongly by the curves
    ridge: float = 3e-6  # weight of the ridge penalty
    rounds: int = 10  # iterations of each fit
    fine: int = 3  # samples per pixel and axis, for soft edges
    ringing_px: int = 8  # distance from strokes within which compression artifacts show
    least_ringing: float = 1.5  # 0..255: minimum of the artifacts
    max_ringing: float = 12.0  # 0..255: maximum of the artifacts
    probed: int = 12  # nodes examined first
    sampled: int = 800  # pixels sampled for the search of tones
    least_weight: float = 0.3  # minimum weight of nodes with an answer around a pixel
    max_doubt: float = 2.5  # maximum deviation (0..255) between neighbouring nodes: beyond, no outline is certain
    doubt_px: int = 3  # side of the squares for that test
    ends: tuple[float, float] = (0.01, 0.99)  # quantiles between which the initial tones are spread


FITTED = Fitted()


Node = tuple[int, int]  # row, column


@dataclass(frozen=True, kw_only=True)
class _Ground:
    """A drawn ground around a node at `place` (row, column). centres [T, 3]: its tones there; slope [2, 3]: per pixel.

    weights [T, F] of the polynomial of degree `degree`, in units of `scale` px; None for a single tone.
    """

    place: tuple[float, float]
    scale: float
    centres: np.ndarray
    slope: np.ndarray
    degree: int = 0
    weights: np.ndarray | None = None

    def tones_at(self, y: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Return the index of the tone at positions of the picture, px."""
        if self.weights is None:
            return np.zeros(y.shape, int)
        terms = _terms((y - self.place[0]) / self.scale, (x - self.place[1]) / self.scale, self.degree)
        return np.asarray((terms @ self.weights.T).argmax(axis=-1))

    def colours_at(self, y: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the colours [N, 3] of pixels, with antialiased outlines, and whether an outline is near [N]."""
        shares, near = np.zeros((len(y), len(self.centres))), np.zeros(len(y), bool)
        if self.weights is None:
            shares[:] = 1.0
        else:
            offsets = (np.arange(FITTED.fine) + 0.5) / FITTED.fine - 0.5
            for dy in offsets:
                for dx in offsets:
                    shares[np.arange(len(y)), self.tones_at(y + dy, x + dx)] += 1.0 / FITTED.fine**2
            near = self.is_near_outline(y, x)
        sloped = (y - self.place[0])[:, None] * self.slope[0] + (x - self.place[1])[:, None] * self.slope[1]
        return shares @ self.centres + sloped, near

    def is_near_outline(self, y: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Return the mask [N] of pixels within two pixels of an outline."""
        here = self.tones_at(y, x)
        places = [(dy, dx) for dy in (-2.0, 0.0, 2.0) for dx in (-2.0, 0.0, 2.0) if dy or dx]
        return np.any([self.tones_at(y + dy, x + dx) != here for dy, dx in places], axis=0)


def continue_tones(image_u8: np.ndarray, mask: np.ndarray, keep_out: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fill the part of a mask [H, W] on drawn grounds, and smooth the compression artifacts around it.

    Args:
        image_u8: [H, W, 3]. keep_out: [H, W] pixels that are not ground.
    Returns:
        the picture, and the mask [H, W] of the replaced pixels, without pixels on other grounds.
    """
    out, done = image_u8.copy(), np.zeros_like(mask)
    if not mask.any():
        return out, done
    known = ~(mask | keep_out)
    near = known & ndimage.binary_dilation(mask, iterations=FITTED.ringing_px)
    nodes, step, find_ground = _grid(image_u8, mask, known)
    if _count_drawn(nodes, find_ground) < min(2, len(nodes)):
        return out, done
    y, x = np.nonzero(mask | near)
    index = np.full(mask.shape, -1)
    index[y, x] = np.arange(len(y))
    colours, squares = np.zeros((len(y), 3)), np.zeros((len(y), 3))
    weights, outline = np.zeros(len(y)), np.zeros(len(y), bool)
    for top, left in nodes:
        ground = find_ground((top, left))
        if ground is not None:
            own = index[max(0, top - step + 1) : max(0, top + step), max(0, left - step + 1) : max(0, left + step)].ravel()
            own = own[own >= 0]
            weight = (1 - np.abs(y[own] - top) / step) * (1 - np.abs(x[own] - left) / step)
            said, is_near = ground.colours_at(y[own].astype(float), x[own].astype(float))
            colours[own] += weight[:, None] * said
            squares[own] += weight[:, None] * said**2
            weights[own] += weight
            outline[own] |= is_near
    colours, squares = (sums / np.maximum(weights, 1e-6)[:, None] for sums in (colours, squares))
    doubt = np.zeros_like(mask)
    doubt[y, x] = np.sqrt(np.maximum(squares - colours**2, 0.0)).max(axis=1) > FITTED.max_doubt
    doubt = ndimage.binary_dilation(ndimage.binary_opening(doubt, np.ones((FITTED.doubt_px, FITTED.doubt_px))), iterations=2)
    off = np.abs(image_u8[y, x] - colours).max(axis=1)
    is_noise = ~mask[y, x] & ~outline & (off > FITTED.least_ringing) & (off <= FITTED.max_ringing)
    chosen = (weights >= FITTED.least_weight) & ~doubt[y, x] & (mask[y, x] | is_noise)
    out[y[chosen], x[chosen]] = colours[chosen].round().clip(0, 255).astype(np.uint8)
    done[y[chosen], x[chosen]] = True
    return out, done


def share_drawn(image_u8: np.ndarray, mask: np.ndarray, keep_out: np.ndarray) -> float:
    """Return the share of a few nodes around a mask [H, W] on a drawn ground, 0..1; arguments as of `continue_tones`.

    Near 0 on photographs, near 1 on drawn grounds, or a third where more than two tones meet, as between rays.
    """
    if not mask.any():
        return 0.0
    nodes, _, find_ground = _grid(image_u8, mask, ~(mask | keep_out))
    return _count_drawn(nodes, find_ground) / len(_probed(nodes))


def _grid(
    image_u8: np.ndarray, mask: np.ndarray, known: np.ndarray
) -> tuple[list[Node], int, Callable[[Node], _Ground | None]]:
    """Return the nodes around a non-empty mask [H, W], their spacing (px), and a function that fits the ground at a node."""
    labels, _ = ndimage.label(mask, structure=np.ones((3, 3)))
    heights = [part[0].stop - part[0].start for part in ndimage.find_objects(labels)]
    step = max(FITTED.least_step_px, round(FITTED.step_share * float(np.median(heights))))
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    nodes = [
        (int(top), int(left))
        for top in range(rows[0] - step, rows[-1] + 2 * step, step)
        for left in range(columns[0] - step, columns[-1] + 2 * step, step)
        if mask[max(0, top - step + 1) : max(0, top + step), max(0, left - step + 1) : max(0, left + step)].any()
    ]
    return nodes, step, cache(lambda node: _find_ground(image_u8, known, node, FITTED.reach_steps * step))


def _probed(nodes: Sequence[Node]) -> Sequence[Node]:
    return nodes[:: max(1, len(nodes) // FITTED.probed)]


def _count_drawn(nodes: Sequence[Node], find_ground: Callable[[Node], _Ground | None]) -> int:
    """Return the number of nodes on a drawn ground, of a few of the nodes."""
    return sum(find_ground(node) is not None for node in _probed(nodes))


def _find_ground(image_u8: np.ndarray, known: np.ndarray, place: Node, reach: float) -> _Ground | None:
    """Return the drawn ground that explains the known pixels around a node; None without one."""
    half = round(FITTED.window_reaches * reach)
    window = (slice(max(0, place[0] - half), max(0, place[0] + half)), slice(max(0, place[1] - half), max(0, place[1] + half)))
    crop, ground = image_u8[window].astype(np.float64), known[window]
    if min(crop.shape[:2]) <= 2 * FITTED.span_px or not ground.any():
        return None
    slope = _slope(crop, ground)
    rows, columns = np.mgrid[
        window[0].start : window[0].start + crop.shape[0], window[1].start : window[1].start + crop.shape[1]
    ]
    rows, columns = rows - float(place[0]), columns - float(place[1])
    detail = _smooth(crop - rows[:, :, None] * slope[0] - columns[:, :, None] * slope[1], ground)
    rise = ndimage.morphological_gradient(_nearest_known(detail.mean(axis=2), ground), size=(3, 3))
    calm = ground & (rise <= FITTED.least_tones / 2)
    if calm.sum() < 4 * FITTED.min_pixels:
        return None
    centres = _find_tones(detail, calm)
    if centres is None:
        return None
    found = _Ground(place=(float(place[0]), float(place[1])), scale=reach, centres=centres, slope=slope)
    if len(centres) == 1:
        return found
    some = np.zeros_like(calm)
    stride = max(1, round(reach / FITTED.usual_reach_px))
    some[::stride, ::stride] = calm[::stride, ::stride]
    y, x = rows[some], columns[some]
    nearness = np.exp(-0.5 * (y**2 + x**2) / reach**2)
    tones = _lengths(detail[some][:, None] - centres[None]).argmin(axis=1)
    for degree in FITTED.degrees:
        weights = _separate(_terms(y / reach, x / reach, degree), tones, nearness, len(centres))
        curved = _Ground(place=found.place, scale=reach, centres=centres, slope=slope, degree=degree, weights=weights)
        wrong = np.flatnonzero(curved.tones_at(y + place[0], x + place[1]) != tones)
        wrong = wrong[~curved.is_near_outline(y[wrong] + place[0], x[wrong] + place[1])]
        if float(nearness[wrong].sum()) <= FITTED.max_wrong * float(nearness.sum()):
            return curved
    return None


def _smooth(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return known values [h, w, 3] denoised without unknown values."""
    weight = ndimage.gaussian_filter(known.astype(float), FITTED.noise_px)[:, :, None]
    return np.asarray(
        ndimage.gaussian_filter(values * known[:, :, None], (FITTED.noise_px, FITTED.noise_px, 0.0)) / np.maximum(weight, 1e-3)
    )


def _nearest_known(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return values [h, w] with unknown pixels replaced by the nearest known pixel."""
    nearest = ndimage.distance_transform_edt(~known, return_distances=False, return_indices=True)
    return np.asarray(values[tuple(nearest)])


def _slope(crop: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return the ground's slope per pixel, down and right [2, 3], without steps at edges."""
    slope, span = np.zeros((2, 3)), FITTED.span_px
    for axis in (0, 1):
        far = crop[span:] - crop[:-span] if axis == 0 else crop[:, span:] - crop[:, :-span]
        both = known[span:] & known[:-span] if axis == 0 else known[:, span:] & known[:, :-span]
        even = both & (_largest(np.abs(far)) <= FITTED.max_slope)
        if even.any():
            slope[axis] = _mean_rows(far[even]) / FITTED.span_px
    return slope


def _largest(values: np.ndarray) -> np.ndarray:
    """Return the largest of three channels [..., 3]; faster by planes than by triples."""
    return np.asarray(np.maximum(np.maximum(values[..., 0], values[..., 1]), values[..., 2]))


def _mean_rows(values: np.ndarray) -> np.ndarray:
    """Return the means of three channels [N, 3], summed in the order of `mean(axis=0)`, which loops over rows."""
    return np.array([np.cumsum(values[:, k])[-1] / len(values) for k in range(values.shape[1])])


def _medians(values: np.ndarray) -> np.ndarray:
    """Return the medians of three channels [N, 3], equal to `np.median` of the columns, but faster."""
    low, high = (len(values) - 1) // 2, len(values) // 2
    ordered = np.partition(values.T, (low, high), axis=1)
    return np.asarray((ordered[:, low] + ordered[:, high]) / 2)


def _nearest(values: np.ndarray, middles: np.ndarray) -> np.ndarray:
    """Return the index of the nearest of the middles [M] for each value [N], by a loop over the few middles."""
    nearest, least = np.zeros(len(values), np.intp), np.abs(values - middles[0])
    for k in range(1, len(middles)):
        distance = np.abs(values - middles[k])
        nearest[distance < least] = k
        least = np.minimum(least, distance)
    return nearest


def _lengths(values: np.ndarray) -> np.ndarray:
    """Return the Euclidean lengths of vectors [..., 3]; by planes, as `_largest`."""
    red, green, blue = values[..., 0], values[..., 1], values[..., 2]
    return np.asarray(np.sqrt(red * red + green * green + blue * blue))


def _find_tones(detail: np.ndarray, calm: np.ndarray) -> np.ndarray | None:
    """Return the fewest tones [T, 3] of the smooth pixels of a window [h, w, 3]; None without a few uniform tones."""
    pixels, missed = detail[calm], np.zeros_like(calm)
    middle = _medians(pixels)
    _, axes = np.linalg.eigh(np.cov((pixels - middle).T))
    along = (pixels - middle) @ axes[:, -1]
    some = along[:: max(1, len(along) // FITTED.sampled)]
    low, high = np.quantile(some, FITTED.ends)
    for num in range(1, FITTED.max_tones + 1):
        middles = np.linspace(low, high, num) if num > 1 else np.zeros(1)
        for _ in range(FITTED.rounds if num > 1 else 0):
            nearest, before = _nearest(some, middles), middles
            counts = np.bincount(nearest, minlength=num)
            sums = np.bincount(nearest, weights=some, minlength=num)
            middles = np.where(counts > 0, sums / np.maximum(counts, 1), middles)
            if np.array_equal(middles, before):
                break
        nearest = _nearest(along, middles)
        counts = np.bincount(nearest, minlength=num)
        if counts.min() < max(FITTED.min_pixels, FITTED.min_share * len(along)):
            continue
        centres = np.stack([_medians(pixels[nearest == k]) for k in range(num)])
        off = _lengths(pixels - centres[nearest])
        if float(np.percentile(off, FITTED.spread_percentile)) > FITTED.spread:
            continue
        missed[calm] = off > FITTED.spread
        if _count_spots(missed) <= FITTED.max_spots:
            return centres if num == 1 or np.diff(np.sort(middles)).min() >= FITTED.least_tones else None
    return None


def _count_spots(missed: np.ndarray) -> int:
    """Return the number of pixels of a mask [h, w] in squares of FITTED.spot_px inside the mask."""
    whole = missed
    for axis in (0, 1):
        size = whole.shape[axis] - FITTED.spot_px + 1
        if size < 1:
            return 0
        whole = np.logical_and.reduce([whole.take(range(k, k + size), axis=axis) for k in range(FITTED.spot_px)])
    if not whole.any():
        return 0
    return int(ndimage.binary_opening(missed, np.ones((FITTED.spot_px, FITTED.spot_px))).sum())


def _terms(y: np.ndarray, x: np.ndarray, degree: int) -> np.ndarray:
    """Return the monomials [..., F] of positions."""
    return np.stack([x**i * y**j for i in range(degree + 1) for j in range(degree + 1 - i)], axis=-1)


def _separate(terms: np.ndarray, tones: np.ndarray, nearness: np.ndarray, num: int) -> np.ndarray:
    """Return weights [T, F] that separate each tone from all others: ridge logistic regression by Newton's method."""
    weights = np.zeros((num, terms.shape[1]))
    ridge = FITTED.ridge * float(nearness.sum()) * np.eye(terms.shape[1])
    for tone in range(num):
        if num == 2 and tone == 1:
            weights[1] = -weights[0]
            break
        wanted = (tones == tone).astype(float)
        for _ in range(FITTED.rounds):
            said = 1.0 / (1.0 + np.exp(-np.clip(terms @ weights[tone], -30.0, 30.0)))
            sure = nearness * (said * (1.0 - said) + 1e-6)
            slope = terms.T @ (nearness * (wanted - said)) - ridge @ weights[tone]
            weights[tone] += np.linalg.solve((terms * sure[:, None]).T @ terms + ridge, slope)
    return weights
