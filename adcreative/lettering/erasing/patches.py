"""Fills a hole in a photograph with mutually consistent patches of its surroundings, from coarse to fine.

    match   each patch that touches the hole finds the most similar known patch
    vote    patches over a pixel of the hole vote for its colour and its gradients, weighted by likelihood
    join    colours with these gradients from the rim on: min sum (f_p - f_q - change_pq)^2 + FITTED.loyalty (f_p - colour_p)^2

All steps are repeated at each level of a pyramid, from a hole of a few pixels to full size. Knows pixels; no letters.
Source: Wexler, Shechtman & Irani 2007 for the fill, Barnes et al. 2009 for the search by propagation and random trial,
Darabi et al. 2012 for the join. Differs: all patches are updated at once, from their neighbours' previous sources.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage, sparse
from scipy.sparse import linalg as sparse_linalg

from adcreative.lettering.erasing.holes import window_of


@dataclass(frozen=True)
class Fitted:
    """Constants of this module, chosen by hand, checked by `pytest tests/lettering/erasing/test_patches.py`."""

    radius_px: int = 3  # radius of a patch
    max_hole_px: int = 250_000  # maximum pixels of a hole; a larger one is left to a faster method
    pad_widths: float = 2.0  # of the hole's parts: margin in which patches are searched
    least_pad_px: int = 40  # minimum of that margin
    coarse_px: float = 3.0  # half the width of a hole at the coarsest level
    least_side_px: int = 24  # minimum side of the picture at the coarsest level
    # fills, and searches per fill: at the coarsest level, the next, all finer
    rounds: tuple[tuple[int, int], ...] = ((16, 4), (6, 3), (2, 2))
    filled_share: float = 0.1  # weight of filled pixels relative to known ones in comparisons of patches
    asked_first: tuple[int, ...] = (2, 4, 8)  # parts of a patch after which a worse candidate is abandoned
    sharpness_percentile: float = 1.0  # of the patches' differences: patches with larger differences have little weight
    loyalty: float = 0.01  # weight of the voted colours relative to the voted gradients
    seed: int = 5  # of the random search
    width_percentile: float = 98.0  # of the distances to a hole's edge: half its width


FITTED = Fitted()


def fill_from_patches(image_u8: np.ndarray, hole: np.ndarray, keep_out: np.ndarray) -> np.ndarray | None:
    """Return the picture [H, W, 3] with a hole [H, W] filled, all else bit for bit; None without patches, or for a large hole.

    Args:
        keep_out: [H, W] pixels that may not be copied.
    """
    window = window_of(hole, max(FITTED.least_pad_px, round(FITTED.pad_widths * 2.0 * _half_width(hole))))
    if window is None:
        return image_u8
    if hole.sum() > FITTED.max_hole_px:
        return None
    filled = _filled(image_u8[window].astype(np.float32), hole[window], keep_out[window])
    if filled is None:
        return None
    out = image_u8.copy()
    out[window][hole[window]] = filled.round().clip(0, 255).astype(np.uint8)[hole[window]]
    return out


def _filled(picture: np.ndarray, hole: np.ndarray, barred: np.ndarray) -> np.ndarray | None:
    """Return a picture [h, w, 3] float32 with its hole [h, w] filled; None without any known patch."""
    sizes = [(picture, hole, barred)]
    while _half_width(sizes[-1][1]) > FITTED.coarse_px and min(sizes[-1][1].shape) >= 2 * FITTED.least_side_px:
        sizes.append(_halved(*sizes[-1]))
    rng, filled, sources = np.random.default_rng(FITTED.seed), None, None
    for depth, (known, gap, closed) in enumerate(reversed(sizes)):
        level = _Level(known, gap, closed)
        if not len(level.examples):
            continue
        start = _first_guess(known, gap) if filled is None else _doubled(filled, known, gap)
        fills, searches = FITTED.rounds[min(depth, len(FITTED.rounds) - 1)]
        filled, sources = level.fill(start, sources, fills, searches, rng)
    return filled


def _half_width(hole: np.ndarray) -> float:
    return float(np.percentile(ndimage.distance_transform_edt(hole)[hole], FITTED.width_percentile)) if hole.any() else 0.0


def _halved(picture: np.ndarray, hole: np.ndarray, barred: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return picture, hole and barred pixels at half the size; a partly known pixel gets the mean of its known pixels."""
    height, width = -(-hole.shape[0] // 2) * 2, -(-hole.shape[1] // 2) * 2
    more = ((0, height - hole.shape[0]), (0, width - hole.shape[1]))
    known = np.pad(~hole, more, mode="edge").astype(np.float32)
    wide = np.pad(picture, (*more, (0, 0)), mode="edge") * known[:, :, None]

    def sums(values: np.ndarray) -> np.ndarray:
        return np.asarray(values[::2, ::2] + values[1::2, ::2] + values[::2, 1::2] + values[1::2, 1::2])

    weight = sums(known)
    return (
        sums(wide) / np.maximum(weight, 1.0)[:, :, None],
        weight < 2.0,
        sums(np.pad(barred, more, mode="edge").astype(np.float32)) > 0.0,
    )


def _first_guess(picture: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """Return the picture with each pixel of the hole set to the nearest known pixel."""
    nearest = ndimage.distance_transform_edt(hole, return_distances=False, return_indices=True)
    return np.where(hole[:, :, None], picture[tuple(nearest)], picture)


def _doubled(filled: np.ndarray, picture: np.ndarray, hole: np.ndarray) -> np.ndarray:
    import cv2

    large = cv2.resize(filled, (2 * filled.shape[1], 2 * filled.shape[0]), interpolation=cv2.INTER_LINEAR)
    return np.where(hole[:, :, None], large[: hole.shape[0], : hole.shape[1]], picture)


class _Level:
    """One level of the pyramid. Positions are flat indices of its pixels, padded by FITTED.radius_px pixels on each side."""

    def __init__(self, picture: np.ndarray, hole: np.ndarray, barred: np.ndarray) -> None:
        side, frame = 2 * FITTED.radius_px + 1, FITTED.radius_px
        self._shape = hole.shape
        self._hole = np.pad(hole, frame)
        whole = ndimage.minimum_filter((~hole & ~barred).astype(np.uint8), size=side, mode="constant").astype(bool)
        self._is_example = np.pad(whole, frame).ravel()
        self.examples = np.flatnonzero(self._is_example)
        touching = np.pad(ndimage.binary_dilation(hole, np.ones((side, side))), frame)
        self._targets = np.flatnonzero(touching)
        self._row = self._hole.shape[1]
        self._order = np.full(self._hole.size, -1)
        self._order[self._targets] = np.arange(len(self._targets))
        self._own = np.flatnonzero(self._hole)
        self._weights = np.where(self._hole, FITTED.filled_share, 1.0).astype(np.float32).ravel()
        steps = range(-FITTED.radius_px, FITTED.radius_px + 1)
        self._votes = {  # offsets of a patch's votes for a colour, and for a gradient to the right and down
            0: [dy * self._row + dx for dy in steps for dx in steps],
            1: [dy * self._row + dx for dy in steps for dx in steps[:-1]],
            self._row: [dy * self._row + dx for dy in steps[:-1] for dx in steps],
        }
        self._compared = [dy * self._row + dx for dy in steps[::2] for dx in steps[::2]]
        self._pairs, self._place, self._solver = self._joints()

    def _joints(self) -> tuple[list[tuple[np.ndarray, int]], np.ndarray, Any]:
        """Return pairs of neighbouring pixels with at least one in the hole, as pixels and step (right, down); the index of
        each pixel in the hole, -1 outside; and the solver of the join's equations."""
        place = np.full(self._hole.size, -1)
        place[self._own] = np.arange(len(self._own))
        flat, pairs = self._hole.ravel(), []
        diagonal, rows, columns = np.full(len(self._own), FITTED.loyalty), [], []
        for step in (1, self._row):
            near = np.flatnonzero(flat[:-step] | flat[step:])
            pairs.append((near, step))
            for end in (near, near + step):
                np.add.at(diagonal, place[end][place[end] >= 0], 1.0)
            both = near[(place[near] >= 0) & (place[near + step] >= 0)]
            rows += [place[both], place[both + step]]
            columns += [place[both + step], place[both]]
        row, column = np.concatenate(rows), np.concatenate(columns)
        size = (len(self._own), len(self._own))
        matrix = sparse.coo_matrix((np.full(len(row), -1.0), (row, column)), shape=size) + sparse.diags(diagonal)
        return pairs, place, sparse_linalg.splu(matrix.tocsc())

    def fill(
        self, start: np.ndarray, coarse: np.ndarray | None, fills: int, searches: int, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the picture filled from a first guess, and each pixel's source [h, w, 2] (row, column) for the next level.

        Args:
            coarse: the sources at half the size; None: random sources.
        """
        frame = FITTED.radius_px
        framed = np.pad(start, ((frame, frame), (frame, frame), (0, 0)), mode="edge").reshape(-1, 3)
        self._pixels = np.concatenate([framed, np.zeros((len(framed), 1))], axis=1).astype(np.float32)  # 16 bytes each
        sources = self._first_sources(coarse, rng)
        for _ in range(fills):
            costs = self._costs(sources)
            for _ in range(searches):
                sources, costs = self._search(sources, costs, rng)
            self._vote(sources, costs)
        inner = self._pixels[:, :3].reshape(*self._hole.shape, 3)[frame:-frame, frame:-frame]
        places = np.moveaxis(np.indices(self._shape), 0, 2)
        rows, columns = np.divmod(self._targets, self._row)
        places[rows - frame, columns - frame] = np.stack(np.divmod(sources, self._row), axis=1) - frame
        return inner.copy(), places

    def _first_sources(self, coarse: np.ndarray | None, rng: np.random.Generator) -> np.ndarray:
        random = self.examples[rng.integers(len(self.examples), size=len(self._targets))]
        if coarse is None:
            return random
        rows, columns = np.divmod(self._targets, self._row)
        rows, columns = rows - FITTED.radius_px, columns - FITTED.radius_px
        found = 2 * coarse[rows // 2, columns // 2] + np.stack([rows % 2, columns % 2], axis=1)
        found = found.clip(0, np.subtract(self._shape, 1)) + FITTED.radius_px
        doubled = found[:, 0] * self._row + found[:, 1]
        return np.where(self._is_example[doubled], doubled, random)

    def _take(self, places: np.ndarray) -> np.ndarray:
        """Return the pixels [N, 4] at positions, the fourth channel 0: aligned 16 bytes are copied fastest."""
        return np.asarray(self._pixels.view(np.complex128)[:, 0].take(places).view(np.float32).reshape(-1, 4))

    def _costs(self, sources: np.ndarray) -> np.ndarray:
        """Return the weighted squared difference between each target's patch and its source's patch."""
        costs = np.zeros(len(sources), np.float32)
        for step in self._compared:
            costs += self._differences(self._targets + step, sources + step)
        return costs

    def _differences(self, at: np.ndarray, sources: np.ndarray) -> np.ndarray:
        off = self._take(at) - self._take(sources)
        return np.asarray(self._weights.take(at) * np.einsum("ij,ij->i", off, off))

    def _search(self, sources: np.ndarray, costs: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Try the shifted sources of the neighbours, and random positions in a shrinking radius around the best source."""
        for step in (1, -1, self._row, -self._row):
            beside = self._order[self._targets + step]
            sources, costs = self._better(sources, costs, np.where(beside >= 0, sources[beside] - step, sources))
        reach = max(self._shape) // 2
        while reach >= 1:
            rows, columns = np.divmod(sources, self._row)
            moves = rng.integers(-reach, reach + 1, size=(2, len(sources)))
            rows = (rows + moves[0]).clip(FITTED.radius_px, FITTED.radius_px + self._shape[0] - 1)
            columns = (columns + moves[1]).clip(FITTED.radius_px, FITTED.radius_px + self._shape[1] - 1)
            sources, costs = self._better(sources, costs, rows * self._row + columns)
            reach //= 3
        return sources, costs

    def _better(self, sources: np.ndarray, costs: np.ndarray, tried: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the better of the current and the candidate source patch for each pixel, with its cost."""
        left = np.flatnonzero((tried != sources) & self._is_example.take(tried))
        at, new, best, sums = self._targets[left], tried[left], costs[left], np.zeros(len(left), np.float32)
        for num, step in enumerate(self._compared):
            if num in FITTED.asked_first:
                still = np.flatnonzero(sums < best)
                left, at, new = left[still], at[still], new[still]
                best, sums = best[still], sums[still]
            sums += self._differences(at + step, new + step)
        won = np.flatnonzero(sums < best)
        sources, costs = sources.copy(), costs.copy()
        sources[left[won]], costs[left[won]] = new[won], sums[won]
        return sources, costs

    def _vote(self, sources: np.ndarray, costs: np.ndarray) -> None:
        """Fill the hole with the votes of the patches over it, joined to its rim."""
        usual = max(float(np.percentile(costs, FITTED.sharpness_percentile)), 1.0)
        says, said_by = np.zeros(self._hole.size, np.float32), np.zeros(self._hole.size, np.intp)
        says[self._targets] = np.exp(-np.minimum(costs / usual, 30.0)).astype(np.float32) + 1e-9
        said_by[self._targets] = sources
        colours = self._mean_said(self._own, 0, said_by, says)
        changes = [self._mean_said(pairs, step, said_by, says) for pairs, step in self._pairs]
        self._pixels[self._own, :3] = self._joined(colours, changes)

    def _mean_said(self, places: np.ndarray, to: int, said_by: np.ndarray, says: np.ndarray) -> np.ndarray:
        """Return the mean vote [N, 3] of patches for positions: their colour (to = 0), or its gradient to the pixel at `to`.

        Args:
            said_by, says: for all pixels: the source of the patch around it, and its weight, 0 outside the hole's patches.
        """
        above, below = np.zeros((len(places), 4), np.float32), np.zeros(len(places), np.float32)
        for step in self._votes[to]:
            weight, said_at = says.take(places - step), said_by.take(places - step) + step
            said = self._take(said_at)
            if to:
                said = self._take(said_at + to) - said
            said *= weight[:, None]
            above += said
            below += weight
        return np.asarray(above[:, :3] / np.maximum(below, 1e-12)[:, None])

    def _joined(self, colours: np.ndarray, changes: list[np.ndarray]) -> np.ndarray:
        """Return the colours [N, 3] of the hole with the voted gradients, starting from the known pixels."""
        right_side = FITTED.loyalty * colours.astype(np.float64)
        for (pairs, step), change in zip(self._pairs, changes, strict=True):
            for here, there, sign in ((pairs, pairs + step, -1.0), (pairs + step, pairs, 1.0)):
                mine, other = self._place[here], self._place[there]
                own = mine >= 0
                values = sign * change[own] + np.where((other[own] < 0)[:, None], self._pixels[there[own], :3], 0.0)
                np.add.at(right_side, mine[own], values)
        return np.asarray(self._solver.solve(right_side), np.float32)
