"""Ranking an account's ads by clicks, costs and returns."""

from __future__ import annotations

from pathlib import Path

import pytest

from adcreative.errors import CatalogError, ConfigError
from adcreative.verbs.account import read_account

META = (
    "Ad name,Impressions,Link clicks,Amount spent (EUR),Purchases,Purchases conversion value\n"
    "Beach,10000,200,100,20,500\nSand,10000,100,20,10,300\nSea,10000,400,400,40,400\nRock,100,1,,,\n"
)


@pytest.mark.parametrize(
    ("metric", "order"),
    [
        ("ctr", ["Sea", "Beach", "Sand", "Rock"]),
        ("cpc", ["Sand", "Beach", "Sea", "Rock"]),
        ("cost_per_conversion", ["Sand", "Beach", "Sea", "Rock"]),
        ("roas", ["Sand", "Beach", "Sea", "Rock"]),
    ],
)
def test_ads_are_ranked_by_the_metric(tmp_path: Path, metric: str, order: list[str]) -> None:
    (tmp_path / "meta.csv").write_text(META)
    view = read_account(tmp_path / "meta.csv", metric=metric)  # type: ignore[arg-type]
    assert [ad.name for ad in view.ads] == order
    assert (view.metric, view.currency) == (metric, "EUR")
    best = {ad.name: ad for ad in view.ads}["Sand"]
    assert (best.spend, best.conversions, best.revenue) == (20.0, 10.0, 300.0)
    assert (best.cpc, best.cost_per_conversion, best.roas) == (0.2, 2.0, 15.0)
    assert view.as_dict()["ads"][0]["name"] == order[0]


def test_rows_of_an_ad_are_added_up_before_rates_are_formed(tmp_path: Path) -> None:
    text = "Ad name,Day,Impressions,Link clicks,Amount spent (EUR)\nSea,2026-11-01,1000,10,5\nSea,2026-11-02,3000,30,35\n"
    (tmp_path / "meta.csv").write_text(text)
    (ad,) = read_account(tmp_path / "meta.csv", metric="cpc").ads
    assert (ad.impressions, ad.clicks, ad.ctr, ad.spend, ad.cpc, ad.roas) == (4000, 40, 0.01, 40.0, 1.0, None)


def test_a_metric_that_the_export_cannot_tell_is_refused(tmp_path: Path) -> None:
    (tmp_path / "meta.csv").write_text("Ad name,Impressions,Link clicks\nSea,1000,10\n")
    with pytest.raises(CatalogError, match=r"has no spend and no revenue, so its ads cannot be ranked by return on ad spend"):
        read_account(tmp_path / "meta.csv", metric="roas")
    (tmp_path / "spent.csv").write_text("Ad name,Impressions,Link clicks,Amount spent (EUR)\nSea,1000,10,5\n")
    with pytest.raises(CatalogError, match=r"spent\.csv has no revenue, so .* Export this column\."):
        read_account(tmp_path / "spent.csv", metric="roas")
    with pytest.raises(ConfigError, match='no metric named "reach"; known: ctr, cpc, cost_per_conversion, roas'):
        read_account(tmp_path / "meta.csv", metric="reach")  # type: ignore[arg-type]


def test_money_in_two_currencies_is_not_converted(tmp_path: Path) -> None:
    text = "Ad name,Impressions,Clicks,Cost,Currency code\nSea,1000,40,5,EUR\nSand,1000,40,6,USD\n"
    (tmp_path / "google.csv").write_text(text)
    view = read_account(tmp_path / "google.csv", metric="cpc")
    assert any("in several currencies (EUR, USD)" in note for note in view.warnings)
    assert view.currency == ""
