"""Readers who go from the top and stop at the first ad they click (cascade): exact where it can be counted, else with a
certificate.

    value of a placement = sum over ads in reading order of p_ij v_i * prod over earlier ads of (1 - p)

Up to a million placements are counted; the best one is shown and VCG charges. Otherwise the matching that solves

    lam = largest sum of p_ij (v_i - lam)^+ over at most K edges

is shown: its value is at least lam, and no placement is worth more than min over lam of lam + (the same sum), at most 2 lam.
So it is worth at least half of the optimum; value / bound says how much at least, here. Being a heuristic, it is not
monotone in the values, so that nobody may be charged by it: prices are None. No torch.

Source: Balseiro et al. 2025 (setting); Kempe & Mahdian 2008 (cascade). The bound is ours; their ratio is not known to us.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations, permutations
from math import comb, perm

import numpy as np

from adcreative.errors import ConfigError
from adcreative.papers.position_auctions.auction import Price, check_market
from adcreative.papers.position_auctions.matching import best_matching

MAX_COUNTED = 1_000_000
NUM_TRIED = 64  # values of lam around the solution, the best of whose matchings is kept
HALVINGS = 80


@dataclass(frozen=True, kw_only=True)
class CascadePlacement:
    """Shown ads with their places, in reading order, and click chances.

    value: expected value per view. bound: no placement is worth more. prices: None where the placement is a heuristic.
    """

    ads: np.ndarray
    places: np.ndarray
    chances: np.ndarray
    value: float
    bound: float
    prices: tuple[Price, ...] | None

    @property
    def certificate(self) -> float:
        """The part of the optimum that the placement is worth at least, 0..1."""
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
        values: [n] per click, 0 or more. max_counted: more placements than that are not counted one by one.
    Raises:
        ConfigError: a chance or a value that cannot be.
    """
    check_market(chances, values)
    if (chances > 1).any() or (values < 0).any():
        raise ConfigError("click chances must lie in 0 to 1 and values per click must be 0 or more")
    limit = min(max_ads, *chances.shape)
    num = sum(perm(chances.shape[0], size) * comb(chances.shape[1], size) for size in range(1, limit + 1))
    # one count for the placement and one without each shown ad
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
    """Return value, ads and places of the best placement of ads `among`, by trying all."""
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
    for _ in range(HALVINGS):  # the sum falls with lam
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
