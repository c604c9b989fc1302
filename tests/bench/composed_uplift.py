"""What composing is worth in markets whose true rates are known; `python -m tests.bench.uplift --compose` runs it.

An account learns from ads that ran: some drawn as the market draws them, more composed by chance, where a family of layouts, a
leading line and the number of facts have a planted worth. Then ads are composed for some of its brands by that model, as
`compose --model` does. The original is the brand's latest ad with a picture that ran. Intervals: 95 % bootstrap over brands.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from adcreative.creative import Creative
from adcreative.market import Concept, Market, Material
from adcreative.verbs.compose import search_ads
from adcreative.verbs.loading import load_market, load_model, load_tools
from adcreative.verbs.settings import ComposeSettings
from adcreative.verbs.simulated_briefs import SHAPE, ad_of, compose_by_chance, prepare_material
from tests.bench.uplift import NUM_RESAMPLES, Interval, Log, fit_judges

MARKETS = (201, 202)  # no shipped model has seen them
SCORED_PX = 480  # of composed ads that ran, as the account keeps them


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much is made in a market: ads drawn by it, brands that composed, ads that each ran, brands and ads composed for."""

    num_drawn: int = 40
    num_brands: int = 8
    num_ran: int = 15
    num_asked: int = 3
    num_ads: int = 12
    num_unseen: int = 6


USUAL = Size()
TINY = Size(num_drawn=10, num_brands=2, num_ran=26, num_asked=1, num_ads=1, num_unseen=2)  # the least that a model learns from


@dataclass(frozen=True, eq=False)
class Run:
    """Composed ads that ran or may, each with what it tests."""

    ads: Sequence[Creative]
    concepts: Sequence[Concept | None]

    def true(self, market: Market) -> np.ndarray:
        """Return the planted rates [N]."""
        return np.array([market.true_ctr(ad, concept=one) for ad, one in zip(self.ads, self.concepts, strict=True)])


def compose_figures(markets: Sequence[int] = MARKETS, *, is_tiny: bool = False, log: Log = lambda line: None) -> dict[str, Any]:
    """Return true uplifts of composed ads over originals, relative, with how well the model orders ads that it has not seen."""
    size = TINY if is_tiny else USUAL
    rows: list[dict[str, float]] = []
    ranks: list[float] = []
    for seed in markets:
        market = load_market(seed)
        materials = market.draw_materials(size.num_brands, 1)
        ran, unseen = _account(market, materials, size), _by_chance(materials, size.num_unseen, 2)
        extractor = load_tools().extractor
        judges = fit_judges(ran.ads, extractor, start=load_model(None))
        predicted, _ = judges.predictor.predict_log_odds(unseen.ads, extractor.extract(unseen.ads))
        ranks.append(_rank_within(predicted, unseen.true(market), [one.brand for one in unseen.ads]))
        for material in materials[: size.num_asked]:
            rows.append(_compose_for(material, market, ran, judges, size))
            log(f"market {seed}, {material.brand.name}: {json.dumps(rows[-1])}")
        log(f"market {seed}: rank among unseen ads of a brand {ranks[-1]}")
    return _tabulate(rows) | {
        "composed_markets": len(markets),
        "composed_brands": len(rows),
        "composed_learnt_from": len(ran.ads),
        "composed_rank": round(float(np.mean(ranks)), 3),
    }


def _by_chance(materials: Sequence[Material], num: int, seed: int) -> Run:
    """Compose `num` ads of each brand by chance."""
    made = [
        one
        for place, material in enumerate(materials)
        for one in compose_by_chance(material, num, np.random.default_rng([seed, place]), SCORED_PX)
    ]
    return Run([ad for ad, _ in made], [concept for _, concept in made])


def _account(market: Market, materials: Sequence[Material], size: Size) -> Run:
    """Return ads with results: some of each kind."""
    chance = _by_chance(materials, size.num_ran, 1)
    ads = [
        market.with_results(ad, 3, number, concept)
        for number, (ad, concept) in enumerate(zip(chance.ads, chance.concepts, strict=True))
    ]
    drawn = market.make_creatives(size.num_drawn, seed=1)
    return Run([*drawn, *ads], [*[None] * len(drawn), *chance.concepts])


def _rank_within(predicted: np.ndarray, true: np.ndarray, brands: Sequence[str]) -> float:
    """Return the rank correlation of what is left of both once the mean of each brand is taken off."""
    truth, guess = np.log(true), predicted.copy()
    for brand in set(brands):
        rows = np.array([one == brand for one in brands])
        truth[rows] -= truth[rows].mean()
        guess[rows] -= guess[rows].mean()
    return round(float(spearmanr(guess, truth)[0]), 3)


def _compose_for(material: Material, market: Market, ran: Run, judges: Any, size: Size) -> dict[str, float]:
    prepared, brand = prepare_material(material), material.brand.name
    own = [place for place, ad in enumerate(ran.ads) if ad.brand == brand and ad.has_image]
    original = next((ran.ads[place] for place in reversed(own) if ran.concepts[place] is None), ran.ads[own[0]])
    concept = next((one for ad, one in zip(ran.ads, ran.concepts, strict=True) if ad is original), None)
    before = market.true_ctr(original, concept=concept)
    chosen = search_ads(prepared, [SHAPE], ComposeSettings(num=size.num_ads, seed=1), judges=judges)
    made = [ad_of(one.recipe, prepared, material) for one in chosen]
    chance = _by_chance([material], size.num_ads, 4)
    composed = Run([ad for ad, _ in made], [one for _, one in made]).true(market) / before - 1
    floor = chance.true(market) / before - 1
    return {
        "chosen": round(float(composed[0]), 4),
        "best": round(float(composed.max()), 4),
        "mean": round(float(composed.mean()), 4),
        "ads": len(composed),
        "random": round(float(floor.mean()), 4),
        "best_random": round(float(floor.max()), 4),
    }


def _tabulate(rows: Sequence[dict[str, float]]) -> dict[str, Any]:
    picks = np.random.default_rng(0).integers(len(rows), size=(NUM_RESAMPLES, len(rows)))
    found: dict[str, Any] = {}
    for name in ("best", "chosen", "mean", "random", "best_random"):
        values = np.array([row[name] for row in rows])
        low, high = np.quantile(values[picks].mean(axis=1), (0.025, 0.975))
        found[f"composed_{name}"] = round(float(values.mean()), 4)
        found[f"composed_{name}_interval"] = str(Interval(value=float(values.mean()), low=float(low), high=float(high)))
    best = max(found["composed_best"], 1e-9)
    return found | {"composed_chosen_over_best": round(found["composed_chosen"] / best, 3)}


def main(markets: Sequence[int]) -> None:
    """Print rows as they come, then the figures."""
    print(json.dumps(compose_figures(markets, log=partial(print, flush=True)), indent=1))
