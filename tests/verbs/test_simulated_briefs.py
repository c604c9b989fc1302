"""Simulated brands compose ads of their own parts, and an account is given some that ran."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from adcreative.catalog.tables import write_rows
from adcreative.compose.layout import layout_names, load_layout
from adcreative.compose.search import Candidate
from adcreative.creative import COLUMNS
from adcreative.market import Market, Material
from adcreative.verbs import simulated_briefs
from adcreative.verbs.simulated_briefs import ad_of, ads_that_ran, compose_by_chance, compose_new_ads, prepare_material
from tests.market.conftest import CODE_DIM, build_market


@pytest.fixture(scope="module")
def market() -> Market:
    return build_market(3, np.random.default_rng(0).normal(size=(12, CODE_DIM)).astype(np.float32))


@pytest.fixture(scope="module")
def materials(market: Market) -> list[Material]:
    return market.draw_materials(2, 1)


def test_ads_that_ran_are_shared_among_brands_and_named(materials: list[Material]) -> None:
    ran = ads_that_ran(materials, 3, seed=0)
    assert [ad.brand for ad, _ in ran] == [materials[0].brand.name] * 2 + [materials[1].brand.name]
    assert len({ad.file_name for ad, _ in ran}) == 3
    families = {load_layout(name).family for name in layout_names()}
    for ad, concept in ran:
        assert ad.image_u8 is not None
        assert ad.image_u8.shape == (360, 360, 3)
        assert ad.category in {material.brand.category for material in materials}
        assert concept is not None
        assert concept.family in families
        assert "family" not in str(ad.context)  # the model sees pixels and words alone
    again = ads_that_ran(materials, 3, seed=0)
    assert all((a.image_u8 == b.image_u8).all() for (a, _), (b, _) in zip(ran, again, strict=True))


def test_new_ads_stand_on_a_wall_with_their_planted_rates(
    market: Market, materials: list[Material], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from adcreative.compose.measures import design_score, measure
    from adcreative.compose.render import compose_ad
    from adcreative.compose.search import Genes

    material = materials[0]
    prepared = prepare_material(material)
    genes = Genes(prepared.parts, prepared.messages, simulated_briefs.SHAPE, has_faces=True)
    recipe = next(
        one
        for one in map(genes.decode, genes.sample(20, np.random.default_rng(1)))
        if not compose_ad(one, prepared.parts, simulated_briefs.SHAPE).problems
    )
    measures = measure(recipe, compose_ad(recipe, prepared.parts, simulated_briefs.SHAPE))
    found = [Candidate(recipe, measures, design_score(measures), 1.0, -4.0)]
    monkeypatch.setattr(simulated_briefs, "search_ads", lambda *_: found)
    monkeypatch.setattr("adcreative.verbs.compose.model_hashes", lambda model: {})
    account = tmp_path / "account"
    row = {"ad_name": "a", "headline": "Bread", "brand": material.brand.name, "impressions": 900, "clicks": 9}
    account.mkdir()
    write_rows(account / "metadata.csv", [dict.fromkeys(COLUMNS, "") | row], COLUMNS)
    (tmp_path / "account-truth.json").write_text(json.dumps({"creatives": {"a": {"true_ctr": 0.0125}}}))
    for _ in range(2):  # the second time what was written is read
        (wall,) = compose_new_ads(market, [material], account, tmp_path / "new", tmp_path / "model", 0)
        shown, concept = ad_of(recipe, prepared, material)
        assert wall.truth["mean_true_ran"] == 0.0125
        assert wall.truth["true_new"] == [pytest.approx(market.true_ctr(shown, concept=concept), rel=0.05)]  # a JPEG
        assert wall.ads[0]["rate"] == f"planted rate {wall.truth['true_new'][0]:.2%}"
        assert len(wall.ads[0]["pictures"]) == 1
        monkeypatch.setattr(simulated_briefs, "search_ads", None)


def test_ads_by_chance_differ_in_layout(materials: list[Material]) -> None:
    made = list(compose_by_chance(materials[0], 4, np.random.default_rng(2), 200))
    assert len({concept.family for _, concept in made}) >= 3
