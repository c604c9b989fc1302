"""The auction for readers who compare all ads of a text (multinomial logit): exact allocation, truthful payments.

    click chance of ad i at place j:  pi_i = a_ij / (1 + sum of the a of all shown ads)
    welfare W* = max over matchings of sum a_ij v_i / (1 + sum a_ij)          v: value per click

a fractional program: with lam = W*, the matching of largest sum a_ij (v_i - lam) has exactly the value lam. Dinkelbach's
iteration finds it in a few assignments. An ad whose value is below W* is never shown, since it takes clicks from better ones.

    VCG      expected payment t_i = W*(without i) - (W* - v_i pi_i);  per click t_i / pi_i, at most v_i
    Myerson  the same allocation of (ironed) virtual values; payment = sum over jumps of pi_i(z) of z * jump, where z runs
    from 0 to v_i

W* is convex and piecewise linear in one ad's (virtual) value with slope pi_i, so the jumps are found exactly, by
intersecting lines.

No torch. Source: Balseiro et al., Position Auctions in AI-Generated Content, 2025 (setting, MNL readers); Dinkelbach 1967;
Vickrey 1961; Clarke 1971; Groves 1973; Myerson 1981. The reduction to assignments and the line search are ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from adcreative.errors import ConfigError
from adcreative.papers.position_auctions.matching import best_matching
from adcreative.papers.position_auctions.virtual_values import ValueDistribution

TOLERANCE = 1e-13
MAX_STEPS = 200


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
    """What a shown ad pays: expected per view, and per click (at most its value)."""

    ad: int
    per_view: float
    per_click: float


def check_market(attraction: np.ndarray, values: np.ndarray) -> None:
    """Raise ConfigError for attractions or values that cannot be."""
    if attraction.ndim != 2 or attraction.shape[0] != len(values):
        raise ConfigError(f"attractions are {list(attraction.shape)}, {len(values)} values were given; [ads, places] is needed")
    if not (np.isfinite(attraction).all() and (attraction >= 0).all()):
        raise ConfigError("attractions must be finite and 0 or more")
    if not np.isfinite(values).all():
        raise ConfigError("values per click must be finite numbers")


def allocate(attraction: np.ndarray, values: np.ndarray, max_ads: int) -> Allocation:
    """Return the allocation of largest expected value.

    Args:
        attraction: [n, m] a_ij of ad i at place j, 0: must not stand there. values: [n] per click; negative ones are never
            shown.
        max_ads: at most so many are shown.
    Raises:
        ConfigError: numbers that cannot be.
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
    """Return the Vickrey-Clarke-Groves payments of `shown`, the allocation of these values: each pays what it takes from
    others."""
    prices = []
    for ad, chance in zip(shown.ads, shown.chances, strict=True):
        others = np.arange(len(values)) != ad
        without = allocate(attraction[others], values[others], max_ads).objective
        per_view = max(without - (shown.objective - values[ad] * chance), 0.0)
        prices.append(Price(ad=int(ad), per_view=per_view, per_click=float(per_view / chance)))
    return prices


def allocate_for_revenue(
    attraction: np.ndarray, values: np.ndarray, max_ads: int, distributions: Sequence[ValueDistribution]
) -> tuple[Allocation, list[Price]]:
    """Return the allocation of largest expected revenue and its payments (Myerson).

    Args:
        distributions: [n] where each ad's value comes from; must not be made of the values themselves.
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
    """Return (virtual value, growth of the click chance there) of every jump of an ad's chance between 0 and its virtual value.

    Between two virtual values with the lines W = base + chance * z, the only possible jumps lie where the lines cross.
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
