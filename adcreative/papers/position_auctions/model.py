"""The auctions: exact allocations, truthful payments. No torch.

Readers who compare all ads of a text (multinomial logit):

    click chance of ad i at place j:  pi_i = a_ij / (1 + sum of the a of all shown ads)
    welfare W* = max over matchings of sum a_ij v_i / (1 + sum a_ij)          v: value per click

a fractional program: with lam = W*, the matching of largest sum a_ij (v_i - lam) has exactly the value lam. Dinkelbach's
iteration finds it in a few assignments. An ad whose value is below W* is never shown, since it takes clicks from better ones.

    VCG      expected payment t_i = W*(without i) - (W* - v_i pi_i);  per click t_i / pi_i, at most v_i
    Myerson  the same allocation of ironed virtual values phi(v) = v - (1 - F(v)) / f(v); payment = sum over jumps of pi_i(z) of
             z * jump, z from 0 to v_i. Ironed: phi is the slope of the concave hull of the revenue curve R(q) = q v(q) over
             the quantile q = 1 - F(v); a negative one means that showing the ad loses revenue, which is the reserve price

W* is convex and piecewise linear in one ad's (virtual) value with slope pi_i, so the jumps are found exactly, by intersecting
lines. Readers who go from the top and stop at the first ad they click (cascade):

    value of a placement = sum over ads in reading order of p_ij v_i * prod over earlier ads of (1 - p)

Up to a million placements are counted; the best one is shown and VCG charges. Otherwise the matching that solves

    lam = largest sum of p_ij (v_i - lam)^+ over at most K edges

is shown: its value is at least lam, and no placement is worth more than min over lam of lam + (the same sum), at most 2 lam. So
it is worth at least half of the optimum. Being a heuristic, it is not monotone in the values, so that nobody may be charged.

Source: Balseiro et al. 2025 (setting, MNL readers); Kempe & Mahdian 2008 (cascade); Dinkelbach 1967; Vickrey 1961; Clarke 1971;
Groves 1973; Myerson 1981. The reduction to assignments, the line search and the bound are ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise, permutations
from math import comb, perm

import numpy as np
from scipy.optimize import linear_sum_assignment

from adcreative.errors import ConfigError

TOLERANCE, MAX_STEPS = 1e-13, 200
MIN_BIDS = 5
MAX_COUNTED = 1_000_000
NUM_TRIED = 64  # values of lam around the solution; the best of their matchings is kept
HALVINGS = 80


def best_matching(weights: np.ndarray, max_edges: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows and columns of the matching with the largest sum of weights, without edges of zero gain.

    A limit of K edges is expressed in the assignment problem by m - K dummy rows and n - K dummy columns: each unmatched real
    row or column is matched with a dummy, so exactly K real pairs are left, of which those of weight 0 are dropped.

    Args:
        weights: [n, m]; negative ones are never used. max_edges: K, 0 or more.
    """
    num_rows, num_columns = weights.shape
    limit = min(max_edges, num_rows, num_columns)
    if limit <= 0:
        return np.zeros(0, int), np.zeros(0, int)
    gains = np.maximum(weights, 0.0)
    if limit < min(num_rows, num_columns):
        size = num_rows + num_columns - limit
        padded = np.zeros((size, size))
        padded[:num_rows, :num_columns] = gains
        padded[num_rows:, num_columns:] = -(gains.sum() + 1.0)  # a pair of dummies would free a real pair
        gains = padded
    rows, columns = linear_sum_assignment(gains, maximize=True)
    real = (rows < num_rows) & (columns < num_columns)
    rows, columns = rows[real], columns[real]
    used = weights[rows, columns] > 0
    return rows[used], columns[used]


class PastBids:
    """Distribution of values per click: past bids, ironed; at least five, and none of the current auction."""

    def __init__(self, bids: Sequence[float]) -> None:
        ordered = np.sort(np.asarray(bids, np.float64))[::-1]
        if len(ordered) < MIN_BIDS or not (np.isfinite(ordered).all() and (ordered > 0).all()):
            raise ConfigError(f"at least {MIN_BIDS} past bids above 0 are needed to know what values are usual")
        quantile = np.arange(len(ordered) + 1) / len(ordered)
        revenue = np.concatenate([[0.0], quantile[1:] * ordered])
        corners = [0]
        for at in range(1, len(quantile)):  # upper hull, left to right
            while len(corners) > 1 and _slope(quantile, revenue, corners[-2], corners[-1]) <= _slope(
                quantile, revenue, corners[-1], at
            ):
                corners.pop()
            corners.append(at)
        slopes = [_slope(quantile, revenue, one, two) for one, two in pairwise(corners)]
        self.floors = np.array([ordered[corner - 1] for corner in corners[1:]])[::-1]  # smallest bid of each piece, ascending
        self.slopes = np.array(slopes)[::-1]

    def virtual_value(self, value: float) -> float:
        """Return phi(value), which is non-decreasing."""
        at = int(np.searchsorted(self.floors, value, side="right")) - 1
        return float(self.slopes[at] if at >= 0 else min(self.slopes[0], 0.0) - (self.floors[0] - value))

    def smallest_value(self, virtual: float) -> float:
        """Return the smallest value whose virtual value reaches `virtual`."""
        at = int(np.searchsorted(self.slopes, virtual - 1e-12))
        return float(self.floors[min(at, len(self.floors) - 1)])


def _slope(quantile: np.ndarray, revenue: np.ndarray, one: int, two: int) -> float:
    return float((revenue[two] - revenue[one]) / (quantile[two] - quantile[one]))


@dataclass(frozen=True, kw_only=True)
class Allocation:
    """Shown ads with their places and click chances, in order of the ads; objective: W*, expected value per view."""

    ads: np.ndarray
    places: np.ndarray
    chances: np.ndarray
    objective: float

    def chance_of(self, ad: int) -> float:
        """Return the click chance of an ad, 0 when it is not shown."""
        return float(self.chances[self.ads == ad].sum())


@dataclass(frozen=True, kw_only=True)
class Price:
    """Payment for a shown ad: expected per view, and per click (at most its value)."""

    ad: int
    per_view: float
    per_click: float


def check_market(attraction: np.ndarray, values: np.ndarray) -> None:
    """Raise ConfigError for invalid attractions or values."""
    if attraction.ndim != 2 or attraction.shape[0] != len(values):
        raise ConfigError(f"attractions are {list(attraction.shape)}, {len(values)} values were given; [ads, places] is needed")
    if not (np.isfinite(attraction).all() and (attraction >= 0).all()):
        raise ConfigError("attractions must be finite and 0 or more")
    if not np.isfinite(values).all():
        raise ConfigError("values per click must be finite numbers")


def allocate(attraction: np.ndarray, values: np.ndarray, max_ads: int) -> Allocation:
    """Return the allocation of largest expected value.

    Args:
        attraction: [n, m] a_ij of ad i at place j, 0: not allowed there. values: [n] per click; ads with negative values are
            never shown.
        max_ads: most ads shown.
    Raises:
        ConfigError: invalid numbers.
    """
    check_market(attraction, values)
    lam, shown = 0.0, (np.zeros(0, int), np.zeros(0, int))
    for _ in range(MAX_STEPS):
        rows, columns = best_matching(attraction * (values[:, None] - lam), max_ads)
        drawn = attraction[rows, columns]
        ratio = float(drawn @ values[rows] / (1 + drawn.sum()))
        if ratio <= lam + TOLERANCE * max(1.0, abs(lam)):
            break
        lam, shown = ratio, (rows, columns)
    rows, columns = shown
    drawn = attraction[rows, columns]
    return Allocation(ads=rows, places=columns, chances=drawn / (1 + drawn.sum()), objective=lam)


def vcg_prices(attraction: np.ndarray, values: np.ndarray, max_ads: int, shown: Allocation) -> list[Price]:
    """Return the Vickrey-Clarke-Groves payments of `shown`, the allocation of these values: each ad's externality."""
    prices = []
    for ad, chance in zip(shown.ads, shown.chances, strict=True):
        others = np.arange(len(values)) != ad
        without = allocate(attraction[others], values[others], max_ads).objective
        per_view = max(without - (shown.objective - values[ad] * chance), 0.0)
        prices.append(Price(ad=int(ad), per_view=per_view, per_click=float(per_view / chance)))
    return prices


def allocate_for_revenue(
    attraction: np.ndarray, values: np.ndarray, max_ads: int, distributions: Sequence[PastBids]
) -> tuple[Allocation, list[Price]]:
    """Return the allocation of largest expected revenue and its payments (Myerson).

    Args:
        distributions: [n] of each ad's value; must be independent of the values themselves.
    """
    check_market(attraction, values)
    virtual = np.array([one.virtual_value(float(value)) for one, value in zip(distributions, values, strict=True)])
    shown = allocate(attraction, virtual, max_ads)
    prices = []
    for ad, chance in zip(shown.ads, shown.chances, strict=True):
        per_view = 0.0
        for at, jump in _jumps(attraction, virtual, max_ads, int(ad)):
            per_view += min(distributions[ad].smallest_value(at), float(values[ad])) * jump
        prices.append(Price(ad=int(ad), per_view=per_view, per_click=float(per_view / chance)))
    return shown, prices


def _jumps(attraction: np.ndarray, virtual: np.ndarray, max_ads: int, ad: int) -> list[tuple[float, float]]:
    """Return (virtual value, increase of the click chance) of every jump of an ad's chance between 0 and its virtual value.

    Between two virtual values with the lines W = base + chance * z, jumps are possible only where the lines cross.
    """

    def line_at(z: float) -> tuple[float, float]:
        asked = virtual.copy()
        asked[ad] = z
        found = allocate(attraction, asked, max_ads)
        chance = found.chance_of(ad)
        return chance, found.objective - chance * z

    jumps: list[tuple[float, float]] = []

    def search(low: tuple[float, float], high: tuple[float, float]) -> None:
        if high[0] - low[0] <= 1e-12:
            return
        cross = (low[1] - high[1]) / (high[0] - low[0])
        middle = line_at(cross)
        if middle[1] + middle[0] * cross <= low[1] + low[0] * cross + 1e-12:
            jumps.append((max(cross, 0.0), high[0] - low[0]))
            return
        search(low, middle)
        search(middle, high)

    search((0.0, line_at(-1.0)[1]), line_at(float(virtual[ad])))
    return sorted(jumps)


@dataclass(frozen=True, kw_only=True)
class CascadePlacement:
    """Shown ads with their places, in reading order, and click chances.

    value: expected value per view. bound: upper bound over all placements. prices: None for a heuristic placement.
    """

    ads: np.ndarray
    places: np.ndarray
    chances: np.ndarray
    value: float
    bound: float
    prices: tuple[Price, ...] | None

    @property
    def certificate(self) -> float:
        """Lower bound of the placement's share of the optimum, 0..1."""
        return self.value / self.bound if self.bound > 0 else 1.0


def cascade_value(chances: np.ndarray, values: np.ndarray, ads: np.ndarray, places: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the expected value of ads at places, given in reading order, and the click chance of each."""
    p = chances[ads, places]
    reached = np.concatenate([[1.0], np.cumprod(1 - p)[:-1]]) if len(p) else np.zeros(0)
    return float((reached * p) @ values[ads]), reached * p


def place_for_cascade(
    chances: np.ndarray, values: np.ndarray, max_ads: int, *, max_counted: int = MAX_COUNTED
) -> CascadePlacement:
    """Place ads for readers who stop at the first click.

    Args:
        chances: [n, m] p_ij that ad i is clicked at place j when it is reached, 0..1; places in reading order.
        values: [n] per click, 0 or more. max_counted: larger numbers of placements are not enumerated.
    Raises:
        ConfigError: an invalid chance or value.
    """
    check_market(chances, values)
    if (chances > 1).any() or (values < 0).any():
        raise ConfigError("click chances must lie in 0 to 1 and values per click must be 0 or more")
    limit = min(max_ads, *chances.shape)
    num = sum(perm(chances.shape[0], size) * comb(chances.shape[1], size) for size in range(1, limit + 1))
    # one enumeration for the placement and one without each shown ad
    return _count(chances, values, limit) if num * (limit + 1) <= max_counted else _certify(chances, values, limit)


def _count(chances: np.ndarray, values: np.ndarray, limit: int) -> CascadePlacement:
    best, ads, places = _best(chances, values, limit, np.arange(len(values)))
    order = np.argsort(places, kind="stable")
    ads, places = ads[order], places[order]
    value, clicked = cascade_value(chances, values, ads, places)
    prices = []
    for ad, chance in zip(ads, clicked, strict=True):
        without = _best(chances, values, limit, np.flatnonzero(np.arange(len(values)) != ad))[0]
        per_view = max(without - (value - values[ad] * chance), 0.0)
        prices.append(Price(ad=int(ad), per_view=per_view, per_click=float(per_view / chance) if chance > 0 else 0.0))
    return CascadePlacement(ads=ads, places=places, chances=clicked, value=value, bound=max(best, value), prices=tuple(prices))


def _best(chances: np.ndarray, values: np.ndarray, limit: int, among: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """Return value, ads and places of the best placement of ads `among`, by enumeration."""
    best, ads, places = 0.0, np.zeros(0, int), np.zeros(0, int)
    for size in range(1, min(limit, len(among)) + 1):
        sets = np.array(list(permutations(among, size)))  # [A, size]
        for chosen in combinations(range(chances.shape[1]), size):
            p = chances[sets, np.array(chosen)]
            reached = np.concatenate([np.ones((len(sets), 1)), np.cumprod(1 - p, axis=1)[:, :-1]], axis=1)
            found = (reached * p * values[sets]).sum(axis=1)
            at = int(found.argmax())
            if found[at] > best:
                best, ads, places = float(found[at]), sets[at], np.array(chosen)
    return best, ads, places


def _certify(chances: np.ndarray, values: np.ndarray, limit: int) -> CascadePlacement:
    def solve(lam: float) -> tuple[float, np.ndarray, np.ndarray]:
        gains = chances * np.maximum(values[:, None] - lam, 0.0)
        rows, columns = best_matching(gains, limit)
        return float(gains[rows, columns].sum()), rows, columns

    low, high = 0.0, float(values.max(initial=0.0))
    for _ in range(HALVINGS):  # the sum decreases with lam
        middle = (low + high) / 2
        low, high = (middle, high) if solve(middle)[0] > middle else (low, middle)
    tries = np.unique(np.concatenate([[low], np.linspace(0.0, float(values.max(initial=0.0)), NUM_TRIED)]))
    best: tuple[float, np.ndarray, np.ndarray] = (0.0, np.zeros(0, int), np.zeros(0, int))
    bound = float("inf")
    for lam in tries:
        total, rows, columns = solve(float(lam))
        order = np.argsort(columns, kind="stable")
        bound = min(bound, float(lam) + total)
        value = cascade_value(chances, values, rows[order], columns[order])[0]
        if value > best[0]:
            best = (value, rows[order], columns[order])
    value, ads, places = best
    clicked = cascade_value(chances, values, ads, places)[1]
    return CascadePlacement(ads=ads, places=places, chances=clicked, value=value, bound=max(bound, value), prices=None)
