"""The auction against brute force: exact allocations, truthful payments, and the reserve of the uniform case."""

from __future__ import annotations

from itertools import combinations, permutations

import numpy as np
import pytest

from adcreative.errors import ConfigError
from adcreative.papers.position_auctions.auction import allocate, allocate_for_revenue, vcg_prices
from adcreative.papers.position_auctions.matching import best_matching
from adcreative.papers.position_auctions.virtual_values import PastBids, UniformValues


def brute_force(attraction: np.ndarray, values: np.ndarray, max_ads: int) -> float:
    """Return the best ratio over all matchings, by trying them."""
    best = 0.0
    for size in range(1, min(max_ads, *attraction.shape) + 1):
        for places in combinations(range(attraction.shape[1]), size):
            for ads in permutations(range(attraction.shape[0]), size):
                a = attraction[list(ads), list(places)]
                best = max(best, float(a @ values[list(ads)] / (1 + a.sum())))
    return best


def random_market(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, int]:
    n, m = rng.integers(1, 6), rng.integers(1, 5)
    attraction = np.exp(rng.normal(0, 1, (n, m))) * (rng.random((n, m)) > 0.15)
    return attraction, rng.uniform(0, 1, n).round(rng.integers(1, 8)), int(rng.integers(1, 5))


def test_welfare_equals_brute_force_on_300_markets() -> None:
    rng = np.random.default_rng(0)
    for _ in range(300):
        attraction, values, max_ads = random_market(rng)
        found = allocate(attraction, values, max_ads)
        assert found.objective == pytest.approx(brute_force(attraction, values, max_ads), abs=1e-9)
        assert found.objective == pytest.approx(float(found.chances @ values[found.ads]), abs=1e-9)
        assert len(found.ads) <= max_ads
        assert len(set(found.ads)) == len(set(found.places)) == len(found.ads)
        assert (values[found.ads] > found.objective - 1e-12).all()  # an ad below W* only takes clicks away


def test_showing_every_ad_is_worse_than_the_optimum() -> None:
    """The broken twin ranks by a * v and fills every place."""
    attraction, values = np.full((3, 3), 2.0), np.array([1.0, 0.1, 0.1])
    found = allocate(attraction, values, 3)
    assert found.ads.tolist() == [0]
    assert found.objective == pytest.approx(2 / 3)
    assert 2 * values.sum() / 7 < found.objective


def test_no_misreport_pays() -> None:
    """60 markets, 4 ads each, 17 reports: utility is never larger than when telling the truth, and never negative."""
    rng = np.random.default_rng(1)
    for _ in range(60):
        attraction = np.exp(rng.normal(0, 1, (4, 3)))
        values = rng.uniform(0, 1, 4)
        for ad in range(4):
            utilities = []
            for report in (values[ad], *np.linspace(0, 1.5, 17)):
                reported = values.copy()
                reported[ad] = report
                shown = allocate(attraction, reported, 2)
                paid = {one.ad: one.per_view for one in vcg_prices(attraction, reported, 2, shown)}
                utilities.append(values[ad] * shown.chance_of(ad) - paid.get(ad, 0.0))
            assert utilities[0] >= -1e-9
            assert max(utilities[1:]) <= utilities[0] + 1e-9


def test_paying_ones_own_bid_invites_misreports() -> None:
    """The broken twin: a first price."""
    attraction, values = np.array([[1.0], [1.0]]), np.array([0.9, 0.3])
    truth = allocate(attraction, values, 1)
    assert values[0] * truth.chance_of(0) - 0.9 * truth.chance_of(0) == 0
    shaded = allocate(attraction, np.array([0.4, 0.3]), 1)
    assert (values[0] - 0.4) * shaded.chance_of(0) > 0.2


def test_a_second_price_where_there_is_one_place() -> None:
    attraction, values = np.array([[1.0], [1.0]]), np.array([0.9, 0.3])
    shown = allocate(attraction, values, 1)
    (price,) = vcg_prices(attraction, values, 1, shown)
    assert price.per_click == pytest.approx(0.3)


@pytest.mark.parametrize("value", [0.6, 0.9, 1.0])
def test_a_single_ad_with_uniform_values_pays_one_half(value: float) -> None:
    shown, prices = allocate_for_revenue(np.array([[1.0]]), np.array([value]), 1, [UniformValues(1.0)])
    assert shown.ads.tolist() == [0]
    assert prices[0].per_click == pytest.approx(0.5)


def test_below_the_reserve_nothing_is_shown() -> None:
    shown, prices = allocate_for_revenue(np.array([[1.0]]), np.array([0.4]), 1, [UniformValues(1.0)])
    assert len(shown.ads) == 0
    assert prices == []


def test_myerson_payments_equal_the_integral_and_no_misreport_pays() -> None:
    rng = np.random.default_rng(2)
    for _ in range(8):
        attraction, values = np.exp(rng.normal(0, 1, (3, 3))), rng.uniform(0.3, 1, 3)
        uniform = [UniformValues(1.0)] * 3
        shown, prices = allocate_for_revenue(attraction, values, 2, uniform)
        for price in prices:
            grid = np.linspace(0, values[price.ad], 801)
            chances = []
            for z in grid:
                reported = values.copy()
                reported[price.ad] = z
                virtual = 2 * reported - 1
                chances.append(allocate(attraction, virtual, 2).chance_of(price.ad))
            integral = np.trapezoid(chances, grid)
            assert price.per_view == pytest.approx(values[price.ad] * shown.chance_of(price.ad) - integral, abs=2e-3)
            assert price.per_click <= values[price.ad] + 1e-12
        for ad in range(3):
            utilities = []
            for report in (values[ad], *np.linspace(0.05, 1.4, 8)):
                reported = values.copy()
                reported[ad] = report
                other, paid = allocate_for_revenue(attraction, reported, 2, uniform)
                utilities.append(values[ad] * other.chance_of(ad) - sum(one.per_view for one in paid if one.ad == ad))
            assert max(utilities[1:]) <= utilities[0] + 1e-9


def test_virtual_values_of_many_uniform_bids_are_those_of_the_uniform() -> None:
    bids = (np.arange(2000) + 0.5) / 2000
    past, uniform = PastBids(bids), UniformValues(1.0)
    for value in (0.2, 0.5, 0.8, 0.99):
        assert past.virtual_value(value) == pytest.approx(uniform.virtual_value(value), abs=0.01)
    assert past.smallest_value(0.0) == pytest.approx(0.5, abs=0.01)


def test_virtual_values_of_two_humps_are_ironed_to_rise() -> None:
    past = PastBids([1.0] * 50 + [1.1] * 2 + [5.0] * 30 + [5.2] * 3)
    values = [past.virtual_value(value) for value in np.linspace(0.5, 6, 60)]
    assert (np.diff(values) >= -1e-12).all()


def test_matchings_with_few_edges_equal_brute_force() -> None:
    rng = np.random.default_rng(3)
    for _ in range(100):
        weights = rng.normal(0, 1, (rng.integers(1, 5), rng.integers(1, 5)))
        limit = int(rng.integers(0, 5))
        rows, columns = best_matching(weights, limit)
        assert len(rows) <= limit
        best = 0.0
        for size in range(1, min(limit, *weights.shape) + 1):
            for chosen in combinations(range(weights.shape[1]), size):
                for ads in permutations(range(weights.shape[0]), size):
                    best = max(best, float(weights[list(ads), list(chosen)].sum()))
        assert weights[rows, columns].sum() == pytest.approx(best, abs=1e-12)


def test_impossible_markets_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"\[ads, places\] is needed"):
        allocate(np.ones((2, 2)), np.ones(3), 1)
    with pytest.raises(ConfigError, match="attractions must be finite"):
        allocate(-np.ones((1, 1)), np.ones(1), 1)
    with pytest.raises(ConfigError, match="values per click must be finite"):
        allocate(np.ones((1, 1)), np.array([np.nan]), 1)
    with pytest.raises(ConfigError, match="highest value must be above 0"):
        UniformValues(0)
    with pytest.raises(ConfigError, match="at least 5 past bids"):
        PastBids([1.0, 2.0])
