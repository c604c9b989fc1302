"""The demo's account: earlier ads with results, and new ones of the same brands that look like ads in a feed."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from adcreative.creative import Creative
from adcreative.errors import ConfigError
from adcreative.market import Concept, Market
from adcreative.market.people import Casting
from adcreative.market.showcase import SLOTS, plan_showcase


def plans(face_codes: np.ndarray, num: int = 12, num_earlier: int = 200) -> tuple[list, list]:
    return plan_showcase(num, num_earlier, Casting(face_codes), rng=np.random.default_rng(3))


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "metadata.csv").open(encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


def test_the_twelve_are_eight_with_people_two_products_two_in_another_language(face_codes: np.ndarray) -> None:
    _, new = plans(face_codes)
    given = [slot.words for slot in SLOTS if slot.words is not None]
    foreign = [plan for plan in new if plan.words in given]
    assert [len(foreign), sum(not len(plan.face_codes) for plan in new)] == [2, 2]
    assert sum(len(plan.face_codes) > 0 and plan.words not in given for plan in new) == 8
    assert {plan.design.placement for plan in new} == {slot.placement for slot in SLOTS}


def test_each_new_ad_is_of_another_brand_whose_earlier_ads_are_in_the_account(face_codes: np.ndarray) -> None:
    earlier, new = plans(face_codes)
    assert len(earlier) == 200
    assert len({plan.brand.name for plan in new}) == 12
    assert {plan.brand.name for plan in new} <= {plan.brand.name for plan in earlier}
    known = {(plan.brand.name, plan.number) for plan in earlier}
    assert not known & {(plan.brand.name, plan.number) for plan in new}


def test_more_new_ads_than_are_planned_are_refused(face_codes: np.ndarray) -> None:
    with pytest.raises(ConfigError, match="the demo improves 1 to 12 ads, got 13"):
        plans(face_codes, num=13)


def test_an_account_and_its_new_ads_are_written_the_truth_outside(market: Market, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    truth = market.write_account(
        tmp_path / "account",
        tmp_path / "creatives",
        3,
        12,
        seed=5,
        truth_path=tmp_path / "truth.json",
        progress=lambda done, total: told.append((done, total)),
    )
    earlier, new = rows(tmp_path / "account"), rows(tmp_path / "creatives")
    assert (len(earlier), len(new)) == (12, 3)
    assert all(int(row["impressions"]) >= 500 for row in earlier)
    assert set(json.loads(truth.read_text())["creatives"]) == {row["ad_name"] for row in new}
    assert told[-1] == (15, 15)
    assert all((tmp_path / "creatives" / row["file_name"]).is_file() for row in new)


def test_composed_ads_are_the_last_of_the_earlier_ones_and_their_concept_counts(market: Market, tmp_path: Path) -> None:
    def truth_of(name: str, family: str) -> dict[str, dict[str, float]]:
        ad = Creative(file_name="images/a.jpg", ad_name="a", headline="Bread", image_u8=np.full((64, 64, 3), 200, np.uint8))
        composed = [(ad, Concept(family=family, lead="headline", num_facts=1))] * 2
        market.write_account(tmp_path / name, tmp_path / f"{name}-new", 1, 8, seed=5, composed=composed)
        earlier = rows(tmp_path / name)
        assert [row["ad_name"] == "a" for row in earlier] == [False] * 6 + [True] * 2
        return json.loads((tmp_path / f"{name}-truth.json").read_text())["creatives"]

    split, steps = truth_of("split", "split"), truth_of("steps", "steps")
    assert split["a"]["true_ctr"] != steps["a"]["true_ctr"]
    assert all(split[name] == steps[name] for name in split if name != "a")


def test_a_brand_has_a_product_with_its_outline_and_lines_for_each_role(market: Market) -> None:
    materials = market.draw_account_materials(3, 2, 30, seed=5)
    assert len({material.brand.name for material in materials}) == 3
    for material in materials:
        inside = material.outline > 0
        assert 0.02 < inside.mean() < 0.6
        assert not material.outline[:40].any()
        assert material.portrait.shape == (720, 720, 3)
        assert {"headline", "subline", "offer", "proof", "button"} == set(material.lines)
        assert all(len(lines) >= 2 for lines in material.lines.values())
    again = market.draw_account_materials(3, 2, 30, seed=5)
    assert [one.lines for one in materials] == [one.lines for one in again]
